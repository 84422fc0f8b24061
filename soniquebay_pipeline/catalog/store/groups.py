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
from soniquebay_pipeline.db.bulk import copy_rows, temporary_table

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


def regroup_pending_folders(connection: Connection) -> None:
    """Group the files of every folder in ``pending`` anew; due artists and albums are noted."""
    groups = [(folder, group) for folder, files in _load_folders(connection) for group in group_albums(files)]
    _stage(connection, groups)
    _replace(connection)


def _load_folders(connection: Connection) -> list[tuple[str, list[AlbumFile]]]:
    credits: dict[tuple[int, str], list[Credit]] = defaultdict(list)
    for row in connection.execute(
        text(
            """
            SELECT c.file_id, c.role, c.position, c.name, c.name_key, c.musicbrainz_artistid
            FROM file_credits c JOIN raw_files f ON f.id = c.file_id
            WHERE f.album_folder IN (SELECT album_folder FROM pending) AND c.role IN ('main', 'album')
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
            WHERE f.album_folder IN (SELECT album_folder FROM pending)
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
    """Old groups of the folders out, new ones in; the keys of both are due."""
    connection.execute(
        text(
            """
            INSERT INTO due_albums (title_key, artist_id)
            SELECT DISTINCT title_key, artist_id FROM album_groups
            WHERE album_folder IN (SELECT album_folder FROM pending) AND artist_id IS NOT NULL
            """
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO due_artist_keys (name_key)
            SELECT artist_name_key FROM album_groups
            WHERE album_folder IN (SELECT album_folder FROM pending)
            UNION SELECT artist_name_key FROM new_groups
            """
        )
    )
    connection.execute(text("DELETE FROM album_groups WHERE album_folder IN (SELECT album_folder FROM pending)"))
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
            UPDATE raw_metadata m SET album_group_id = n.group_id
            FROM group_members g JOIN new_groups n USING (position) WHERE m.file_id = g.file_id
            """
        )
    )
