"""How web services are asked and how the ledger hands out work, measured in one run.

    python -m soniquebay_pipeline_tests.benchmarks.web [--keys 1000] [--rate 50] [--rows 1000000] [--claims 200]

Two processes ask a local server the same keys, the second in the opposite order, at a shared budget; then both ask
again. The server records when each request came. Claims are made on a ledger of ``--rows``: six tenths delayed and of
a high priority, two tenths failed, two tenths that may be tried, over 100 priorities. PostgreSQL is an embedded
server of the benchmark's own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.db import ledger
from soniquebay_pipeline.db.engine import catalogue_url, libpq_url
from soniquebay_pipeline.db.migrate import migrate
from soniquebay_pipeline.enrichment.gateway import Gateway, Provider
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.database_server import home_of_its_own
from soniquebay_pipeline_tests.enrichment.asking import ask, outcomes, start, together
from soniquebay_pipeline_tests.web_server import Reply, WebServer

BODY = b"<lfm>" + b"x" * 4_000 + b"</lfm>"
"""As large as an answer about an artist."""


def main() -> None:
    """Start a server and a database, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the ledger")
    parser.add_argument("--claims", type=int, default=200)
    options = parser.parse_args()
    table = Table(box=None, padding=(0, 2), show_header=False)
    with home_of_its_own() as home, WebServer() as web:
        web.on("*", Reply(body=BODY))
        url = catalogue_url(Settings(home=home, database_url=None))
        engine = create_engine(url)
        migrate(engine)
        _measure_calls(table, web, engine, libpq_url(url), options)
        _measure_cached(table, web, engine, options)
        _measure_claims(table, engine, options)
        engine.dispose()
    Console().print(table)


def _pass(web: WebServer, database: str, paths: list[str], rate: float) -> list[dict[str, Any]]:
    processes = [start(database, web.host, order, calls_per_second=rate) for order in (paths, paths[::-1])]
    together(processes)
    return [outcomes(process) for process in processes]


def _measure_calls(table: Table, web: WebServer, engine: Engine, database: str, options: argparse.Namespace) -> None:
    paths = [f"/{number}" for number in range(options.keys)]
    first = _pass(web, database, paths, options.rate)
    seconds = max(each["seconds"] for each in first)
    asked = [request.path for request in web.requests]
    with engine.connect() as connection:
        late = connection.execute(text("SELECT sum(calls) FROM web_calls WHERE outcome = 'found'")).scalar_one()
    table.add_row(f"{options.keys:,} keys, two processes, {options.rate:g} calls/s", f"{seconds:.1f} s")
    table.add_row("calls, different keys among them", f"{len(asked):,}, {len(set(asked)):,} (counted: {late:,})")
    table.add_row("calls a second, on average", f"{len(asked) / seconds:.1f}")
    table.add_row("most calls in any window of 1 s", f"{web.most_in_a_second()} (allowed: {1.05 * options.rate:g})")
    table.add_row("memory grown by, largest process", f"{max(each['grown_mb'] for each in first):.0f} MB")
    second = _pass(web, database, paths, options.rate)
    cached = sum(each["counts"].get("cached", 0) for each in second) / (2 * options.keys)
    milliseconds = 1000 * max(each["seconds"] for each in second) / options.keys
    table.add_row("second pass, new processes: from the cache", f"{cached:.1%}")
    table.add_row("a cached answer, both processes at once", f"{milliseconds:.2f} ms")


def _measure_cached(table: Table, web: WebServer, engine: Engine, options: argparse.Namespace) -> None:
    provider = Provider("test", options.rate)
    for what, memory in (("table", 0.0), ("memory", 300.0)):
        with Gateway(engine, memory_seconds=memory) as gateway:
            ask(gateway, provider, web.host, "/0")
            taken = []
            for _ in range(500):
                started = time.perf_counter()
                ask(gateway, provider, web.host, "/0")
                taken.append(1000 * (time.perf_counter() - started))
        table.add_row(f"a cached answer from the {what}, median", f"{statistics.median(taken):.3f} ms")


def _measure_claims(table: Table, engine: Engine, options: argparse.Namespace) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                """
                INSERT INTO deferred_tasks
                    (queue, entity_type, entity_id, about, priority, state, attempts, next_attempt_at)
                SELECT 'enrichment', 'artist', n, '', CASE WHEN n % 10 < 6 THEN 50 + n % 50 ELSE n % 50 END,
                    CASE WHEN n % 10 IN (6, 7) THEN 'failed' ELSE 'waiting' END, 1,
                    now() + CASE WHEN n % 10 < 6 THEN interval '1 hour' ELSE -make_interval(secs => n % 1000) END
                FROM generate_series(1, :rows) n
                """
            ),
            {"rows": options.rows},
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE deferred_tasks"))
    for limit in (1, 20):
        taken = []
        for _ in range(options.claims):
            started = time.perf_counter()
            with engine.begin() as connection:
                claims = ledger.claim(
                    connection, "enrichment", "artist", limit=limit, worker="bench", lease_seconds=600.0
                )
            taken.append(1000 * (time.perf_counter() - started))
            assert len(claims) == limit
        row = f"{statistics.median(taken):.2f} ms, 95 %: {sorted(taken)[int(0.95 * len(taken))]:.2f} ms"
        table.add_row(f"claiming {limit} of {options.rows:,} rows, median", row)


if __name__ == "__main__":
    main()
