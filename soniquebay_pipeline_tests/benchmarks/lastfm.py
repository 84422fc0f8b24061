"""How fast Last.fm's answers are stored, and what asking costs on a large library; prints one line a figure.

``python -m soniquebay_pipeline_tests.benchmarks.lastfm [ARTISTS]``: 1,000 artists by two processes that share a
budget of 50 calls a second, then once more from the cache; so many artists by one process without a budget;
then the queries that every run makes, over 30,000 artists with 50 similar artists each. The service is a local
server that answers as the real one does.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import psutil
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.enrichment.gateway import Gateway, Provider
from soniquebay_pipeline.enrichment.lastfm import store
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline.enrichment.lastfm.due import count_due, is_any_due
from soniquebay_pipeline.enrichment.lastfm.run import Options, enrich
from soniquebay_pipeline_tests.database_server import shared_server
from soniquebay_pipeline_tests.enrichment.lastfm_library import change, library_of
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LastFmServer, lastfm_server

SHARED_ARTISTS = 1_000
CALLS_PER_SECOND = 50.0
LARGE = 30_000
SIMILAR = 50


def median_ms(work: Callable[[], object], times: int = 5) -> float:
    seconds = []
    for _ in range(times):
        started = time.monotonic()
        work()
        seconds.append(time.monotonic() - started)
    return statistics.median(seconds) * 1000


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several processes did."""

    found: int
    seconds: float
    grown_mb: float


def take_a_share(database: str, service: str) -> Share:
    """Ask about artists until none is left, in a process of its own."""
    engine = create_engine(database)
    client = LastFm(Gateway(engine), Provider("lastfm", CALLS_PER_SECOND), API_KEY, service)
    before = psutil.Process().memory_info().rss
    report = enrich(engine, "artist", client, Options(run_seconds=3600))
    grown = psutil.Process().memory_info().rss - before
    client.close()
    engine.dispose()
    return Share(report.found, report.seconds, grown / 1e6)


def sharing(engine: Engine) -> None:
    """Two processes, one budget; then the same from the cache."""
    names = [f"Artist {number:05}" for number in range(SHARED_ARTISTS)]
    library_of(engine, *({"artist": name} for name in names))
    url = engine.url.render_as_string(hide_password=False)
    with lastfm_server() as server:
        for name in names:
            server.artist(name, tags=[("rock", 100), ("pop", 50)], bio="A band. " * 300)
        for way in ("asked", "from the cache"):
            before = len(server.calls)
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
                shares = [pool.submit(take_a_share, url, server.url) for _ in range(2)]
                both = [share.result() for share in shares]
            assert sum(share.found for share in both) == SHARED_ARTISTS, both
            made = server.calls[before:]
            seconds = max(share.seconds for share in both)
            print(
                f"artists: {both[0].found} + {both[1].found} by two processes, {way}: {seconds:.1f} s, "
                f"{seconds / SHARED_ARTISTS * 1000:.1f} ms an artist, {len(made):,} calls, "
                f"{len({(call.method, call.about) for call in made}):,} different, "
                f"{most_in_a_second(server, before)} in the busiest second, "
                f"memory +{max(share.grown_mb for share in both):.0f} MB"
            )
            change(engine, "UPDATE artists SET lastfm_info_fetched_at = NULL")


def most_in_a_second(server: LastFmServer, first: int) -> int:
    """The most calls in any window of one second."""
    times = sorted(call.at for call in server.calls[first:])
    return max((bisect_left(times, at + 1.0) - place for place, at in enumerate(times)), default=0)


def asking(engine: Engine, artists: int) -> None:
    """Artists a second with a service that answers at once, and from the cache."""
    names = [f"Artist {number:05}" for number in range(artists)]
    library_of(engine, *({"artist": name} for name in names))
    with lastfm_server() as server:
        tags = [(tag, 100) for tag in ("rock", "pop", "sad", "seen live", "80s", "german", "indie", "x", "y", "z")]
        for name in names:
            server.artist(name, tags=tags, bio="A band. " * 300, similar=[(n, "", "0.5") for n in names[:SIMILAR]])
        client = LastFm(Gateway(engine), Provider("lastfm", 1_000_000), API_KEY, server.url)
        for kind, column in (("artist", "lastfm_info_fetched_at"), ("similar", "lastfm_similar_artists_fetched")):
            for way in ("asked", "from the cache"):
                calls = len(server.calls)
                report = enrich(engine, kind, client, Options(run_seconds=3600))
                assert report.found == artists, report
                print(
                    f"{kind}, {way}: {artists / report.seconds:.0f} artists/s, "
                    f"{report.seconds / artists * 1000:.1f} ms each, {len(server.calls) - calls} calls"
                )
                change(engine, f"UPDATE artists SET {column} = NULL")
        client.close()


def queries(engine: Engine) -> None:
    """What every tick and every run asks the database, and linking similar artists."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE raw_files, artists CASCADE"))
        connection.execute(
            text("INSERT INTO artists (name, name_key) SELECT 'A' || n, 'a' || n FROM generate_series(1, :n) n"),
            {"n": LARGE},
        )
        connection.execute(
            text(
                """
                INSERT INTO artist_similar (artist_id, similar_name, similar_name_key, weight, source)
                SELECT a.id, 'A' || k, 'a' || k, 0.5, 'lastfm'
                FROM artists a, generate_series(1, :most) s, LATERAL (SELECT (a.id * 7 + s * 1013) % (2 * :n) AS k) AS k
                ON CONFLICT DO NOTHING
                """
            ),
            {"n": LARGE, "most": SIMILAR},
        )
    change(engine, "ANALYZE artists", "ANALYZE artist_similar")
    print(f"count of what is due, {LARGE:,} artists: {median_ms(lambda: count_due(engine, 'artist', 30)):.0f} ms")
    print(f"whether anything is due: {median_ms(lambda: is_any_due(engine, 'artist', 30)):.0f} ms")
    change(engine, "UPDATE artists SET lastfm_info_fetched_at = now(), lastfm_about = name_key")
    print(f"the same, nothing is: {median_ms(lambda: is_any_due(engine, 'artist', 30)):.0f} ms")
    started = time.monotonic()
    linked = store.relink(engine)
    print(f"linking {linked:,} similar artists for the first time: {time.monotonic() - started:.1f} s")
    print(f"linking again, nothing changed: {median_ms(lambda: store.relink(engine), 3):.0f} ms")


def main() -> None:
    artists = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with shared_server(uuid4().hex) as server, server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        sharing(engine)
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE raw_files, artists, web_answers CASCADE"))
        asking(engine, artists)
        queries(engine)
        engine.dispose()
    print(f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
