"""Which folder the catalogue describes and into how many shards it is divided, as the database records it.

Here: the record's rules (first use, another path of the same library, another library, the demo).
Not here: scanning.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.errors import WrongShardCount
from soniquebay_pipeline.db.locks import LOCK_FILES, hold_for_transaction
from soniquebay_pipeline.library.paths import album_folder, shard_of, to_bytes, to_text
from soniquebay_pipeline.library.walk import LibraryRootError

SAMPLE = 500
"""Known files looked for below another root; enough to tell a remounted library from another one."""


@dataclass(frozen=True, slots=True)
class Library:
    """The library that the catalogue describes."""

    root: Path
    shards: int
    is_demo: bool = False


def read_record(engine: Engine) -> Library | None:
    """What is recorded; None before the first use."""
    with engine.connect() as connection:
        return _read(connection)


def open_library(
    engine: Engine,
    music_dir: Path | None,
    shards: int,
    *,
    is_demo: bool = False,
    forget: Callable[[Connection], None] | None = None,
) -> Library:
    """The library to work on; records it at first use.

    Another ``music_dir`` than the recorded one is accepted when the known files are found there (the
    library is mounted elsewhere now), or when the recorded one is the generated demo, which makes room
    (``forget`` empties the tables). Else LibraryRootError says what to do.
    Raises WrongShardCount when the setting differs from the record.
    """
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_FILES)
        known = _read(connection)
        if known is None:
            if music_dir is None:
                raise LibraryRootError(
                    "No music folder is set. Set SONIQUEBAY_MUSIC_DIR, or `make run MUSIC=~/Music`, "
                    "or `soniquebay demo` for a generated one."
                )
            return _record(connection, Library(music_dir, shards, is_demo))
        if known.shards != shards:
            raise WrongShardCount(
                f"The catalogue is divided into {known.shards} shards, the settings say {shards}. "
                f"Set SONIQUEBAY_SHARDS={known.shards}, or run `soniquebay db reshard {shards}`."
            )
        if music_dir is None or _same(music_dir, known.root):
            return known
        if known.is_demo and forget is not None:
            forget(connection)
            return _record(connection, Library(music_dir, shards, is_demo))
        _check_same_library(connection, known, music_dir)
        return _record(connection, Library(music_dir, shards, is_demo))


def reshard(engine: Engine, shards: int) -> None:
    """Divide the catalogue into another number of shards; every row is assigned anew."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_FILES)
        known = _read(connection)
        if known is None:
            return
        for table in ("raw_files", "folder_pictures"):
            folders = connection.execute(text(f"SELECT DISTINCT folder FROM {table}")).scalars().all()
            connection.execute(
                text(f"UPDATE {table} SET shard = :shard, album_folder = :album_folder WHERE folder = :folder"),
                [
                    {"folder": folder, "album_folder": album_folder(folder), "shard": shard_of(folder, shards)}
                    for folder in folders
                ]
                or [{"folder": "", "album_folder": "", "shard": 0}],
            )
        connection.execute(text("DELETE FROM shard_scans"))
        connection.execute(text("UPDATE library SET shards = :shards"), {"shards": shards})


def _read(connection: Connection) -> Library | None:
    row = connection.execute(text("SELECT root, shards, is_demo FROM library")).one_or_none()
    return None if row is None else Library(Path(os.fsdecode(to_bytes(row.root))), row.shards, row.is_demo)


def _record(connection: Connection, library: Library) -> Library:
    connection.execute(
        text(
            """
            INSERT INTO library (id, root, shards, is_demo) VALUES (1, :root, :shards, :is_demo)
            ON CONFLICT (id) DO UPDATE SET root = excluded.root, is_demo = excluded.is_demo
            """
        ),
        {"root": to_text(os.fsencode(library.root)), "shards": library.shards, "is_demo": library.is_demo},
    )
    return library


def _same(one: Path, other: Path) -> bool:
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _check_same_library(connection: Connection, known: Library, music_dir: Path) -> None:
    paths = (
        connection.execute(
            text("SELECT path FROM raw_files WHERE status <> 'missing' ORDER BY hashtext(path) LIMIT :n"),
            {"n": SAMPLE},
        )
        .scalars()
        .all()
    )
    base = os.fsencode(music_dir)
    found = sum(os.path.lexists(os.path.join(base, to_bytes(path))) for path in paths)
    if found * 2 < len(paths):
        raise LibraryRootError(
            f"The catalogue describes {known.root}, and of its files only {found} of {len(paths)} looked for "
            f"are in {music_dir}. Nothing was changed. Set SONIQUEBAY_MUSIC_DIR={known.root}, or give the other "
            "library a SONIQUEBAY_HOME (or SONIQUEBAY_DATABASE_URL) of its own."
        )
