"""audio_features in SQL: which tracks are due, and writing what was measured.

Here: due tracks, copies of what the same audio already gave, results, the values that tags give.
Not here: the analysis (``analysis``), the pool (``run``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.audio.choice import Chosen, choose
from soniquebay_pipeline.audio.model import (
    ANALYSIS_VERSION,
    MEASURED_COLUMNS,
    AudioFeatures,
    DueTrack,
    Failure,
)
from soniquebay_pipeline.audio.tag_values import MusicalKey
from soniquebay_pipeline.db.bulk import temporary_like
from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures, note_successes

QUEUE = "analysis"

# A track is due when it has no row, or one of other audio or another version. One whose last attempt
# failed for a passing reason is due again when the ledger says so.
_DUE = """
    FROM tracks t
    JOIN raw_files f ON f.id = t.file_id AND f.status = 'present'
    JOIN raw_metadata m ON m.file_id = f.id
    LEFT JOIN audio_features a ON a.track_id = t.id
    LEFT JOIN deferred_tasks d ON d.queue = 'analysis' AND d.entity_type = 'track' AND d.entity_id = t.id
         AND d.about = coalesce(f.audio_hash, '') || '/' || :version
    WHERE CASE WHEN d.entity_id IS NULL
               THEN a.track_id IS NULL OR a.analysis_version <> :version
                    OR a.audio_hash IS DISTINCT FROM f.audio_hash
               ELSE d.state = 'waiting' AND d.next_attempt_at <= now() END
"""


def about(track: DueTrack) -> str:
    """The state of a track's input as the ledger names it."""
    return f"{track.audio_hash or ''}/{ANALYSIS_VERSION}"


def count_due(engine: Engine, shards: Sequence[int]) -> tuple[int, float]:
    """(tracks, seconds of music) that are due in these shards."""
    with engine.connect() as connection:
        row = connection.execute(
            text(f"SELECT count(*), coalesce(sum(m.duration_seconds), 0) {_DUE} AND f.shard = ANY(:shards)"),
            {"version": ANALYSIS_VERSION, "shards": list(shards)},
        ).one()
    return int(row[0]), float(row[1])


def due_shards(connection: Connection) -> list[int]:
    """Shards with due tracks, the one with the newest addition first."""
    query = f"SELECT f.shard {_DUE} GROUP BY 1 ORDER BY max(f.first_seen_at) DESC, 1"
    return list(connection.execute(text(query), {"version": ANALYSIS_VERSION}).scalars())


def request_oldest(connection: Connection, older_than_days: float, limit: int) -> int:
    """Make up to ``limit`` tracks due that were analysed longest ago, before so many days; returns how many.

    Through the ledger: what is there stays in force until the new analysis replaces it.
    """
    return connection.execute(
        text(
            """
            INSERT INTO deferred_tasks (queue, entity_type, entity_id, about, state, attempts, next_attempt_at)
            SELECT 'analysis', 'track', a.track_id, coalesce(f.audio_hash, '') || '/' || :version, 'waiting', 0, now()
            FROM audio_features a JOIN tracks t ON t.id = a.track_id
            JOIN raw_files f ON f.id = t.file_id AND f.status = 'present'
            WHERE a.analyzed_at < now() - make_interval(secs => :seconds)
              AND NOT EXISTS (SELECT FROM deferred_tasks d WHERE d.queue = 'analysis'
                              AND d.entity_type = 'track' AND d.entity_id = a.track_id)
            ORDER BY a.analyzed_at, a.track_id LIMIT :limit
            ON CONFLICT DO NOTHING
            """
        ),
        {"version": ANALYSIS_VERSION, "seconds": older_than_days * 86_400, "limit": limit},
    ).rowcount


def due_tracks(engine: Engine, shards: Sequence[int]) -> Iterator[DueTrack]:
    """Due tracks, newest additions first."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                f"""
                SELECT t.id, f.path, f.audio_hash, m.duration_seconds
                {_DUE} AND f.shard = ANY(:shards)
                ORDER BY f.first_seen_at DESC, t.id
                """
            ),
            {"version": ANALYSIS_VERSION, "shards": list(shards)},
        ).all()
    yield from (DueTrack(*row) for row in rows)


def copy_same_audio(engine: Engine, shards: Sequence[int]) -> int:
    """Give due tracks what another file of the same audio was measured to be; returns their number."""
    columns = ", ".join(("audio_hash", "analysis_version", *MEASURED_COLUMNS))
    with engine.begin() as connection:
        result = connection.execute(
            text(
                f"""
                INSERT INTO audio_features (track_id, {columns})
                SELECT DISTINCT ON (due.id) due.id, {", ".join("b." + c for c in columns.split(", "))}
                FROM (SELECT t.id, f.audio_hash {_DUE} AND f.shard = ANY(:shards)) AS due
                JOIN audio_features b ON b.audio_hash = due.audio_hash AND b.track_id <> due.id
                 AND b.analysis_version = :version AND b.failure_reason IS NULL
                ORDER BY due.id, b.track_id
                ON CONFLICT (track_id) DO UPDATE SET tags_revision = NULL, failure_reason = NULL,
                    failure_detail = NULL, analyzed_at = now(),
                    {", ".join(f"{c} = excluded.{c}" for c in columns.split(", "))}
                """
            ),
            {"version": ANALYSIS_VERSION, "shards": list(shards)},
        )
    return result.rowcount


def write(engine: Engine, results: Sequence[tuple[DueTrack, AudioFeatures | Failure]]) -> None:
    """Store a batch in one transaction; a track that vanished meanwhile is left out."""
    columns = ("track_id", "audio_hash", "analysis_version", "failure_reason", "failure_detail", *MEASURED_COLUMNS)
    with engine.begin() as connection:
        rows = (_row(track, result) for track, result in results)
        temporary_like(connection, "measured", "audio_features", columns, rows)
        names = ", ".join(columns)
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        connection.execute(
            text(
                f"""
                INSERT INTO audio_features ({names})
                SELECT {names} FROM measured n WHERE EXISTS (SELECT FROM tracks t WHERE t.id = n.track_id)
                ORDER BY track_id
                ON CONFLICT (track_id) DO UPDATE SET {updates}, analyzed_at = now(), tags_revision = NULL
                """
            )
        )
        passing = [
            FailedAttempt(track.track_id, about(track), f"{result.reason}: {result.detail}")
            for track, result in results
            if isinstance(result, Failure) and result.is_passing
        ]
        note_failures(connection, QUEUE, "track", passing)
        failed = {attempt.entity_id for attempt in passing}
        note_successes(connection, QUEUE, "track", [t.track_id for t, _ in results if t.track_id not in failed])


def _row(track: DueTrack, result: AudioFeatures | Failure) -> list[Any]:
    head = [track.track_id, track.audio_hash, ANALYSIS_VERSION]
    if isinstance(result, Failure):
        seconds = {"seconds_spent": result.seconds_spent}
        return [*head, result.reason, result.detail[:1000], *(seconds.get(name) for name in MEASURED_COLUMNS)]
    return [*head, None, None, *(getattr(result, name) for name in MEASURED_COLUMNS)]


def apply_tag_values(engine: Engine, shards: Sequence[int], *, prefer_tags: bool) -> int:
    """Put beside the measured values what the tags say, and choose between them; returns changed rows.

    Only rows whose tags changed since, or that were chosen by another rule, are touched.
    """
    wanted = "tags" if prefer_tags else "measured"
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                """
                SELECT a.track_id, m.fields, m.revision, a.bpm_measured, a.key_measured, a.scale_measured
                FROM audio_features a JOIN tracks t ON t.id = a.track_id
                JOIN raw_files f ON f.id = t.file_id JOIN raw_metadata m ON m.file_id = f.id
                WHERE f.shard = ANY(:shards)
                  AND (a.tags_revision IS DISTINCT FROM m.revision OR a.values_from IS DISTINCT FROM :wanted)
                ORDER BY a.track_id
                """
            ),
            {"shards": list(shards), "wanted": wanted},
        ).all()
        if not rows:
            return 0
        columns = ("track_id", "tags_revision", "values_from", *_CHOSEN)
        chosen = (_chosen_row(row, wanted, prefer_tags=prefer_tags) for row in rows)
        temporary_like(connection, "chosen", "audio_features", columns, chosen)
        updates = ", ".join(f"{name} = c.{name}" for name in columns[1:])
        connection.execute(text(f"UPDATE audio_features a SET {updates} FROM chosen c WHERE a.track_id = c.track_id"))
    return len(rows)


_CHOSEN = tuple(field.name for field in fields(Chosen))


def _chosen_row(row: Any, wanted: str, *, prefer_tags: bool) -> list[Any]:
    measured = MusicalKey(row.key_measured, row.scale_measured) if row.key_measured else None
    chosen = choose(row.fields, row.bpm_measured, measured, prefer_tags=prefer_tags)
    values = [getattr(chosen, name) for name in _CHOSEN]
    return [row.track_id, row.revision, wanted, *(json.dumps(v) if isinstance(v, dict) else v for v in values)]
