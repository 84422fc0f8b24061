"""tracks: the catalogue's recordings, referring to artists, albums and genres."""

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result, each_shard
from soniquebay_pipeline.defs.resources import Pipeline


@catalogue_asset(
    table="tracks",
    deps=["artists", "albums", "genres"],
    kinds={"postgres", "sql"},
    pool="database",
    code_version="1",
    page="catalogue.md#tracks-which-refers-to-which",
    description="""
One row a file that holds music, with its credits by role (`track_artists`), genres and moods. Written
after everything it refers to, so a reference to a row that does not exist can't happen. A moved or
retagged file keeps its track.

At the end, artists, albums and genres that no file refers to any more are removed.

```sql
SELECT a.name, b.title AS album, t.track_number, t.title FROM tracks t
JOIN artists a ON a.id = t.track_artist_id LEFT JOIN albums b ON b.id = t.album_id
ORDER BY t.created_at DESC LIMIT 10;
```
""",
)
def tracks(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.catalog.store.maintenance import remove_orphans
    from soniquebay_pipeline.catalog.store.tracks import write_tracks

    totals = each_shard(context, pipeline, "writing tracks", write_tracks)
    orphans = {f"orphan_{table}_removed": n for table, n in remove_orphans(pipeline.engine).items()}
    return catalogue_result(pipeline, "tracks", totals | orphans)
