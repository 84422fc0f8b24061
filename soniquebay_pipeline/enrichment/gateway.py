"""The one door to web services: cache, circuit breaker, budget, call.

Here: asking a service at most as often as it allows, and keeping what it says. Not here: HTTP, and what an
answer means (the clients).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

FAILURES_THAT_OPEN = 3
OPEN_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Provider:
    """A service and how it may be asked."""

    name: str
    calls_per_second: float
    burst: int = 1
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said; without a body it said that there is nothing."""

    found: bool
    body: bytes | None
    cached: bool


class ProviderFailure(Exception):
    """The service did not answer as it should; ``kind`` is the class of the failure."""

    def __init__(self, kind: str, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.retry_after = retry_after


class CircuitOpen(ProviderFailure):
    """Nothing was asked: the service failed too often just now."""


class CredentialsRefused(Exception):
    """The service refuses our key: nothing will work until a person changes it."""


def resting_until(engine: Engine, provider: str) -> datetime | None:
    """Until when nothing is asked of the service; None: it may be asked."""
    with engine.connect() as connection:
        until: datetime | None = connection.execute(
            text(
                """
                SELECT greatest(opened_at + make_interval(secs => :open), not_before) FROM web_providers
                WHERE provider = :provider
                  AND greatest(opened_at + make_interval(secs => :open), not_before) > clock_timestamp()
                """
            ),
            {"provider": provider, "open": OPEN_SECONDS},
        ).scalar_one_or_none()
    return until


class Gateway:
    """Asks on behalf of this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next_call = 0.0

    def ask(
        self,
        provider: Provider,
        key: str,
        fetch: Callable[[], bytes | None],
        *,
        lifetime: timedelta = timedelta(hours=24),
        lifetime_not_found: timedelta = timedelta(days=7),
    ) -> Answer:
        """What is known under the key, fetched where the cache lacks it."""
        with self._engine.connect() as connection:
            row = connection.execute(
                text("SELECT found, body FROM web_answers WHERE key = :key AND expires_at > now()"), {"key": key}
            ).one_or_none()
        if row:
            return Answer(row.found, row.body, cached=True)
        if resting_until(self._engine, provider.name):
            raise CircuitOpen("circuit_open", f"{provider.name} failed too often")
        time.sleep(max(0.0, self._next_call - time.monotonic()))
        self._next_call = time.monotonic() + 1 / provider.calls_per_second
        try:
            body = fetch()
        except ProviderFailure as failure:
            self._note(provider, str(failure), failure.retry_after)
            raise
        self._note(provider, None, None)
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO web_answers (key, provider, found, body, expires_at)
                    VALUES (:key, :provider, :found, :body, now() + :lifetime)
                    ON CONFLICT (key) DO UPDATE SET found = excluded.found, body = excluded.body,
                        fetched_at = now(), expires_at = excluded.expires_at
                    """
                ),
                {
                    "key": key,
                    "provider": provider.name,
                    "found": body is not None,
                    "body": body,
                    "lifetime": lifetime_not_found if body is None else lifetime,
                },
            )
        return Answer(body is not None, body, cached=False)

    def _note(self, provider: Provider, error: str | None, retry_after: float | None) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO web_providers AS p (provider, failures, last_error, not_before)
                    VALUES (:provider, :failed, :error, now() + make_interval(secs => :retry_after))
                    ON CONFLICT (provider) DO UPDATE SET updated_at = now(), not_before = excluded.not_before,
                        failures = CASE WHEN :failed = 0 THEN 0 ELSE p.failures + 1 END,
                        opened_at = CASE WHEN :failed = 1 AND p.failures + 1 >= :most THEN now() END,
                        last_error = coalesce(excluded.last_error, p.last_error)
                    """
                ),
                {
                    "provider": provider.name,
                    "failed": int(error is not None),
                    "error": error,
                    "retry_after": retry_after,
                    "most": FAILURES_THAT_OPEN,
                },
            )
