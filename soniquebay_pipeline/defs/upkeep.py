"""Upkeep: the steps of the jobs that keep the installation clean; each is one op."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline

RETRIED_DAILY = ("enrichment", "covers")
"""Queues whose failures come from web services. Files that analysis failed on do not change overnight."""


@dg.op(pool="database", description="Remove expired answers of web services.")
def remove_expired_answers(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.enrichment.answers import remove_expired

    with pipeline.engine.begin() as connection:
        removed = remove_expired(connection)
    context.add_output_metadata({"removed": removed})


@dg.op(
    pool="database",
    description="Let work that failed on a web service be tried once more; forget attempts at what has vanished or is "
    "no longer wanted.",
)
def tend_ledger(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.artwork import web
    from soniquebay_pipeline.artwork.model import CoverRules
    from soniquebay_pipeline.db.ledger import remove_vanished, retry_failed
    from soniquebay_pipeline.enrichment.lastfm import due as lastfm

    settings = pipeline.settings
    kinds = settings.lastfm_kind_list if settings.lastfm_api_key else []
    with pipeline.engine.begin() as connection:
        removed = remove_vanished(connection)
        removed += web.forget_settled(connection, CoverRules.of(settings), settings.cover_max_age_days)
        asked = [lastfm.KIND_OF_SETTING[name] for name in kinds]
        removed += lastfm.forget_settled(connection, asked, settings.lastfm_max_age_days)
        retried = retry_failed(connection, RETRIED_DAILY, attempts=1)
    context.add_output_metadata({"removed": removed, "retried": retried})


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


@dg.op(pool="cover", description="Remove pictures that nothing refers to, and find damaged ones.")
def clean_pictures(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.artwork.maintenance import clean

    cleaned = clean(pipeline.engine, pipeline.settings.home, pipeline.settings.cover_grace_days).numbers()
    context.log.info("Pictures: %s", ", ".join(f"{count} {name}" for name, count in cleaned.items()))
    context.add_output_metadata(cleaned)


@dg.op(pool="database", description="Let the tracks that were analysed longest ago be analysed again.")
def request_oldest_analyses(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.audio.store import request_oldest

    settings = pipeline.settings
    with pipeline.engine.begin() as connection:
        count = request_oldest(connection, settings.backfill_after_days, settings.backfill_tracks)
    context.log.info(f"{count} tracks analysed more than {settings.backfill_after_days} days ago are due.")
    context.add_output_metadata({"tracks": count})


@dg.op(pool="vector", description="Fit the scale of the audio vectors anew, where the library has outgrown it.")
def refit_vectors(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.vectors.run import refit_if_outgrown

    report = refit_if_outgrown(pipeline.engine, pipeline.settings)
    if report is None:
        context.log.info("The scaler fits the library.")
        return
    context.log.info("Scaler %s is in force; %s audio vectors written.", report.scaler_version, report.sounds)
    context.add_output_metadata({"scaler_version": report.scaler_version, "audio_vectors": report.sounds})


@dg.op(pool="database", description="Build the indexes over vectors that a library of this size needs and lacks.")
def build_vector_indexes(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.vectors.index import rebuild

    reports = rebuild(pipeline.engine, only_missing=True)
    context.log.info("Indexes: %s", "; ".join(f"{r.kind} of {r.model}: {r.action}" for r in reports) or "no vectors")
    context.add_output_metadata({"built": sum(report.action == "built" for report in reports)})


@dg.op(pool="database", description="Remove stand-ins for features of tracks that were analysed since.")
def remove_stand_ins(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.care.stand_ins import forget_replaced

    context.add_output_metadata({"removed": forget_replaced(pipeline.engine)})
