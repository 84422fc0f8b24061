"""genres: genres, genre tags and moods that the files name."""

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result
from soniquebay_pipeline.defs.metadata import row_count
from soniquebay_pipeline.defs.resources import Pipeline


@catalogue_asset(
    table="genres",
    deps=["raw_metadata"],
    kinds={"postgres", "sql"},
    pool="database",
    code_version="1",
    page="catalogue.md#genres-and-moods",
    description="""
One row a genre, whatever its letter case; `Rock/Pop; electronic` is three, `R&B` and `Drum & Bass` stay
whole, ID3's numbers become names. Also fills `genre_tags` and `mood_tags`.

```sql
SELECT g.name, count(*) AS tracks FROM genres g JOIN track_genres t ON t.genre_id = g.id
GROUP BY g.id ORDER BY tracks DESC LIMIT 10;
```
""",
)
def genres(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.catalog.store.labels import TABLE_OF_KIND, resolve_labels

    with pipeline.progress(context).stage("resolving genres", 1) as stage:
        totals = resolve_labels(pipeline.engine)
        stage(1)
    sizes = {f"{table}_total": row_count(pipeline.engine, table) for table in TABLE_OF_KIND.values()}
    return catalogue_result(pipeline, "genres", totals | sizes)
