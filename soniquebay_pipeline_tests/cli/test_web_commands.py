"""`queue`, `retry`, `cache`, `metrics`: as a person or Prometheus sees them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from soniquebay_pipeline.cli.collector import DatabaseCollector
from soniquebay_pipeline.db import ledger
from soniquebay_pipeline.db.ledger import FailedAttempt
from soniquebay_pipeline.enrichment.gateway import Gateway, Provider, ProviderFailure
from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.web_server import closed_port

PROVIDER = Provider("lastfm", 1000.0)


@pytest.fixture
def settings(database: str, tmp_path: Path) -> dict[str, object]:
    return {"home": tmp_path / "home", "database_url": database}


@pytest.fixture
def asked(engine: Engine) -> Iterator[None]:
    """Last.fm answered twice and failed three times."""
    with Gateway(engine) as gateway:
        gateway.ask(PROVIDER, "lastfm:2:artist:a", lambda: b"12345")
        gateway.ask(PROVIDER, "lastfm:2:artist:a", lambda: b"")
        gateway.ask(PROVIDER, "lastfm:2:album:b", lambda: None)

        def broken() -> bytes | None:
            raise ProviderFailure("server_error", "500")

        for _ in range(3):
            with pytest.raises(ProviderFailure):
                gateway.ask(PROVIDER, "lastfm:2:artist:c", broken)
    yield


@pytest.fixture
def failed(engine: Engine) -> None:
    """Two artists have failed for good, one waits for its next attempt."""
    with engine.begin() as connection:
        for _ in range(ledger.MAX_ATTEMPTS):
            failures = [FailedAttempt(n, "", "server_error: 500") for n in (1, 2)]
            ledger.note_failures(connection, "enrichment", "artist", failures)
        ledger.note_failures(connection, "covers", "album", [FailedAttempt(1, "", "timeout: 10 s")])


def run(settings: dict[str, object], *arguments: str) -> CommandResult:
    result = soniquebay(*arguments, settings=settings)
    assert result.code == 0, result.stderr
    return result


def test_the_queue_and_trying_again(settings: dict[str, object], failed: None) -> None:
    shown = run(settings, "queue")
    assert re.search(r"enrichment +ok +0 +0 +0 +2", shown.stdout)
    assert re.search(r"covers +ok +0 +1 +0 +0", shown.stdout)
    assert "2 server_error" in shown.stdout and "1 timeout" in shown.stdout and "soniquebay retry" in shown.stdout
    states = {state["queue"]: state for state in run(settings, "queue", "--json").json["queues"]}
    assert states["enrichment"]["failed"] == 2 and states["covers"]["delayed"] == 1
    assert "Nothing" in run(settings, "retry", "--queue", "covers").stdout
    assert run(settings, "retry", "--queue", "enrichment", "--json").json == {"retried": 2}
    states = {state["queue"]: state for state in run(settings, "queue", "--json").json["queues"]}
    assert (states["enrichment"]["waiting"], states["enrichment"]["failed"]) == (2, 0)


def test_nothing_to_show(settings: dict[str, object]) -> None:
    assert run(settings, "queue").stdout == "Nothing waits and nothing failed.\n"
    assert run(settings, "cache", "show").stdout == "No web service has been asked yet.\n"
    assert run(settings, "cache", "clear").stdout == "Forgot 0 answers.\n"


def test_the_cache_and_forgetting(settings: dict[str, object], asked: None) -> None:
    shown = run(settings, "cache", "show")
    assert "open until" in shown.stdout and "server_error: 500" in shown.stdout
    [report] = run(settings, "cache", "show", "--json").json["providers"]
    assert (report["provider"], report["answers"], report["not_found"], report["bytes"]) == ("lastfm", 2, 1, 5)
    assert (report["calls"], report["hits"], report["failures"], report["state"]) == (5, 1, 3, "open")
    assert report["hit_rate"] == pytest.approx(1 / 6)
    assert run(settings, "cache", "clear", "lastfm:2:artist:*", "--json").json == {"forgotten": 1}
    assert run(settings, "cache", "clear", "--provider", "other", "--json").json == {"forgotten": 0}
    assert run(settings, "cache", "clear", "--json").json == {"forgotten": 1}


def samples(page: str) -> dict[tuple[str, ...], float]:
    """(name, label values …) → value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_metrics_are_those_of_the_database(settings: dict[str, object], asked: None, failed: None) -> None:
    found = samples(run(settings, "metrics", "--once").stdout)
    assert found["soniquebay_catalogue_up",] == 1
    assert found["soniquebay_queue_tasks", "enrichment", "failed"] == 2
    assert found["soniquebay_queue_tasks", "covers", "delayed"] == 1
    assert found["soniquebay_web_questions_total", "server_error", "lastfm"] == 3
    assert found["soniquebay_web_questions_total", "cached_memory", "lastfm"] == 1
    assert found["soniquebay_web_call_seconds_bucket", "0.1", "found", "lastfm"] == 1
    assert found["soniquebay_web_call_seconds_bucket", "+Inf", "found", "lastfm"] == 1
    assert found["soniquebay_web_call_seconds_count", "found", "lastfm"] == 1
    assert found["soniquebay_web_may_be_asked", "lastfm"] == 0
    assert found["soniquebay_catalogue_rows", "tracks"] == 0


def test_metrics_are_served(settings: dict[str, object], asked: None) -> None:
    with closed_port() as host:
        port = host.partition(":")[2]
    environment = {f"SONIQUEBAY_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "soniquebay_pipeline.cli.main", "metrics", "--port", port]
    import os

    process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None and f"127.0.0.1:{port}/metrics" in process.stderr.readline()
        page = ""
        deadline = time.monotonic() + 20
        while not page and time.monotonic() < deadline:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                page = answer.read().decode()
        assert samples(page)["soniquebay_web_questions_total", "server_error", "lastfm"] == 3
    finally:
        process.terminate()
        process.wait()


def test_a_database_that_does_not_answer_is_a_figure(engine: Engine) -> None:
    found: dict[str, Any] = {metric.name: metric for metric in DatabaseCollector(engine, engine).collect()}
    assert found["soniquebay_catalogue_up"].samples[0].value == 1
    assert found["soniquebay_dagster_up"].samples[0].value == 0  # the catalogue has no table runs
    assert "soniquebay_runs" not in found
