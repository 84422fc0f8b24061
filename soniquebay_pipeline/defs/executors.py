"""Where the steps of a job run: in the run's process, or on other machines by way of Celery.

Here: the choice, and how Celery is set up on both sides. Not here: the worker's application (``celery_app``)
and what a step does.

Only jobs that are worth it take ``remote_executor()``: a step of the analysis works for minutes, a step of
the catalogue for milliseconds, and a detour over a broker takes a second (Dagster polls once a second).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from soniquebay_pipeline.settings import Settings, get_settings

QUEUE = "analysis"
"""The queue of every step without a tag ``dagster-celery/queue``."""


def remote_executor() -> dg.ExecutorDefinition:
    """Celery where SONIQUEBAY_CELERY_BROKER_URL is set; else the run's own process."""
    settings = get_settings()
    if settings.celery_broker_url is None:
        return dg.in_process_executor
    from dagster_celery import celery_executor

    # From a function, so that the broker's password is neither run config nor part of the job's snapshot.
    return dg.configured(celery_executor, {}, name="celery")(lambda _: celery_options(settings))


def celery_options(settings: Settings) -> dict[str, Any]:
    """Configuration of dagster-celery, the same for those who send steps and those who execute them."""
    broker = settings.celery_broker_url or ""
    return {
        "broker": broker,
        # AMQP answers over queues of its own; Redis and Valkey keep the answer themselves.
        "backend": "rpc://" if broker.startswith(("amqp", "pyamqp")) else broker,
        "config_source": {
            "task_default_queue": QUEUE,
            # A step is taken from the queue when it is done, not when it is begun: what a worker held when it
            # was killed goes to another one. Steps are incremental, so a second time costs little.
            "task_acks_late": True,
            "task_reject_on_worker_lost": True,
            "worker_prefetch_multiplier": 1,
            "broker_connection_retry_on_startup": True,
            # Redis and Valkey do not see that a worker died: they hand its step out again after this time.
            "broker_transport_options": {
                "visibility_timeout": settings.celery_visibility_seconds,
                "max_retries": 3,
                "interval_start": 0,
                "interval_step": 0.2,
                "interval_max": 0.5,
            },
            "result_expires": 7 * 24 * 3600,
        },
    }
