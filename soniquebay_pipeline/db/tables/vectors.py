"""Vectors of the tracks, and what they were made from.

All rows of ``embeddings`` of one kind are of one model and version: what changes these rewrites all of them in one
transaction. The text vectors of a model that is to come into force are collected in ``next_text_vectors``.
"""

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
    Column("document", TSVECTOR, nullable=False, comment="Title (A), artists (B), album (C); as written and folded"),
    Column("source_hash", Text, nullable=False, comment="What sentence and document were made from, and how"),
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
    Column("names", ARRAY(Text), nullable=False, comment="What each dimension is: block.name"),
    Column("means", ARRAY(REAL), nullable=False),
    Column("scales", ARRAY(REAL), nullable=False, comment="Deviations; never zero, also where all tracks are equal"),
    created_at(),
    CheckConstraint("0 < ALL (scales)", name="scales"),
    CheckConstraint(
        "cardinality(names) = cardinality(means) AND cardinality(names) = cardinality(scales)", name="size"
    ),
    comment="How features become audio vectors of unit variance; the newest row is in force",
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, comment="text, audio or combined"),
    Column("vector", VECTOR(), nullable=False, comment="Unit length; dimensions by kind and model"),
    Column("model", Text, nullable=False, comment="What made it, weights included; two models are never compared"),
    Column(
        "version",
        Integer,
        nullable=False,
        comment="Of the sentence (text), of the scaler (audio, combined; 0: none)",
    ),
    Column("source_hash", Text, nullable=False, comment="The input it was made from"),
    Column("has_audio", Boolean, nullable=False, comment="False: the track has no features, text only"),
    created_at(),
    PrimaryKeyConstraint("track_id", "kind"),
    CheckConstraint("kind IN ('text', 'audio', 'combined')", name="kind"),
    # A zero vector is like nothing, itself included; pgvector refuses NaN by itself.
    CheckConstraint("vector_norm(vector) BETWEEN 0.999 AND 1.001", name="unit_length"),
    # Two kilobytes of a combined vector stay in the row: reading them elsewhere doubles the time of exact search.
    postgresql_with={"toast_tuple_target": 8160},
)
# What is due, and what is in force, is answered from this index alone: the vectors make the table large.
Index(
    "ix_embeddings_kind_track_id",
    embeddings.c.kind,
    embeddings.c.track_id,
    postgresql_include=["model", "version", "source_hash"],
)
Index("ix_embeddings_source_hash", embeddings.c.source_hash, postgresql_where=embeddings.c.kind == "text")

next_text_vectors = Table(
    "next_text_vectors",
    metadata,
    Column("model", Text, nullable=False),
    Column("sentence_hash", Text, nullable=False),
    Column("vector", VECTOR(), nullable=False),
    created_at(),
    PrimaryKeyConstraint("model", "sentence_hash"),
    comment="Text vectors of a model that comes into force when every sentence has one",
)
