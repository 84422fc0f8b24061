"""The ledger of attempts: what can't be derived from the data about work that failed or waits.

What is due follows from the data itself (a track without features, an album without a cover). The ledger
keeps the rest in ``deferred_tasks``: how often it was tried, when to try again, the last error. A row
belongs to one state of its input (``about``), so that a changed file starts afresh.

Here: noting failures and successes. Not here: doing the work, and starting it (Dagster does).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from soniquebay_pipeline.db.bulk import copy_rows, temporary_table

FIRST_DELAY_SECONDS = (600.0, 900.0)
"""The first retry comes after 10 to 15 minutes, at random, so that what failed together does not return together."""
GROWTH = 2.0
MAX_ATTEMPTS = 6
"""The last retry comes about six hours after the first failure; then a person decides."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One attempt that may succeed later."""

    entity_id: int
    about: str
    """The state of the input that was tried, e.g. an audio hash and a version."""
    error: str


def delay_seconds(attempts: int, chance: float) -> float:
    """Seconds until the next attempt after so many; ``chance`` in 0..1 places it within its range."""
    low, high = FIRST_DELAY_SECONDS
    return float((low + (high - low) * chance) * GROWTH ** (attempts - 1))


def note_failures(connection: Connection, queue: str, entity_type: str, failures: Sequence[FailedAttempt]) -> None:
    """Count an attempt of each; after ``MAX_ATTEMPTS`` the state is ``failed``, else ``waiting``."""
    if not failures:
        return
    temporary_table(connection, "failures", "entity_id bigint, about text, error text, chance double precision")
    copy_rows(
        connection,
        "failures",
        ("entity_id", "about", "error", "chance"),
        ((f.entity_id, f.about, f.error[:1000], random.random()) for f in failures),
    )
    low, high = FIRST_DELAY_SECONDS
    attempts = "CASE WHEN d.about = excluded.about THEN d.attempts + 1 ELSE 1 END"
    # excluded.next_attempt_at is the delay after a first attempt; it doubles with each further one.
    connection.execute(
        text(
            f"""
            INSERT INTO deferred_tasks AS d
                (queue, entity_type, entity_id, about, priority, state, attempts, next_attempt_at, last_error)
            SELECT :queue, :entity_type, entity_id, about, 0, 'waiting', 1,
                   now() + make_interval(secs => :low + (:high - :low) * chance), error
            FROM failures ORDER BY entity_id
            ON CONFLICT (queue, entity_type, entity_id) DO UPDATE SET
                about = excluded.about, last_error = excluded.last_error, updated_at = now(),
                attempts = {attempts},
                state = CASE WHEN ({attempts}) >= :max_attempts THEN 'failed' ELSE 'waiting' END,
                next_attempt_at = now() + (excluded.next_attempt_at - now()) * power(:growth, ({attempts}) - 1)
            """
        ),
        {
            "queue": queue,
            "entity_type": entity_type,
            "low": low,
            "high": high,
            "growth": GROWTH,
            "max_attempts": MAX_ATTEMPTS,
        },
    )


def note_successes(connection: Connection, queue: str, entity_type: str, entity_ids: Iterable[int]) -> None:
    """Forget the attempts of what succeeded or can't succeed."""
    connection.execute(
        text(
            "DELETE FROM deferred_tasks WHERE queue = :queue AND entity_type = :entity_type AND entity_id = ANY(:ids)"
        ),
        {"queue": queue, "entity_type": entity_type, "ids": list(entity_ids)},
    )
