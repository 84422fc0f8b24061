"""albums: which album each group of files belongs to.

Identity: the MusicBrainz release id, else title and album artist, and the year where that separates. A
group without an id joins the only release of its title and artist if the years do not contradict; a
group without a year joins the only year there is. Both are functions of the set of groups that share
title and artist, so the order in which folders arrive does not matter.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.bulk import temporary_select
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction


def resolve_albums(engine: Engine) -> dict[str, int]:
    """Resolve every album in due_albums, whichever shard made it due; returns counts for people."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        due = temporary_select(connection, "due", "SELECT DISTINCT title_key, artist_id FROM due_albums")
        if not due:
            return {"titles_resolved": 0, "albums_added": 0}
        connection.execute(text("DELETE FROM due_albums"))
        _decide(connection)
        added = _insert(connection)
        _point_groups(connection)
        _describe(connection)
    return {"titles_resolved": due, "albums_added": added}


def _decide(connection: Connection) -> None:
    """``decided``: for each group of a due title and artist, the release id or the year of its album."""
    temporary_select(
        connection,
        "bucket",
        """
        SELECT g.id AS group_id, g.title, g.title_key, g.artist_id, g.year,
               g.musicbrainz_albumid AS mbid
        FROM album_groups g JOIN due USING (title_key, artist_id)
        """,
    )
    temporary_select(
        connection,
        "decided",
        """
        WITH facts AS (
            SELECT title_key, artist_id,
                   CASE WHEN count(DISTINCT mbid) = 1 THEN min(mbid) END AS only_mbid,
                   array_agg(DISTINCT year) FILTER (WHERE mbid IS NOT NULL) AS release_years,
                   CASE WHEN count(DISTINCT year) FILTER (WHERE mbid IS NULL) = 1
                        THEN min(year) FILTER (WHERE mbid IS NULL) END AS only_year
            FROM bucket GROUP BY 1, 2
        )
        SELECT b.group_id, b.title, b.title_key, b.artist_id,
               coalesce(b.mbid, j.mbid) AS mbid,
               CASE WHEN coalesce(b.mbid, j.mbid) IS NULL THEN coalesce(b.year, f.only_year) END AS year
        FROM bucket b JOIN facts f USING (title_key, artist_id)
        CROSS JOIN LATERAL (SELECT CASE WHEN b.year IS NULL OR b.year = ANY(f.release_years)
            OR array_position(f.release_years, NULL) IS NOT NULL THEN f.only_mbid END AS mbid) AS j
        """,
    )


def _insert(connection: Connection) -> int:
    with_id = connection.execute(
        text(
            """
            INSERT INTO albums (title, title_key, album_artist_id, musicbrainz_albumid)
            SELECT DISTINCT ON (mbid) title, title_key, artist_id, mbid FROM decided WHERE mbid IS NOT NULL
            ORDER BY mbid, title_key, artist_id, title
            ON CONFLICT (musicbrainz_albumid) DO NOTHING
            """
        )
    )
    by_title = connection.execute(
        text(
            """
            INSERT INTO albums (title, title_key, album_artist_id, release_year)
            SELECT DISTINCT ON (title_key, artist_id, year) title, title_key, artist_id, year
            FROM decided WHERE mbid IS NULL
            ORDER BY title_key, artist_id, year, title
            ON CONFLICT (title_key, album_artist_id, release_year) WHERE musicbrainz_albumid IS NULL DO NOTHING
            """
        )
    )
    return with_id.rowcount + by_title.rowcount


def _point_groups(connection: Connection) -> None:
    """Set album_id of the groups; files whose track is on another album become due."""
    # Two joins, each on columns: as one join on a CASE it compared every group with every album, and took
    # 150 s of the 360 s that 200,000 files took.
    temporary_select(
        connection,
        "target",
        """
        SELECT d.group_id, a.id AS album_id, g.album_id AS old_album_id
        FROM decided d JOIN albums a ON a.musicbrainz_albumid = d.mbid
        JOIN album_groups g ON g.id = d.group_id
        UNION ALL
        SELECT d.group_id, a.id, g.album_id
        FROM decided d
        JOIN albums a ON a.title_key = d.title_key AND a.album_artist_id = d.artist_id
         AND a.release_year IS NOT DISTINCT FROM d.year
        JOIN album_groups g ON g.id = d.group_id
        WHERE d.mbid IS NULL AND a.musicbrainz_albumid IS NULL
        """,
    )
    connection.execute(
        text(
            """
            UPDATE album_groups g SET album_id = t.album_id
            FROM target t WHERE g.id = t.group_id AND g.album_id IS DISTINCT FROM t.album_id
            """
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO due_tracks (file_id)
            SELECT m.file_id FROM target g
            JOIN raw_metadata m ON m.album_group_id = g.group_id
            JOIN tracks t ON t.file_id = m.file_id
            WHERE t.album_id IS DISTINCT FROM g.album_id
            """
        )
    )


def _describe(connection: Connection) -> None:
    """Most common title, year and artist of the groups of each album, weighted by their files.

    Ties are decided by what the groups say, not by what their artists are called now. Each fact is a table of its
    own: of subqueries the planner expected single rows and compared every album with every other, which took more
    than ten minutes at 80,000 albums.
    """
    temporary_select(
        connection,
        "members",
        """
        SELECT g.* FROM album_groups g
        WHERE g.album_id IN (SELECT album_id FROM target UNION SELECT old_album_id FROM target)
        """,
    )
    temporary_select(
        connection,
        "titles",
        """
        SELECT DISTINCT ON (album_id) album_id, title, title_key FROM (
            SELECT album_id, title, title_key, sum(file_count) AS files FROM members GROUP BY 1, 2, 3) AS t
        ORDER BY album_id, files DESC, title COLLATE "C"
        """,
    )
    temporary_select(
        connection,
        "years",
        """
        SELECT DISTINCT ON (album_id) album_id, year FROM (
            SELECT album_id, year, sum(file_count) AS files FROM members WHERE year IS NOT NULL GROUP BY 1, 2) AS t
        ORDER BY album_id, files DESC, year
        """,
    )
    temporary_select(
        connection,
        "album_artists",
        """
        SELECT DISTINCT ON (album_id) album_id, artist_id FROM (
            SELECT album_id, artist_id, sum(file_count) AS files,
                   min(artist_name_key COLLATE "C") AS name_key, min(musicbrainz_artistid) AS mbid
            FROM members GROUP BY 1, 2) AS t
        ORDER BY album_id, files DESC, name_key, mbid
        """,
    )
    temporary_select(
        connection,
        "facts",
        """
        SELECT album_id, bool_or(is_compilation) AS is_compilation, min(musicbrainz_releasegroupid) AS releasegroupid
        FROM members GROUP BY 1
        """,
    )
    connection.execute(
        text(
            """
            UPDATE albums a SET title = t.title, is_compilation = f.is_compilation,
                musicbrainz_releasegroupid = f.releasegroupid,
                title_key = CASE WHEN a.musicbrainz_albumid IS NULL THEN a.title_key ELSE t.title_key END,
                release_year = CASE WHEN a.musicbrainz_albumid IS NULL THEN a.release_year ELSE y.year END,
                album_artist_id = CASE WHEN a.musicbrainz_albumid IS NULL THEN a.album_artist_id
                                       ELSE r.artist_id END
            FROM facts f JOIN titles t USING (album_id) JOIN album_artists r USING (album_id)
            LEFT JOIN years y USING (album_id)
            WHERE a.id = f.album_id
            """
        )
    )
