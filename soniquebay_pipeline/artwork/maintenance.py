"""Cleaning: pictures that nothing refers to, candidates of entities that are gone, files nobody knows.

Here: what the daily maintenance does, and the same as questions for the asset checks.
Not here: choosing covers (``choice``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.artwork import files
from soniquebay_pipeline.artwork.run import writing_pictures
from soniquebay_pipeline.db.locks import LOCK_COVERS, hold_for_transaction

STRAY_SECONDS = 86_400.0
"""A file without a row may be one that a run is about to write the row of."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed."""

    candidates: int
    pictures: int
    damaged: int
    """Pictures whose files were missing or had another size: they are made again from where they came from."""
    stray_files: int

    def numbers(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


# What a person chose stays referred to, also when its album is gone.
_REFERRED = """
    EXISTS (SELECT FROM file_pictures o WHERE o.sha256 = p.sha256)
    OR EXISTS (SELECT FROM folder_pictures o WHERE o.sha256 = p.sha256)
    OR EXISTS (SELECT FROM cover_candidates o WHERE o.sha256 = p.sha256)
    OR EXISTS (SELECT FROM covers o WHERE o.sha256 = p.sha256)
"""


def clean(engine: Engine, home: Path, grace_days: float) -> Cleaned:
    """Remove what nothing refers to for longer than the grace period, and what is not as it should be."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_COVERS)
        candidates = _forget_candidates(connection)
        removed = _remove_unreferenced(connection, grace_days)
    # After the rows: a killed run leaves files without rows, which are stray, never rows without files.
    for sha256, path, thumbnails in removed:
        files.remove(home, files.paths_of(sha256, path, thumbnails or []) if path else [])
    damaged = [sha256 for sha256, _ in damaged_pictures(engine, home)]
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_COVERS)
        _forget(connection, damaged)
    with writing_pictures(engine, home):
        stray = [path for path, age in stray_files(engine, home) if age > STRAY_SECONDS]
        files.remove(home, stray)
    return Cleaned(candidates, len(removed), len(damaged), len(stray))


def _forget_candidates(connection: Connection) -> int:
    return connection.execute(
        text(
            """
            DELETE FROM cover_candidates c WHERE c.source <> 'chosen' AND NOT CASE c.entity_type
                WHEN 'track' THEN EXISTS (SELECT FROM tracks t WHERE t.id = c.entity_id)
                WHEN 'album' THEN EXISTS (SELECT FROM albums b WHERE b.id = c.entity_id)
                ELSE EXISTS (SELECT FROM artists a WHERE a.id = c.entity_id) END
            """
        )
    ).rowcount


def _remove_unreferenced(connection: Connection, grace_days: float) -> list[tuple[str, str | None, list[int] | None]]:
    connection.execute(
        text(
            f"""
            UPDATE pictures p SET unreferenced_since = CASE WHEN {_REFERRED} THEN NULL ELSE now() END
            WHERE (unreferenced_since IS NULL) <> ({_REFERRED})
            """
        )
    )
    rows = connection.execute(
        text(
            """
            DELETE FROM pictures WHERE unreferenced_since <= now() - make_interval(secs => :seconds)
            RETURNING sha256, path, thumbnails
            """
        ),
        {"seconds": grace_days * 86_400},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _forget(connection: Connection, pictures: list[str]) -> None:
    """Make contents unknown: where they were found in the library they are due again.

    What was chosen or came from the web cannot be made again from here. Its candidate says that it is lost.
    """
    if not pictures:
        return
    parameters = {"pictures": pictures}
    connection.execute(text("DELETE FROM covers WHERE sha256 = ANY(:pictures)"), parameters)
    connection.execute(
        text(
            "UPDATE cover_candidates SET sha256 = NULL, reason = 'lost', detail = 'its file was damaged or removed'"
            " WHERE sha256 = ANY(:pictures)"
        ),
        parameters,
    )
    connection.execute(text("DELETE FROM pictures WHERE sha256 = ANY(:pictures)"), parameters)


def damaged_pictures(engine: Engine, home: Path) -> list[tuple[str, str]]:
    """(sha256, path) of stored pictures with a file that is missing, empty or of another size."""
    sizes = {path: status.st_size for path, status in files.stored(home)}
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT sha256, path, size_bytes, thumbnails FROM pictures WHERE reason IS NULL ORDER BY sha256")
        ).all()
    return [
        (row.sha256, row.path)
        for row in rows
        if sizes.get(row.path) != row.size_bytes
        or not all(sizes.get(files.thumbnail_path(row.sha256, side)) for side in row.thumbnails)
    ]


def stray_files(engine: Engine, home: Path) -> Iterator[tuple[str, float]]:
    """(path, age in seconds) of files that no picture has."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT sha256, path, thumbnails FROM pictures WHERE reason IS NULL")).all()
    known = {path for row in rows for path in files.paths_of(row.sha256, row.path, row.thumbnails)}
    now = time.time()
    with suppress(FileNotFoundError):
        for path, status in files.stored(home):
            if path not in known:
                yield path, now - status.st_mtime
