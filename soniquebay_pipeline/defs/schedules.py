"""Schedules: what happens by the clock."""

from __future__ import annotations

import dagster as dg

from soniquebay_pipeline.defs.jobs import maintenance, validate_vectors
from soniquebay_pipeline.settings import get_settings

daily_maintenance = dg.ScheduleDefinition(
    name="daily_maintenance",
    job=maintenance,
    cron_schedule=get_settings().maintenance_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes orphans and fits an outgrown scaler anew, every night (SONIQUEBAY_MAINTENANCE_CRON).",
)

daily_validation = dg.ScheduleDefinition(
    name="daily_validation",
    job=validate_vectors,
    cron_schedule=get_settings().validation_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Checks the vectors every night (SONIQUEBAY_VALIDATION_CRON).",
)
