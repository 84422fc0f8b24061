"""raw_files in SQL: what a scan saw against what is known, and writing the changes down.

Here: the temporary table of what was seen, the differences, the application of ``matching.Changes``.
Not here: walking, hashing, deciding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from soniquebay_pipeline.db.bulk import copy_rows, temporary_table
from soniquebay_pipeline.library.matching import Changes, FoundFile, KnownFile
from soniquebay_pipeline.library.paths import album_folder, shard_of

SEEN_COLUMNS = ("path", "folder", "shard", "size_bytes", "mtime_ns")


@dataclass(frozen=True, slots=True)
class Difference:
    """What of one shard is not as the database says."""

    found: list[tuple[str, int, int]]
    """(path, size in bytes, mtime in ns) to be read"""
    known: list[KnownFile]
    """Rows that are gone from their path, changed there, or missing at a path that was found"""
    retried: dict[str, str]
    """Path → reason of rejected files that look as they did: read again because disks and permissions get mended"""


def create_seen(connection: Connection) -> None:
    """The session's table of what the walk finds, and of folders that could not be read."""
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.seen, pg_temp.unreadable"))
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE seen (path text PRIMARY KEY, folder text, shard int,"
            " size_bytes bigint, mtime_ns bigint)"
        )
    )
    connection.execute(text("CREATE TEMPORARY TABLE unreadable (folder text)"))


def add_seen(connection: Connection, rows: Iterable[tuple[str, str, int, int, int]]) -> int:
    """COPY rows of ``SEEN_COLUMNS``; returns their number."""
    return copy_rows(connection, "seen", SEEN_COLUMNS, rows)


def add_unreadable(connection: Connection, folders: Iterable[str]) -> None:
    """Remember folders whose content is unknown: rows below them are left alone."""
    copy_rows(connection, "unreadable", ("folder",), ((folder,) for folder in folders))


def analyse_seen(connection: Connection) -> None:
    """Tell the planner how many there are."""
    connection.execute(text("ANALYZE seen"))


def differing_shards(connection: Connection) -> set[int]:
    """Shards of the walk with anything in their ``difference``: most often none, found in one statement."""
    query = f"""
        SELECT s.shard FROM seen s LEFT JOIN raw_files f ON f.path = s.path AND f.status <> 'missing'
        WHERE {_TO_READ}
        UNION
        SELECT f.shard FROM raw_files f JOIN walked_shards w USING (shard) LEFT JOIN seen s ON s.path = f.path
        WHERE f.status <> 'missing' AND {_GONE}
    """
    return set(connection.execute(text(query)).scalars())


def seen_count(connection: Connection, shard: int) -> int:
    """Files that the walk found in the shard."""
    query = text("SELECT count(*) FROM seen WHERE shard = :shard")
    return int(connection.execute(query, {"shard": shard}).scalar_one())


def known_file_count(connection: Connection) -> int:
    """Files that the last scans found, that nothing since has marked missing, and that the walk could meet."""
    query = f"SELECT count(*) FROM raw_files f WHERE f.status <> 'missing' AND NOT {_UNREADABLE}"
    return int(connection.execute(text(query)).scalar_one())


_TO_READ = """
    (f.id IS NULL OR f.size_bytes <> s.size_bytes OR f.mtime_ns <> s.mtime_ns
     OR (f.status = 'rejected' AND (f.audio_hash IS NULL OR f.reject_reason IN ('permission', 'io_error'))))
"""
_UNREADABLE = """
    EXISTS (SELECT FROM unreadable u WHERE u.folder = '' OR f.folder = u.folder
               OR starts_with(f.folder, u.folder || '/'))
"""
_GONE = f"(s.path IS NULL AND NOT {_UNREADABLE})"


def difference(connection: Connection, shard: int) -> Difference:
    """Compare what was seen in the shard with its rows."""
    found = connection.execute(
        text(
            f"""
            SELECT s.path, s.size_bytes, s.mtime_ns,
                   CASE WHEN f.size_bytes = s.size_bytes AND f.mtime_ns = s.mtime_ns THEN f.reject_reason END
            FROM seen s LEFT JOIN raw_files f ON f.path = s.path AND f.status <> 'missing'
            WHERE s.shard = :shard AND {_TO_READ}
            ORDER BY s.path
            """
        ),
        {"shard": shard},
    ).all()
    known = connection.execute(
        text(
            f"""
            SELECT f.id, f.path, f.audio_hash, f.status
            FROM raw_files f LEFT JOIN seen s ON s.path = f.path
            WHERE f.shard = :shard AND f.status <> 'missing' AND ({_GONE} OR (s.path IS NOT NULL AND {_TO_READ}))
            UNION ALL
            SELECT f.id, f.path, f.audio_hash, f.status
            FROM raw_files f JOIN seen s ON s.path = f.path
            WHERE s.shard = :shard AND f.status = 'missing'
            """
        ),
        {"shard": shard},
    ).all()
    return Difference(
        [(row[0], row[1], row[2]) for row in found],
        [KnownFile(*row) for row in known],
        {row[0]: row[3] for row in found if row[3] is not None},
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that holds a wanted audio and may have lost its place."""

    row: KnownFile
    size_bytes: int
    mtime_ns: int
    is_gone: bool
    """Missing, or not found where the walk looked; else the caller looks whether the file is still the same."""


def rows_with_audio(connection: Connection, hashes: Sequence[str], shard: int) -> list[Candidate]:
    """Rows that hold one of these audio hashes and may have lost their place.

    Not those that the walk found unchanged. Rows of the shard itself are in its difference already,
    unless they are missing.
    """
    rows = connection.execute(
        text(
            f"""
            SELECT f.id, f.path, f.audio_hash, f.status, f.size_bytes, f.mtime_ns,
                   f.status = 'missing' OR (s.path IS NULL AND f.shard IN (SELECT shard FROM walked_shards))
            FROM raw_files f LEFT JOIN seen s ON s.path = f.path
            WHERE f.audio_hash = ANY(:hashes)
              AND (f.status = 'missing' OR (f.shard <> :shard AND (s.path IS NULL
                   OR s.size_bytes <> f.size_bytes OR s.mtime_ns <> f.mtime_ns)))
              AND NOT {_UNREADABLE}
            """
        ),
        {"hashes": list(hashes), "shard": shard},
    ).all()
    return [Candidate(KnownFile(*row[:4]), row[4], row[5], bool(row[6])) for row in rows]


def remember_walked_shards(connection: Connection, shards: Iterable[int]) -> None:
    """Which shards the walk covers completely."""
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.walked_shards"))
    connection.execute(text("CREATE TEMPORARY TABLE walked_shards (shard int)"))
    copy_rows(connection, "walked_shards", ("shard",), ((shard,) for shard in shards))


def apply(connection: Connection, changes: Changes, shards: int) -> None:
    """Write the changes, in this transaction. Idempotent against a scan that ran in between."""
    _mark_missing(connection, [row.id for row in changes.missing])
    _place(connection, [*changes.moved, *changes.returned], shards)
    _update(connection, [*changes.retagged, *changes.replaced], shards)
    _insert(connection, changes.added, shards)


def finish_shards(connection: Connection, shards: Sequence[int], started_at: datetime) -> None:
    """Record that the shards were scanned completely."""
    connection.execute(
        text(
            """
            INSERT INTO shard_scans (shard, scanned_at, file_count)
            SELECT w.shard, :started_at, count(s.path)
            FROM unnest(CAST(:shards AS int[])) AS w (shard) LEFT JOIN seen s USING (shard)
            GROUP BY 1 ORDER BY 1
            ON CONFLICT (shard) DO UPDATE SET scanned_at = excluded.scanned_at, file_count = excluded.file_count
            """
        ),
        {"shards": list(shards), "started_at": started_at},
    )


def _mark_missing(connection: Connection, ids: list[int]) -> None:
    if not ids:
        return
    connection.execute(
        text(
            """
            UPDATE raw_files f SET status = 'missing', missing_since = now(),
                   reject_reason = NULL, reject_detail = NULL,
                   last_seen_at = greatest(f.last_seen_at,
                                           (SELECT s.scanned_at FROM shard_scans s WHERE s.shard = f.shard))
            WHERE f.id = ANY(:ids) AND f.status <> 'missing'
            """
        ),
        {"ids": ids},
    )


def _row(file: FoundFile, shards: int) -> tuple[Any, ...]:
    folder = file.path.rpartition("/")[0]
    return (
        file.path,
        folder,
        album_folder(folder),
        shard_of(folder, shards),
        file.size_bytes,
        file.mtime_ns,
        file.audio_hash,
        file.reject_reason,
        file.reject_detail,
    )


_FILE_COLUMNS = (
    "path",
    "folder",
    "album_folder",
    "shard",
    "size_bytes",
    "mtime_ns",
    "audio_hash",
    "reject_reason",
    "reject_detail",
)
_FILE_TYPES = (
    "path text, folder text, album_folder text, shard int, size_bytes bigint, mtime_ns bigint,"
    " audio_hash text, reject_reason text, reject_detail text"
)


def _stage(connection: Connection, name: str, pairs: list[tuple[KnownFile, FoundFile]], shards: int) -> None:
    temporary_table(connection, name, "id bigint, " + _FILE_TYPES)
    copy_rows(
        connection,
        name,
        ("id", *_FILE_COLUMNS),
        ((row.id, *_row(file, shards)) for row, file in sorted(pairs, key=lambda pair: pair[0].id)),
    )


def _place(connection: Connection, pairs: list[tuple[KnownFile, FoundFile]], shards: int) -> None:
    """Give rows another path; what was grouped with them in their old folder is due to be grouped again."""
    if not pairs:
        return
    _stage(connection, "placed", pairs, shards)
    connection.execute(
        text(
            """
            UPDATE raw_metadata m SET revision = nextval('revision_seq')
            FROM raw_files sibling
            WHERE m.file_id = sibling.id AND sibling.album_folder IN (
                SELECT f.album_folder FROM raw_files f JOIN placed p USING (id)
                WHERE f.album_folder <> p.album_folder)
            """
        )
    )
    # Two steps, because paths may be exchanged between rows and each must be unique at any moment.
    connection.execute(
        text(
            """
            UPDATE raw_files f SET status = 'missing', missing_since = now(),
                   reject_reason = NULL, reject_detail = NULL
            FROM placed p WHERE f.id = p.id
            """
        )
    )
    connection.execute(
        text(
            """
            UPDATE raw_files f SET path = p.path, folder = p.folder, album_folder = p.album_folder,
                   shard = p.shard, size_bytes = p.size_bytes, mtime_ns = p.mtime_ns,
                   audio_hash = coalesce(p.audio_hash, f.audio_hash),
                   status = CASE WHEN p.reject_reason IS NULL THEN 'present' ELSE 'rejected' END,
                   reject_reason = p.reject_reason, reject_detail = p.reject_detail,
                   missing_since = NULL, last_seen_at = now()
            FROM placed p WHERE f.id = p.id
              AND NOT EXISTS (SELECT FROM raw_files o
                              WHERE o.path = p.path AND o.status <> 'missing' AND o.id <> f.id)
            """
        )
    )


def _update(connection: Connection, pairs: list[tuple[KnownFile, FoundFile]], shards: int) -> None:
    if not pairs:
        return
    _stage(connection, "updated", pairs, shards)
    connection.execute(
        text(
            """
            UPDATE raw_files f SET size_bytes = u.size_bytes, mtime_ns = u.mtime_ns,
                   audio_hash = coalesce(u.audio_hash, f.audio_hash),
                   status = CASE WHEN u.reject_reason IS NULL THEN 'present' ELSE 'rejected' END,
                   reject_reason = u.reject_reason, reject_detail = u.reject_detail, last_seen_at = now()
            FROM updated u WHERE f.id = u.id AND f.path = u.path
            """
        )
    )


def _insert(connection: Connection, files: list[FoundFile], shards: int) -> None:
    if not files:
        return
    temporary_table(connection, "added", _FILE_TYPES)
    copy_rows(connection, "added", _FILE_COLUMNS, (_row(file, shards) for file in files))
    columns = ", ".join(_FILE_COLUMNS)
    connection.execute(
        text(
            f"""
            INSERT INTO raw_files ({columns}, status)
            SELECT {columns}, CASE WHEN reject_reason IS NULL THEN 'present' ELSE 'rejected' END
            FROM added ORDER BY path
            ON CONFLICT (path) WHERE status <> 'missing' DO NOTHING
            """
        )
    )
