"""Runs in progress, and runs whose process is gone.

A run of the command line lives in that process. Killed with it, it stays "started" for ever, keeps its
pool slots, and makes the sensors wait: so such runs carry the name of their process, and whoever asks what
is in progress first ends those whose process is no more.
"""

from __future__ import annotations

import socket

import dagster as dg
import psutil

PROCESS_TAG = "soniquebay/process"
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def this_process() -> str:
    """Names this process beyond the reuse of its number: host, process id, start time."""
    return _name(psutil.Process())


def runs_in_progress(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that are queued or at work; those whose process is gone are ended and left out."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=IN_PROGRESS))
    return [run for run in runs if not _ended(instance, run)]


def _ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    process = run.tags.get(PROCESS_TAG)
    if process is None or not _is_gone(process):
        return False
    instance.report_run_failed(run, "The process of this run ended before the run did; nothing is lost.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return True


def _is_gone(name: str) -> bool:
    host, pid, _ = name.rsplit(":", 2)
    if host != socket.gethostname():
        return False  # another machine's: not ours to judge
    try:
        return _name(psutil.Process(int(pid))) != name
    except psutil.NoSuchProcess:
        return True


def _name(process: psutil.Process) -> str:
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.0f}"
