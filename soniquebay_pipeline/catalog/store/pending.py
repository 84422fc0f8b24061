"""Which files the catalogue does not describe yet: the one definition that all its steps share."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.bulk import temporary_select

_PENDING = """
    FROM raw_metadata m
    JOIN raw_files f ON f.id = m.file_id
    LEFT JOIN tracks t ON t.file_id = m.file_id
    WHERE t.revision IS DISTINCT FROM m.revision
"""


def shards_with_work(engine: Engine, shards: Sequence[int]) -> list[int]:
    """Those of the shards that have pending files; where none has but something else is due, the first."""
    with engine.connect() as connection:
        pending = connection.execute(
            text(f"SELECT DISTINCT f.shard {_PENDING} AND f.shard = ANY(:shards) ORDER BY 1"),
            {"shards": list(shards)},
        ).scalars()
        work = list(pending)
        if work or not shards:
            return work
        is_due = connection.execute(
            text(
                "SELECT EXISTS (SELECT FROM due_artist_keys) OR EXISTS (SELECT FROM due_albums)"
                " OR EXISTS (SELECT FROM due_labels) OR EXISTS (SELECT FROM due_tracks)"
            )
        ).scalar_one()
    return list(shards[:1]) if is_due else []


def select_pending(connection: Connection, shard: int) -> int:
    """Fill the temporary table ``pending (file_id)``; returns the number of files.

    A file is pending while its track is missing or was made from an older revision of its metadata.
    """
    return temporary_select(
        connection,
        "pending",
        f"SELECT m.file_id {_PENDING} AND f.shard = :shard",
        shard=shard,
    )
