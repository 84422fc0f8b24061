"""What the tests of web services share: a local Last.fm, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from soniquebay_pipeline.enrichment.gateway import Gateway, Provider
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LastFmServer, lastfm_server

FAST = Provider("lastfm", calls_per_second=1000, burst=1000, timeout_seconds=0.6)


@pytest.fixture
def lastfm() -> Iterator[LastFmServer]:
    """A local Last.fm."""
    with lastfm_server() as server:
        yield server


@pytest.fixture
def client(engine: Engine, lastfm: LastFmServer) -> Iterator[LastFm]:
    """A client that gives up after 0.6 s and is not slowed down."""
    found = LastFm(Gateway(engine), FAST, API_KEY, lastfm.url)
    yield found
    found.close()
