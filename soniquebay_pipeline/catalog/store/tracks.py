"""tracks and the tables that link them: written from what the earlier steps resolved.

Here: which tracks are due, the rows of tracks, track_artists, track_genres …, and what follows from
them (album_genres, artist_genres). Not here: any decision about identity.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.catalog.store.labels import LASTFM_KINDS, LINK_OF_KIND, TABLE_OF_KIND
from soniquebay_pipeline.catalog.store.pending import select_pending
from soniquebay_pipeline.db.bulk import temporary_select
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction


def write_tracks(engine: Engine, shard: int) -> dict[str, int]:
    """Write the tracks of the shard's pending files, and of files that other changes made due."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        select_pending(connection, shard)
        if not _select_due(connection):
            return {"tracks_added": 0, "tracks_updated": 0}
        remember_genre_owners(connection, "due")
        written = _upsert(connection)
        _link_artists(connection)
        _link_labels(connection)
        derive_genres(connection)
        return written


def _select_due(connection: Connection) -> int:
    """``due``: files whose references are all resolved. What is not stays pending, or due, until it is."""
    labels_exist = " ".join(
        f"""
        AND NOT EXISTS (SELECT FROM file_labels l LEFT JOIN {table} k USING (name_key)
                        WHERE l.file_id = m.file_id AND l.kind = '{kind}' AND k.id IS NULL)
        """
        for kind, table in TABLE_OF_KIND.items()
    )
    count = temporary_select(
        connection,
        "due",
        f"""
        SELECT m.file_id, g.album_id, first.artist_id AS track_artist_id
        FROM raw_metadata m
        JOIN (SELECT file_id FROM pending
              UNION SELECT d.file_id FROM due_tracks d JOIN tracks t ON t.file_id = d.file_id) AS d
          ON d.file_id = m.file_id
        LEFT JOIN album_groups g ON g.id = m.album_group_id
        JOIN LATERAL (
            SELECT c.artist_id FROM file_credits c
            WHERE c.file_id = m.file_id AND c.role <> 'album'
            ORDER BY c.role <> 'main', c.role, c.position LIMIT 1
        ) AS first ON true
        WHERE m.grouped_revision = m.revision AND (g.id IS NULL OR g.album_id IS NOT NULL)
          AND NOT EXISTS (SELECT FROM file_credits c WHERE c.file_id = m.file_id
                          AND c.role <> 'album' AND c.artist_id IS NULL)
          {labels_exist}
        """,
    )
    connection.execute(
        text(
            """
            DELETE FROM due_tracks d WHERE file_id IN (SELECT file_id FROM due)
                OR NOT EXISTS (SELECT FROM tracks t WHERE t.file_id = d.file_id)
            """
        )
    )
    return count


def remember_genre_owners(connection: Connection, files: str) -> None:
    """``touched_albums`` and ``touched_artists``: whose genres these files decide, as written and as resolved.

    ``files``: a temporary table with the column ``file_id``.
    """
    temporary_select(
        connection,
        "touched_albums",
        f"""
        SELECT t.album_id FROM tracks t JOIN {files} USING (file_id) WHERE t.album_id IS NOT NULL
        UNION
        SELECT g.album_id FROM album_groups g JOIN raw_metadata m ON m.album_group_id = g.id
        JOIN {files} USING (file_id) WHERE g.album_id IS NOT NULL
        """,
    )
    temporary_select(
        connection,
        "touched_artists",
        f"""
        SELECT a.artist_id FROM track_artists a JOIN tracks t ON t.id = a.track_id JOIN {files} USING (file_id)
        WHERE a.role = 'main'
        UNION
        SELECT c.artist_id FROM file_credits c JOIN {files} USING (file_id)
        WHERE c.role = 'main' AND c.artist_id IS NOT NULL
        """,
    )


def _upsert(connection: Connection) -> dict[str, int]:
    total = connection.execute(text("SELECT count(*) FROM due")).scalar_one()
    known = connection.execute(text("SELECT count(*) FROM due JOIN tracks USING (file_id)")).scalar_one()
    connection.execute(
        text(
            """
            INSERT INTO tracks AS t (file_id, title, track_artist_id, album_id, track_number, disc_number, year,
                                     duration_seconds, bitrate_kbps, file_type, musicbrainz_id, revision)
            SELECT m.file_id, m.title, d.track_artist_id, d.album_id, m.track_number, m.disc_number, m.year,
                   m.duration_seconds, m.bitrate_kbps, m.file_type, m.musicbrainz_recordingid, m.revision
            FROM raw_metadata m JOIN due d ON d.file_id = m.file_id
            ORDER BY m.file_id
            ON CONFLICT (file_id) DO UPDATE SET
                title = excluded.title, track_artist_id = excluded.track_artist_id,
                album_id = excluded.album_id, track_number = excluded.track_number,
                disc_number = excluded.disc_number, year = excluded.year,
                duration_seconds = excluded.duration_seconds, bitrate_kbps = excluded.bitrate_kbps,
                file_type = excluded.file_type, musicbrainz_id = excluded.musicbrainz_id,
                revision = excluded.revision, updated_at = now()
            """
        )
    )
    temporary_select(
        connection,
        "written",
        "SELECT t.id AS track_id, t.file_id FROM tracks t JOIN due d ON d.file_id = t.file_id",
    )
    return {"tracks_added": total - known, "tracks_updated": known}


def _link_artists(connection: Connection) -> None:
    connection.execute(text("DELETE FROM track_artists a USING written w WHERE a.track_id = w.track_id"))
    # Two credits of one track may turn out to be one artist: the first position in the role counts.
    connection.execute(
        text(
            """
            INSERT INTO track_artists (track_id, artist_id, role, position)
            SELECT w.track_id, c.artist_id, c.role, min(c.position)
            FROM file_credits c JOIN written w ON w.file_id = c.file_id
            WHERE c.role <> 'album'
            GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """
        )
    )


def _link_labels(connection: Connection) -> None:
    for kind, (link, column) in LINK_OF_KIND.items():
        connection.execute(text(f"DELETE FROM {link} l USING written w WHERE l.track_id = w.track_id"))
        connection.execute(
            text(
                f"""
                INSERT INTO {link} (track_id, {column})
                SELECT DISTINCT w.track_id, g.id
                FROM written w JOIN file_labels l ON l.file_id = w.file_id AND l.kind = :kind
                JOIN {TABLE_OF_KIND[kind]} g ON g.name_key = l.name_key
                ORDER BY 1, 2
                """
            ),
            {"kind": kind},
        )
    link_lastfm_labels(connection, "written")


def link_lastfm_labels(connection: Connection, tracks: str) -> None:
    """Link tracks with what Last.fm's tags say, beside what their files say; a file's link stands.

    Of each kind a track has the labels of its own tags; without any, its album's; without those, its artist's.
    ``tracks``: a temporary table with the column ``track_id``.
    """
    for kind in LASTFM_KINDS:
        link, column = LINK_OF_KIND[kind]
        connection.execute(
            text(f"DELETE FROM {link} l USING {tracks} w WHERE l.track_id = w.track_id AND l.source = 'lastfm'")
        )
        connection.execute(
            text(
                f"""
                WITH said AS (
                    SELECT w.track_id, 1 AS place, l.name_key
                    FROM {tracks} w JOIN lastfm_labels l ON l.track_id = w.track_id AND l.kind = :kind
                    UNION ALL
                    SELECT w.track_id, 2, l.name_key FROM {tracks} w JOIN tracks t ON t.id = w.track_id
                    JOIN lastfm_labels l ON l.album_id = t.album_id AND l.kind = :kind
                    UNION ALL
                    SELECT w.track_id, 3, l.name_key FROM {tracks} w JOIN tracks t ON t.id = w.track_id
                    JOIN lastfm_labels l ON l.artist_id = t.track_artist_id AND l.kind = :kind
                ), nearest AS (
                    SELECT track_id, name_key, rank() OVER (PARTITION BY track_id ORDER BY place) AS rank FROM said
                )
                INSERT INTO {link} (track_id, {column}, source)
                SELECT n.track_id, g.id, 'lastfm'
                FROM nearest n JOIN {TABLE_OF_KIND[kind]} g ON g.name_key = n.name_key
                WHERE n.rank = 1 ORDER BY 1, 2
                ON CONFLICT (track_id, {column}) DO NOTHING
                """
            ),
            {"kind": kind},
        )


def derive_genres(connection: Connection) -> None:
    """Genres of the noted owners: an album has those of its tracks, an artist those of the tracks they lead."""
    connection.execute(text("DELETE FROM album_genres g USING touched_albums t WHERE g.album_id = t.album_id"))
    connection.execute(
        text(
            """
            INSERT INTO album_genres (album_id, genre_id)
            SELECT DISTINCT t.album_id, g.genre_id
            FROM touched_albums a JOIN tracks t ON t.album_id = a.album_id
            JOIN track_genres g ON g.track_id = t.id ORDER BY 1, 2
            """
        )
    )
    connection.execute(text("DELETE FROM artist_genres g USING touched_artists t WHERE g.artist_id = t.artist_id"))
    connection.execute(
        text(
            """
            INSERT INTO artist_genres (artist_id, genre_id)
            SELECT DISTINCT a.artist_id, g.genre_id
            FROM touched_artists a JOIN track_artists l ON l.artist_id = a.artist_id AND l.role = 'main'
            JOIN track_genres g ON g.track_id = l.track_id ORDER BY 1, 2
            """
        )
    )
