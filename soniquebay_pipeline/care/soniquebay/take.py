"""Matching SoniqueBay's artists, albums and tracks with ours, and taking over what we lack.

Here: staging, matching, filling. Not here: what a value has to be like (``values``).

Everything but pictures is one transaction, which a dry run rolls back: what it counts is what would be done. Artists
and albums are known by MusicBrainz id or by name where exactly one is meant, tracks by path below the music folder,
wherever that was there. Only what is unknown here is filled.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.care.soniquebay import values
from soniquebay_pipeline.care.soniquebay.source import MAX_PICTURE_TEXT, PICTURES, Source, opened
from soniquebay_pipeline.catalog.names import name_key
from soniquebay_pipeline.db.bulk import copy_rows, temporary_select, temporary_table
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction
from soniquebay_pipeline.enrichment.lastfm.due import ARTIST_ABOUT
from soniquebay_pipeline.library.paths import to_text
from soniquebay_pipeline.progress import Progress, Silent

SAMPLE = 500
"""Paths that are looked at to find out where the music folder was."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for an entity of ours, for the room that stores pictures."""

    entity_type: str
    entity_id: int
    source: str
    origin: str
    about: str
    data: bytes


OfferPictures = Callable[[Sequence[Picture]], int]
"""Stores pictures; returns how many it accepted."""


@dataclass(slots=True)
class TakenOver:
    """What there is, what was matched, what was taken."""

    artists: int = 0
    artists_matched: int = 0
    albums: int = 0
    albums_matched: int = 0
    tracks: int = 0
    tracks_matched: int = 0
    music_folder: str | None = None
    """Where the library was there."""
    lastfm_taken: int = 0
    similar_taken: int = 0
    features_taken: int = 0
    pictures: int = 0
    """Readable pictures of matched entities that are not known yet."""
    pictures_taken: int = 0
    pictures_unreadable: int = 0


def take_over(
    engine: Engine,
    url: str,
    *,
    dry_run: bool,
    offer_pictures: OfferPictures | None = None,
    progress: Progress | None = None,
) -> TakenOver:
    """Take over what we lack; with ``dry_run`` only count. Raises SourceError where the database can't be read."""
    reporter = progress or Silent()
    taken = TakenOver()
    with opened(url) as source, engine.connect() as connection:
        with connection.begin() as transaction:
            with reporter.stage("reading SoniqueBay") as stage:
                _stage_artists(connection, source)
                _stage_albums(connection, source)
                _stage_tracks(connection, source)
                _stage_similar(connection, source)
                stage(1)
            hold_for_transaction(connection, LOCK_CATALOG)
            _match(connection, taken)
            taken.lastfm_taken = _fill_lastfm(connection)
            taken.similar_taken = _fill_similar(connection)
            taken.features_taken = _fill_features(connection)
            ours = {
                (kind, row[0]): int(row[1])
                for kind in ("artist", "album", "track")
                for row in connection.execute(text(f"SELECT id, our_id FROM their_{kind}s WHERE our_id IS NOT NULL"))
            }
            if dry_run:
                transaction.rollback()
        _take_pictures(engine, source, ours, taken, None if dry_run else offer_pictures, reporter)
    return taken


# --- staging: their rows, checked, in temporary tables -------------------------------------------------


def _stage_artists(connection: Connection, source: Source) -> None:
    columns = ("id", "name_key", "mbid", "name", "url", "listeners", "playcount", "tags", "fetched_at")
    temporary_table(
        connection,
        "their_artists",
        "id text, name_key text, mbid text, name text, url text, listeners bigint, playcount bigint, tags jsonb,"
        " fetched_at timestamptz, our_id bigint",
    )

    def rows() -> Iterator[tuple[object, ...]]:
        names = ("lastfm_url", "lastfm_listeners", "lastfm_playcount", "lastfm_tags", "lastfm_info_fetched_at")
        for row in source.rows("artists", ("id", "name", "musicbrainz_artistid", *names)):
            number, name, mbid, url, listeners, playcount, tags, fetched_at = row
            if name and name.strip():
                found = values.tags(tags)
                yield (
                    number,
                    name_key(name),
                    values.uuid(mbid),
                    name.strip(),
                    values.lastfm_url(url),
                    values.count(listeners),
                    values.count(playcount),
                    json.dumps(found) if found else None,
                    values.moment(fetched_at),
                )

    copy_rows(connection, "their_artists", columns, rows())


def _stage_albums(connection: Connection, source: Source) -> None:
    columns = ("id", "title_key", "artist_id", "mbid", "year")
    temporary_table(
        connection, "their_albums", "id text, title_key text, artist_id text, mbid text, year float, our_id bigint"
    )
    found = source.rows("albums", ("id", "title", "album_artist_id", "musicbrainz_albumid", "release_year"))
    rows = ((i, name_key(t), a, values.uuid(m), values.number(y, 1, 9_999)) for i, t, a, m, y in found if t)
    copy_rows(connection, "their_albums", columns, rows)


def _stage_tracks(connection: Connection, source: Source) -> None:
    temporary_table(connection, "their_tracks", "id text, path text, our_id bigint")
    paths = ((row[0], row[1].replace("\\", "/")) for row in source.rows("tracks", ("id", "path")) if row[1])
    copy_rows(connection, "their_tracks", ("id", "path"), ((number, _as_ours(path)) for number, path in paths))
    units = ("danceability", "acousticness", "instrumentalness", "energy")
    columns = ("track_id", "bpm", "key", *units)
    temporary_table(
        connection, "their_features", "track_id text, bpm float, key text, " + ", ".join(f"{u} float" for u in units)
    )
    found = source.rows("track_audio_features", columns)
    rows = ((t, values.tempo(b), values.tonic(k), *(values.number(u, 0, 1) for u in us)) for t, b, k, *us in found)
    copy_rows(connection, "their_features", columns, (row for row in rows if row[0]))


def _as_ours(path: str) -> str:
    """The path as ``raw_files`` has it; what their database kept as surrogate escapes comes as it is."""
    return to_text(path.encode("utf-8", "surrogateescape"))


def _stage_similar(connection: Connection, source: Source) -> None:
    temporary_table(connection, "their_similar", "artist_id text, similar_id text, weight float")
    found = source.rows("artist_similar", ("artist_id", "similar_artist_id", "weight"))
    rows = ((one, other, values.number(weight, 0, 1)) for one, other, weight in found)
    copy_rows(connection, "their_similar", ("artist_id", "similar_id", "weight"), (r for r in rows if r[2] is not None))


# --- matching -----------------------------------------------------------------------------------------


def _match(connection: Connection, taken: TakenOver) -> None:
    for table in ("their_artists", "their_albums", "their_tracks", "their_features", "their_similar"):
        connection.execute(text(f"ANALYZE {table}"))
    connection.execute(
        text("UPDATE their_artists t SET our_id = a.id FROM artists a WHERE a.musicbrainz_artistid = t.mbid")
    )
    connection.execute(
        text(
            """
            UPDATE their_artists t SET our_id = a.id
            FROM (SELECT name_key, min(id) AS id, min(musicbrainz_artistid) AS mbid FROM artists
                  GROUP BY name_key HAVING count(*) = 1) AS a
            WHERE t.our_id IS NULL AND a.name_key = t.name_key AND (t.mbid IS NULL OR a.mbid IS NULL)
              AND NOT EXISTS (SELECT FROM their_artists o WHERE o.our_id = a.id)
            """
        )
    )
    connection.execute(
        text("UPDATE their_albums t SET our_id = b.id FROM albums b WHERE b.musicbrainz_albumid = t.mbid")
    )
    connection.execute(
        text(
            """
            UPDATE their_albums t SET our_id = b.id
            FROM their_artists a, (SELECT title_key, album_artist_id, min(id) AS id, min(release_year) AS year,
                                          min(musicbrainz_albumid) AS mbid
                                   FROM albums GROUP BY 1, 2 HAVING count(*) = 1) AS b
            WHERE t.our_id IS NULL AND a.id = t.artist_id AND b.album_artist_id = a.our_id
              AND b.title_key = t.title_key AND (t.year IS NULL OR b.year IS NULL OR t.year = b.year)
              AND (t.mbid IS NULL OR b.mbid IS NULL)
            """
        )
    )
    taken.music_folder = _music_folder(connection)
    if taken.music_folder is not None:
        connection.execute(
            text(
                """
                UPDATE their_tracks t SET our_id = o.id
                FROM tracks o JOIN raw_files f ON f.id = o.file_id AND f.status <> 'rejected'
                WHERE t.path = :folder || f.path
                """
            ),
            {"folder": taken.music_folder},
        )
    for kind in ("artists", "albums", "tracks"):
        query = text(f"SELECT count(*), count(our_id) FROM their_{kind}")
        total, matched = connection.execute(query).one()
        setattr(taken, kind, int(total))
        setattr(taken, f"{kind}_matched", int(matched))


def _music_folder(connection: Connection) -> str | None:
    """What stands before our relative paths there, with its slash: the most common over a sample."""
    query = "SELECT path FROM their_tracks ORDER BY md5(path) LIMIT :many"
    prefixes: Counter[str] = Counter()
    for path in connection.execute(text(query), {"many": SAMPLE}).scalars().all():
        places = [place + 1 for place, letter in enumerate(path) if letter == "/"][-12:]
        tails = {path[place:]: path[:place] for place in [0, *places]}
        known = connection.execute(text("SELECT path FROM raw_files WHERE path = ANY(:p)"), {"p": list(tails)})
        # The longest tail that is a file of ours: a copy at the top of the library has a shorter one.
        if longest := max(known.scalars(), key=len, default=None):
            prefixes[tails[longest]] += 1
    return min(prefixes, key=lambda prefix: (-prefixes[prefix], prefix), default=None)


# --- filling ------------------------------------------------------------------------------------------


def _fill_lastfm(connection: Connection) -> int:
    return connection.execute(
        text(
            f"""
            UPDATE artists a SET lastfm_url = t.url, lastfm_listeners = t.listeners,
                lastfm_playcount = t.playcount, lastfm_tags = t.tags, lastfm_info_fetched_at = t.fetched_at,
                lastfm_about = {ARTIST_ABOUT}
            FROM (SELECT DISTINCT ON (our_id) * FROM their_artists
                  WHERE coalesce(url, listeners::text, tags::text) IS NOT NULL
                  ORDER BY our_id, fetched_at DESC NULLS LAST, id) AS t
            WHERE a.id = t.our_id AND a.lastfm_info_fetched_at IS NULL
              AND (a.lastfm_url, a.lastfm_listeners, a.lastfm_playcount, a.lastfm_tags)
                  IS NOT DISTINCT FROM (NULL, NULL::bigint, NULL::bigint, NULL::jsonb)
            """
        )
    ).rowcount


def _fill_similar(connection: Connection) -> int:
    """Only for artists that Last.fm was not asked about yet."""
    names = temporary_select(
        connection,
        "similar_found",
        """
        SELECT DISTINCT ON (a.our_id, o.name_key) a.our_id AS artist_id, o.our_id AS similar_artist_id, o.name,
               o.name_key, o.mbid, s.weight
        FROM their_similar s JOIN their_artists a ON a.id = s.artist_id JOIN their_artists o ON o.id = s.similar_id
        JOIN artists m ON m.id = a.our_id AND m.lastfm_similar_artists_fetched IS NULL
        WHERE a.our_id IS DISTINCT FROM o.our_id
        ORDER BY a.our_id, o.name_key, s.weight DESC, o.id
        """,
    )
    if not names:
        return 0
    return connection.execute(
        text(
            """
            INSERT INTO artist_similar (artist_id, similar_artist_id, similar_name, similar_name_key,
                                        similar_musicbrainz_artistid, weight, source)
            SELECT artist_id, similar_artist_id, name, name_key, mbid, weight, 'soniquebay' FROM similar_found
            ORDER BY artist_id, name_key
            ON CONFLICT (artist_id, source, similar_name_key) DO NOTHING
            """
        )
    ).rowcount


def _fill_features(connection: Connection) -> int:
    """Stand-ins for tracks that are not analysed yet; never among what was measured."""
    return connection.execute(
        text(
            """
            INSERT INTO imported_features (track_id, source, bpm, key, energy, danceability, acousticness,
                                           instrumentalness)
            SELECT DISTINCT ON (t.our_id) t.our_id, 'soniquebay', f.bpm, f.key, f.energy, f.danceability,
                   f.acousticness, f.instrumentalness
            FROM their_features f JOIN their_tracks t ON t.id = f.track_id
            WHERE t.our_id IS NOT NULL AND num_nonnulls(f.bpm, f.key, f.energy, f.danceability, f.acousticness,
                                                        f.instrumentalness) > 0
              AND NOT EXISTS (SELECT FROM audio_features a WHERE a.track_id = t.our_id AND a.failure_reason IS NULL)
            ORDER BY t.our_id, t.id
            ON CONFLICT (track_id, source) DO NOTHING
            """
        )
    ).rowcount


# --- pictures -----------------------------------------------------------------------------------------


def _take_pictures(
    engine: Engine,
    source: Source,
    ours: dict[tuple[str, str], int],
    taken: TakenOver,
    offer: OfferPictures | None,
    progress: Progress,
) -> None:
    with engine.connect() as connection:
        query = text("SELECT entity_type, entity_id, source, origin FROM cover_candidates")
        known = {tuple(row) for row in connection.execute(query)}
    columns = ("entity_type", "entity_id", "url", "cover_data")
    batch: list[Picture] = []
    with progress.stage("reading pictures") as stage:
        for kind, number, url, data in source.rows("covers", columns, MAX_PICTURE_TEXT):
            stage(1)
            entity = (kind or "").lower()
            our_id = ours.get((entity, number or ""))
            if our_id is None or not data or values.PLACEHOLDER in (url or ""):
                continue
            where = values.picture_source(url)
            origin = (url or f"soniquebay:{entity}/{number}")[:1_000]
            if (entity, our_id, where, origin) in known:
                continue
            content = values.picture(data)
            if content is None:
                taken.pictures_unreadable += 1
                continue
            taken.pictures += 1
            batch.append(Picture(entity, our_id, where, origin, origin, content))
            if len(batch) >= PICTURES:
                taken.pictures_taken += offer(batch) if offer else 0
                batch = []
    if batch and offer:
        taken.pictures_taken += offer(batch)
