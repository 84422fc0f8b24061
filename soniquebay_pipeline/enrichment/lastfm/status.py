"""How far Last.fm's knowledge goes: coverage, what waits, what failed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from soniquebay_pipeline.enrichment.lastfm.due import QUEUE, SOURCES, askable, count_due, parameters


@dataclass(frozen=True, slots=True)
class Coverage:
    """One kind in figures."""

    total: int
    """Rows that can be asked about; nobody (Various Artists, [unknown]) is not among them."""
    asked: int
    known: int
    """Last.fm knows them."""
    not_believed: int
    """Last.fm took them for somebody else."""
    due: int
    waiting: int
    """Failed, and to be tried again."""
    failed: int
    """Failed for good."""
    oldest: datetime | None
    """The oldest answer."""


def coverage(engine: Engine, kind: str, max_age_days: float) -> Coverage:
    """The figures of one kind."""
    fetched = SOURCES[kind].fetched
    known, not_believed = (
        ("EXISTS (SELECT FROM artist_similar s WHERE s.artist_id = e.id)", "false")
        if kind == "similar"
        else ("e.lastfm_url IS NOT NULL", "e.lastfm_corrected_to IS NOT NULL")
    )
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                f"""
                SELECT count(*) AS total, count(e.{fetched}) AS asked,
                       count(*) FILTER (WHERE {known}) AS known,
                       count(*) FILTER (WHERE {not_believed}) AS not_believed, min(e.{fetched}) AS oldest
                {askable(kind)}
                """
            ),
            parameters(),
        ).one()
        ledger = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,"
                " count(*) FILTER (WHERE state = 'failed') AS failed"
                " FROM deferred_tasks WHERE queue = :queue AND entity_type = :kind"
            ),
            {"queue": QUEUE, "kind": kind},
        ).one()
    return Coverage(
        total=rows.total,
        asked=rows.asked,
        known=rows.known,
        not_believed=rows.not_believed,
        due=count_due(engine, kind, max_age_days),
        waiting=ledger.waiting,
        failed=ledger.failed,
        oldest=rows.oldest,
    )


def last_errors(engine: Engine, most: int = 5) -> list[dict[str, Any]]:
    """The latest errors of single rows: kind, id, attempts, when tried again, error."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                """
                SELECT entity_type AS kind, entity_id AS id, about, state, attempts, next_attempt_at,
                       last_error AS error
                FROM deferred_tasks WHERE queue = :queue AND entity_type = ANY(:kinds)
                ORDER BY updated_at DESC, entity_type, entity_id LIMIT :most
                """
            ),
            {"queue": QUEUE, "kinds": list(SOURCES), "most": most},
        )
        return [dict(row._mapping) for row in rows]


def numbers(engine: Engine, max_age_days: float) -> dict[str, Any]:
    """Everything, for `soniquebay lastfm status --json`."""
    with engine.connect() as connection:
        links = connection.execute(text("SELECT count(*), count(similar_artist_id) FROM artist_similar")).one()
        labelled = connection.execute(
            text(
                "SELECT (SELECT count(DISTINCT track_id) FROM track_genre_tags WHERE source = 'lastfm'),"
                " (SELECT count(DISTINCT track_id) FROM track_mood_tags WHERE source = 'lastfm')"
            )
        ).one()
    return {
        "kinds": {kind: asdict(coverage(engine, kind, max_age_days)) for kind in SOURCES},
        "similar_artists": links[0],
        "similar_artists_in_the_library": links[1],
        "tracks_with_genres": labelled[0],
        "tracks_with_moods": labelled[1],
        "last_errors": last_errors(engine),
    }
