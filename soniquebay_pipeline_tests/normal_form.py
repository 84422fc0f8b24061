"""The catalogue as plain, sorted data without ids: two databases that say the same have the same normal form.

Here: what present files and the entities they lead to say. Not here: what is left of missing files, and
anything that says when or by whom a row was written.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

Rows = list[tuple[Any, ...]]

_ARTIST = "a.name || ' ' || coalesce('[' || a.musicbrainz_artistid || ']', '')"
_ALBUM = (
    "b.title || ' / ' || (SELECT " + _ARTIST + " FROM artists a WHERE a.id = b.album_artist_id)"
    " || ' / ' || coalesce(b.release_year::text, '') || ' ' || coalesce('[' || b.musicbrainz_albumid || ']', '')"
)


def _credits(track: str) -> str:
    return (
        f"ARRAY(SELECT c.role || ' ' || c.position || ' ' || {_ARTIST} FROM track_artists c"
        f" JOIN artists a ON a.id = c.artist_id WHERE c.track_id = {track} ORDER BY 1)"
    )


def _names(table: str, link: str, column: str, owner: str) -> str:
    return (
        f"ARRAY(SELECT g.name FROM {link} l JOIN {table} g ON g.id = l.{column} WHERE {owner} ORDER BY g.name COLLATE"
        ' "C")'
    )


_QUERIES = {
    "raw_files": """
        SELECT path, folder, status, reject_reason, size_bytes, mtime_ns,
               CASE WHEN status = 'present' THEN audio_hash END  -- a damaged file keeps what it was known by
        FROM raw_files WHERE status <> 'missing'
        """,
    "raw_metadata": """
        SELECT f.path, m.tags::text, m.title, m.artists, m.album_artists, m.featured_artists, m.album,
               m.genres, m.moods, m.is_compilation, m.fallbacks, m.quality_score
        FROM raw_metadata m JOIN raw_files f ON f.id = m.file_id WHERE f.status = 'present'
        """,
    "artists": "SELECT name, name_key, musicbrainz_artistid FROM artists",
    "albums": f"""
        SELECT b.title, {_ARTIST} AS artist, b.release_year, b.musicbrainz_albumid, b.musicbrainz_releasegroupid,
               b.is_compilation
        FROM albums b JOIN artists a ON a.id = b.album_artist_id
        """,
    "genres": "SELECT name, name_key FROM genres",
    "genre_tags": "SELECT name, name_key FROM genre_tags",
    "mood_tags": "SELECT name, name_key FROM mood_tags",
    "tracks": f"""
        SELECT f.path, t.title, {_ARTIST} AS artist, {_ALBUM} AS album, t.disc_number, t.track_number, t.year,
               t.duration_seconds, t.bitrate_kbps, t.file_type, t.musicbrainz_id,
               {_credits("t.id")} AS credits,
               {_names("genres", "track_genres", "genre_id", "l.track_id = t.id")} AS genres,
               {_names("genre_tags", "track_genre_tags", "genre_tag_id", "l.track_id = t.id")} AS genre_tags,
               {_names("mood_tags", "track_mood_tags", "mood_tag_id", "l.track_id = t.id")} AS moods
        FROM tracks t JOIN raw_files f ON f.id = t.file_id
        JOIN artists a ON a.id = t.track_artist_id LEFT JOIN albums b ON b.id = t.album_id
        WHERE f.status = 'present'
        """,
    "covers": f"""
        SELECT c.entity_type, c.source, c.sha256, c.url, c.width, c.height, c.colours, c.thumbhash,
               CASE c.entity_type WHEN 'album' THEN (SELECT {_ALBUM} FROM albums b WHERE b.id = c.entity_id)
                                  WHEN 'artist' THEN (SELECT {_ARTIST} FROM artists a WHERE a.id = c.entity_id)
                                  ELSE (SELECT f.path FROM tracks t JOIN raw_files f ON f.id = t.file_id
                                        WHERE t.id = c.entity_id) END AS cover_of
        FROM covers c
        """,
    "album_genres": f"""
        SELECT {_ALBUM} AS album, g.name FROM album_genres l
        JOIN albums b ON b.id = l.album_id JOIN genres g ON g.id = l.genre_id
        """,
    "artist_genres": f"""
        SELECT {_ARTIST} AS artist, g.name FROM artist_genres l
        JOIN artists a ON a.id = l.artist_id JOIN genres g ON g.id = l.genre_id
        """,
}


def normal_form(engine: Engine) -> dict[str, Rows]:
    """Every table's rows, by table, in an order that depends on nothing but the rows."""
    with engine.connect() as connection:
        return {
            table: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for table, query in _QUERIES.items()
        }


def all_rows(engine: Engine) -> dict[str, Rows]:
    """Every row of every table with all that is in it, for tests that nothing was changed."""
    from soniquebay_pipeline.db.tables import metadata

    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
        }
