"""Searching, as the command line and jobs call it: the SQL functions with the names of what they find.

Here: parameters and rows. Not here: how it is found (the functions of ``docs/search.md``, in migration 0008),
and which track a person means (``naming``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.texts import folded

Row = dict[str, Any]

OVERVIEW = "title, artists, album, album_artist, year, genres, duration_seconds, bpm, camelot_key, path, is_present"
MAX_WORDS_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Filters:
    """What a similar track must be; None: anything."""

    bpm_min: float | None = None
    bpm_max: float | None = None
    key_rule: str | None = None
    """``compatible``, ``same``, or a Camelot key such as ``8A``."""
    genres: list[str] | None = None
    """Normal forms (``catalog.labels.genre_key``) or names; any of them."""
    year_min: int | None = None
    year_max: int | None = None
    not_same_album: bool = False
    not_same_artist: bool = False
    max_per_artist: int | None = 3
    """At most so many results of one artist; None: any number."""
    max_per_album: int | None = 2


@dataclass(frozen=True, slots=True)
class Found:
    """The results of a search, best first, and what it had to do without."""

    rows: list[Row]
    note: str | None = None


def similar(
    engine: Engine, track_id: int, n: int = 20, filters: Filters | None = None, *, kind: str = "combined"
) -> list[Row]:
    """Tracks most like one, with what each likeness consists of. ``kind``: combined, audio or text."""
    wanted = filters or Filters()
    parameters = {name: getattr(wanted, name) for name in Filters.__dataclass_fields__}
    # Types are named, since NULL has none.
    types = {"bpm_min": "float8", "bpm_max": "float8", "key_rule": "text", "genres": "text[]"}
    arguments = ", ".join(f"{n} => CAST(:{n} AS {types[n]})" if n in types else f"{n} => :{n}" for n in parameters)
    with engine.connect() as connection:
        return _rows(
            connection,
            f"""
            SELECT s.*, {OVERVIEW}
            FROM similar_tracks(CAST(:track AS bigint), n => :n, kind => :kind, {arguments}) s
            JOIN track_overview USING (track_id) ORDER BY s.similarity DESC, track_id
            """,
            track=track_id,
            n=n,
            kind=kind,
            **parameters,
        )


def has_vector(engine: Engine, track_id: int, kind: str = "combined") -> bool:
    """Whether the track has a vector of that kind."""
    with engine.connect() as connection:
        return bool(
            connection.execute(
                text("SELECT EXISTS (SELECT FROM embeddings WHERE track_id = :id AND kind = :kind)"),
                {"id": track_id, "kind": kind},
            ).scalar()
        )


def search(engine: Engine, settings: Settings, words: str, n: int = 20, *, by_meaning: bool = True) -> Found:
    """Tracks by their words and, where there are text vectors, by meaning; merged by reciprocal rank fusion."""
    from soniquebay_pipeline.vectors.query import QueryVector, encode_query

    words = words.replace("\0", " ")[:MAX_WORDS_CHARS]
    with engine.connect() as connection:
        query = encode_query(connection, settings, words) if by_meaning and words.strip() else QueryVector()
        rows = _rows(
            connection,
            f"""
            SELECT s.*, {OVERVIEW}
            FROM find_tracks(:words, CAST(:vector AS vector), CAST(:model AS text), :n) s
            JOIN track_overview USING (track_id) ORDER BY s.score DESC, track_id
            """,
            words=folded(words) or words,
            vector=query.vector,
            model=query.model,
            n=n,
        )
    return Found(rows, query.missing)


def overview(connection: Connection, track_ids: list[int]) -> dict[int, Row]:
    """What people call each of the tracks."""
    rows = _rows(
        connection,
        f"SELECT track_id, {OVERVIEW} FROM track_overview WHERE track_id = ANY(:ids)",
        ids=track_ids,
    )
    return {row["track_id"]: row for row in rows}


def _rows(connection: Connection, statement: str, **parameters: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]
