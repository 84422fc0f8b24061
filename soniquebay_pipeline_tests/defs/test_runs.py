"""Runs whose process is gone: ended, and their pool slots free again."""

from __future__ import annotations

import subprocess
import sys
import time

import dagster as dg
import psutil

from soniquebay_pipeline.defs.runs import PROCESS_TAG, lost_runs, runs_in_progress, this_process


def started(instance: dg.DagsterInstance, process: str | None, repeats: dg.DagsterRun | None = None) -> dg.DagsterRun:
    @dg.job
    def some_job() -> None: ...

    tags = {PROCESS_TAG: process} if process else {}
    parent = repeats.run_id if repeats else None
    return instance.create_run_for_job(
        some_job, tags=tags, status=dg.DagsterRunStatus.STARTED, parent_run_id=parent, root_run_id=parent
    )


def dead_process() -> str:
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    return this_process().replace(f":{psutil.Process().pid}:", f":{dead.pid}:")


def test_a_repeated_run_carries_a_copied_name_until_it_has_its_own() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        name = dead_process()
        first = started(instance, name)
        runs_in_progress(instance)
        again = started(instance, name, repeats=first)
        assert [run.run_id for run in runs_in_progress(instance)] == [again.run_id]


def test_a_run_of_a_dead_process_is_ended_and_others_are_not() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        killed = started(instance, dead_process())
        mine = started(instance, this_process())
        elsewhere = started(instance, "another-host:1:0")
        launched = started(instance, None)
        assert {run.run_id for run in runs_in_progress(instance)} == {mine.run_id, elsewhere.run_id, launched.run_id}
        ended = instance.get_run_by_id(killed.run_id)
        assert ended is not None and ended.status == dg.DagsterRunStatus.FAILURE
        [(lost, when)] = lost_runs(instance, since=0.0)
        assert lost.run_id == killed.run_id and time.time() - 60 < when <= time.time()
        assert lost_runs(instance, since=when) == []


def test_no_loss_where_no_run_was_lost() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_run_failed(started(instance, this_process()))
        assert lost_runs(instance, since=0.0) == []
