"""albums: what the files belong to."""

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result
from soniquebay_pipeline.defs.resources import Pipeline


@catalogue_asset(
    table="albums",
    deps=["artists"],
    kinds={"postgres", "sql"},
    pool="database",
    code_version="1",
    page="catalogue.md#albums",
    description="""
One row an album. Identity is the MusicBrainz release id where there is one, else title and album artist,
and the year where that separates. A compilation is one album of Various Artists; the discs of a set are
one album; the same title by two artists is two.

```sql
SELECT a.name, b.title, b.release_year FROM albums b JOIN artists a ON a.id = b.album_artist_id
WHERE NOT b.is_compilation ORDER BY a.name_key, b.release_year;
```
""",
)
def albums(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.catalog.store.albums import resolve_albums

    with pipeline.progress(context).stage("resolving albums", 1) as stage:
        totals = resolve_albums(pipeline.engine)
        stage(1)
    return catalogue_result(pipeline, "albums", totals)
