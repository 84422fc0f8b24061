"""Cleaning: entities that nothing refers to, and files that a person purges.

Here: orphans, purging of missing files and of the tracks of rejected ones, forgetting the demo library.
Not here: Dagster's own storage.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.catalog.store.artists import resolve_due_artists
from soniquebay_pipeline.catalog.store.groups import WITHOUT_FILES, forget_groups
from soniquebay_pipeline.catalog.store.labels import LINK_OF_KIND, TABLE_OF_KIND, resolve_due_labels
from soniquebay_pipeline.catalog.store.tracks import derive_genres, remember_genre_owners
from soniquebay_pipeline.db.bulk import temporary_select
from soniquebay_pipeline.db.ledger import remove_vanished
from soniquebay_pipeline.db.locks import LOCK_CATALOG, LOCK_FILES, hold_for_transaction
from soniquebay_pipeline.db.tables import metadata


def remove_orphans(engine: Engine) -> dict[str, int]:
    """Delete albums, artists, genres and moods that no file refers to; returns counts by table."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        return _remove_orphans(connection)


def _remove_orphans(connection: Connection) -> dict[str, int]:
    removed = {
        "albums": connection.execute(
            text(
                """
                DELETE FROM albums a
                WHERE NOT EXISTS (SELECT FROM tracks t WHERE t.album_id = a.id)
                  AND NOT EXISTS (SELECT FROM album_groups g WHERE g.album_id = a.id)
                """
            )
        ).rowcount,
        "artists": connection.execute(
            text(
                """
                DELETE FROM artists a
                WHERE NOT EXISTS (SELECT FROM file_credits c WHERE c.artist_id = a.id)
                  AND NOT EXISTS (SELECT FROM album_groups g WHERE g.artist_id = a.id)
                  AND NOT EXISTS (SELECT FROM albums b WHERE b.album_artist_id = a.id)
                  AND NOT EXISTS (SELECT FROM tracks t WHERE t.track_artist_id = a.id)
                  AND NOT EXISTS (SELECT FROM track_artists t WHERE t.artist_id = a.id)
                """
            )
        ).rowcount,
    }
    for kind, (link, column) in LINK_OF_KIND.items():
        removed[TABLE_OF_KIND[kind]] = connection.execute(
            text(
                f"""
                DELETE FROM {TABLE_OF_KIND[kind]} g
                WHERE NOT EXISTS (SELECT FROM {link} l WHERE l.{column} = g.id)
                  AND NOT EXISTS (SELECT FROM file_labels l WHERE l.kind = :kind AND l.name_key = g.name_key)
                  AND NOT EXISTS (SELECT FROM lastfm_labels l WHERE l.kind = :kind AND l.name_key = g.name_key)
                """
            ),
            {"kind": kind},
        ).rowcount
    return removed


# A file that became unreadable keeps its track until a person says otherwise, as one that is missing does. Its row
# stays: it says that the file is there, and why it is none of the catalogue's.
_PURGEABLE = {
    "missing": "f.status = 'missing' AND f.missing_since <= now() - make_interval(secs => :seconds)",
    "rejected": """
        f.status = 'rejected' AND f.last_seen_at <= now() - make_interval(secs => :seconds)
        AND EXISTS (SELECT FROM raw_metadata m WHERE m.file_id = f.id)
    """,
}


@dataclass(frozen=True, slots=True)
class Purgeable:
    """A missing or rejected file whose track a purge would delete."""

    path: str
    since: str
    title: str | None
    artist: str | None
    album: str | None


def purgeable(engine: Engine, older_than_days: float = 0, *, status: str = "missing") -> list[Purgeable]:
    """What ``purge`` would delete of the files with this status (missing or rejected), oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                f"""
                SELECT f.path, to_char(coalesce(f.missing_since, f.last_seen_at), 'YYYY-MM-DD HH24:MI'), t.title,
                       a.name, b.title
                FROM raw_files f LEFT JOIN tracks t ON t.file_id = f.id
                LEFT JOIN artists a ON a.id = t.track_artist_id LEFT JOIN albums b ON b.id = t.album_id
                WHERE {_PURGEABLE[status]}
                ORDER BY coalesce(f.missing_since, f.last_seen_at), f.path
                """
            ),
            {"seconds": older_than_days * 86_400},
        ).all()
    return [Purgeable(*row) for row in rows]


def purge(engine: Engine, older_than_days: float = 0, *, status: str = "missing") -> int:
    """Delete the tracks of missing or rejected files, and whatever only they held up; returns the number of files.

    The rows of missing files go as well; those of rejected files stay rejected.
    """
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_FILES)
        hold_for_transaction(connection, LOCK_CATALOG)
        count = temporary_select(
            connection,
            "purged",
            f"""
            SELECT f.id AS file_id, f.album_folder, m.album_group_id
            FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id
            WHERE {_PURGEABLE[status]}
            """,
            seconds=older_than_days * 86_400,
        )
        if count:
            _note_what_changes(connection)
            connection.execute(text("DELETE FROM tracks t USING purged p WHERE t.file_id = p.file_id"))
            connection.execute(text("DELETE FROM raw_metadata m USING purged p WHERE m.file_id = p.file_id"))
            if status == "missing":
                connection.execute(text("DELETE FROM raw_files f USING purged p WHERE f.id = p.file_id"))
            forget_groups(
                connection,
                f"SELECT g.id FROM album_groups g JOIN purged p ON p.album_group_id = g.id WHERE {WITHOUT_FILES}",
            )
            derive_genres(connection)
            resolve_due_artists(connection)
            resolve_due_labels(connection)
            _remove_orphans(connection)
    # By itself: who notes an attempt waits for no lock of the catalogue, and the other way round.
    with engine.begin() as connection:
        remove_vanished(connection)
    return count


def _note_what_changes(connection: Connection) -> None:
    """Names, labels and folders that the purged files took part in are decided again without them."""
    remember_genre_owners(connection, "purged")
    connection.execute(
        text("INSERT INTO due_artist_keys SELECT DISTINCT name_key FROM file_credits JOIN purged USING (file_id)")
    )
    connection.execute(
        text("INSERT INTO due_labels SELECT DISTINCT kind, name_key FROM file_labels JOIN purged USING (file_id)")
    )
    connection.execute(
        text(
            """
            UPDATE raw_metadata m SET revision = nextval('revision_seq')
            FROM raw_files f WHERE f.id = m.file_id
             AND f.album_folder IN (SELECT album_folder FROM purged)
             AND f.id NOT IN (SELECT file_id FROM purged)
            """
        )
    )


def forget_everything(connection: Connection) -> None:
    """Empty every table but the migrations' own; for the demo library making room."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
