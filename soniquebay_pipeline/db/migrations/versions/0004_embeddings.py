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
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False, comment="What each dimension is"),
        sa.Column("means", postgresql.ARRAY(sa.REAL()), nullable=False),
        sa.Column(
            "scales",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Never zero: a constant dimension has scale 1",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_audio_scalers")),
        comment="How features become audio vectors of unit variance; the newest row is in force",
    )
    op.create_table(
        "embeddings",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="text, audio or combined"),
        sa.Column("vector", VECTOR(), nullable=False, comment="Unit length; dimensions by kind and model"),
        sa.Column("model", sa.Text(), nullable=False, comment="What made it; vectors of two models are never compared"),
        sa.Column(
            "version", sa.Integer(), nullable=False, comment="Version of the sentence, the scaler or the weights"
        ),
        sa.Column("source_hash", sa.Text(), nullable=False, comment="The input it was made from"),
        sa.Column("has_audio", sa.Boolean(), nullable=False, comment="False: the track has no features, text only"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('text', 'audio', 'combined')", name=op.f("ck_embeddings_kind")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_embeddings_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", "kind", name=op.f("pk_embeddings")),
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
            "document", postgresql.TSVECTOR(), nullable=False, comment="Title, artists and album for full-text search"
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_track_texts_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", name=op.f("pk_track_texts")),
    )
    op.create_index("ix_track_texts_document", "track_texts", ["document"], unique=False, postgresql_using="gin")
    op.create_index("ix_track_texts_sentence_hash", "track_texts", ["sentence_hash"], unique=False)


def downgrade() -> None:
    for table in ("embeddings", "audio_scalers", "track_texts"):
        op.drop_table(table)
    op.execute("DROP EXTENSION IF EXISTS vector")
