"""Removing what Dagster remembers of old runs.

Dagster keeps every run and its events for ever. Here: which finished runs may go. A run stays as long as
it holds the last materialisation of any partition of any asset: deleting that one would make the partition
look as if it had never been materialised. Ticks of sensors and schedules are removed by Dagster itself
(``retention`` in dagster.yaml).
"""

from __future__ import annotations

from datetime import datetime

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

RUNS_A_PRUNING = 5_000
"""Bounds one night's work; at a run a minute a day makes 1,440."""


def prune_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete finished runs created before then, oldest first, with their events; returns how many."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=list(FINISHED_STATUSES), created_before=before),
        limit=RUNS_A_PRUNING,
        order_by="id",
        ascending=True,
    )
    needed = runs_with_last_materializations(instance)
    old = [record.dagster_run.run_id for record in records if record.dagster_run.run_id not in needed]
    for run_id in old:
        instance.delete_run(run_id)
    return len(old)


def runs_with_last_materializations(instance: dg.DagsterInstance) -> set[str]:
    """Runs that hold the last materialisation of an asset or of one of its partitions."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage), "Dagster's storage is PostgreSQL (dagster.yaml)"
    runs: set[str] = set()
    event_ids: list[int] = []
    for key in instance.all_asset_keys():
        event_ids += storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION).values()
        if last := instance.get_latest_materialization_event(key):
            runs.add(last.run_id)
    events = SqlEventLogStorageTable
    with storage.index_connection() as connection:
        runs.update(connection.execute(db.select(events.c.run_id).where(events.c.id.in_(event_ids))).scalars())
    return runs
