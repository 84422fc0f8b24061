"""Schedules: what happens by the clock."""

from __future__ import annotations

import dagster as dg

from soniquebay_pipeline.defs.jobs import (
    CATALOGUE_JOBS,
    backfill_oldest,
    health,
    ingest,
    maintenance,
    validate_vectors,
)
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, range_tags
from soniquebay_pipeline.defs.runs import runs_in_progress
from soniquebay_pipeline.settings import get_settings

daily_health_report = dg.ScheduleDefinition(
    name="daily_health_report",
    job=health,
    cron_schedule=get_settings().health_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks every morning for what is wrong with the library (SONIQUEBAY_HEALTH_CRON).",
)

daily_maintenance = dg.ScheduleDefinition(
    name="daily_maintenance",
    job=maintenance,
    cron_schedule=get_settings().maintenance_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="""
Every night (SONIQUEBAY_MAINTENANCE_CRON): removes orphans, old runs, unused pictures and expired answers, fits an
outgrown scaler anew, lets what failed on a web service be tried once more.
""",
)


@dg.schedule(
    name="nightly_scan",
    job=ingest,
    cron_schedule=get_settings().scan_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="""
Scans the whole library every night (SONIQUEBAY_SCAN_CRON), whatever new_music_sensor has seen: it keeps
raw_files fresh, and finds what the sensor was asked not to repeat. Where nothing changed it costs seconds.
""",
)
def nightly_scan(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if any(run.job_name in CATALOGUE_JOBS for run in runs_in_progress(context.instance)):
        return dg.SkipReason("An ingest is in progress.")
    return dg.RunRequest(tags=range_tags(SHARD_KEYS[0], SHARD_KEYS[-1]))


nightly_backfill = dg.ScheduleDefinition(
    name="nightly_backfill",
    job=backfill_oldest,
    cron_schedule=get_settings().backfill_cron,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="""
Switch it on to let every track be analysed again from time to time: each night up to
SONIQUEBAY_BACKFILL_TRACKS of those that were analysed more than SONIQUEBAY_BACKFILL_AFTER_DAYS days ago. Tracks of
an older version of the analysis need no schedule: they are always due.
""",
)

daily_validation = dg.ScheduleDefinition(
    name="daily_validation",
    job=validate_vectors,
    cron_schedule=get_settings().validation_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Checks the vectors every night (SONIQUEBAY_VALIDATION_CRON).",
)
