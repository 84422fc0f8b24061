"""Sensors that work off what is due, shard by shard: one way for all of them.

A run a shard, in the order in which the shards are given, never two of one job over one shard, no fixed batch a
tick: the run queue and the pool of the asset decide how many run at once, so a backlog drains at the speed of
the work. A tick that starts nothing says why.

Here: which shards are free and the requests for them. Not here: what is due (the domain's rooms say).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import dagster as dg

from soniquebay_pipeline.defs.jobs import CATALOGUE_JOBS
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, range_tags

TRACKS_AT_ONCE = 50_000
"""Tracks in one question of ``ask_in_turn``: about a second's work. One a shard would cost small libraries most."""


def catalogue_at_work(runs: Iterable[dg.DagsterRun], what: str) -> dg.SkipReason | None:
    """Why ``what`` waits while files are being read: what it would do now would be due again afterwards."""
    if any(run.job_name in CATALOGUE_JOBS for run in runs):
        return dg.SkipReason(f"An ingest is in progress; {what} waits for it.")
    return None


def request_shards(
    job_name: str, due: Sequence[int], runs: Sequence[dg.DagsterRun], *, nothing: str, at_work: str
) -> dg.SensorResult | dg.SkipReason:
    """One request a due shard that no run of the job is at, the first with the highest priority.

    ``nothing`` says that nothing is due; ``at_work`` what happens to shards that runs are at.
    """
    keys = [SHARD_KEYS[shard] for shard in due if shard < len(SHARD_KEYS)]
    if not keys:
        return dg.SkipReason(nothing)
    busy = shards_of(runs, job_name)
    free = [key for key in keys if key not in busy]
    if not free:
        return dg.SkipReason(f"The {len(keys)} shards that are due are queued or {at_work}.")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(job_name=job_name, tags={**range_tags(key, key), "dagster/priority": str(-place)})
            for place, key in enumerate(free)
        ]
    )


def ask_in_turn(order: Sequence[int], ask: Callable[[Sequence[int]], None], *, tracks: int, seconds: float) -> int:
    """Ask about the shards in this order until all are asked or the time is up; about how many it was asked.

    For a question that takes long in a large library: Dagster ends a tick after 60 s. ``tracks``: how many there are.
    """
    at_once = max(1, len(order) * TRACKS_AT_ONCE // max(tracks, TRACKS_AT_ONCE))
    until = time.monotonic() + seconds
    asked = 0
    while asked < len(order) and (asked == 0 or time.monotonic() < until):
        ask(order[asked : asked + at_once])
        asked += at_once
    return min(asked, len(order))


def shards_of(runs: Iterable[dg.DagsterRun], job_name: str) -> set[str]:
    """Keys of the shards that runs of the job work on or are queued for."""
    keys: set[str] = set()
    for run in runs:
        if run.job_name == job_name:
            first, last = (run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
            single = run.tags.get("dagster/partition")
            keys |= {key for key in SHARD_KEYS if single == key or (first and last and first <= key <= last)}
    return keys
