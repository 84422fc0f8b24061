"""The catalogue: artists, albums, genres, tracks, and which refers to which."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

from soniquebay_pipeline.db.tables.base import created_at, metadata


def _lastfm() -> list[Column[Any]]:
    """What Last.fm says of an artist, an album or a track."""
    return [
        Column("lastfm_url", Text),
        Column("lastfm_listeners", BigInteger),
        Column("lastfm_playcount", BigInteger),
        Column("lastfm_tags", JSONB, comment="The top tags with their weights in 0..100, the heaviest first"),
        Column(
            "lastfm_info_fetched_at",
            DateTime(timezone=True),
            comment="When Last.fm last answered, be it that it knows nothing",
        ),
        Column("lastfm_about", Text, comment="The name or id that was asked for"),
        Column("lastfm_corrected_to", Text, comment="Whom Last.fm took it for, where that was not believed"),
        Column("lastfm_vocabulary", Integer, comment="Version of the vocabulary that lastfm_labels was made with"),
    ]


artists = Table(
    "artists",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False, comment="The most common spelling"),
    Column("name_key", Text, nullable=False, comment="Normal form of the name"),
    Column("musicbrainz_artistid", Text, unique=True),
    *_lastfm(),
    Column("lastfm_musicbrainz_artistid", Text, comment="The id that Last.fm gives; ours come from the files"),
    Column("lastfm_biography", Text),
    Column("lastfm_biography_licence", Text),
    Column("lastfm_similar_artists_fetched", DateTime(timezone=True)),
    Column("lastfm_similar_about", Text, comment="The name or id whose similar artists were asked for"),
    created_at(),
)
Index("ix_artists_name_key", artists.c.name_key)
Index(
    "uq_artists_name_key_without_id",
    artists.c.name_key,
    unique=True,
    postgresql_where=artists.c.musicbrainz_artistid.is_(None),
)

albums = Table(
    "albums",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("title", Text, nullable=False),
    Column("title_key", Text, nullable=False),
    Column("album_artist_id", ForeignKey("artists.id"), nullable=False),
    Column("release_year", Integer),
    Column("musicbrainz_albumid", Text, unique=True),
    Column("musicbrainz_releasegroupid", Text),
    Column("is_compilation", Boolean, nullable=False, server_default=text("false")),
    *_lastfm(),
    Column("lastfm_picture_url", Text),
    created_at(),
)
Index("ix_albums_album_artist_id", albums.c.album_artist_id)
Index("ix_albums_musicbrainz_releasegroupid", albums.c.musicbrainz_releasegroupid)
Index(
    "uq_albums_title_key_without_id",
    albums.c.title_key,
    albums.c.album_artist_id,
    albums.c.release_year,
    unique=True,
    postgresql_where=albums.c.musicbrainz_albumid.is_(None),
    postgresql_nulls_not_distinct=True,
)

album_groups = Table(
    "album_groups",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("album_folder", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("title_key", Text, nullable=False),
    Column("artist_name", Text, nullable=False),
    Column("artist_name_key", Text, nullable=False),
    Column("musicbrainz_artistid", Text),
    Column("musicbrainz_albumid", Text),
    Column("musicbrainz_releasegroupid", Text),
    Column("year", Integer),
    Column("is_compilation", Boolean, nullable=False),
    Column("file_count", Integer, nullable=False),
    Column("artist_id", ForeignKey("artists.id")),
    Column("album_id", ForeignKey("albums.id")),
    comment="The files of one folder that make one album; groups of several folders may be one album",
)
Index("ix_album_groups_album_folder", album_groups.c.album_folder)
Index("ix_album_groups_artist_name_key", album_groups.c.artist_name_key)
Index("ix_album_groups_artist_id_title_key", album_groups.c.artist_id, album_groups.c.title_key)
Index("ix_album_groups_album_id", album_groups.c.album_id)
Index("ix_album_groups_musicbrainz_albumid", album_groups.c.musicbrainz_albumid)


def _names(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("name", Text, nullable=False, comment="The most common spelling"),
        Column("name_key", Text, nullable=False, unique=True),
        created_at(),
    )


genres = _names("genres")
genre_tags = _names("genre_tags")
mood_tags = _names("mood_tags")

tracks = Table(
    "tracks",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("file_id", ForeignKey("raw_files.id"), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("track_artist_id", ForeignKey("artists.id"), nullable=False),
    Column("album_id", ForeignKey("albums.id")),
    Column("track_number", Integer),
    Column("disc_number", Integer),
    Column("year", Integer),
    Column("duration_seconds", Float),
    Column("bitrate_kbps", Integer),
    Column("file_type", Text),
    Column("musicbrainz_id", Text, comment="MusicBrainz recording id"),
    Column("revision", BigInteger, nullable=False, comment="raw_metadata.revision it was made from"),
    *_lastfm(),
    created_at(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_tracks_track_artist_id_album_id", tracks.c.track_artist_id, tracks.c.album_id)
Index("ix_tracks_album_id", tracks.c.album_id)
Index("ix_tracks_musicbrainz_id", tracks.c.musicbrainz_id)
Index("ix_tracks_year", tracks.c.year)

track_artists = Table(
    "track_artists",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("artist_id", ForeignKey("artists.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("track_id", "artist_id", "role"),
)
Index("ix_track_artists_artist_id", track_artists.c.artist_id)


def _source() -> list[SchemaItem]:
    """Who says that the track has the label; where both do, the file."""
    return [
        Column("source", Text, nullable=False, server_default=text("'file'"), comment="file or lastfm; file wins"),
        CheckConstraint("source IN ('file', 'lastfm')", name="source"),
    ]


def _links(name: str, left: str, left_table: str, right: str, right_table: str, *more: SchemaItem) -> Table:
    table = Table(
        name,
        metadata,
        Column(left, ForeignKey(f"{left_table}.id", ondelete="CASCADE"), nullable=False),
        Column(right, ForeignKey(f"{right_table}.id", ondelete="CASCADE"), nullable=False),
        *more,
        PrimaryKeyConstraint(left, right),
    )
    Index(f"ix_{name}_{right}", table.c[right])
    return table


track_genres = _links("track_genres", "track_id", "tracks", "genre_id", "genres")
track_genre_tags = _links("track_genre_tags", "track_id", "tracks", "genre_tag_id", "genre_tags", *_source())
track_mood_tags = _links("track_mood_tags", "track_id", "tracks", "mood_tag_id", "mood_tags", *_source())
album_genres = _links("album_genres", "album_id", "albums", "genre_id", "genres")
artist_genres = _links("artist_genres", "artist_id", "artists", "genre_id", "genres")
