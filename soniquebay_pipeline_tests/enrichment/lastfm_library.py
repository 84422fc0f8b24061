"""A small catalogue to ask Last.fm about, and short ways to look at what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, text

from soniquebay_pipeline_tests.catalog.store_library import StoreLibrary


def library_of(engine: Engine, *tracks: dict[str, Any]) -> StoreLibrary:
    """A catalogue with these tracks; ``artist`` is needed, everything else has a default."""
    library = StoreLibrary(engine)
    for number, fields in enumerate(tracks):
        add(library, number, **fields)
    library.run()
    return library


def add(library: StoreLibrary, number: int, **fields: Any) -> None:
    """A file, not read yet."""
    values = {"title": f"Song {number}", "album": f"Album of {fields['artist']}"} | fields
    library.add(number, f"{values['artist']}".replace("/", "_"), tags(values))


def tags(values: dict[str, Any]) -> dict[str, Sequence[str]]:
    """Tag fields of plain values."""
    return {name: [value] if isinstance(value, str) else value for name, value in values.items() if value}


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def change(engine: Engine, *statements: str) -> None:
    """What time, a person or another program does."""
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def labels(engine: Engine) -> dict[str, list[tuple[str, str]]]:
    """Title → (source and kind, name) of its genre tags and moods, sorted."""
    found: dict[str, list[tuple[str, str]]] = {}
    query = """
        SELECT t.title, l.source || ' genre', g.name FROM tracks t JOIN track_genre_tags l ON l.track_id = t.id
        JOIN genre_tags g ON g.id = l.genre_tag_id
        UNION ALL
        SELECT t.title, l.source || ' mood', g.name FROM tracks t JOIN track_mood_tags l ON l.track_id = t.id
        JOIN mood_tags g ON g.id = l.mood_tag_id
        ORDER BY 1, 2, 3
    """
    for title, kind, name in rows(engine, query):
        found.setdefault(title, []).append((kind, name))
    return found
