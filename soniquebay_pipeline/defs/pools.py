"""Concurrency pools: how many steps may use a resource at once, in all runs together.

They take the place of queues with worker counts. A person may change a limit in Dagster's UI; it is then
kept, because only missing ones are set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._core.storage.event_log import EventLogStorage

POOLS = {
    "disk": 4,
    "tags": 2,
    "database": 2,
    # One run at a time, which itself uses a process a core.
    "cpu": 1,
    # Likewise; one writer of picture files.
    "cover": 1,
    # Two runs would only wait for one budget.
    "lastfm": 1,
    "web_covers": 1,
    # One model in memory; two runs would encode the same sentence twice.
    "vector": 1,
}


def set_missing_limits(storage: EventLogStorage) -> None:
    """Give each pool its limit on an instance that does not know it yet; no other process may do so meanwhile."""
    for pool in sorted(set(POOLS) - set(storage.get_concurrency_keys())):
        storage.set_concurrency_slots(pool, POOLS[pool])
