"""How web services are doing, for people: stored answers, hit rate, state of the circuit.

Here: reading. Not here: printing (``cli``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """One service."""

    provider: str
    answers: int
    not_found: int
    expired: int
    bytes: int
    calls: int
    """Calls that reached for the network, since the beginning."""
    hits: int
    """Questions that the cache answered, since the beginning."""
    failures: int
    """Calls without an answer, since the beginning."""
    state: str
    """closed (may be asked), open (too many failures), half_open (one may probe) or waiting (Retry-After)."""
    until: datetime | None
    last_error: str | None

    @property
    def hit_rate(self) -> float | None:
        """Share of the questions that the cache answered; None before the first."""
        asked = self.hits + self.calls
        return self.hits / asked if asked else None

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self) | {"hit_rate": self.hit_rate}


def provider_reports(connection: Connection, open_seconds: float = 300.0) -> list[ProviderReport]:
    """Every service that was asked or has answers, by name."""
    rows = connection.execute(
        text(
            """
            WITH stored AS (
                SELECT provider, count(*) AS answers, count(*) FILTER (WHERE NOT found) AS not_found,
                       count(*) FILTER (WHERE expires_at <= now()) AS expired,
                       coalesce(sum(octet_length(body)), 0) AS bytes
                FROM web_answers GROUP BY provider
            ), counted AS (
                SELECT provider,
                       coalesce(sum(calls) FILTER (WHERE outcome NOT IN
                           ('cached', 'cached_memory', 'circuit_open', 'told_to_wait', 'no_turn')), 0) AS calls,
                       coalesce(sum(calls) FILTER (WHERE outcome IN ('cached', 'cached_memory')), 0) AS hits,
                       coalesce(sum(calls) FILTER (WHERE outcome NOT IN ('cached', 'cached_memory', 'circuit_open',
                           'told_to_wait', 'no_turn', 'found', 'not_found')), 0) AS failures
                FROM web_calls GROUP BY provider
            ), states AS (
                SELECT provider, last_error, opened_at + make_interval(secs => :open_seconds) AS reopens,
                       probe_until, not_before
                FROM web_providers
            )
            SELECT provider, coalesce(answers, 0), coalesce(not_found, 0), coalesce(expired, 0),
                   coalesce(bytes, 0)::bigint, coalesce(calls, 0)::bigint, coalesce(hits, 0)::bigint,
                   coalesce(failures, 0)::bigint,
                   CASE WHEN reopens > now() THEN 'open' WHEN reopens IS NOT NULL THEN 'half_open'
                        WHEN not_before > now() THEN 'waiting' ELSE 'closed' END,
                   CASE WHEN reopens > now() THEN reopens WHEN not_before > now() THEN not_before END,
                   last_error
            FROM states FULL JOIN counted USING (provider) FULL JOIN stored USING (provider)
            ORDER BY provider
            """
        ),
        {"open_seconds": open_seconds},
    ).all()
    return [ProviderReport(*row) for row in rows]


def resting_until(engine: Engine, provider: str) -> datetime | None:
    """Until when nothing is asked of the service; None: it may be asked."""
    with engine.connect() as connection:
        return next((report.until for report in provider_reports(connection) if report.provider == provider), None)
