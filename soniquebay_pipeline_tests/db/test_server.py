"""The embedded server: started when needed, outliving who started it, mended after a hard kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import text

from soniquebay_pipeline.db.engine import catalogue_url, engine_for, libpq_url
from soniquebay_pipeline.db.errors import DatabaseUnavailable
from soniquebay_pipeline.db.server import data_folder, ensure_server, stop_server
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.database_server import home_of_its_own

START = "import sys; from pathlib import Path; from soniquebay_pipeline.db.server import ensure_server;" + (
    "print(ensure_server(Path(sys.argv[1])), flush=True);"
)


@pytest.fixture
def home() -> Iterator[Path]:
    with home_of_its_own() as found:
        yield found


def postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((data_folder(home) / "postmaster.pid").read_text().split()[0]))


def kill_hard(process: psutil.Process) -> None:
    """SIGKILL to the postmaster and its children, as the machine's end does."""
    family = [process, *process.children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=30)


def answer(url: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()


def keep_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")


def test_it_starts_outlives_its_starter_and_is_mended_after_a_hard_kill(home: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", START + "import time; time.sleep(600)", str(home)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    url = starter.stdout.readline().strip()
    keep_a_row(url)
    first = postmaster(home).pid

    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    assert answer(ensure_server(home)) == (1,)
    assert postmaster(home).pid == first, "the same server, not another one"

    kill_hard(postmaster(home))
    assert (data_folder(home) / "postmaster.pid").exists(), "a stale pid file is left"
    assert answer(ensure_server(home)) == (1,)
    assert postmaster(home).pid != first


def test_a_stale_pid_file_that_names_another_process_is_mended(home: Path) -> None:
    keep_a_row(ensure_server(home))
    kill_hard(postmaster(home))
    pid_file = data_folder(home) / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    assert answer(ensure_server(home)) == (1,)


def test_an_immediate_stop_is_recovered_from_by_another_process(home: Path) -> None:
    keep_a_row(ensure_server(home))
    postmaster(home).send_signal(signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
    while (data_folder(home) / "postmaster.pid").exists():
        time.sleep(0.05)
    found = subprocess.run([sys.executable, "-c", START, str(home)], capture_output=True, text=True, check=True)
    assert answer(found.stdout.strip()) == (1,)


def test_several_processes_start_one_server(home: Path) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    answers = [starter.communicate(timeout=120) for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0], [errors for _, errors in answers]
    urls = {url.strip() for url, _ in answers}
    assert len(urls) == 1
    psycopg.connect(urls.pop()).close()


@pytest.mark.parametrize("name", ["my home", "h\u00f6m+e%20x"])
def test_a_home_of_any_name(home: Path, name: str) -> None:
    home = home.parent / name
    url = catalogue_url(Settings(home=home, database_url=None))
    try:
        psycopg.connect(libpq_url(url)).close()
        with engine_for(url.render_as_string(hide_password=False)).connect() as connection:
            assert connection.execute(text("SELECT current_database()")).scalar_one() == "soniquebay"
    finally:
        stop_server(home)


def test_stopping(home: Path) -> None:
    assert not stop_server(home)
    keep_a_row(ensure_server(home))
    assert stop_server(home)
    assert not stop_server(home)
    assert answer(ensure_server(home)) == (1,)


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("not a folder")
    with pytest.raises(DatabaseUnavailable) as caught:
        ensure_server(tmp_path)
    assert "\n" not in str(caught.value) and "SONIQUEBAY_DATABASE_URL" in str(caught.value)


def test_killed_while_the_data_folder_is_made(home: Path) -> None:
    """At several moments, as Ctrl-C and the end of a session do: initdb and what it has started go as well."""
    for moment in ("PG_VERSION", "global/pg_control", "base/5"):
        starter = subprocess.Popen(
            [sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while not (data_folder(home) / moment).exists() and starter.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        os.killpg(starter.pid, signal.SIGKILL)
        starter.communicate()
    keep_a_row(ensure_server(home))
    assert answer(ensure_server(home)) == (1,)


def test_a_folder_that_was_never_finished_is_made_anew(home: Path) -> None:
    data = data_folder(home)
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    (data / "postmaster.pid").write_text(f"-99999\n{data}\n1795304848\n5432\n\n\n  2187658   2293822\n")
    (home / "postgres.unfinished").touch()
    keep_a_row(ensure_server(home))
    assert answer(ensure_server(home)) == (1,)
    assert not (home / "postgres.unfinished").exists()


def test_an_incomplete_pid_file_of_a_server_that_is_gone(home: Path) -> None:
    keep_a_row(ensure_server(home))
    kill_hard(postmaster(home))
    lines = (data_folder(home) / "postmaster.pid").read_text().splitlines()
    (data_folder(home) / "postmaster.pid").write_text("\n".join(lines[:7]) + "\n")
    assert answer(ensure_server(home)) == (1,)
