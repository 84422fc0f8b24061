"""artists: who each credit means.

Identity: the MusicBrainz id where the credit has one, else the normal form of the name. A credit without
an id means the artist with an id who is credited under that name, if there is exactly one; where two
MusicBrainz artists share the name, or none has it, it means the artist known by name only. That is a
function of the set of all credits, so the order in which files arrive does not matter.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.catalog.store.groups import regroup_changed_folders
from soniquebay_pipeline.db.bulk import temporary_select
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction


def resolve_artists(engine: Engine, shard: int) -> dict[str, int]:
    """Group the shard's changed files and resolve every name that is due; returns counts for people."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        changed = regroup_changed_folders(connection, shard)
        counts = resolve_due_artists(connection)
    return {"changed_files": changed, **counts}


def resolve_due_artists(connection: Connection) -> dict[str, int]:
    """Resolve every name in due_artist_keys; what refers to a changed artist becomes due in turn."""
    due = temporary_select(connection, "due", "SELECT DISTINCT name_key FROM due_artist_keys")
    if not due:
        return {"names_resolved": 0, "artists_added": 0}
    connection.execute(text("DELETE FROM due_artist_keys"))
    _collect_claims(connection)
    added = _adopt_and_insert(connection)
    _point_credits(connection)
    _choose_names(connection)
    return {"names_resolved": due, "artists_added": added}


def _collect_claims(connection: Connection) -> None:
    """``claims``: under which ids each due name is credited; ``single``: the only id of a name."""
    temporary_select(
        connection,
        "claims",
        """
        SELECT name_key, musicbrainz_artistid AS mbid, min(name) AS name FROM (
            SELECT c.name_key, c.musicbrainz_artistid, c.name
            FROM file_credits c JOIN due USING (name_key) WHERE c.role <> 'album'
            UNION ALL
            SELECT g.artist_name_key, g.musicbrainz_artistid, g.artist_name
            FROM album_groups g JOIN due ON due.name_key = g.artist_name_key
        ) AS credited GROUP BY 1, 2
        """,
    )
    temporary_select(
        connection,
        "single",
        "SELECT name_key, min(mbid) AS mbid FROM claims WHERE mbid IS NOT NULL"
        " GROUP BY name_key HAVING count(DISTINCT mbid) = 1",
    )


def _adopt_and_insert(connection: Connection) -> int:
    # The artist known by name gets the id when it turns up, and keeps its row and all that hangs on it.
    connection.execute(
        text(
            """
            UPDATE artists a SET musicbrainz_artistid = s.mbid
            FROM (SELECT DISTINCT ON (mbid) mbid, name_key FROM single ORDER BY mbid, name_key) AS s
            WHERE a.name_key = s.name_key AND a.musicbrainz_artistid IS NULL
              AND NOT EXISTS (SELECT FROM artists o WHERE o.musicbrainz_artistid = s.mbid)
            """
        )
    )
    with_id = connection.execute(
        text(
            """
            INSERT INTO artists (name, name_key, musicbrainz_artistid)
            SELECT DISTINCT ON (mbid) name, name_key, mbid FROM claims WHERE mbid IS NOT NULL
            ORDER BY mbid, name_key
            ON CONFLICT (musicbrainz_artistid) DO NOTHING
            """
        )
    )
    by_name = connection.execute(
        text(
            """
            INSERT INTO artists (name, name_key)
            SELECT name, name_key FROM claims
            WHERE mbid IS NULL AND name_key NOT IN (SELECT name_key FROM single)
            ORDER BY name_key
            ON CONFLICT (name_key) WHERE musicbrainz_artistid IS NULL DO NOTHING
            """
        )
    )
    return with_id.rowcount + by_name.rowcount


def _point_credits(connection: Connection) -> None:
    """Set artist_id of every credit under a due name; files and albums whose artist changed become due."""
    temporary_select(
        connection,
        "meaning",
        """
        WITH identified AS (
            SELECT c.name_key, c.mbid, coalesce(c.mbid, s.mbid) AS meant
            FROM claims c LEFT JOIN single s ON s.name_key = c.name_key
        )
        SELECT i.name_key, i.mbid, a.id AS artist_id
        FROM identified i JOIN artists a ON a.musicbrainz_artistid = i.meant
        UNION ALL
        SELECT i.name_key, i.mbid, a.id
        FROM identified i JOIN artists a ON a.name_key = i.name_key
        WHERE i.meant IS NULL AND a.musicbrainz_artistid IS NULL
        """,
    )
    connection.execute(
        text(
            """
            WITH changed AS (
                UPDATE file_credits c SET artist_id = m.artist_id
                FROM meaning m
                WHERE c.name_key = m.name_key AND c.musicbrainz_artistid IS NOT DISTINCT FROM m.mbid
                  AND c.role <> 'album' AND c.artist_id IS DISTINCT FROM m.artist_id
                RETURNING c.file_id
            )
            INSERT INTO due_tracks (file_id)
            SELECT DISTINCT c.file_id FROM changed c JOIN tracks t ON t.file_id = c.file_id
            """
        )
    )
    connection.execute(
        text(
            """
            WITH before AS (
                SELECT g.id, g.title_key, g.artist_id AS old_artist_id, m.artist_id
                FROM album_groups g JOIN meaning m ON g.artist_name_key = m.name_key
                 AND g.musicbrainz_artistid IS NOT DISTINCT FROM m.mbid
                WHERE g.artist_id IS DISTINCT FROM m.artist_id
            ), changed AS (
                UPDATE album_groups g SET artist_id = b.artist_id FROM before b WHERE g.id = b.id
            )
            INSERT INTO due_albums (title_key, artist_id)
            SELECT title_key, artist_id FROM before
            UNION SELECT title_key, old_artist_id FROM before WHERE old_artist_id IS NOT NULL
            """
        )
    )


def _choose_names(connection: Connection) -> None:
    """Show the most common spelling; of equally common ones the first in code point order."""
    # Those that a due name means now, and those that are called by one that may mean somebody else now.
    temporary_select(
        connection,
        "concerned",
        "SELECT artist_id FROM meaning UNION SELECT a.id FROM artists a JOIN due USING (name_key)",
    )
    connection.execute(
        text(
            """
            WITH spelled AS (
                SELECT c.artist_id, c.name, c.name_key, count(*) AS uses
                FROM file_credits c WHERE c.artist_id IN (SELECT artist_id FROM concerned)
                GROUP BY 1, 2, 3
                UNION ALL
                SELECT g.artist_id, g.artist_name, g.artist_name_key, count(*)
                FROM album_groups g WHERE g.artist_id IN (SELECT artist_id FROM concerned)
                GROUP BY 1, 2, 3
            ), chosen AS (
                SELECT DISTINCT ON (artist_id) artist_id, name, name_key
                FROM (SELECT artist_id, name, name_key, sum(uses) AS uses FROM spelled GROUP BY 1, 2, 3) AS s
                ORDER BY artist_id, uses DESC, name COLLATE "C"
            )
            UPDATE artists a SET name = c.name, name_key = c.name_key
            FROM chosen c WHERE a.id = c.artist_id AND (a.name, a.name_key) <> (c.name, c.name_key)
            """
        )
    )
