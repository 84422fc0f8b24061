"""Dagster's own storage, found through the pipeline's settings.

dagster.yaml can't start a server or derive one database's URL from another's; this class can, so that
`dagster dev` works in a fresh checkout with nothing set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy.engine import URL

from soniquebay_pipeline.db.engine import dagster_url, libpq_url
from soniquebay_pipeline.db.locks import LOCK_DAGSTER
from soniquebay_pipeline.defs.pools import set_missing_limits
from soniquebay_pipeline.settings import get_settings

# A run over 32 shards of six assets stores about 400 events. One connection for each and one statement for
# each came to 5.5 s; a kept connection and batches of materialisations bring that to about 1 s.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
POOL_RECYCLE_SECONDS = 3600
POOL_OVERFLOW = 4


class PipelineStorage(DagsterPostgresStorage):
    """DagsterPostgresStorage whose URL comes from SONIQUEBAY_* settings; takes no configuration."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PipelineStorage:
        url = dagster_url(get_settings())
        with _alone(url):
            storage = cls(postgres_url=url.render_as_string(hide_password=False), inst_data=inst_data)
            set_missing_limits(storage.event_log_storage)
        for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
            # What Dagster calls optimising for the webserver is keeping a connection; 0: no statement timeout.
            part.optimize_for_webserver(
                statement_timeout=0, pool_recycle=POOL_RECYCLE_SECONDS, max_overflow=POOL_OVERFLOW
            )
        return storage


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Nobody else opens Dagster's storage meanwhile.

    Two processes that start at once on a fresh database both create its tables, or both insert the limit of a
    pool at its first use, and one of them fails.
    """
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_DAGSTER])
        yield
