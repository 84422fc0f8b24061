"""Tracks that are one recording in several encodings, by their AcoustID fingerprints.

Here: which tracks are compared, and ``same_recordings``. Not here: how two fingerprints are compared
(``fingerprints``), which copy is the best (``report``).

All pairs of a large library are too many. Each fingerprint leaves a sketch of 24 keys; tracks of about the same
length that share at least two keys are candidates, and only those are compared. Of 45 real tracks in four encodings
each, all 270 pairs of one recording were candidates, and one of the 990 pairs of different ones. Work already done is
kept: a report compares only tracks that are new since the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.care.health import fingerprints
from soniquebay_pipeline.db.bulk import copy_rows, temporary_table
from soniquebay_pipeline.db.locks import LOCK_HEALTH, hold_for_transaction
from soniquebay_pipeline.progress import Progress

if TYPE_CHECKING:
    from soniquebay_pipeline.care.health.fingerprints import Values

SKETCHES_A_TRANSACTION = 2_000
COMPARED_A_TRANSACTION = 20_000
LEAST_SIMILARITY = 0.9
"""Encodes of one recording reached 0.96 and more (128 kbit/s beside 64 kbit/s at 22 kHz, cut by 1.4 s); the most
alike of 990 pairs of different tracks, a tune in two arrangements, 0.76."""
LEAST_SHARED_KEYS = 2
MOST_TRACKS_A_KEY = 40
"""A key that more tracks have says nothing; without the limit, pairs grow with the square of such tracks."""
LONGEST_DIFFERENCE_SECONDS = 10.0

_DUE = """
    FROM audio_features a LEFT JOIN fingerprint_sketches s USING (track_id)
    WHERE a.acoustid_fingerprint IS NOT NULL AND s.fingerprint_md5 IS DISTINCT FROM md5(a.acoustid_fingerprint)
"""


def find_same_recordings(engine: Engine, progress: Progress) -> int:
    """Bring ``same_recordings`` up to date with the fingerprints; returns the number of tracks that were new."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_HEALTH)
        connection.execute(
            text(
                """
                DELETE FROM fingerprint_sketches s WHERE NOT EXISTS (
                    SELECT FROM audio_features a WHERE a.track_id = s.track_id AND a.acoustid_fingerprint IS NOT NULL)
                """
            )
        )
        connection.execute(
            text(
                """
                DELETE FROM same_recordings r WHERE NOT EXISTS (
                    SELECT FROM fingerprint_sketches s WHERE s.track_id = r.track_id) OR NOT EXISTS (
                    SELECT FROM fingerprint_sketches s WHERE s.track_id = r.other_track_id)
                """
            )
        )
        due = connection.execute(text(f"SELECT count(*) {_DUE}")).scalar_one()
    if due:
        with progress.stage("sketching fingerprints", due) as stage:
            while done := _sketch(engine):
                stage(done)
    with engine.connect() as connection:
        waiting = connection.execute(text("SELECT count(*) FROM fingerprint_sketches WHERE NOT compared")).scalar_one()
    if waiting:
        with progress.stage("comparing fingerprints", waiting) as stage:
            while done := _compare(engine):
                stage(done)
    return int(due)


def _sketch(engine: Engine) -> int:
    """Sketch the next tracks that are due, in one transaction; returns their number."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_HEALTH)
        rows = connection.execute(
            text(f"SELECT a.track_id, a.acoustid_fingerprint, md5(a.acoustid_fingerprint) {_DUE} LIMIT :many"),
            {"many": SKETCHES_A_TRANSACTION},
        ).all()
        if not rows:
            return 0
        columns = ("track_id", "fingerprint_md5", "keys", "compared")
        temporary_table(connection, "sketched", "track_id bigint, fingerprint_md5 text, keys integer[], compared bool")
        copy_rows(connection, "sketched", columns, _sketches((row[0], row[1], row[2]) for row in rows))
        connection.execute(
            text(
                """
                INSERT INTO fingerprint_sketches (track_id, fingerprint_md5, keys, compared)
                SELECT * FROM sketched s WHERE EXISTS (SELECT FROM tracks t WHERE t.id = s.track_id) ORDER BY track_id
                ON CONFLICT (track_id) DO UPDATE SET fingerprint_md5 = excluded.fingerprint_md5,
                    keys = excluded.keys, compared = excluded.compared
                """
            )
        )
        connection.execute(
            text(
                """
                DELETE FROM same_recordings r USING sketched s
                WHERE s.track_id = r.track_id OR s.track_id = r.other_track_id
                """
            )
        )
    return len(rows)


def _sketches(rows: Iterator[tuple[int, str, str]]) -> Iterator[tuple[int, str, list[int], bool]]:
    for track_id, fingerprint, digest in rows:
        values = fingerprints.unpack(fingerprint)
        keys = fingerprints.sketch(values) if values is not None else []
        yield track_id, digest, keys, not keys


def _compare(engine: Engine) -> int:
    """Compare the next new tracks with all candidates, in one transaction; returns the number of tracks."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_HEALTH)
        temporary_table(connection, "fresh", "track_id bigint")
        chosen = connection.execute(
            text(
                "INSERT INTO fresh SELECT track_id FROM fingerprint_sketches WHERE NOT compared"
                " ORDER BY track_id LIMIT :many"
            ),
            {"many": COMPARED_A_TRANSACTION},
        ).rowcount
        if not chosen:
            return 0
        found = ((one, other, score) for one, other, score in _scores(connection) if score >= LEAST_SIMILARITY)
        matches = list(found)
        temporary_table(connection, "matches", "track_id bigint, other_track_id bigint, similarity real")
        copy_rows(connection, "matches", ("track_id", "other_track_id", "similarity"), matches)
        connection.execute(
            text(
                """
                INSERT INTO same_recordings SELECT * FROM matches ORDER BY 1, 2
                ON CONFLICT (track_id, other_track_id) DO UPDATE SET similarity = excluded.similarity
                """
            )
        )
        connection.execute(
            text("UPDATE fingerprint_sketches s SET compared = true FROM fresh WHERE fresh.track_id = s.track_id")
        )
    return int(chosen)


def _scores(connection: Connection) -> Iterator[tuple[int, int, float]]:
    """(track, other track, similarity) of every candidate pair of the tracks in ``fresh``."""
    pairs = connection.execute(
        text(
            """
            WITH all_keys AS MATERIALIZED (
                SELECT s.track_id, key FROM fingerprint_sketches s, unnest(s.keys) AS key
            ),
            fresh_keys AS (SELECT DISTINCT track_id, key FROM all_keys JOIN fresh USING (track_id)),
            telling AS (
                SELECT key FROM all_keys WHERE key IN (SELECT key FROM fresh_keys)
                GROUP BY key HAVING count(*) BETWEEN 2 AND :most
            ),
            pairs AS (
                SELECT least(n.track_id, k.track_id) AS one, greatest(n.track_id, k.track_id) AS other, k.key
                FROM telling JOIN fresh_keys n USING (key) JOIN all_keys k USING (key)
                WHERE k.track_id <> n.track_id
            ),
            candidates AS (
                SELECT one, other FROM pairs GROUP BY one, other HAVING count(DISTINCT key) >= :shared
            )
            SELECT c.one, c.other, a.acoustid_fingerprint, b.acoustid_fingerprint
            FROM candidates c JOIN tracks t ON t.id = c.one JOIN tracks u ON u.id = c.other
            JOIN audio_features a ON a.track_id = c.one JOIN audio_features b ON b.track_id = c.other
            WHERE abs(coalesce(t.duration_seconds - u.duration_seconds, 0)) <= :seconds
            ORDER BY c.one, c.other
            """
        ),
        {"most": MOST_TRACKS_A_KEY, "shared": LEAST_SHARED_KEYS, "seconds": LONGEST_DIFFERENCE_SECONDS},
    )
    unpacked: tuple[int, Values | None] = (0, None)
    for one, other, fingerprint, other_fingerprint in pairs:
        if unpacked[0] != one:
            unpacked = (one, fingerprints.unpack(fingerprint))
        left, right = unpacked[1], fingerprints.unpack(other_fingerprint)
        if left is not None and right is not None:
            yield one, other, fingerprints.similarity(left, right)
