"""One embedded PostgreSQL for a whole test session, and a fresh, migrated database for each test.

Here: starting and stopping the server that pytest-xdist's workers share, copying the template database.
Not here: fixtures (``conftest``).

No server lives below pytest's own temporary folder: each pytest that starts sets that folder's rights to
0700, and where root runs the tests the server runs as another user, who is then locked out (a PANIC in
every other pytest that is running).
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psycopg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url

from soniquebay_pipeline.db.engine import catalogue_url, libpq_url
from soniquebay_pipeline.db.migrate import migrate
from soniquebay_pipeline.db.server import ensure_server, stop_server
from soniquebay_pipeline.settings import Settings

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A running server with a migrated database that new ones are copied from."""

    url: URL
    """The maintenance database."""
    template: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """URL of a migrated, empty catalogue; it and Dagster's database beside it are dropped afterwards."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(self.template))
        )
        try:
            yield libpq_url(self.url.set(database=name))
        finally:
            for each in (name, f"{name}_dagster"):
                self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(each)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(libpq_url(self.url), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def shared_server(testrun: str) -> Iterator[DatabaseServer]:
    """The server of this test run: whoever of its processes comes first starts it, the last stops it."""
    home = Path(tempfile.gettempdir()) / f"soniquebay-tests-{testrun}"
    users = home / "users"
    with _locked(home):
        server = _start(home)
        (users / str(os.getpid())).mkdir(parents=True)
    try:
        yield server
    finally:
        with _locked(home):
            (users / str(os.getpid())).rmdir()
            if not any(users.iterdir()):
                stop_server(home)
                shutil.rmtree(home, ignore_errors=True)


@contextmanager
def home_of_its_own() -> Iterator[Path]:
    """A SONIQUEBAY_HOME for a test that starts, stops or kills an embedded server; gone with its server afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="soniquebay-tests-"))
    try:
        yield folder / "home"
    finally:
        stop_server(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process at a time; the folder, which the last user removes, is there."""
    with _lock(home / "lock"):
        yield


def _lock(path: Path) -> TextIO:
    while True:
        path.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # the folder was removed since
            file = path.open("w")
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
            file.close()


def _start(home: Path) -> DatabaseServer:
    maintenance = make_url(ensure_server(home))
    _without_durability(libpq_url(maintenance))
    template = catalogue_url(Settings(home=home, database_url=None))
    engine = create_engine(template)
    migrate(engine)
    engine.dispose()
    return DatabaseServer(maintenance, str(template.database))


def _without_durability(url: str) -> None:
    """Nobody needs the tests' databases after a power cut."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SHOW fsync").fetchone() == ("off",):
            return
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")
