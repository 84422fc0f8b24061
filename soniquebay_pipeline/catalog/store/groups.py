"""album_groups: the files of one folder that make one album, written anew for folders that changed.

Here: loading a folder's files, storing the groups that ``catalog.albums`` decides on.
Not here: the decision, and which album row a group belongs to (``store.albums``).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, text

from soniquebay_pipeline.catalog.albums import AlbumFile, AlbumGroup, group_albums
from soniquebay_pipeline.catalog.model import Credit
from soniquebay_pipeline.db.bulk import copy_rows, temporary_select, temporary_table

_COLUMNS = (
    "position",
    "album_folder",
    "title",
    "title_key",
    "artist_name",
    "artist_name_key",
    "musicbrainz_artistid",
    "musicbrainz_albumid",
    "musicbrainz_releasegroupid",
    "year",
    "is_compilation",
    "file_count",
)


def regroup_changed_folders(connection: Connection, shard: int) -> int:
    """Group the files of the shard's folders that changed anew; returns the number of changed files.

    A file has changed when its metadata has a newer revision than its folder was grouped by.
    """
    changed = temporary_select(
        connection,
        "changed",
        """
        SELECT m.file_id, m.album_group_id, f.album_folder
        FROM raw_metadata m JOIN raw_files f ON f.id = m.file_id
        WHERE f.shard = :shard AND m.grouped_revision IS DISTINCT FROM m.revision
        """,
        shard=shard,
    )
    if not changed:
        return 0
    groups = [(folder, group) for folder, files in _load_folders(connection) for group in group_albums(files)]
    _stage(connection, groups)
    _replace(connection)
    return changed


def forget_groups(connection: Connection, query: str) -> None:
    """Delete the groups whose ids the query selects; the artist and the album of each are due."""
    temporary_select(
        connection,
        "old_groups",
        f"SELECT id, title_key, artist_id, artist_name_key, album_id FROM album_groups WHERE id IN ({query})",
    )
    # An album may hold groups of other titles, by its release id: it is decided again through them.
    connection.execute(
        text(
            """
            INSERT INTO due_albums (title_key, artist_id)
            SELECT title_key, artist_id FROM old_groups WHERE artist_id IS NOT NULL
            UNION SELECT g.title_key, g.artist_id FROM album_groups g
            JOIN (SELECT DISTINCT album_id FROM old_groups) AS o USING (album_id)
            """
        )
    )
    connection.execute(text("INSERT INTO due_artist_keys (name_key) SELECT DISTINCT artist_name_key FROM old_groups"))
    connection.execute(text("DELETE FROM album_groups g USING old_groups o WHERE g.id = o.id"))


WITHOUT_FILES = """
    NOT EXISTS (SELECT FROM raw_metadata m JOIN raw_files f ON f.id = m.file_id
                WHERE m.album_group_id = g.id AND f.album_folder = g.album_folder)
"""
"""Condition on ``album_groups g``: all its files have left its folder."""


def _load_folders(connection: Connection) -> list[tuple[str, list[AlbumFile]]]:
    credits: dict[tuple[int, str], list[Credit]] = defaultdict(list)
    for row in connection.execute(
        text(
            """
            SELECT c.file_id, c.role, c.position, c.name, c.name_key, c.musicbrainz_artistid
            FROM file_credits c JOIN raw_files f ON f.id = c.file_id
            WHERE f.album_folder IN (SELECT album_folder FROM changed) AND c.role IN ('main', 'album')
            ORDER BY c.file_id, c.role, c.position
            """
        )
    ):
        credits[row[0], row[1]].append(Credit(*row[1:]))
    rows = connection.execute(
        text(
            """
            SELECT f.album_folder, m.file_id, m.album, m.album_key, m.musicbrainz_albumid,
                   m.musicbrainz_releasegroupid, m.year, m.release_date, m.is_compilation,
                   m.disc_number, m.track_number
            FROM raw_metadata m JOIN raw_files f ON f.id = m.file_id
            WHERE f.album_folder IN (SELECT album_folder FROM changed)
            ORDER BY f.album_folder, m.file_id
            """
        )
    ).all()
    return [
        (
            folder,
            [
                AlbumFile(
                    file_id=row.file_id,
                    album=row.album,
                    album_key=row.album_key,
                    main=tuple(credits[row.file_id, "main"]),
                    album_credits=tuple(credits[row.file_id, "album"]),
                    musicbrainz_albumid=row.musicbrainz_albumid,
                    musicbrainz_releasegroupid=row.musicbrainz_releasegroupid,
                    year=row.year,
                    release_date=row.release_date,
                    is_compilation=row.is_compilation,
                    disc_number=row.disc_number,
                    track_number=row.track_number,
                )
                for row in members
            ],
        )
        for folder, members in groupby(rows, key=itemgetter(0))
    ]


def _stage(connection: Connection, groups: list[tuple[str, AlbumGroup]]) -> None:
    temporary_table(
        connection,
        "new_groups",
        "position int PRIMARY KEY, album_folder text, title text, title_key text, artist_name text,"
        " artist_name_key text, musicbrainz_artistid text, musicbrainz_albumid text,"
        " musicbrainz_releasegroupid text, year int, is_compilation bool, file_count int, group_id bigint",
    )
    copy_rows(
        connection,
        "new_groups",
        _COLUMNS,
        (
            (
                position,
                folder,
                group.title,
                group.title_key,
                group.artist.name,
                group.artist.name_key,
                group.artist.musicbrainz_artistid,
                group.musicbrainz_albumid,
                group.musicbrainz_releasegroupid,
                group.year,
                group.is_compilation,
                len(group.file_ids),
            )
            for position, (folder, group) in enumerate(groups)
        ),
    )
    temporary_table(connection, "group_members", "position int, file_id bigint")
    copy_rows(
        connection,
        "group_members",
        ("position", "file_id"),
        ((position, file_id) for position, (_, group) in enumerate(groups) for file_id in group.file_ids),
    )


def _replace(connection: Connection) -> None:
    """Old groups of the folders out, and those that moved files left without any; new ones in."""
    forget_groups(
        connection,
        f"""
        SELECT id FROM album_groups WHERE album_folder IN (SELECT album_folder FROM changed)
        UNION SELECT g.id FROM album_groups g JOIN changed c ON c.album_group_id = g.id WHERE {WITHOUT_FILES}
        """,
    )
    connection.execute(text("INSERT INTO due_artist_keys (name_key) SELECT DISTINCT artist_name_key FROM new_groups"))
    connection.execute(text("UPDATE new_groups SET group_id = nextval(pg_get_serial_sequence('album_groups', 'id'))"))
    columns = ", ".join(_COLUMNS[1:])
    connection.execute(
        text(
            f"""
            INSERT INTO album_groups (id, {columns}) OVERRIDING SYSTEM VALUE
            SELECT group_id, {columns} FROM new_groups ORDER BY position
            """
        )
    )
    connection.execute(
        text(
            """
            UPDATE raw_metadata m SET album_group_id = n.group_id, grouped_revision = m.revision
            FROM raw_files f
            LEFT JOIN (group_members g JOIN new_groups n USING (position)) ON g.file_id = f.id
            WHERE m.file_id = f.id AND f.album_folder IN (SELECT album_folder FROM changed)
            """
        )
    )
