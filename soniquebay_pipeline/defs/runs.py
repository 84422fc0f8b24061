"""Runs in progress, and runs whose process is gone.

A run lives in a process: the command line's, or one that the code location starts. Killed with it (its
container was restarted), it stays "started" for ever, keeps its pool slots, and makes the sensors wait: so runs
carry the name of their process, and whoever asks what is in progress first ends those whose process is no more.
"""

from __future__ import annotations

import socket

import dagster as dg
import psutil

PROCESS_TAG = "soniquebay/process"
KEY_REFUSED_TAG = "soniquebay/key-refused"
"""On runs that failed because a service refuses the key: a person has to act."""
LOST_TAG = "soniquebay/lost"
"""On a run that was ended because its process was gone."""
MAX_LOST_RUNS = 10
"""As many as are looked at: dagster.yaml lets two runs work at once, so more are not lost together."""
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


executes_steps_of_other_processes = False
"""True in workers of Celery, whose end is not the run's: the broker gives the step to another one."""


def name_process_of(run: dg.DagsterRun, instance: dg.DagsterInstance) -> None:
    """Put the name of this process on its run."""
    if not executes_steps_of_other_processes and run.tags.get(PROCESS_TAG) != this_process():
        instance.add_run_tags(run.run_id, {PROCESS_TAG: this_process()})


def this_process() -> str:
    """Names this process beyond the reuse of its number: host, process id, start time."""
    return _name(psutil.Process())


def runs_in_progress(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that are queued or at work; those whose process is gone are ended and left out."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=IN_PROGRESS))
    return [run for run in runs if not _ended(instance, run)]


def lost_runs(instance: dg.DagsterInstance, since: float) -> list[tuple[dg.DagsterRun, float]]:
    """Runs that were ended because their process was gone, and when (Unix time), after that time, the latest first."""
    lost = instance.get_run_records(dg.RunsFilter(tags={LOST_TAG: "true"}), limit=MAX_LOST_RUNS)
    ended = [(record.dagster_run, record.end_time or 0.0) for record in lost]
    return [(run, when) for run, when in ended if when > since]


def _ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    process = run.tags.get(PROCESS_TAG)
    if process is None or not _is_gone(process) or _is_copied(process, run, instance):
        return False
    instance.add_run_tags(run.run_id, {LOST_TAG: "true"})
    instance.report_run_failed(run, "The process of this run ended before the run did; nothing is lost.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return True


def _is_copied(name: str, run: dg.DagsterRun, instance: dg.DagsterInstance) -> bool:
    """Whether the name is that of the run which this one repeats: Dagster copies the tags."""
    repeated = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    return repeated is not None and repeated.tags.get(PROCESS_TAG) == name


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
