"""How the pipeline logs: one line an event in logfmt, with the stage and the identifiers as fields.

    stage=audio_features event=failed reason=silent file="Artist/Album/07.flac"

Here: the loggers. They are Python's own, below ``soniquebay_pipeline``, so Dagster collects their lines into the run
that they belong to (``python_logs`` in dagster.yaml), and any other program can handle them. Not here: what
is logged. Nothing secret may be: a field is written as it is.
"""

from __future__ import annotations

import logging
from typing import cast

import structlog


def logger(stage: str) -> structlog.stdlib.BoundLogger:
    """The logger of a stage: an asset, a sensor or a room. Fields are keyword arguments: ``log.info("done", n=3)``."""
    wrapped = structlog.wrap_logger(
        logging.getLogger(f"soniquebay_pipeline.{stage}"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["stage", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
        stage=stage,
    )
    return cast("structlog.stdlib.BoundLogger", wrapped)
