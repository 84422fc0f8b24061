"""Concurrency pools: how many steps may use a resource at once, in all runs together.

They take the place of queues with worker counts. A person may change a limit in Dagster's UI; it is then
kept, because only missing ones are set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from soniquebay_pipeline.db.engine import libpq_url
from soniquebay_pipeline.db.locks import LOCK_POOLS

if TYPE_CHECKING:
    from dagster._core.storage.event_log import EventLogStorage
    from sqlalchemy.engine import URL

POOLS = {
    "disk": 4,
    "tags": 2,
    "database": 2,
    # One run at a time, which itself uses a process a core.
    "cpu": 1,
}


def set_missing_limits(storage: EventLogStorage, url: URL) -> None:
    """Give each pool its limit on an instance that does not know it yet.

    Dagster does so itself at a pool's first use, but two runs that start at once on a fresh instance both
    insert the row, and one of them fails; hence the lock.
    """
    if set(POOLS) <= storage.get_concurrency_keys():
        return
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_POOLS])
        for pool in sorted(set(POOLS) - set(storage.get_concurrency_keys())):
            storage.set_concurrency_slots(pool, POOLS[pool])
