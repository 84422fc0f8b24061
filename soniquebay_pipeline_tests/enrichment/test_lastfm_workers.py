"""Workers that are killed, and two at once. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter

from sqlalchemy import Engine

from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline.enrichment.lastfm.run import BATCH, Options, enrich
from soniquebay_pipeline_tests.enrichment.lastfm_library import library_of, rows
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LastFmServer

ARTISTS = 40
WORKER = """
import sys
from sqlalchemy import create_engine
from soniquebay_pipeline.enrichment.gateway import Gateway, Provider
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline.enrichment.lastfm.run import Options, enrich
engine = create_engine(sys.argv[1])
client = LastFm(Gateway(engine), Provider("lastfm", 1000, 1000), sys.argv[3], sys.argv[2])
report = enrich(engine, "artist", client, Options(lease_seconds=3))
print(report.found)
"""


def worker(engine: Engine, server: LastFmServer) -> subprocess.Popen[str]:
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WORKER, url, server.url, API_KEY]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def fill(engine: Engine, server: LastFmServer) -> None:
    names = [f"Artist {number:02}" for number in range(ARTISTS)]
    library_of(engine, *({"artist": name} for name in names))
    for name in names:
        server.artist(name, tags=[("rock", 100)])


def done(engine: Engine) -> int:
    return int(rows(engine, "SELECT count(*) FROM artists WHERE lastfm_url IS NOT NULL")[0][0])


def test_two_workers_share_the_work(empty: Engine, lastfm: LastFmServer) -> None:
    fill(empty, lastfm)
    lastfm.delay_seconds = 0.02
    both = [worker(empty, lastfm) for _ in range(2)]
    found = [int(process.communicate(timeout=120)[0]) for process in both]
    assert sum(found) == ARTISTS and done(empty) == ARTISTS
    asked = Counter((call.method, call.about) for call in lastfm.calls)
    assert len(asked) == 2 * ARTISTS
    assert max(asked.values()) == 1, "nothing was asked twice"


def test_killed_in_the_middle(empty: Engine, lastfm: LastFmServer, client: LastFm) -> None:
    fill(empty, lastfm)
    lastfm.delay_seconds = 0.05
    for killed in range(1, 3):
        process = worker(empty, lastfm)
        deadline = time.monotonic() + 60
        while len(lastfm.calls) < killed * 26 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert BATCH <= done(empty) < ARTISTS
    lastfm.delay_seconds = 0.0
    deadline = time.monotonic() + 60
    while done(empty) < ARTISTS and time.monotonic() < deadline:
        enrich(empty, "artist", client, Options())
    assert done(empty) == ARTISTS
    asked = Counter((call.method, call.about) for call in lastfm.calls)
    assert len(asked) == 2 * ARTISTS
    assert sum(asked.values()) <= 2 * ARTISTS + 2, "only the calls in flight at a kill were made again"
    # Nothing is stored twice either: one label an artist, one link a track.
    assert rows(empty, "SELECT count(*), count(DISTINCT artist_id) FROM lastfm_labels") == [(ARTISTS, ARTISTS)]
    assert rows(empty, "SELECT count(*) FROM track_genre_tags WHERE source = 'lastfm'") == [(ARTISTS,)]
