"""The ledger of attempts: what can't be derived from the data about work that failed or waits.

What is due follows from the data itself (a track without features, an album without a cover). The ledger
keeps the rest in ``deferred_tasks``: how often it was tried, when to try again, the last error, and who is at it. A
row belongs to one state of its input (``about``), so that a changed file starts afresh.

Work that one process does shard by shard (analysis) notes its failures only. Work that several processes share, or
that a budget makes long (web services), goes through leases:

    enrol    what the data says is due gets a row; what is due no longer loses it
    claim    a worker takes some, for a while; a worker that is killed gives them back by not finishing in time
    note_successes, note_failures, release    how it went

Here: rows of ``deferred_tasks``. Not here: doing the work, and starting it (Dagster does); what a person sees of it
(``ledger_view``).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from soniquebay_pipeline.db.bulk import copy_rows, temporary_select, temporary_table
from soniquebay_pipeline.db.locks import LOCKS_OF_QUEUES

FIRST_DELAY_SECONDS = (600.0, 900.0)
"""The first retry comes after 10 to 15 minutes, at random, so that what failed together does not return together."""
GROWTH = 2.0
MAX_ATTEMPTS = 6
"""The last retry comes about six hours after the first failure; then a person decides."""
ENTITY_TABLES = {
    "track": "tracks",
    "album": "albums",
    "artist": "artists",
    # Questions about an entity that has others as well: similar artists; covers, by the service that is asked.
    "similar": "artists",
    "coverartarchive": "albums",
    "lastfm": "albums",
    "track_text": "tracks",
    "track_sound": "tracks",
    "file": "raw_files",
    "folder_picture": "folder_pictures",
    "picture": "pictures",
}
NOTHING = "SELECT 0::bigint AS entity_id, '' AS about, 0 AS priority WHERE false"
"""What is due of a service that is not asked; for ``forget_settled``."""
AGED_EVERY = 4
"""Every fourth claim goes to what has waited longest, whatever its priority."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One attempt that may succeed later."""

    entity_id: int
    about: str
    """The state of the input that was tried, e.g. an audio hash and a version."""
    error: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One piece of work that this worker has for a while."""

    entity_id: int
    about: str
    attempt: int
    """1 for the first."""


def priority_of(tracks: str) -> str:
    """SQL of a priority for ``enrol``: what more tracks hang on comes first, with few different priorities."""
    return f"floor(10 * log(2.0, greatest(({tracks}), 1)))::int"


def delay_seconds(attempts: int, chance: float) -> float:
    """Seconds until the next attempt after so many; ``chance`` in 0..1 places it within its range."""
    low, high = FIRST_DELAY_SECONDS
    return float((low + (high - low) * chance) * GROWTH ** (attempts - 1))


def note_failures(connection: Connection, queue: str, entity_type: str, failures: Sequence[FailedAttempt]) -> None:
    """Count an attempt of each; after ``MAX_ATTEMPTS`` the state is ``failed``, else ``waiting``.

    The attempt of a claim was counted when it was claimed. Ends the lease.
    """
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
    attempts = (
        "CASE WHEN d.about <> excluded.about THEN 1 WHEN d.leased_until IS NULL THEN d.attempts + 1"
        " ELSE greatest(d.attempts, 1) END"
    )
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
                leased_until = NULL, leased_by = NULL, attempts = {attempts},
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


def enrol(
    connection: Connection, queue: str, entity_type: str, due: str, parameters: Mapping[str, Any] | None = None
) -> int:
    """Make the waiting rows of a queue those that the data says are due; returns how many were added.

    ``due`` is a SELECT of (entity_id bigint, about text, priority integer), each entity once and all that is due: also
    what waits or has failed, for the ledger knows that itself. A row about another state of its input starts afresh.
    """
    forget_settled(connection, queue, entity_type, due, parameters)
    of_queue = {"queue": queue, "entity_type": entity_type}
    connection.execute(
        text(
            """
            WITH changed AS (
                SELECT d.entity_id, due.about, due.priority, d.about <> due.about AS afresh
                FROM deferred_tasks d JOIN due USING (entity_id)
                WHERE queue = :queue AND entity_type = :entity_type
                  AND (leased_until IS NULL OR leased_until <= now())
                  AND (d.about <> due.about OR d.priority <> due.priority)
                FOR UPDATE OF d SKIP LOCKED
            )
            UPDATE deferred_tasks d SET about = c.about, priority = c.priority, updated_at = now(),
                state = CASE WHEN afresh THEN 'waiting' ELSE state END,
                attempts = CASE WHEN afresh THEN 0 ELSE attempts END,
                next_attempt_at = CASE WHEN afresh THEN now() ELSE next_attempt_at END,
                last_error = CASE WHEN afresh THEN NULL ELSE last_error END
            FROM changed c
            WHERE queue = :queue AND entity_type = :entity_type AND d.entity_id = c.entity_id
            """
        ),
        of_queue,
    )
    return connection.execute(
        text(
            """
            INSERT INTO deferred_tasks
                (queue, entity_type, entity_id, about, priority, state, attempts, next_attempt_at)
            SELECT :queue, :entity_type, entity_id, about, priority, 'waiting', 0, now() FROM due
            WHERE NOT EXISTS (SELECT FROM deferred_tasks d
                WHERE d.queue = :queue AND d.entity_type = :entity_type AND d.entity_id = due.entity_id)
            ORDER BY entity_id
            ON CONFLICT (queue, entity_type, entity_id) DO NOTHING
            """
        ),
        of_queue,
    ).rowcount


def forget_settled(
    connection: Connection, queue: str, entity_type: str, due: str, parameters: Mapping[str, Any] | None = None
) -> int:
    """The first half of ``enrol``: what is due no longer loses its row; returns how many did.

    A run enrols, but a run starts only when something is due: the daily maintenance does this half beside it.
    """
    of_queue = {"queue": queue, "entity_type": entity_type}
    # One enrolment of a queue at a time; claims and notes go on beside it.
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:space, hashtext(:queue || '/' || :entity_type))"),
        {"space": LOCKS_OF_QUEUES, **of_queue},
    )
    temporary_select(connection, "due", f"SELECT entity_id, about, priority FROM ({due}) AS due", **(parameters or {}))
    return connection.execute(
        text(
            """
            DELETE FROM deferred_tasks WHERE (queue, entity_type, entity_id) IN (
                SELECT queue, entity_type, entity_id FROM deferred_tasks d
                WHERE queue = :queue AND entity_type = :entity_type
                  AND (leased_until IS NULL OR leased_until <= now())
                  AND NOT EXISTS (SELECT FROM due WHERE due.entity_id = d.entity_id)
                FOR UPDATE SKIP LOCKED
            )
            """
        ),
        of_queue,
    ).rowcount


def claim(
    connection: Connection, queue: str, entity_type: str, *, limit: int, worker: str, lease_seconds: float
) -> list[Claim]:
    """Take up to ``limit`` pieces of work for ``lease_seconds``; commit before working on them.

    Highest priority first; of one priority what has waited longest; every fourth by waiting time alone. What another
    worker has, and what is delayed, is passed over. A lease is a delay of the next attempt until its end, so work
    that a killed worker had becomes claimable by itself. Its attempts count: what kills its worker each time is
    ``failed`` in the end.
    """
    # The levels are walked by index, one probe a distinct priority: delayed rows of a high one cost nothing.
    aged = limit // AGED_EVERY + (random.random() < limit % AGED_EVERY / AGED_EVERY)
    rows = connection.execute(
        text(
            """
            WITH RECURSIVE levels AS (
                (SELECT priority FROM deferred_tasks
                 WHERE queue = :queue AND entity_type = :entity_type AND state = 'waiting'
                 ORDER BY priority DESC LIMIT 1)
                UNION ALL
                SELECT (SELECT d.priority FROM deferred_tasks d
                        WHERE queue = :queue AND entity_type = :entity_type AND state = 'waiting'
                          AND d.priority < levels.priority
                        ORDER BY d.priority DESC LIMIT 1)
                FROM levels WHERE levels.priority IS NOT NULL
            ),
            aged AS MATERIALIZED (
                SELECT entity_id FROM deferred_tasks
                WHERE queue = :queue AND entity_type = :entity_type AND state = 'waiting'
                  AND next_attempt_at <= now()
                ORDER BY next_attempt_at LIMIT :aged
                FOR UPDATE SKIP LOCKED
            ),
            wanted AS MATERIALIZED (
                SELECT d.entity_id FROM levels CROSS JOIN LATERAL (
                    SELECT entity_id FROM deferred_tasks
                    WHERE queue = :queue AND entity_type = :entity_type AND state = 'waiting'
                      AND priority = levels.priority AND next_attempt_at <= now()
                      AND entity_id NOT IN (SELECT entity_id FROM aged)
                    ORDER BY next_attempt_at LIMIT :limit
                    FOR UPDATE SKIP LOCKED
                ) AS d
                LIMIT :limit - (SELECT count(*) FROM aged)
            )
            UPDATE deferred_tasks d SET
                state = CASE WHEN attempts >= :max_attempts THEN 'failed' ELSE 'waiting' END,
                last_error = CASE WHEN attempts >= :max_attempts AND leased_until IS NOT NULL
                                  THEN 'abandoned: the last worker ended without a result' ELSE last_error END,
                attempts = least(attempts + 1, :max_attempts),
                leased_until = CASE WHEN attempts < :max_attempts THEN clock_timestamp() + :lease END,
                leased_by = CASE WHEN attempts < :max_attempts THEN :worker END,
                next_attempt_at = clock_timestamp() + :lease, updated_at = clock_timestamp()
            WHERE d.queue = :queue AND d.entity_type = :entity_type
              AND d.entity_id = ANY(ARRAY(SELECT entity_id FROM aged UNION ALL SELECT entity_id FROM wanted))
            RETURNING d.entity_id, d.about, d.attempts, d.state, d.priority
            """
        ),
        {
            "queue": queue,
            "entity_type": entity_type,
            "limit": limit,
            "aged": aged,
            "worker": worker,
            "lease": timedelta(seconds=lease_seconds),
            "max_attempts": MAX_ATTEMPTS,
        },
    ).all()
    ordered = sorted(rows, key=lambda row: (-row.priority, row.entity_id))
    return [Claim(row.entity_id, row.about, row.attempts) for row in ordered if row.state == "waiting"]


def extend(
    connection: Connection,
    queue: str,
    entity_type: str,
    entity_ids: Iterable[int],
    *,
    worker: str,
    lease_seconds: float,
) -> int:
    """Keep what this worker still has for longer; returns how much that is."""
    return connection.execute(
        text(
            """
            UPDATE deferred_tasks SET leased_until = clock_timestamp() + :lease,
                next_attempt_at = clock_timestamp() + :lease
            WHERE queue = :queue AND entity_type = :entity_type AND entity_id = ANY(:ids) AND leased_by = :worker
            """
        ),
        {
            "queue": queue,
            "entity_type": entity_type,
            "ids": list(entity_ids),
            "worker": worker,
            "lease": timedelta(seconds=lease_seconds),
        },
    ).rowcount


def release(
    connection: Connection,
    queue: str,
    entity_type: str,
    entity_ids: Iterable[int],
    *,
    worker: str,
    until: datetime | None = None,
) -> None:
    """Give back what was claimed and not tried, as if it had not been claimed; not before ``until``.

    For a run that ends early, and for a service that may not be asked now: an outage uses up no attempts.
    """
    connection.execute(
        text(
            """
            UPDATE deferred_tasks SET attempts = greatest(attempts - 1, 0), leased_until = NULL, leased_by = NULL,
                next_attempt_at = coalesce(:until, now()), updated_at = now()
            WHERE queue = :queue AND entity_type = :entity_type AND entity_id = ANY(:ids) AND leased_by = :worker
            """
        ),
        {"queue": queue, "entity_type": entity_type, "ids": list(entity_ids), "worker": worker, "until": until},
    )


def retry_failed(connection: Connection, queues: Sequence[str] | None = None, *, attempts: int = MAX_ATTEMPTS) -> int:
    """Let what has failed (in these queues) be tried again at once, so many times; returns how much that is."""
    return connection.execute(
        text(
            """
            UPDATE deferred_tasks SET state = 'waiting', attempts = :used, next_attempt_at = now(), updated_at = now()
            WHERE state = 'failed' AND (CAST(:queues AS text[]) IS NULL OR queue = ANY(:queues))
            """
        ),
        {"queues": list(queues) if queues is not None else None, "used": MAX_ATTEMPTS - attempts},
    ).rowcount


def remove_vanished(connection: Connection) -> int:
    """Delete the rows of tracks, albums, artists, files and pictures that are no longer there; returns their number."""
    return sum(
        connection.execute(
            text(
                f"""
                DELETE FROM deferred_tasks d WHERE entity_type = :entity_type
                 AND NOT EXISTS (SELECT FROM {table} e WHERE e.id = d.entity_id)
                """
            ),
            {"entity_type": entity_type},
        ).rowcount
        for entity_type, table in ENTITY_TABLES.items()
    )
