"""Schedules: what happens by the clock."""

from __future__ import annotations

import dagster as dg

from soniquebay_pipeline.defs.jobs import health, maintenance
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
    description="Removes orphans every night (SONIQUEBAY_MAINTENANCE_CRON).",
)
