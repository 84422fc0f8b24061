"""genres, genre_tags and mood_tags: one row a name, whatever its case and whoever writes at once.

A name is there while a file or a Last.fm tag (``lastfm_labels``) uses it.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.bulk import temporary_select
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction

TABLE_OF_KIND = {"genre": "genres", "genre_tag": "genre_tags", "mood": "mood_tags"}

LINK_OF_KIND = {
    "genre": ("track_genres", "genre_id"),
    "genre_tag": ("track_genre_tags", "genre_tag_id"),
    "mood": ("track_mood_tags", "mood_tag_id"),
}

LASTFM_KINDS = ("genre_tag", "mood")
"""The kinds that Last.fm's tags can be; genres are what people wrote into their files."""


def resolve_labels(engine: Engine) -> dict[str, int]:
    """Insert or respell the names in due_labels, whichever shard made them due; returns the number added by table."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        return resolve_due_labels(connection)


def resolve_due_labels(connection: Connection) -> dict[str, int]:
    """The same within a transaction that holds the lock."""
    if not temporary_select(connection, "due", "SELECT DISTINCT kind, name_key FROM due_labels"):
        return {f"{table}_added": 0 for table in TABLE_OF_KIND.values()}
    connection.execute(text("DELETE FROM due_labels"))
    # The most common spelling in the whole library, so that it does not depend on the order of shards;
    # Last.fm's where no file has the name.
    temporary_select(
        connection,
        "spelled",
        """
        SELECT DISTINCT ON (kind, name_key) kind, name_key, name FROM (
            SELECT l.kind, l.name_key, l.name, count(*) AS uses
            FROM file_labels l JOIN due USING (kind, name_key) GROUP BY 1, 2, 3
            UNION ALL
            SELECT DISTINCT l.kind, l.name_key, l.name, 0 FROM lastfm_labels l JOIN due USING (kind, name_key)) AS s
        ORDER BY kind, name_key, uses DESC, name COLLATE "C"
        """,
    )
    added = {}
    for kind, table in TABLE_OF_KIND.items():
        inserted = connection.execute(
            text(
                f"""
                INSERT INTO {table} (name, name_key)
                SELECT name, name_key FROM spelled WHERE kind = :kind ORDER BY name_key
                ON CONFLICT (name_key) DO NOTHING
                """
            ),
            {"kind": kind},
        )
        added[f"{table}_added"] = inserted.rowcount
        connection.execute(
            text(
                f"""
                UPDATE {table} g SET name = s.name FROM spelled s
                WHERE s.kind = :kind AND g.name_key = s.name_key AND g.name <> s.name
                """
            ),
            {"kind": kind},
        )
    return added
