"""Which track a person means: an id, a path, or words.

Here: finding the one track, or the candidates. Not here: searching for music one does not know (``search``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.library.paths import to_text
from soniquebay_pipeline.vectors.search import MAX_WORDS_CHARS, OVERVIEW, Row
from soniquebay_pipeline.vectors.texts import folded

MAX_CANDIDATES = 10
_MAX_ID = 2**63 - 1


class TrackNotNamed(Exception):
    """No track, or more than one, is meant; ``candidates`` are the first few."""

    def __init__(self, message: str, candidates: list[Row]) -> None:
        super().__init__(message)
        self.candidates = candidates


def name_track(engine: Engine, named: str) -> Row:
    """The track that an id, a path (absolute, or relative to the library or the working directory) or words name.

    Words name a track when it is the only one that has them all, or the only one whose title, or artist and
    title in either order, they are. Raises TrackNotNamed.
    """
    named = named.replace("\0", "").strip()[:MAX_WORDS_CHARS]
    with engine.connect() as connection:
        if named.isascii() and named.isdigit() and int(named) <= _MAX_ID:
            found = _tracks(connection, "track_id = :id", id=int(named))
            if found:
                return found[0]
        for path in _paths(connection, named):
            found = _tracks(connection, "path = :path", path=path)
            if found:
                return found[0]
        return _by_words(connection, named)


def _by_words(connection: Connection, named: str) -> Row:
    words = folded(named)
    found = _tracks(
        connection,
        "track_id IN (SELECT track_id FROM search_tracks(:words, 200))",
        words=words or named,
    )
    if not found:
        raise TrackNotNamed(f"No track is called {named!r}. `soniquebay search` finds tracks by words.", [])
    exact = [row for row in found if words in _names(row)]
    # search_tracks falls back to any of the words; those that lack one are not meant.
    every = [row for row in found if all(_has(row, word) for word in words.split())]
    for few in (exact, every):
        if len(few) == 1:
            return few[0]
    candidates = exact or every or found
    raise TrackNotNamed(
        f"{len(candidates)} tracks are called {named!r}; name one by its id." if exact or every
        else f"No track is called {named!r}. Tracks with some of the words:",
        candidates[:MAX_CANDIDATES],
    )  # fmt: skip


def _names(row: Row) -> set[str]:
    """What a person may call the track in full."""
    title = folded(row["title"])
    artists = [folded(name) for name in row["artists"]]
    return {title, *(f"{a} {title}" for a in artists), *(f"{title} {a}" for a in artists)}


def _has(row: Row, word: str) -> bool:
    texts = (row["title"], *row["artists"], row["album"] or "")
    return any(each.startswith(word) for text_ in texts for each in folded(text_).split())


def _paths(connection: Connection, named: str) -> list[str]:
    """Paths relative to the library that the text may stand for, as the catalogue stores them."""
    paths = [to_text(os.fsencode(named.removeprefix("./")))]
    root = connection.execute(text("SELECT root FROM library")).scalar()
    if root is not None and named:
        absolute = Path(os.path.abspath(Path(named).expanduser()))
        for folder in (Path(root), Path(root).resolve()):
            if folder in absolute.parents:
                paths.append(to_text(os.fsencode(absolute.relative_to(folder))))
    return paths


def _tracks(connection: Connection, condition: str, **parameters: Any) -> list[Row]:
    statement = f"SELECT track_id, {OVERVIEW} FROM track_overview WHERE {condition} ORDER BY track_id"
    return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]
