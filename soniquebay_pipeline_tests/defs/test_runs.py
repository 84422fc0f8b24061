"""Runs whose process is gone: ended, and their pool slots free again."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import psutil

from soniquebay_pipeline.defs.runs import PROCESS_TAG, runs_in_progress, this_process


def started(instance: dg.DagsterInstance, process: str | None) -> dg.DagsterRun:
    @dg.job
    def some_job() -> None: ...

    tags = {PROCESS_TAG: process} if process else {}
    return instance.create_run_for_job(some_job, tags=tags, status=dg.DagsterRunStatus.STARTED)


def test_a_run_of_a_dead_process_is_ended_and_others_are_not() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dead = subprocess.Popen([sys.executable, "-c", "pass"])
        name = this_process().replace(f":{psutil.Process().pid}:", f":{dead.pid}:")
        dead.wait()
        killed = started(instance, name)
        mine = started(instance, this_process())
        elsewhere = started(instance, "another-host:1:0")
        launched = started(instance, None)
        assert {run.run_id for run in runs_in_progress(instance)} == {mine.run_id, elsewhere.run_id, launched.run_id}
        ended = instance.get_run_by_id(killed.run_id)
        assert ended is not None and ended.status == dg.DagsterRunStatus.FAILURE
