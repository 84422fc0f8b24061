"""What the tests of web services share: local services, the gateway, a client of Last.fm, a catalogue quick to fill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from soniquebay_pipeline.catalog.store.maintenance import forget_everything
from soniquebay_pipeline.enrichment.gateway import Gateway, Provider
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LastFmServer, lastfm_server
from soniquebay_pipeline_tests.web_server import Reply, WebServer

FAST = Provider("lastfm", calls_per_second=1000, burst=1000, timeout_seconds=0.6)


@pytest.fixture(scope="module")
def catalogue(server: DatabaseServer) -> Iterator[Engine]:
    """One database for the tests of a module: copying one for each takes longer than most of them."""
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield engine
        engine.dispose()


@pytest.fixture
def empty(catalogue: Engine) -> Engine:
    """The module's database, emptied."""
    with catalogue.begin() as connection:
        forget_everything(connection)
    return catalogue


@pytest.fixture
def lastfm() -> Iterator[LastFmServer]:
    """A local Last.fm."""
    with lastfm_server() as server:
        yield server


@pytest.fixture
def client(empty: Engine, lastfm: LastFmServer) -> Iterator[LastFm]:
    """A client that gives up after 0.6 s and is not slowed down."""
    found = LastFm(Gateway(empty, memory_seconds=0), FAST, API_KEY, lastfm.url)
    yield found
    found.close()


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server that has something to say about every path."""
    with WebServer() as running:
        running.on("*", lambda request: Reply(body=f"about {request.path}".encode()))
        yield running


@pytest.fixture
def gateway(engine: Engine) -> Iterator[Gateway]:
    """A gateway of its own to the test's database."""
    with Gateway(engine) as opened:
        yield opened
