"""The Celery application that ``soniquebay worker`` serves: it executes steps that runs elsewhere have sent.

Imported by Celery only, never by the code location.
"""

from __future__ import annotations

from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from soniquebay_pipeline.defs import runs
from soniquebay_pipeline.defs.executors import celery_options
from soniquebay_pipeline.settings import get_settings

runs.executes_steps_of_other_processes = True
app = make_app(CeleryExecutor.for_cli(**celery_options(get_settings())).app_args())
execute_plan = create_task(app)
