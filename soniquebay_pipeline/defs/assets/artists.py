"""artists: who the files credit."""

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result, each_shard
from soniquebay_pipeline.defs.resources import Pipeline


@catalogue_asset(
    table="artists",
    deps=["raw_metadata"],
    kinds={"postgres", "sql"},
    pool="database",
    code_version="1",
    page="catalogue.md#artists-and-credits",
    description="""
One row an artist. Identity is the MusicBrainz id where there is one, else the normal form of the name:
letter case, white space, Unicode form and kinds of dash do not matter. What is shown is the most common
spelling, as written: R.E.M., AC/DC, Earth, Wind & Fire.

Also groups the files of each folder into albums (`album_groups`), because an album without an album
artist gets one from its tracks: the artist they share, or Various Artists.

```sql
SELECT a.name, count(*) AS tracks FROM artists a JOIN track_artists t ON t.artist_id = a.id
WHERE t.role = 'main' GROUP BY a.id ORDER BY tracks DESC LIMIT 10;
```
""",
)
def artists(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.catalog.store.artists import resolve_artists

    totals = each_shard(context, pipeline, "resolving artists", resolve_artists)
    return catalogue_result(pipeline, "artists", totals)
