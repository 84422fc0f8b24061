"""raw_metadata: what the files say about themselves."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result
from soniquebay_pipeline.defs.due import IS_DUE
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.partitions import shard_numbers
from soniquebay_pipeline.defs.resources import Pipeline

CATALOGUE = ("raw_metadata", "artists", "albums", "genres", "tracks")


def _all_stands(context: dg.AssetExecutionContext, pipeline: Pipeline) -> bool:
    """Nothing is due in these shards, and Dagster knows a materialisation of each asset of this run after raw_files."""
    from soniquebay_pipeline.catalog.store.metadata import count_due
    from soniquebay_pipeline.catalog.store.pending import shards_with_work

    shards = shard_numbers(context)
    if count_due(pipeline.engine, shards) or shards_with_work(pipeline.engine, shards):
        return False
    of_this_run = context.job_def.asset_layer.executable_asset_keys
    later = [name for name in IS_DUE if dg.AssetKey(name) in of_this_run]
    if any(IS_DUE[name](pipeline, shards) for name in later):
        return False
    keys = set(context.partition_keys)
    return all(keys <= context.instance.get_materialized_partitions(dg.AssetKey(name)) for name in (*CATALOGUE, *later))


@catalogue_asset(
    table="raw_metadata",
    deps=["raw_files"],
    kinds={"python", "postgres"},
    pool="tags",
    code_version="1",
    output_required=False,
    page="catalogue.md#when-tags-are-missing",
    description="""
The tags of every file as read (JSON) and in normal form: title, credits, album, numbers, dates, genres,
MusicBrainz ids, ReplayGain, technical properties, and a quality score in 0..1.

Only files that changed are opened, in a pool of worker processes. What the tags lack is taken from the
path and named in `fallbacks`. A file that can't be read is marked `rejected` in raw_files with a reason;
the rest goes on.

When nothing has changed since the last materialisation, there is no new one, and the assets after this
one are skipped: theirs still stand.

```sql
SELECT path, title, artists, fallbacks FROM raw_metadata ORDER BY quality_score LIMIT 10;
```
""",
)
def raw_metadata(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
) -> Iterator[dg.MaterializeResult]:
    from soniquebay_pipeline.catalog.reading import read_due_files
    from soniquebay_pipeline.library.paths import display

    if _all_stands(context, pipeline):
        context.log.info("Nothing has changed in these shards; the catalogue stands.")
        return
    report = read_due_files(
        pipeline.engine,
        pipeline.library.root,
        shard_numbers(context),
        pool=pipeline.pool,
        progress=pipeline.progress(context),
    )
    numbers = {
        "described": report.described,
        "rejected": report.rejected,
        "with_fallbacks": report.with_fallbacks,
    }
    metadata: dict[str, Any] = {}
    if report.described:
        metadata["mean_quality_score"] = dg.MetadataValue.float(round(report.mean_quality, 3))
    if report.examples:
        metadata["rejected_files"] = markdown_table(
            ["reason", "file", "detail"],
            [(reason, display(path), detail) for reason, path, detail in report.examples],
        )
    yield catalogue_result(pipeline, "raw_metadata", numbers, **metadata)
