"""A SoniqueBay database: its tables, as its migrations make them, in the test server.

Here: tables and rows. Not here: what is taken over of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from soniquebay_pipeline_tests.database_server import DatabaseServer

TABLES = """
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public;
    CREATE TABLE artists (id serial PRIMARY KEY, name varchar, musicbrainz_artistid varchar, lastfm_url varchar,
        lastfm_listeners integer, lastfm_playcount integer, lastfm_tags text, lastfm_info_fetched_at timestamp);
    CREATE TABLE albums (id serial PRIMARY KEY, title varchar, album_artist_id integer, release_year varchar,
        musicbrainz_albumid varchar);
    CREATE TABLE tracks (id serial PRIMARY KEY, path varchar, title varchar, track_artist_id integer,
        album_id integer, musicbrainz_id varchar);
    CREATE TABLE track_audio_features (id serial PRIMARY KEY, track_id integer, bpm float, key varchar, scale varchar,
        danceability float, acousticness float, instrumentalness float, camelot_key varchar);
    CREATE TABLE artist_similar (id serial PRIMARY KEY, artist_id integer, similar_artist_id integer, weight float);
    CREATE TABLE covers (id serial PRIMARY KEY, entity_type varchar, entity_id integer, cover_data text,
        mime_type varchar, url varchar);
"""


class SoniqueBay:
    """Writes rows into it, and says what is in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def add(self, table: str, **values: Any) -> int:
        """Insert a row; returns its id."""
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        places = sql.SQL(", ").join(sql.Placeholder() * len(values))
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(sql.Identifier(table), names, places)
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query, list(values.values())).fetchone()
        assert row
        return int(row[0])

    def everything(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        with psycopg.connect(self.url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            return {
                name: connection.execute(
                    sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
                ).fetchall()
                for (name,) in tables.fetchall()
            }


@contextmanager
def soniquebay_database(server: DatabaseServer) -> Iterator[SoniqueBay]:
    """An empty one."""
    with server.database() as url:
        found = SoniqueBay(url)
        found.execute(TABLES)
        yield found
