"""Storing what Last.fm said: columns of artists, albums and tracks, labels, similar artists.

Here: one transaction a batch; a row that vanished meanwhile is left out. Not here: what is due (``due``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.catalog.names import name_key
from soniquebay_pipeline.catalog.store.labels import resolve_due_labels
from soniquebay_pipeline.catalog.store.tracks import link_lastfm_labels
from soniquebay_pipeline.db.bulk import copy_rows, temporary_like, temporary_select, temporary_table
from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures, note_successes
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction
from soniquebay_pipeline.enrichment.lastfm.due import QUEUE
from soniquebay_pipeline.enrichment.lastfm.model import Info, Result, Similar, SimilarArtist, WeightedTag
from soniquebay_pipeline.enrichment.lastfm.vocabulary import VOCABULARY_VERSION, TagLabel, labels_of

SOURCE = "lastfm"
TABLES = {"artist": "artists", "album": "albums", "track": "tracks"}
# The tracks that a row's labels may reach.
_TRACKS_OF = {"artist": "t.track_artist_id", "album": "t.album_id", "track": "t.id"}
RELABEL_AT_ONCE = 1000


def write(engine: Engine, kind: str, results: Sequence[Result]) -> None:
    """Store the results of a batch: answers, "nothing there" and failures."""
    if not results:
        return
    with engine.begin() as connection:
        # Labels make tracks' links, which the catalogue's steps write as well.
        hold_for_transaction(connection, LOCK_CATALOG)
        answered = [result for result in results if result.error is None]
        if kind == "similar":
            _write_similar(connection, answered)
        else:
            _write_info(connection, kind, answered)
        failed = [
            FailedAttempt(result.due.entity_id, result.due.about, result.error)
            for result in results
            if result.error is not None
        ]
        note_failures(connection, QUEUE, kind, failed)
        note_successes(connection, QUEUE, kind, [result.due.entity_id for result in answered])


def _write_info(connection: Connection, kind: str, results: Sequence[Result]) -> None:
    columns = [
        "lastfm_url",
        "lastfm_listeners",
        "lastfm_playcount",
        "lastfm_tags",
        "lastfm_about",
        "lastfm_corrected_to",
        "lastfm_vocabulary",
    ]
    if kind == "artist":
        columns += ["lastfm_musicbrainz_artistid", "lastfm_biography", "lastfm_biography_licence"]
    elif kind == "album":
        columns += ["lastfm_picture_url"]
    rows = (_row(kind, result) for result in results)
    temporary_like(connection, "answered", TABLES[kind], ("id", *columns), rows)
    updates = ", ".join(f"{name} = n.{name}" for name in columns)
    connection.execute(
        text(f"UPDATE {TABLES[kind]} e SET {updates}, lastfm_info_fetched_at = now() FROM answered n WHERE e.id = n.id")
    )
    write_labels(
        connection,
        kind,
        {r.due.entity_id: labels_of(_tags(r), r.due.artist) for r in results},
    )


def _tags(result: Result) -> tuple[WeightedTag, ...]:
    return result.found.tags if isinstance(result.found, Info) else ()


def _row(kind: str, result: Result) -> list[object]:
    found = result.found if isinstance(result.found, Info) else None
    tags = json.dumps([{"name": tag.name, "weight": tag.weight} for tag in found.tags]) if found else None
    row: list[object] = [result.due.entity_id]
    row += [found.url, found.listeners, found.playcount] if found else [None, None, None]
    row += [tags, result.due.about, result.corrected_to, VOCABULARY_VERSION]
    if kind == "artist":
        row += [found.musicbrainz_id, found.biography, found.biography_licence] if found else [None, None, None]
    elif kind == "album":
        row += [found.picture_url if found else None]
    return row


# --- labels -------------------------------------------------------------------------------------------


def write_labels(connection: Connection, kind: str, labels: dict[int, list[TagLabel]]) -> int:
    """Make the labels of these rows what they are given as, and link the tracks; returns changed rows.

    The transaction holds LOCK_CATALOG.
    """
    owner = f"{kind}_id"
    temporary_table(connection, "owners", "id bigint")
    temporary_table(connection, "said", "owner bigint, kind text, position integer, name text, name_key text")
    copy_rows(connection, "owners", ("id",), ((id_,) for id_ in labels))
    copy_rows(
        connection,
        "said",
        ("owner", "kind", "position", "name", "name_key"),
        ((id_, each.kind, each.position, each.name, each.name_key) for id_, found in labels.items() for each in found),
    )
    what = "kind, position, name, name_key"
    old = f"SELECT {owner} AS owner, {what} FROM lastfm_labels WHERE {owner} IN (SELECT id FROM owners)"
    new = f"SELECT owner, {what} FROM said WHERE owner IN (SELECT id FROM {TABLES[kind]})"
    changed = temporary_select(
        connection,
        "changed",
        f"SELECT DISTINCT owner FROM (({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old})) AS d",
    )
    if not changed:
        return 0
    connection.execute(
        text(
            f"""
            INSERT INTO due_labels (kind, name_key)
            SELECT kind, name_key FROM ({old}) AS o WHERE owner IN (SELECT owner FROM changed)
            UNION SELECT kind, name_key FROM ({new}) AS n WHERE owner IN (SELECT owner FROM changed)
            """
        )
    )
    connection.execute(text(f"DELETE FROM lastfm_labels l USING changed c WHERE l.{owner} = c.owner"))
    connection.execute(
        text(
            f"""
            INSERT INTO lastfm_labels ({owner}, kind, position, name, name_key)
            SELECT n.owner, n.kind, n.position, n.name, n.name_key FROM ({new}) AS n JOIN changed USING (owner)
            ORDER BY 1, 2, 3
            """
        )
    )
    resolve_due_labels(connection)
    temporary_select(
        connection,
        "relinked",
        f"SELECT t.id AS track_id FROM tracks t JOIN changed c ON c.owner = {_TRACKS_OF[kind]}",
    )
    link_lastfm_labels(connection, "relinked")
    return changed


def relabel(engine: Engine, kind: str) -> int:
    """Labels by the current vocabulary for rows that an older one described; returns how many rows."""
    done = 0
    while True:
        with engine.begin() as connection:
            hold_for_transaction(connection, LOCK_CATALOG)
            artist = {"artist": "e.id", "album": "e.album_artist_id", "track": "e.track_artist_id"}[kind]
            rows = connection.execute(
                text(
                    f"""
                    SELECT e.id, e.lastfm_tags, a.name FROM {TABLES[kind]} e JOIN artists a ON a.id = {artist}
                    WHERE e.lastfm_vocabulary <> :version ORDER BY e.id LIMIT :most
                    """
                ),
                {"version": VOCABULARY_VERSION, "most": RELABEL_AT_ONCE},
            ).all()
            if not rows:
                return done
            labels = {
                row.id: labels_of([WeightedTag(tag["name"], tag["weight"]) for tag in row.lastfm_tags or ()], row.name)
                for row in rows
            }
            write_labels(connection, kind, labels)
            connection.execute(
                text(f"UPDATE {TABLES[kind]} SET lastfm_vocabulary = :version WHERE id = ANY(:ids)"),
                {"version": VOCABULARY_VERSION, "ids": list(labels)},
            )
        done += len(rows)


# --- similar artists ----------------------------------------------------------------------------------


def _write_similar(connection: Connection, results: Sequence[Result]) -> None:
    temporary_table(connection, "answered", "id bigint, about text")
    copy_rows(connection, "answered", ("id", "about"), ((r.due.entity_id, r.due.about) for r in results))
    connection.execute(
        text(
            """
            UPDATE artists e SET lastfm_similar_artists_fetched = now(), lastfm_similar_about = n.about
            FROM answered n WHERE e.id = n.id
            """
        )
    )
    columns = ("artist_id", "similar_name", "similar_name_key", "similar_musicbrainz_artistid", "weight")
    temporary_table(
        connection,
        "said",
        "artist_id bigint, similar_name text, similar_name_key text, similar_musicbrainz_artistid text,"
        " weight double precision",
    )
    copy_rows(
        connection,
        "said",
        columns,
        (
            (result.due.entity_id, each.name, key, each.musicbrainz_id, each.weight)
            for result in results
            if isinstance(result.found, Similar)
            for key, each in _distinct(result.found, result.due.artist).items()
        ),
    )
    connection.execute(
        text(
            """
            DELETE FROM artist_similar s USING answered n WHERE s.artist_id = n.id AND s.source = :source
             AND NOT EXISTS (SELECT FROM said d
                             WHERE d.artist_id = s.artist_id AND d.similar_name_key = s.similar_name_key)
            """
        ),
        {"source": SOURCE},
    )
    connection.execute(
        text(
            f"""
            INSERT INTO artist_similar ({", ".join(columns)}, source)
            SELECT {", ".join(columns)}, :source FROM said WHERE artist_id IN (SELECT id FROM artists)
            ORDER BY artist_id, weight DESC, similar_name_key
            ON CONFLICT (artist_id, source, similar_name_key) DO UPDATE SET
                similar_name = excluded.similar_name, weight = excluded.weight, fetched_at = now(),
                similar_musicbrainz_artistid = excluded.similar_musicbrainz_artistid
            """
        ),
        {"source": SOURCE},
    )
    _relink(connection, "s.artist_id IN (SELECT id FROM answered)")


def _distinct(found: Similar, artist: str) -> dict[str, SimilarArtist]:
    """By normal form, the heaviest of each, without the artist itself."""
    by_key: dict[str, SimilarArtist] = {}
    for each in sorted(found.artists, key=lambda each: (-each.weight, each.name)):
        by_key.setdefault(name_key(each.name), each)
    by_key.pop(name_key(artist), None)
    return by_key


def relink(engine: Engine) -> int:
    """Point similar artists to rows of the library that came, and away from those they no longer mean."""
    with engine.connect() as connection:
        # Looked at before the lock is taken: over a million rows it takes seconds, and mostly finds nothing.
        # Counted, because EXISTS makes the planner look for a first row that is not there by nested loops.
        query = f"{_CHANGED.format(which='true')} SELECT count(*) FROM changed"
        if not connection.execute(text(query)).scalar_one():
            return 0
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        return _relink(connection, "true")


# By id, else by name where only one artist has it.
_CHANGED = """
    WITH named AS (SELECT name_key, min(id) AS id FROM artists GROUP BY 1 HAVING count(*) = 1),
    target AS (
        SELECT s.id, s.similar_artist_id AS linked, nullif(coalesce(i.id, n.id), s.artist_id) AS artist_id
        FROM artist_similar s
        LEFT JOIN artists i ON i.musicbrainz_artistid = s.similar_musicbrainz_artistid
        LEFT JOIN named n ON n.name_key = s.similar_name_key
        WHERE {which}
    ),
    changed AS (SELECT id, artist_id FROM target WHERE linked IS DISTINCT FROM artist_id)
"""


def _relink(connection: Connection, which: str) -> int:
    return connection.execute(
        text(
            f"""
            {_CHANGED.format(which=which)}
            UPDATE artist_similar s SET similar_artist_id = c.artist_id FROM changed c WHERE s.id = c.id
            """
        )
    ).rowcount
