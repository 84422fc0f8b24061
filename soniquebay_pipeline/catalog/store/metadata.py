"""raw_metadata: which files are due to be read, and writing what was read.

Here: due files, the rows of a batch, rejections. Not here: reading (``catalog.extract``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.catalog.extract import (
    EXTRACTOR_VERSION,
    DueFile,
    FileRows,
    Rejection,
    tags_from_row,
)
from soniquebay_pipeline.db.bulk import copy_rows, temporary_like, temporary_table
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction
from soniquebay_pipeline.db.tables import raw_metadata

_STALE = """
    f.status = 'present' AND (m.file_id IS NULL OR m.size_bytes <> f.size_bytes
        OR m.mtime_ns <> f.mtime_ns OR m.extractor_version <> :version)
"""


def count_due(engine: Engine, shards: Sequence[int]) -> int:
    """Files of these shards that have to be opened."""
    query = f"""
        SELECT count(*) FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id
        WHERE f.shard = ANY(:shards) AND ({_STALE} OR (f.status = 'present' AND m.path <> f.path))
    """
    with engine.connect() as connection:
        parameters = {"shards": list(shards), "version": EXTRACTOR_VERSION}
        return int(connection.execute(text(query), parameters).scalar_one())


def due_files(engine: Engine, shards: Sequence[int]) -> Iterator[DueFile]:
    """Files to be described, shard by shard: changed ones to be opened, moved ones from what is known."""
    for shard in shards:
        parameters = {"shard": shard, "version": EXTRACTOR_VERSION}
        with engine.connect() as connection:
            changed = connection.execute(
                text(
                    f"""
                    SELECT f.id, f.path, f.size_bytes, f.mtime_ns
                    FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id
                    WHERE f.shard = :shard AND {_STALE} ORDER BY f.path
                    """
                ),
                parameters,
            ).all()
            moved = connection.execute(
                text(
                    f"""
                    SELECT f.id AS due_id, f.path AS due_path, f.size_bytes AS due_size, f.mtime_ns AS due_mtime, m.*
                    FROM raw_files f JOIN raw_metadata m ON m.file_id = f.id
                    WHERE f.shard = :shard AND f.status = 'present' AND m.path <> f.path AND NOT ({_STALE})
                    ORDER BY f.path
                    """
                ),
                parameters,
            ).all()
        yield from (DueFile(*row) for row in changed)
        for row in moved:
            yield DueFile(row.due_id, row.due_path, row.due_size, row.due_mtime, tags_from_row(row))


_NOT_READ = ("revision", "extracted_at", "album_group_id", "grouped_revision")
_COLUMNS = [column.name for column in raw_metadata.columns if column.name not in _NOT_READ]
_CREDIT_COLUMNS = ("file_id", "role", "position", "name", "name_key", "musicbrainz_artistid")
_LABEL_COLUMNS = ("file_id", "kind", "position", "name", "name_key")


def write(engine: Engine, rows: Sequence[FileRows], rejections: Sequence[Rejection]) -> None:
    """Store a batch in one transaction."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        if rejections:
            _reject(connection, rejections)
        if rows:
            # A file that moves to another shard meanwhile is described twice: the later one counts.
            newest = {int(row.metadata["file_id"]): row for row in rows}
            _upsert(connection, [newest[file_id] for file_id in sorted(newest)])


def _reject(connection: Connection, rejections: Sequence[Rejection]) -> None:
    temporary_table(connection, "rejections", "file_id bigint, reason text, detail text")
    copy_rows(
        connection,
        "rejections",
        ("file_id", "reason", "detail"),
        ((r.file_id, r.reason, r.detail) for r in rejections),
    )
    connection.execute(
        text(
            """
            UPDATE raw_files f SET status = 'rejected', reject_reason = r.reason, reject_detail = r.detail
            FROM rejections r WHERE f.id = r.file_id AND f.status <> 'missing'
            """
        )
    )


def _upsert(connection: Connection, rows: Sequence[FileRows]) -> None:
    described = ([row.metadata[name] for name in _COLUMNS] for row in rows)
    temporary_like(connection, "new_metadata", "raw_metadata", _COLUMNS, described)
    credited = (item for row in rows for item in row.credits)
    temporary_like(connection, "new_credits", "file_credits", _CREDIT_COLUMNS, credited)
    labelled = (item for row in rows for item in row.labels)
    temporary_like(connection, "new_labels", "file_labels", _LABEL_COLUMNS, labelled)
    # The old names are due as well as the new: with their last credit gone, other credits may mean
    # somebody else, and other spellings may be the most common.
    connection.execute(
        text(
            """
            INSERT INTO due_artist_keys (name_key)
            SELECT c.name_key FROM file_credits c JOIN new_metadata n USING (file_id)
            UNION SELECT name_key FROM new_credits
            """
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO due_labels (kind, name_key)
            SELECT l.kind, l.name_key FROM file_labels l JOIN new_metadata n USING (file_id)
            UNION SELECT kind, name_key FROM new_labels
            """
        )
    )
    names = ", ".join(_COLUMNS)
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "file_id")
    # extracted_at moves only when the file was opened: a moved file's tags were not read again.
    connection.execute(
        text(
            f"""
            INSERT INTO raw_metadata AS m ({names})
            SELECT {names} FROM new_metadata n
            WHERE EXISTS (SELECT FROM raw_files f WHERE f.id = n.file_id)
            ORDER BY file_id
            ON CONFLICT (file_id) DO UPDATE SET {updates}, revision = nextval('revision_seq'),
                extracted_at = CASE WHEN m.size_bytes = excluded.size_bytes AND m.mtime_ns = excluded.mtime_ns
                                     AND m.extractor_version = excluded.extractor_version
                                    THEN m.extracted_at ELSE now() END
            """
        )
    )
    for table, columns in (("credits", _CREDIT_COLUMNS), ("labels", _LABEL_COLUMNS)):
        listed = ", ".join(columns)
        connection.execute(text(f"DELETE FROM file_{table} c USING new_metadata n WHERE c.file_id = n.file_id"))
        connection.execute(
            text(
                f"""
                INSERT INTO file_{table} ({listed}) SELECT {listed} FROM new_{table} c
                WHERE EXISTS (SELECT FROM raw_metadata m WHERE m.file_id = c.file_id)
                ORDER BY 1, 2, 3
                """
            )
        )
