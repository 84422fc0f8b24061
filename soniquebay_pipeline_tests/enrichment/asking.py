"""Asks a local server through the gateway, in this process or as a process of its own.

    python -m soniquebay_pipeline_tests.enrichment.asking DATABASE HOST JSON

Here: the client that tests and the benchmark use. Not here: what they look for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.enrichment.gateway import Answer, Gateway, Provider, ProviderFailure
from soniquebay_pipeline.enrichment.http import fetch_bytes

FAST = Provider("test", 1000.0, timeout_seconds=5.0)


def fetched(host: str, path: str, timeout_seconds: float = 5.0) -> bytes | None:
    """What a client does: 404 is nothing, 429 and 5xx are failures."""
    answer = fetch_bytes(
        f"http://{host}{path}",
        allowed_hosts=[host],
        max_bytes=2**20,
        user_agent="tests",
        timeout_seconds=timeout_seconds,
    )
    if answer.status == 404:
        return None
    if answer.status >= 400:
        kind = "rate_limited" if answer.status == 429 else "server_error"
        raise ProviderFailure(kind, str(answer.status), retry_after=answer.retry_after)
    return answer.body


def ask(gateway: Gateway, provider: Provider, host: str, path: str, **options: Any) -> Answer:
    """Ask for a path; its key is the path."""
    fetch = lambda: fetched(host, path, provider.timeout_seconds)  # noqa: E731
    return gateway.ask(provider, f"{provider.name}:1{path}", fetch, **options)


def one(engine: Engine, query: str, **parameters: Any) -> Any:
    """The only row."""
    with engine.begin() as connection:
        return connection.execute(text(query), parameters).one()


def let_pass(engine: Engine, seconds: float) -> None:
    """As if everything in the database had happened so much earlier."""
    with engine.begin() as connection:
        for table, columns in {
            "web_providers": ("opened_at", "probe_until", "not_before", "next_call_at"),
            "web_answers": ("fetched_at", "expires_at"),
        }.items():
            earlier = ", ".join(f"{column} = {column} - make_interval(secs => :seconds)" for column in columns)
            connection.execute(text(f"UPDATE {table} SET {earlier}"), {"seconds": seconds})


def start(database: str, host: str, paths: list[str], **provider: Any) -> subprocess.Popen[str]:
    """A process that asks for all paths in turn; ``outcomes`` reads what came of it."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, database, host, json.dumps({"paths": paths, "provider": provider})],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def outcomes(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the process printed: outcomes by kind, memory and time."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return dict(json.loads(output.splitlines()[-1]))


def main() -> None:
    """Say "ready", wait for a line, ask."""
    import time

    import psutil

    database, host, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    provider = Provider(**{"name": "test", "calls_per_second": 50.0} | given["provider"])
    counts: dict[str, int] = {}
    with Gateway(engine) as gateway:
        engine.connect().close()
        before = psutil.Process().memory_info().rss
        print("ready", flush=True)
        sys.stdin.readline()
        started = time.monotonic()
        for path in given["paths"]:
            try:
                answer = ask(gateway, provider, host, path)
                kind = "cached" if answer.cached else "found" if answer.found else "not_found"
            except ProviderFailure as failure:
                kind = failure.kind
            counts[kind] = counts.get(kind, 0) + 1
        seconds = time.monotonic() - started
        grown = (psutil.Process().memory_info().rss - before) / 1e6
    print(json.dumps({"counts": counts, "seconds": seconds, "grown_mb": grown}))


def together(processes: list[subprocess.Popen[str]]) -> None:
    """Let all begin at once, when all are ready."""
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


if __name__ == "__main__":
    main()
