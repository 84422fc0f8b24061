"""Fixtures that every room's tests share: a real PostgreSQL, an empty library folder, the settings."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from soniquebay_pipeline.db.engine import engine_for
from soniquebay_pipeline.settings import Settings, get_settings
from soniquebay_pipeline_tests.command_line import clean_environment
from soniquebay_pipeline_tests.database_server import DatabaseServer, home_of_its_own, shared_server

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may depend on a model hub
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a script's shell starts what it puts into the background. Dagster gives SIGTERM the same disposition and every
    # process that a test starts inherits both: a pool of processes then waits for ever for its own to end.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(testrun_uid: str) -> Iterator[DatabaseServer]:
    """One PostgreSQL for the whole session, shared by pytest-xdist's workers."""
    with shared_server(testrun_uid) as running:
        yield running


@pytest.fixture(scope="module")
def server_home() -> Iterator[Path]:
    """A SONIQUEBAY_HOME for embedded servers of the module's own, outside pytest's temporary folder."""
    with home_of_its_own() as home:
        yield home


@pytest.fixture
def database(server: DatabaseServer) -> Iterator[str]:
    """URL of a fresh, migrated, empty catalogue, as SONIQUEBAY_DATABASE_URL takes it."""
    with server.database() as url:
        yield url


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on ``database``."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    yield engine
    engine.dispose()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """An empty folder of music."""
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str, music: Path) -> Iterator[Settings]:
    """SONIQUEBAY_* set to ``database``, ``music`` and a home of the test's own; the settings as read from them."""
    for name in clean_environment(removed=True):
        monkeypatch.delenv(name)
    monkeypatch.setenv("SONIQUEBAY_DATABASE_URL", database)
    monkeypatch.setenv("SONIQUEBAY_MUSIC_DIR", str(music))
    monkeypatch.setenv("SONIQUEBAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SONIQUEBAY_WORKERS", "1")
    get_settings.cache_clear()
    engine_for.cache_clear()
    yield get_settings()
    url = database.replace("postgresql://", "postgresql+psycopg://", 1)
    engine_for(url).dispose()
    engine_for.cache_clear()
    get_settings.cache_clear()
