"""Schedules: what happens by the clock."""

from __future__ import annotations

import dagster as dg

from soniquebay_pipeline.defs.jobs import maintenance
from soniquebay_pipeline.settings import get_settings

daily_maintenance = dg.ScheduleDefinition(
    name="daily_maintenance",
    job=maintenance,
    cron_schedule=get_settings().maintenance_cron,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes orphans every night (SONIQUEBAY_MAINTENANCE_CRON).",
)
