"""Vectors of the tracks, and what they were made from."""

from __future__ import annotations

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    REAL,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from soniquebay_pipeline.db.tables.base import created_at, metadata

track_texts = Table(
    "track_texts",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("sentence", Text, nullable=False, comment="What the text vector says: title, artists, album, genres …"),
    Column("sentence_hash", Text, nullable=False, comment="Tracks with the same sentence share one encoding"),
    Column("document", TSVECTOR, nullable=False, comment="Title, artists and album for full-text search"),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_track_texts_sentence_hash", track_texts.c.sentence_hash)
Index("ix_track_texts_document", track_texts.c.document, postgresql_using="gin")

audio_scalers = Table(
    "audio_scalers",
    metadata,
    Column("version", Integer, Identity(), primary_key=True),
    Column("timbre_version", Integer, nullable=False),
    Column("analysis_version", Integer, nullable=False),
    Column("track_count", Integer, nullable=False, comment="Tracks it was fitted on"),
    Column("names", ARRAY(Text), nullable=False, comment="What each dimension is"),
    Column("means", ARRAY(REAL), nullable=False),
    Column("scales", ARRAY(REAL), nullable=False, comment="Never zero: a constant dimension has scale 1"),
    created_at(),
    comment="How features become audio vectors of unit variance; the newest row is in force",
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, comment="text, audio or combined"),
    Column("vector", VECTOR(), nullable=False, comment="Unit length; dimensions by kind and model"),
    Column("model", Text, nullable=False, comment="What made it; vectors of two models are never compared"),
    Column("version", Integer, nullable=False, comment="Version of the sentence, the scaler or the weights"),
    Column("source_hash", Text, nullable=False, comment="The input it was made from"),
    Column("has_audio", Boolean, nullable=False, comment="False: the track has no features, text only"),
    created_at(),
    PrimaryKeyConstraint("track_id", "kind"),
    CheckConstraint("kind IN ('text', 'audio', 'combined')", name="kind"),
    postgresql_with={"toast_tuple_target": 8160},
)
