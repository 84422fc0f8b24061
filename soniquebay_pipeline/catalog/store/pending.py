"""Which files the catalogue does not describe yet: the one definition that all its steps share."""

from __future__ import annotations

from sqlalchemy import Connection

from soniquebay_pipeline.db.bulk import temporary_select


def select_pending(connection: Connection, shard: int) -> int:
    """Fill the temporary table ``pending (file_id, album_folder)``; returns the number of files.

    A file is pending while its track is missing or was made from an older revision of its metadata.
    """
    return temporary_select(
        connection,
        "pending",
        """
        SELECT m.file_id, f.album_folder
        FROM raw_metadata m
        JOIN raw_files f ON f.id = m.file_id
        LEFT JOIN tracks t ON t.file_id = m.file_id
        WHERE f.shard = :shard AND t.revision IS DISTINCT FROM m.revision
        """,
        shard=shard,
    )
