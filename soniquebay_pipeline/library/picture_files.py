"""folder_pictures in SQL: the picture files beside the music, as a scan found them.

Here: what the walk saw against what is known, and writing the difference. A picture that looks as it did
(name, size, modification time) keeps its row and what is known of its content.
Not here: the walk itself, opening pictures, which of them is a cover (see ``artwork``).
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from soniquebay_pipeline.db.bulk import copy_rows
from soniquebay_pipeline.db.locks import LOCK_FILES, hold_for_transaction
from soniquebay_pipeline.library.paths import album_folder, join, picture_key, shard_of
from soniquebay_pipeline.library.walk import FolderListing

_COLUMNS = ("path", "folder", "album_folder", "shard", "name_key", "size_bytes", "mtime_ns", "reason")


def create_seen(connection: Connection) -> None:
    """The session's table of the pictures that the walk finds."""
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.seen_pictures"))
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE seen_pictures (path text, folder text, album_folder text, shard int,"
            " name_key text, size_bytes bigint, mtime_ns bigint, reason text)"
        )
    )


def rows_of(listing: FolderListing, shards: int) -> list[tuple[object, ...]]:
    """Rows for ``add_seen``."""
    if not listing.pictures:
        return []
    folder, shard = listing.folder, shard_of(listing.folder, shards)
    return [
        (
            join(folder, picture.name),
            folder,
            album_folder(folder),
            shard,
            picture_key(picture.name.rpartition(".")[0]),
            picture.size_bytes,
            picture.mtime_ns,
            picture.reason,
        )
        for picture in listing.pictures
    ]


def add_seen(connection: Connection, rows: Iterable[tuple[object, ...]]) -> int:
    """COPY rows; returns their number."""
    return copy_rows(connection, "seen_pictures", _COLUMNS, rows)


_DIFFERS = "(p.size_bytes, p.mtime_ns) <> (s.size_bytes, s.mtime_ns)"
_GONE = """
    p.shard IN (SELECT shard FROM walked_shards)
    AND NOT EXISTS (SELECT FROM seen_pictures s WHERE s.path = p.path)
    AND NOT EXISTS (SELECT FROM unreadable u WHERE u.folder = '' OR p.folder = u.folder
                       OR starts_with(p.folder, u.folder || '/'))
"""


def store_seen(connection: Connection) -> int:
    """Make folder_pictures of the walked shards say what was seen; returns the number of changed rows.

    Needs the scan's temporary tables ``walked_shards`` and ``unreadable`` (see ``files_store``).
    """
    differs = connection.execute(
        text(
            f"""
            SELECT EXISTS (SELECT FROM seen_pictures s LEFT JOIN folder_pictures p ON p.path = s.path
                           WHERE p.path IS NULL OR {_DIFFERS})
                OR EXISTS (SELECT FROM folder_pictures p WHERE {_GONE})
            """
        )
    ).scalar_one()
    if not differs:
        return 0
    hold_for_transaction(connection, LOCK_FILES)
    gone = connection.execute(text(f"DELETE FROM folder_pictures p WHERE {_GONE}")).rowcount
    columns = ", ".join(_COLUMNS)
    written = connection.execute(
        text(
            f"""
            INSERT INTO folder_pictures AS p ({columns})
            SELECT {columns} FROM seen_pictures ORDER BY path
            ON CONFLICT (path) DO UPDATE SET
                size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, name_key = excluded.name_key,
                reason = excluded.reason, sha256 = NULL, detail = NULL, seen_at = now()
            WHERE (p.size_bytes, p.mtime_ns) <> (excluded.size_bytes, excluded.mtime_ns)
            """
        )
    ).rowcount
    return gone + written
