"""Which rows Last.fm is to be asked about, the most wanted first.

A row is wanted when it was never asked for, when the answer is older than the setting, or when the name that was
asked for is another now. It is due when the ledger knows of no attempt that it has to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db import ledger
from soniquebay_pipeline.db.ledger import priority_of
from soniquebay_pipeline.enrichment.lastfm.model import Due
from soniquebay_pipeline.enrichment.lastfm.names import NOBODY, NOBODY_IDS

QUEUE = "enrichment"
KIND_OF_SETTING = {"artists": "artist", "similar": "similar", "albums": "album", "tracks": "track"}
"""Names of SONIQUEBAY_LASTFM_KINDS → kinds."""

# Another artist of the library has the name: only the id says who is meant.
_SHARED = "EXISTS (SELECT FROM artists o WHERE o.name_key = a.name_key AND o.id <> a.id)"
ARTIST_ABOUT = (
    f"a.name_key || coalesce(' ' || a.musicbrainz_artistid, '') || CASE WHEN {_SHARED} THEN ' by id' ELSE '' END"
)


@dataclass(frozen=True, slots=True)
class _Source:
    """How one kind is asked about; ``e`` is the row, ``a`` its artist."""

    rows: str
    tracks: str
    """The tracks that hang on the row: how much it is wanted."""
    about: str
    title: str
    askable: str
    fetched: str = "lastfm_info_fetched_at"
    asked_about: str = "lastfm_about"


_ARTISTS = _Source(
    rows="artists e JOIN artists a ON a.id = e.id",
    tracks="SELECT track_artist_id AS id, count(*) AS tracks FROM tracks GROUP BY 1",
    about=ARTIST_ABOUT,
    title="NULL",
    askable=f"(a.musicbrainz_artistid IS NOT NULL OR NOT {_SHARED})",
)
SOURCES = {
    "artist": _ARTISTS,
    "similar": _Source(
        rows=_ARTISTS.rows,
        tracks=_ARTISTS.tracks,
        about=_ARTISTS.about,
        title="NULL",
        askable=_ARTISTS.askable,
        fetched="lastfm_similar_artists_fetched",
        asked_about="lastfm_similar_about",
    ),
    "album": _Source(
        rows="albums e JOIN artists a ON a.id = e.album_artist_id",
        tracks="SELECT album_id AS id, count(*) AS tracks FROM tracks WHERE album_id IS NOT NULL GROUP BY 1",
        about="a.name_key || ' / ' || e.title_key",
        title="e.title",
        askable="true",
    ),
    "track": _Source(
        rows="tracks e JOIN artists a ON a.id = e.track_artist_id",
        tracks="SELECT id, 1 AS tracks FROM tracks",
        about="a.name_key || ' / ' || e.title",
        title="e.title",
        askable="true",
    ),
}


def askable(kind: str) -> str:
    """FROM … WHERE of all rows of the kind that can be asked about; parameters: ``parameters()``."""
    source = SOURCES[kind]
    return (
        f" FROM {source.rows} WHERE a.name_key <> ALL(:nobody) AND {source.askable}"
        " AND coalesce(a.musicbrainz_artistid, '') <> ALL(:nobody_ids)"
    )


def parameters(max_age_days: float = 0.0) -> dict[str, Any]:
    """The bound parameters of these queries."""
    return {
        "nobody": sorted(NOBODY),
        "nobody_ids": sorted(NOBODY_IDS),
        "queue": QUEUE,
        "max_age": max_age_days * 86_400,
    }


def _wanted(kind: str) -> str:
    """What the data says: never asked, too long ago, or about another name."""
    source = SOURCES[kind]
    return f"""
        (e.{source.fetched} IS NULL OR e.{source.fetched} < now() - make_interval(secs => :max_age)
         OR e.{source.asked_about} IS DISTINCT FROM {source.about})
    """


def _is_due(kind: str) -> str:
    """What the ledger leaves of it now."""
    return f"""
        CASE WHEN d.entity_id IS NULL THEN {_wanted(kind)}
             ELSE d.state = 'waiting' AND d.next_attempt_at <= now() END
    """


def _with_ledger(kind: str) -> str:
    rows, where = askable(kind).split(" WHERE ", 1)
    return f"""
        {rows} LEFT JOIN deferred_tasks d ON d.queue = :queue AND d.entity_type = '{kind}' AND d.entity_id = e.id
             AND d.about = {SOURCES[kind].about}
        WHERE {where}
    """


def wanted(kind: str) -> str:
    """SELECT of (entity_id, about, priority) for the ledger: all that is wanted, also what waits or has failed."""
    rows, where = askable(kind).split(" WHERE ", 1)
    return f"""
        SELECT e.id AS entity_id, {SOURCES[kind].about} AS about,
               {priority_of("w.tracks")} AS priority
        {rows} LEFT JOIN ({SOURCES[kind].tracks}) w ON w.id = e.id
        WHERE {where} AND {_wanted(kind)}
    """


def forget_settled(connection: Connection, kinds: Sequence[str], max_age_days: float) -> int:
    """Forget attempts at what is no longer wanted, and at kinds that are not asked for any more."""
    return sum(
        ledger.forget_settled(connection, QUEUE, kind, wanted(kind), parameters(max_age_days))
        if kind in kinds
        else ledger.forget_settled(connection, QUEUE, kind, ledger.NOTHING)
        for kind in SOURCES
    )


def is_any_due(engine: Engine, kind: str, max_age_days: float) -> bool:
    """Whether there is anything to ask."""
    query = f"SELECT EXISTS (SELECT {_with_ledger(kind)} AND {_is_due(kind)})"
    with engine.connect() as connection:
        return bool(connection.execute(text(query), parameters(max_age_days)).scalar_one())


def count_due(engine: Engine, kind: str, max_age_days: float) -> int:
    """How many rows are due now."""
    query = f"SELECT count(*) {_with_ledger(kind)} AND {_is_due(kind)}"
    with engine.connect() as connection:
        return int(connection.execute(text(query), parameters(max_age_days)).scalar_one())


def count_left(engine: Engine, kind: str) -> int:
    """How many rows a run left untried: those that wait for no attempt of their own."""
    query = """
        SELECT count(*) FROM deferred_tasks WHERE queue = :queue AND entity_type = :kind AND state = 'waiting'
         AND (attempts = 0 OR next_attempt_at <= now())
    """
    with engine.connect() as connection:
        return int(connection.execute(text(query), {"queue": QUEUE, "kind": kind}).scalar_one())


def ids_of_artist(engine: Engine, kind: str, name_key: str) -> list[int]:
    """Rows of the artists of this name, due or not."""
    query = f"SELECT e.id {askable(kind)} AND a.name_key = :name_key ORDER BY e.id"
    with engine.connect() as connection:
        return list(connection.execute(text(query), parameters() | {"name_key": name_key}).scalars())


def describe(
    engine: Engine, kind: str, ids: Sequence[int], max_age_days: float, *, only_wanted: bool = True
) -> list[Due]:
    """What to ask about these rows, in their order; without those that another worker has done meanwhile."""
    source = SOURCES[kind]
    rows, where = askable(kind).split(" WHERE ", 1)
    query = f"""
        SELECT e.id, {source.about} AS about, a.name, a.musicbrainz_artistid, {_SHARED} AS by_id,
               {source.title} AS title
        {rows} WHERE {where} AND e.id = ANY(:ids) AND {_wanted(kind) if only_wanted else "true"}
        ORDER BY array_position(CAST(:ids AS bigint[]), e.id)
    """
    with engine.connect() as connection:
        found = connection.execute(text(query), parameters(max_age_days) | {"ids": list(ids)})
        return [Due(*row) for row in found]
