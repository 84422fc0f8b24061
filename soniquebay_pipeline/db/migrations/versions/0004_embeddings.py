"""Vectors and the texts they are made from

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "audio_scalers",
        sa.Column("version", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("timbre_version", sa.Integer(), nullable=False),
        sa.Column("analysis_version", sa.Integer(), nullable=False),
        sa.Column("track_count", sa.Integer(), nullable=False, comment="Tracks it was fitted on"),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False, comment="What each dimension is: block.name"),
        sa.Column("means", postgresql.ARRAY(sa.REAL()), nullable=False),
        sa.Column(
            "scales",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Deviations; never zero, also where all tracks are equal",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("0 < ALL (scales)", name=op.f("ck_audio_scalers_scales")),
        sa.CheckConstraint(
            "cardinality(names) = cardinality(means) AND cardinality(names) = cardinality(scales)",
            name=op.f("ck_audio_scalers_size"),
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_audio_scalers")),
        comment="How features become audio vectors of unit variance; the newest row is in force",
    )
    op.create_table(
        "embeddings",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="text, audio or combined"),
        sa.Column("vector", VECTOR(), nullable=False, comment="Unit length; dimensions by kind and model"),
        sa.Column(
            "model",
            sa.Text(),
            nullable=False,
            comment="What made it, weights included; two models are never compared",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            comment="Of the sentence (text), of the scaler (audio, combined; 0: none)",
        ),
        sa.Column("source_hash", sa.Text(), nullable=False, comment="The input it was made from"),
        sa.Column("has_audio", sa.Boolean(), nullable=False, comment="False: the track has no features, text only"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('text', 'audio', 'combined')", name=op.f("ck_embeddings_kind")),
        sa.CheckConstraint("vector_norm(vector) BETWEEN 0.999 AND 1.001", name=op.f("ck_embeddings_unit_length")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_embeddings_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", "kind", name=op.f("pk_embeddings")),
    )
    op.create_index(
        "ix_embeddings_kind_track_id",
        "embeddings",
        ["kind", "track_id"],
        unique=False,
        postgresql_include=["model", "version", "source_hash"],
    )
    op.create_index(
        "ix_embeddings_source_hash",
        "embeddings",
        ["source_hash"],
        unique=False,
        postgresql_where=sa.text("kind = 'text'"),
    )
    op.create_table(
        "next_text_vectors",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("sentence_hash", sa.Text(), nullable=False),
        sa.Column("vector", VECTOR(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("model", "sentence_hash", name=op.f("pk_next_text_vectors")),
        comment="Text vectors of a model that comes into force when every sentence has one",
    )
    op.create_table(
        "track_texts",
        sa.Column("track_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "sentence", sa.Text(), nullable=False, comment="What the text vector says: title, artists, album, genres …"
        ),
        sa.Column(
            "sentence_hash", sa.Text(), nullable=False, comment="Tracks with the same sentence share one encoding"
        ),
        sa.Column(
            "document",
            postgresql.TSVECTOR(),
            nullable=False,
            comment="Title (A), artists (B), album (C); as written and folded",
        ),
        sa.Column(
            "source_hash", sa.Text(), nullable=False, comment="What sentence and document were made from, and how"
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_track_texts_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", name=op.f("pk_track_texts")),
    )
    op.create_index("ix_track_texts_document", "track_texts", ["document"], unique=False, postgresql_using="gin")
    op.create_index("ix_track_texts_sentence_hash", "track_texts", ["sentence_hash"], unique=False)


def downgrade() -> None:
    for table in ("next_text_vectors", "embeddings", "audio_scalers", "track_texts"):
        op.drop_table(table)
    op.execute("DROP EXTENSION IF EXISTS vector")
