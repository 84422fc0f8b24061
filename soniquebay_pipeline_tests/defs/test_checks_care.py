"""Asset checks of deferred work and of web services, called as Dagster calls them."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
from sqlalchemy import Engine, text

from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures
from soniquebay_pipeline.defs.checks_care import deferred_backlog, web_services_answer
from soniquebay_pipeline.defs.resources import Pipeline
from soniquebay_pipeline.settings import Settings


def result(check: Callable[..., object]) -> dg.AssetCheckResult:
    found = check(Pipeline())
    assert isinstance(found, dg.AssetCheckResult)
    return found


def test_work_that_waits_for_an_hour_is_told(settings_env: Settings, engine: Engine) -> None:
    assert result(deferred_backlog).passed
    with engine.begin() as connection:
        note_failures(connection, "covers", "album", [FailedAttempt(1, "a", "timeout: x")])
    assert result(deferred_backlog).passed, "its next attempt is minutes away"
    with engine.begin() as connection:
        connection.execute(text("UPDATE deferred_tasks SET next_attempt_at = now() - interval '61 minutes'"))
    found = result(deferred_backlog)
    assert not found.passed and "covers" in (found.description or "")


def test_a_service_that_fails_is_told(settings_env: Settings, engine: Engine) -> None:
    assert result(web_services_answer).passed
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO web_providers (provider, failures, opened_at, last_error)"
                " VALUES ('lastfm', 3, now(), 'server_error: HTTP 503')"
            )
        )
    found = result(web_services_answer)
    assert not found.passed and "lastfm is open (server_error: HTTP 503)" in (found.description or "")
