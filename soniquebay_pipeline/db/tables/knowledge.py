"""What Last.fm knows of artists, albums and tracks, beside what the files say."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from soniquebay_pipeline.db.tables.base import metadata

artist_similar = Table(
    "artist_similar",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("artist_id", ForeignKey("artists.id", ondelete="CASCADE"), nullable=False),
    Column("similar_artist_id", ForeignKey("artists.id", ondelete="SET NULL"), comment="NULL: not in the library"),
    Column("similar_name", Text, nullable=False),
    Column("similar_name_key", Text, nullable=False),
    Column("similar_musicbrainz_artistid", Text),
    Column("weight", Float, nullable=False, comment="0..1, the source's match score"),
    Column("source", Text, nullable=False),
    Column("fetched_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("artist_id", "source", "similar_name_key"),
    CheckConstraint("weight >= 0 AND weight <= 1", name="weight"),
)
Index("ix_artist_similar_similar_artist_id", artist_similar.c.similar_artist_id)
Index("ix_artist_similar_similar_name_key", artist_similar.c.similar_name_key)

lastfm_labels = Table(
    "lastfm_labels",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("artist_id", ForeignKey("artists.id", ondelete="CASCADE")),
    Column("album_id", ForeignKey("albums.id", ondelete="CASCADE")),
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE")),
    Column("kind", Text, nullable=False, comment="genre_tag or mood"),
    Column("position", Integer, nullable=False, comment="0: the heaviest of its kind"),
    Column("name", Text, nullable=False, comment="As the vocabulary writes it"),
    Column("name_key", Text, nullable=False),
    UniqueConstraint(
        "artist_id",
        "album_id",
        "track_id",
        "kind",
        "name_key",
        name="uq_lastfm_labels_owner_kind_name_key",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint("num_nonnulls(artist_id, album_id, track_id) = 1", name="one_owner"),
    CheckConstraint("kind IN ('genre_tag', 'mood')", name="kind"),
    comment="Genres and moods among Last.fm's tags; the tracks' links are derived from them",
)
Index("ix_lastfm_labels_album_id", lastfm_labels.c.album_id)
Index("ix_lastfm_labels_track_id", lastfm_labels.c.track_id)
Index("ix_lastfm_labels_kind_name_key", lastfm_labels.c.kind, lastfm_labels.c.name_key)
