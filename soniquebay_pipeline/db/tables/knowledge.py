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
