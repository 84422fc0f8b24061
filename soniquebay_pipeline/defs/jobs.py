"""Jobs: what a person, the command line, sensors and schedules start."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline
from soniquebay_pipeline.defs.upkeep import remove_expired_answers, tend_ledger

CATALOGUE_SELECTION = dg.AssetSelection.groups("catalog")

ingest = dg.define_asset_job(
    "ingest",
    selection=CATALOGUE_SELECTION,
    description="From files to the catalogue: raw_files, raw_metadata, artists, albums, genres, tracks.",
    tags={"soniquebay/stage": "catalog"},
)

analyse = dg.define_asset_job(
    "analyse",
    selection=dg.AssetSelection.assets("audio_features"),
    description="Tempo, key, loudness, character and timbre of the tracks that lack them.",
    tags={"soniquebay/stage": "sound"},
)

run_everything = dg.define_asset_job(
    "run_everything",
    selection=dg.AssetSelection.all(),
    description="Every asset, in the order of the graph; what `soniquebay run` starts.",
)

CATALOGUE_JOBS = (ingest.name, run_everything.name)
"""While one of these runs, deferred work and scans wait: the catalogue comes first."""


@dg.op(pool="database", description="Remove artists, albums, genres and moods that no file refers to.")
def remove_orphans(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.catalog.store.maintenance import remove_orphans as remove

    removed = remove(pipeline.engine)
    context.log.info("Removed orphans: %s", ", ".join(f"{n} {table}" for table, n in removed.items()))
    context.add_output_metadata(removed)


@dg.op(pool="database", description="Remove Dagster's old runs, but none with an asset's last materialisation.")
def prune_runs(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.defs.retention import prune_runs as prune

    days = pipeline.settings.run_retention_days
    removed = prune(context.instance, before=datetime.now(UTC) - timedelta(days=days))
    context.log.info(f"Removed {removed} runs older than {days} days.")
    context.add_output_metadata({"runs": removed})


@dg.job(description="Daily clean-up of the catalogue and of Dagster's runs.", executor_def=dg.in_process_executor)
def maintenance() -> None:
    remove_orphans()
    prune_runs()
    remove_expired_answers()
    tend_ledger()


@dg.op(pool="database", description="Let the tracks that were analysed longest ago be analysed again.")
def request_oldest_analyses(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.audio.store import request_oldest

    settings = pipeline.settings
    with pipeline.engine.begin() as connection:
        count = request_oldest(connection, settings.backfill_after_days, settings.backfill_tracks)
    context.log.info(f"{count} tracks analysed more than {settings.backfill_after_days} days ago are due.")
    context.add_output_metadata({"tracks": count})


@dg.job(
    description="Makes a slice of the oldest analyses due; deferred_enrichment then does the work.",
    executor_def=dg.in_process_executor,
)
def backfill_oldest() -> None:
    request_oldest_analyses()
