"""The sensors that start asking web services: Last.fm, and services that have covers."""

from __future__ import annotations

import time

import dagster as dg

from soniquebay_pipeline.defs.jobs import CATALOGUE_JOBS, fetch_covers, lastfm
from soniquebay_pipeline.defs.runs import KEY_REFUSED_TAG, runs_in_progress
from soniquebay_pipeline.settings import get_settings

PROVIDERS = {"coverartarchive": "coverartarchive", "lastfm": "lastfm_pictures"}
"""Sources of covers → the providers whose circuit decides."""
REST_AFTER_REFUSAL_SECONDS = 3600.0
"""When the key is refused a person has to act, and need not be told every two minutes."""


@dg.sensor(
    name="deferred_lastfm",
    job=lastfm,
    minimum_interval_seconds=get_settings().lastfm_interval_seconds,
    default_status=(
        dg.DefaultSensorStatus.RUNNING if get_settings().lastfm_api_key else dg.DefaultSensorStatus.STOPPED
    ),
    description="""
Starts a run of the job `lastfm` when there is something to ask: new artists and albums, answers that have grown
old, failures whose time has come. One run at a time; a run asks at the service's rate for a few minutes. Skips
without a key, while the service rests after failures, and for an hour after it refused the key.
""",
)
def deferred_lastfm(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.enrichment.lastfm.due import KIND_OF_SETTING, is_any_due
    from soniquebay_pipeline.enrichment.report import resting_until

    settings = get_settings()
    if settings.lastfm_api_key is None:
        return dg.SkipReason("Last.fm is not asked: SONIQUEBAY_LASTFM_API_KEY is not set.")
    running = [run for run in runs_in_progress(context.instance) if run.job_name == lastfm.name]
    if running:
        return dg.SkipReason(f"Last.fm is being asked (run {running[0].run_id[:8]}).")
    [*last] = context.instance.get_run_records(dg.RunsFilter(job_name=lastfm.name), limit=1)
    # Other failures (the database was away) are not the key's: the next tick goes on.
    if last and KEY_REFUSED_TAG in last[0].dagster_run.tags:
        seconds = REST_AFTER_REFUSAL_SECONDS - (time.time() - (last[0].end_time or 0.0))
        if seconds > 0:
            return dg.SkipReason(
                f"Last.fm refused the key (run {last[0].dagster_run.run_id[:8]}); it is asked again in "
                f"{seconds / 60:.0f} minutes. "
                "`soniquebay lastfm enrich` starts one at once."
            )
    engine = open_catalogue(settings)
    if until := resting_until(engine, "lastfm"):
        return dg.SkipReason(f"Last.fm does not answer as it should; nothing is asked until {until:%H:%M:%S}.")
    kinds = [KIND_OF_SETTING[name] for name in settings.lastfm_kind_list]
    due = [kind for kind in kinds if is_any_due(engine, kind, settings.lastfm_max_age_days)]
    if not due:
        return dg.SkipReason("Everything was asked for, or waits for its next attempt.")
    return dg.SensorResult(run_requests=[dg.RunRequest(tags={"soniquebay/because": ", ".join(due)})])


@dg.sensor(
    name="deferred_covers",
    job=fetch_covers,
    minimum_interval_seconds=get_settings().covers_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="""
Starts a run of the job `fetch_covers` when there are albums without a cover that a web service can be asked about.
One run at a time; a run asks each service at its rate for a few minutes. Skips while an ingest runs, which may find
covers in the files, and while the services that have work rest after failures.
""",
)
def deferred_covers(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    from soniquebay_pipeline.artwork.model import CoverRules
    from soniquebay_pipeline.artwork.web import asked_sources, count_due
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.enrichment.report import resting_until

    settings = get_settings()
    rules = CoverRules.of(settings)
    if not asked_sources(rules):
        return dg.SkipReason("No web service is among SONIQUEBAY_COVER_SOURCES.")
    runs = runs_in_progress(context.instance)
    if running := [run for run in runs if run.job_name == fetch_covers.name]:
        return dg.SkipReason(f"Covers are being asked for (run {running[0].run_id[:8]}).")
    if any(run.job_name in CATALOGUE_JOBS for run in runs):
        return dg.SkipReason("An ingest is in progress, which may find covers; web services are asked after it.")
    engine = open_catalogue(settings)
    due = {source: count_due(engine, source, rules, settings.cover_max_age_days) for source in asked_sources(rules)}
    resting = {source: until for source in due if due[source] and (until := resting_until(engine, PROVIDERS[source]))}
    wanted = {source: count for source, count in due.items() if count and source not in resting}
    if not wanted and resting:
        rests = ", ".join(f"{source} until {until:%H:%M:%S}" for source, until in resting.items())
        return dg.SkipReason(f"Albums without a cover wait for services that do not answer as they should: {rests}.")
    if not wanted:
        return dg.SkipReason("Every album has a cover, or nobody to ask, or waits for its next attempt.")
    because = ", ".join(f"{count} albums for {source}" for source, count in wanted.items())
    return dg.SensorResult(run_requests=[dg.RunRequest(tags={"soniquebay/because": because})])
