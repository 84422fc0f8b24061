"""Killed, doubled, its database taken away: the last run ends in the catalogue of an undisturbed one.

Real processes of the real command over real files, on an embedded server of the test's own.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from soniquebay_pipeline.db.engine import catalogue_url
from soniquebay_pipeline.db.server import data_folder, ensure_server
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import clean_environment, soniquebay
from soniquebay_pipeline_tests.corpus.large import LibraryTruth, generate_library
from soniquebay_pipeline_tests.database_server import home_of_its_own
from soniquebay_pipeline_tests.normal_form import Rows, normal_form

FILES = 900
SHARDS = 8
LONGEST_SECONDS = 180.0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LibraryTruth]:
    root = tmp_path_factory.mktemp("durability") / "music"
    return root, generate_library(root, FILES, seed=7)


@dataclass
class Home:
    """A SONIQUEBAY_HOME with a server of its own, and runs of `soniquebay ingest` on it."""

    path: Path
    music: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start an ingest in a process group of its own."""
        environment = {name: os.environ[name] for name in clean_environment()}
        settings = {"home": self.path, "music_dir": self.music, "shards": SHARDS, "workers": 1}
        environment |= {f"SONIQUEBAY_{name.upper()}": str(value) for name, value in settings.items()}
        return subprocess.Popen(
            [sys.executable, "-m", "soniquebay_pipeline.cli.main", "ingest", "--json"],
            env=environment,
            cwd=self.path,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self) -> None:
        """A run that nothing disturbs."""
        done = soniquebay(
            "ingest",
            "--json",
            settings={"home": self.path, "music_dir": self.music, "shards": SHARDS, "workers": 2},
        )
        assert done.code == 0, done.stderr
        assert done.json["ok"]

    def files_read(self) -> int:
        """Rows of raw_metadata; 0 while there is no table."""
        with self.engine() as engine, engine.connect() as connection:
            if connection.execute(text("SELECT to_regclass('raw_metadata')")).scalar_one() is None:
                return 0
            return int(connection.execute(text("SELECT count(*) FROM raw_metadata")).scalar_one())

    def engine(self) -> _Engine:
        return _Engine(self.path)

    def catalogue(self) -> dict[str, Rows]:
        with self.engine() as engine:
            return normal_form(engine)

    def doubled(self) -> list[str]:
        """Anything that is there twice, or waits for ever."""
        with self.engine() as engine, engine.connect() as connection:
            return list(
                connection.execute(
                    text(
                        """
                        SELECT 'path ' || path FROM raw_files GROUP BY path HAVING count(*) > 1
                        UNION ALL SELECT 'audio ' || audio_hash FROM raw_files GROUP BY audio_hash HAVING count(*) > 1
                        UNION ALL SELECT 'due artist' FROM due_artist_keys UNION ALL SELECT 'due album' FROM due_albums
                        UNION ALL SELECT 'due label' FROM due_labels UNION ALL SELECT 'due track' FROM due_tracks
                        """
                    )
                ).scalars()
            )

    def postmaster(self) -> psutil.Process:
        ensure_server(self.path)
        return psutil.Process(int((data_folder(self.path) / "postmaster.pid").read_text().split()[0]))


class _Engine:
    """An engine on the home's catalogue while it is needed; the server is started if it has to be."""

    def __init__(self, home: Path) -> None:
        self._engine = create_engine(catalogue_url(Settings(home=home, database_url=None)))

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()


@pytest.fixture
def home(library: tuple[Path, LibraryTruth]) -> Iterator[Home]:
    with home_of_its_own() as path:
        path.mkdir()
        yield Home(path, library[0])


@pytest.fixture(scope="module")
def undisturbed(library: tuple[Path, LibraryTruth]) -> dict[str, Rows]:
    with home_of_its_own() as path:
        calm = Home(path, library[0])
        calm.finish()
        found = calm.catalogue()
    assert len(found["tracks"]) == library[1].tracks
    assert len(found["artists"]) == library[1].artists
    assert len(found["albums"]) == library[1].albums
    return found


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the command and its readers at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def assert_as_undisturbed(home: Home, undisturbed: dict[str, Rows]) -> None:
    found = home.catalogue()
    for table in undisturbed:
        assert found[table] == undisturbed[table], table
    assert home.doubled() == []


def test_killed_again_and_again(home: Home, undisturbed: dict[str, Rows]) -> None:
    order = random.Random(3)
    home.files_read()  # the server is there, so that each moment is one of the run
    for moment in sorted(order.uniform(1.0, 6.0) for _ in range(4)):
        run = home.start()
        with suppress(subprocess.TimeoutExpired):
            run.wait(moment)
        kill_group(run)
    home.finish()
    assert_as_undisturbed(home, undisturbed)


def test_two_at_once_and_one_of_them_killed(home: Home, undisturbed: dict[str, Rows]) -> None:
    killed, first, second = home.start(), home.start(), home.start()
    time.sleep(4.0)
    kill_group(killed)
    for run in (first, second):
        _, errors = run.communicate(timeout=LONGEST_SECONDS)
        assert run.returncode == 0, errors.decode()
    assert_as_undisturbed(home, undisturbed)
    home.finish()
    assert_as_undisturbed(home, undisturbed)


def stop_at_once(postmaster: psutil.Process) -> None:
    """What `pg_ctl stop -m immediate` does."""
    postmaster.send_signal(signal.SIGQUIT)
    postmaster.wait(30)


def kill_all(postmaster: psutil.Process) -> None:
    """What the machine's end does: every process of the server is gone, the pid file is not."""
    family = [postmaster, *postmaster.children(recursive=True)]
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=30)


@pytest.mark.parametrize("end", [stop_at_once, kill_all])
def test_the_database_goes_away_in_the_middle(
    home: Home, undisturbed: dict[str, Rows], end: Callable[[psutil.Process], None]
) -> None:
    run = home.start()
    deadline = time.monotonic() + LONGEST_SECONDS
    while not home.files_read() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    end(home.postmaster())
    run.communicate(timeout=LONGEST_SECONDS)
    home.finish()
    assert_as_undisturbed(home, undisturbed)
