"""Whether a provider may be asked now: circuit breaker and budget, one row of ``web_providers`` for all processes.

Here: the decision, and what an answer or a failure changes. Not here: asking (``gateway``).

The breaker is closed until ``failures_to_open`` failures follow each other; then nothing is asked for
``open_seconds``; then one process may probe, and its success closes the circuit (Nygard, Release It!). The budget is
the generic cell rate algorithm (ITU-T I.371): one timestamp, the time of the next call. The database's clock is the
only one, so machines whose clocks differ share a budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from soniquebay_pipeline.enrichment.provider import CircuitOpen, Provider, ProviderFailure

SLACK_SECONDS = 0.02
"""Lateness of a caller that the next ones may make up for; a part of JITTER_SECONDS. Without it each call costs
the budget the time that its process took to wake."""
PROBE_MARGIN_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
"""A service that asks for more is not believed."""


@dataclass(frozen=True, slots=True)
class State:
    """A provider's row."""

    failures: int = 0
    opened_at: datetime | None = None
    probe_until: datetime | None = None
    not_before: datetime | None = None
    next_call_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A call is permitted now."""

    next_call_at: datetime
    is_probe: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """The budget permits a call after so many seconds."""

    seconds: float


def decide(state: State, provider: Provider, now: datetime) -> Turn | Wait:
    """Permit a call now, or say how long to wait; CircuitOpen where waiting is not worth it."""
    if state.opened_at is not None:
        until = state.opened_at + timedelta(seconds=provider.open_seconds)
        if state.probe_until is not None:
            until = max(until, state.probe_until)
        if now < until:
            raise CircuitOpen("circuit_open", f"{provider.name} failed {state.failures} times in a row", until)
    if state.not_before is not None and now < state.not_before:
        raise CircuitOpen("told_to_wait", f"{provider.name} asked to wait", state.not_before)
    spacing = timedelta(seconds=provider.spacing_seconds)
    if state.next_call_at is not None:
        earliest = state.next_call_at - (provider.burst - 1) * spacing
        if now < earliest:
            return Wait((earliest - now).total_seconds())
    credit = now - timedelta(seconds=min(SLACK_SECONDS, provider.spacing_seconds))
    following = max(state.next_call_at or credit, credit) + spacing
    return Turn(following, is_probe=state.opened_at is not None)


def take_turn(connection: Connection, provider: Provider) -> Turn | Wait:
    """Decide on the row and write it, in a transaction of its own."""
    with connection.begin():
        # The clock is read above the locked row, so after any wait for the lock.
        query = text(
            """
            SELECT clock_timestamp() AS now, p.* FROM (
                SELECT failures, opened_at, probe_until, not_before, next_call_at
                FROM web_providers WHERE provider = :name FOR UPDATE
            ) p
            """
        )
        row = connection.execute(query, {"name": provider.name}).one_or_none()
        if row is None:
            connection.execute(
                text("INSERT INTO web_providers (provider) VALUES (:name) ON CONFLICT DO NOTHING"),
                {"name": provider.name},
            )
            row = connection.execute(query, {"name": provider.name}).one()
        decision = decide(State(*row[1:]), provider, row.now)
        if isinstance(decision, Turn):
            connection.execute(
                text(
                    """
                    UPDATE web_providers SET next_call_at = :next, updated_at = clock_timestamp(),
                        probe_until = clock_timestamp() + make_interval(secs => :probe)
                    WHERE provider = :name
                    """
                ),
                {
                    "name": provider.name,
                    "next": decision.next_call_at,
                    "probe": provider.timeout_seconds + PROBE_MARGIN_SECONDS if decision.is_probe else None,
                },
            )
    return decision


def note_answer(connection: Connection, provider: Provider, turn: Turn) -> None:
    """The service answered: failures are forgotten, and a probe closes the circuit.

    A call that was underway when the circuit opened does not close it.
    """
    connection.execute(
        text(
            """
            UPDATE web_providers SET failures = 0, opened_at = NULL, probe_until = NULL, last_error = NULL,
                   updated_at = clock_timestamp()
            WHERE provider = :name AND (failures > 0 OR opened_at IS NOT NULL) AND (:probe OR opened_at IS NULL)
            """
        ),
        {"name": provider.name, "probe": turn.is_probe},
    )


def note_failure(connection: Connection, provider: Provider, failure: ProviderFailure) -> None:
    """Count a failure where it counts, and remember how long the service asked to wait."""
    retry_after = failure.retry_after
    if not failure.counts and retry_after is None:
        return
    connection.execute(
        text(
            """
            UPDATE web_providers SET
                failures = failures + :one,
                opened_at = CASE WHEN :one = 1 AND (opened_at IS NOT NULL OR failures + 1 >= :enough)
                                 THEN clock_timestamp() ELSE opened_at END,
                probe_until = NULL,
                not_before = greatest(not_before, clock_timestamp() + make_interval(secs => :retry_after)),
                last_error = :error, updated_at = clock_timestamp()
            WHERE provider = :name
            """
        ),
        {
            "name": provider.name,
            "one": int(failure.counts),
            "enough": provider.failures_to_open,
            "retry_after": None if retry_after is None else max(0.0, min(retry_after, LONGEST_RETRY_AFTER_SECONDS)),
            "error": str(failure)[:500],
        },
    )
