"""raw_metadata: what the files say about themselves."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.partitions import shard_numbers
from soniquebay_pipeline.defs.resources import Pipeline

ANALYSIS = dg.AssetKey("audio_features")
VECTORS = dg.AssetKey("embeddings")
DEPENDENT = ("raw_metadata", "artists", "albums", "genres", "tracks")


def _all_stands(context: dg.AssetExecutionContext, pipeline: Pipeline) -> bool:
    """Nothing is due in these shards, and Dagster knows a materialisation of each dependent asset."""
    from soniquebay_pipeline.catalog.store.metadata import count_due
    from soniquebay_pipeline.catalog.store.pending import shards_with_work

    shards = shard_numbers(context)
    if count_due(pipeline.engine, shards) or shards_with_work(pipeline.engine, shards):
        return False
    if ANALYSIS in context.job_def.asset_layer.executable_asset_keys:
        from soniquebay_pipeline.audio.store import count_due as count_due_tracks

        if count_due_tracks(pipeline.engine, shards)[0]:
            return False
    if VECTORS in context.job_def.asset_layer.executable_asset_keys and _vectors_are_due(pipeline, set(shards)):
        return False
    keys = set(context.partition_keys)
    return all(keys <= context.instance.get_materialized_partitions(dg.AssetKey(name)) for name in DEPENDENT)


def _vectors_are_due(pipeline: Pipeline, shards: set[int]) -> bool:
    from soniquebay_pipeline.vectors.model import ModelError
    from soniquebay_pipeline.vectors.run import due_shards

    try:
        with pipeline.engine.connect() as connection:
            due = due_shards(connection, pipeline.settings)
    except ModelError:
        return True  # embeddings says so to the person
    return bool(shards & (due.text | due.sound))


@catalogue_asset(
    table="raw_metadata",
    deps=["raw_files"],
    kinds={"python", "postgres"},
    pool="tags",
    code_version="1",
    output_required=False,
    description="""
The tags of every file as read (JSON) and in normal form: title, credits, album, numbers, dates, genres,
MusicBrainz ids, ReplayGain, technical properties, and a quality score in 0..1.

Only files that changed are opened, in a pool of worker processes. What the tags lack is taken from the
path and named in `fallbacks`. A file that can't be read is marked `rejected` in raw_files with a reason;
the rest goes on.

When nothing has changed since the last materialisation, there is no new one, and the assets after this
one are skipped: theirs still stand.
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
