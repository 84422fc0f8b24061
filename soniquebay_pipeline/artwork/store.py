"""What was seen of pictures, in SQL: which places and contents are due, and writing down what was found.

Here: file_pictures, folder_pictures, pictures, and their attempts in the ledger (queue ``covers``).
Not here: looking (``look``), the choice of covers (``choice``), what is offered for entities (``offers``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.artwork.choice import create_names
from soniquebay_pipeline.artwork.look import FILE, FOLDER_PICTURE, Place, Wanted
from soniquebay_pipeline.artwork.model import LOOK_VERSION, CoverRules, Refused, StoredPicture
from soniquebay_pipeline.db.bulk import copy_rows, temporary_like, temporary_table
from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures, note_successes
from soniquebay_pipeline.library.tags.pictures import EmbeddedPicture

QUEUE = "covers"
PICTURE = "picture"

_RETRY = "(d.state = 'waiting' AND d.next_attempt_at <= now())"

# Files that hold pictures, as their tags said; a file whose tags have to be read first is not due yet.
_FILE_ABOUT = "(f.size_bytes || '/' || f.mtime_ns || '/' || :version)"
_DUE_FILES = f"""
    FROM raw_files f
    JOIN raw_metadata m ON m.file_id = f.id AND (m.size_bytes, m.mtime_ns) = (f.size_bytes, f.mtime_ns)
    LEFT JOIN file_pictures p ON p.file_id = f.id AND p.position = 0
    LEFT JOIN deferred_tasks d ON d.queue = '{QUEUE}' AND d.entity_type = '{FILE}' AND d.entity_id = f.id
         AND d.about = {_FILE_ABOUT}
    WHERE f.status = 'present' AND m.picture_count > 0 AND f.shard = ANY(:shards)
      AND CASE WHEN d.entity_id IS NULL THEN p.about IS DISTINCT FROM {_FILE_ABOUT} ELSE {_RETRY} END
"""

# Picture files that are named like covers and were not read yet. cover_names: see choice.create_names.
_FOLDER_ABOUT = "(p.size_bytes || '/' || p.mtime_ns)"
_DUE_FOLDER_PICTURES = f"""
    FROM folder_pictures p
    LEFT JOIN deferred_tasks d ON d.queue = '{QUEUE}' AND d.entity_type = '{FOLDER_PICTURE}' AND d.entity_id = p.id
         AND d.about = {_FOLDER_ABOUT}
    WHERE p.shard = ANY(:shards)
      AND CASE WHEN d.entity_id IS NULL THEN p.sha256 IS NULL AND p.reason IS NULL ELSE {_RETRY} END
      AND (EXISTS (SELECT FROM cover_names n WHERE p.name_key LIKE n.pattern)
           OR EXISTS (SELECT FROM cover_titles t WHERE t.album_folder = p.album_folder AND t.name_key = p.name_key))
"""

# Of each file the best picture that was not refused; contents of which nothing is known yet, or that may be
# tried again. One place of each content is enough.
_DUE_CONTENTS = f"""
    FROM (SELECT DISTINCT ON (e.file_id) e.sha256, '{FILE}' AS kind, f.id, f.path
          FROM file_pictures e
          JOIN raw_files f ON f.id = e.file_id AND f.status = 'present' AND f.shard = ANY(:shards)
          LEFT JOIN pictures p ON p.sha256 = e.sha256
          LEFT JOIN deferred_tasks d ON d.queue = '{QUEUE}' AND d.entity_type = '{PICTURE}' AND d.entity_id = p.id
          WHERE e.sha256 IS NOT NULL AND (p.reason IS NULL OR {_RETRY})
          ORDER BY e.file_id, e.position
          ) AS best
    LEFT JOIN pictures p USING (sha256)
    WHERE p.sha256 IS NULL OR p.reason IS NOT NULL
"""
_DUE_FOLDER_CONTENTS = f"""
    FROM folder_pictures l
    LEFT JOIN pictures p USING (sha256)
    LEFT JOIN deferred_tasks d ON d.queue = '{QUEUE}' AND d.entity_type = '{PICTURE}' AND d.entity_id = p.id
    WHERE l.sha256 IS NOT NULL AND l.shard = ANY(:shards) AND (p.sha256 IS NULL OR (p.reason IS NOT NULL AND {_RETRY}))
"""


def is_due(engine: Engine, shards: Sequence[int], rules: CoverRules) -> bool:
    """Whether any place or content of these shards has to be looked at."""
    with engine.connect() as connection:
        return bool(count_due_places(connection, shards, rules)) or _contents_due(connection, shards)


def _contents_due(connection: Connection, shards: Sequence[int]) -> bool:
    query = f"SELECT EXISTS (SELECT {_DUE_CONTENTS}) OR EXISTS (SELECT {_DUE_FOLDER_CONTENTS})"
    return bool(connection.execute(text(query), {"shards": list(shards)}).scalar_one())


def count_due_places(connection: Connection, shards: Sequence[int], rules: CoverRules) -> int:
    """Files and picture files to be looked at."""
    create_names(connection, rules)
    query = f"SELECT (SELECT count(*) {_DUE_FILES}) + (SELECT count(*) {_DUE_FOLDER_PICTURES})"
    parameters = {"shards": list(shards), "version": LOOK_VERSION}
    return int(connection.execute(text(query), parameters).scalar_one())


def due_places(engine: Engine, root: Path, shards: Sequence[int], rules: CoverRules) -> list[Place]:
    """The same, as places."""
    query = f"""
        SELECT '{FILE}', f.id, f.path, {_FILE_ABOUT} {_DUE_FILES}
        UNION ALL SELECT '{FOLDER_PICTURE}', p.id, p.path, {_FOLDER_ABOUT} {_DUE_FOLDER_PICTURES}
        ORDER BY 3
    """
    with engine.connect() as connection:
        create_names(connection, rules)
        rows = connection.execute(text(query), {"shards": list(shards), "version": LOOK_VERSION}).all()
    base = os.fsencode(root)
    return [Place(kind, id_, path, about, base) for kind, id_, path, about in rows]


def due_contents(engine: Engine, root: Path, shards: Sequence[int], home: Path, max_bytes: int) -> list[Wanted]:
    """Contents that are to be checked and stored, each with one place where it is."""
    query = f"""
        SELECT DISTINCT ON (sha256) sha256, kind, id, path
        FROM (SELECT sha256, kind, best.id, best.path {_DUE_CONTENTS}
              UNION ALL SELECT sha256, '{FOLDER_PICTURE}', l.id, l.path {_DUE_FOLDER_CONTENTS}) AS due
        ORDER BY sha256, kind DESC, path
    """
    with engine.connect() as connection:
        rows = connection.execute(text(query), {"shards": list(shards)}).all()
    base = os.fsencode(root)
    wanted = [Wanted(sha, Place(kind, id_, path, "", base), home, max_bytes) for sha, kind, id_, path in rows]
    # In the order of the disk's folders, not of the hashes.
    return sorted(wanted, key=lambda content: content.place.path)


Found = tuple[Place, list[EmbeddedPicture] | Refused]


def write_found(engine: Engine, batch: Sequence[Found]) -> None:
    """Store what was found in a batch of places, in one transaction."""
    with engine.begin() as connection:
        _write_files(connection, [(place, found) for place, found in batch if place.kind == FILE])
        _write_folder_pictures(connection, [(place, found) for place, found in batch if place.kind == FOLDER_PICTURE])
        for kind in (FILE, FOLDER_PICTURE):
            passing = [
                FailedAttempt(place.id, place.about, f"{found.reason}: {found.detail}")
                for place, found in batch
                if place.kind == kind and isinstance(found, Refused) and found.is_passing
            ]
            note_failures(connection, QUEUE, kind, passing)
            failed = {attempt.entity_id for attempt in passing}
            done = [place.id for place, _ in batch if place.kind == kind and place.id not in failed]
            note_successes(connection, QUEUE, kind, done)


def _write_files(connection: Connection, batch: Sequence[Found]) -> None:
    columns = ("file_id", "position", "about", "picture_type", "is_front", "size_bytes", "sha256", "reason", "detail")
    rows = (row for place, found in batch for row in _file_rows(place, found))
    temporary_like(connection, "found", "file_pictures", columns, rows)
    listed = ", ".join(columns)
    connection.execute(text("DELETE FROM file_pictures p USING found n WHERE p.file_id = n.file_id"))
    connection.execute(
        text(
            f"""
            INSERT INTO file_pictures ({listed})
            SELECT {listed} FROM found n WHERE EXISTS (SELECT FROM raw_files f WHERE f.id = n.file_id)
            ORDER BY file_id, position
            ON CONFLICT DO NOTHING
            """
        )
    )


def _file_rows(place: Place, found: list[EmbeddedPicture] | Refused) -> Iterable[tuple[object, ...]]:
    if isinstance(found, Refused):
        yield (place.id, 0, place.about, None, False, None, None, found.reason, found.detail[:1000])
    elif not found:
        yield (
            place.id,
            0,
            place.about,
            None,
            False,
            None,
            None,
            "corrupt",
            "the tags announce a picture; none is there",
        )
    else:
        for position, picture in enumerate(found):
            yield (
                place.id,
                position,
                place.about,
                picture.picture_type,
                picture.is_front,
                picture.size_bytes,
                picture.sha256,
                picture.reason,
                picture.detail,
            )


def _write_folder_pictures(connection: Connection, batch: Sequence[Found]) -> None:
    temporary_table(connection, "read", "id bigint, about text, sha256 text, reason text, detail text")
    rows: list[tuple[object, ...]] = []
    for place, found in batch:
        if isinstance(found, Refused):
            rows.append((place.id, place.about, None, found.reason, found.detail[:1000]))
        else:
            rows.append((place.id, place.about, found[0].sha256, None, None))
    copy_rows(connection, "read", ("id", "about", "sha256", "reason", "detail"), rows)
    connection.execute(
        text(
            f"""
            UPDATE folder_pictures p SET sha256 = r.sha256, reason = r.reason, detail = r.detail
            FROM read r WHERE p.id = r.id AND {_FOLDER_ABOUT} = r.about
            """
        )
    )


_PICTURE_COLUMNS = (
    "sha256",
    "mime_type",
    "width",
    "height",
    "size_bytes",
    "path",
    "colours",
    "thumbhash",
    "thumbnails",
    "reason",
    "detail",
)


def write_pictures(connection: Connection, batch: Sequence[tuple[str, StoredPicture | Refused]]) -> None:
    """Store what became of contents; refusals for a passing reason go to the ledger too."""
    rows = (_picture_row(sha256, result) for sha256, result in batch)
    temporary_like(connection, "looked_at", "pictures", _PICTURE_COLUMNS, rows)
    listed = ", ".join(_PICTURE_COLUMNS)
    updates = ", ".join(f"{name} = excluded.{name}" for name in _PICTURE_COLUMNS[1:])
    # Who was slower looked at the same bytes: only what was refused can have become better since.
    connection.execute(
        text(
            f"""
            INSERT INTO pictures AS p ({listed})
            SELECT {listed} FROM looked_at ORDER BY sha256
            ON CONFLICT (sha256) DO UPDATE SET {updates} WHERE p.reason IS NOT NULL
            """
        )
    )
    ids = {
        row.sha256: row.id
        for row in connection.execute(text("SELECT p.sha256, p.id FROM pictures p JOIN looked_at l USING (sha256)"))
    }
    passing = [
        FailedAttempt(ids[sha256], sha256, f"{result.reason}: {result.detail}")
        for sha256, result in batch
        if isinstance(result, Refused) and result.is_passing
    ]
    note_failures(connection, QUEUE, PICTURE, passing)
    failed = {attempt.entity_id for attempt in passing}
    note_successes(connection, QUEUE, PICTURE, [id_ for id_ in ids.values() if id_ not in failed])


def _picture_row(sha256: str, result: StoredPicture | Refused) -> list[object]:
    if isinstance(result, Refused):
        return [sha256, *[None] * (len(_PICTURE_COLUMNS) - 3), result.reason, result.detail[:1000]]
    return [getattr(result, name, None) for name in _PICTURE_COLUMNS]


def forget_gone(connection: Connection) -> None:
    """Files that hold no picture any more."""
    connection.execute(
        text(
            """
            DELETE FROM file_pictures p USING raw_files f, raw_metadata m
            WHERE f.id = p.file_id AND m.file_id = p.file_id AND m.picture_count = 0
              AND (m.size_bytes, m.mtime_ns) = (f.size_bytes, f.mtime_ns)
            """
        )
    )
