"""Audio features and the ledger of attempts

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "deferred_tasks",
        sa.Column("queue", sa.Text(), nullable=False, comment="analysis, enrichment, covers, vectors"),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False, comment="The state of the input that was tried"),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting for the next attempt, or failed for good"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'failed')", name=op.f("ck_deferred_tasks_state")),
        sa.PrimaryKeyConstraint("queue", "entity_type", "entity_id", name=op.f("pk_deferred_tasks")),
    )
    op.create_table(
        "audio_features",
        sa.Column("track_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audio_hash", sa.Text(), nullable=True, comment="The audio that was analysed"),
        sa.Column("analysis_version", sa.Integer(), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True, comment="Why there are no features; NULL when there are"),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column(
            "bpm", sa.Float(), nullable=True, comment="Tempo in beats a minute: measured, or the tag's (values_from)"
        ),
        sa.Column("bpm_measured", sa.Float(), nullable=True, comment="NULL where no beat was found"),
        sa.Column("bpm_confidence", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("bpm_alternative", sa.Float(), nullable=True, comment="The best other reading: half, double or 2/3"),
        sa.Column("bpm_tag", sa.Float(), nullable=True),
        sa.Column(
            "bpm_disagreement",
            sa.Text(),
            nullable=True,
            comment="octave or tempo: how tag and measurement differ; NULL when they agree",
        ),
        sa.Column(
            "key", sa.Text(), nullable=True, comment="Tonic with sharps, C … B: measured, or the tag's (values_from)"
        ),
        sa.Column("scale", sa.Text(), nullable=True, comment="major or minor"),
        sa.Column("camelot_key", sa.Text(), nullable=True, comment="8B is C major, 8A is A minor"),
        sa.Column("key_measured", sa.Text(), nullable=True, comment="NULL where no key stood out"),
        sa.Column("scale_measured", sa.Text(), nullable=True),
        sa.Column("key_confidence", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("key_runner_up", sa.Text(), nullable=True, comment="The second best key, e.g. A minor"),
        sa.Column("key_tag", sa.Text(), nullable=True, comment="The tag's key, e.g. A minor"),
        sa.Column(
            "key_disagreement",
            sa.Text(),
            nullable=True,
            comment="relative, parallel, fifth or other; NULL when they agree",
        ),
        sa.Column(
            "values_from",
            sa.Text(),
            nullable=True,
            comment="measured or tags: which wins where there are both (SONIQUEBAY_PREFER_TAGS)",
        ),
        sa.Column(
            "moods",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Moods that tags name, with their strength in 0..1 where they give one",
        ),
        sa.Column(
            "tags_revision",
            sa.BigInteger(),
            nullable=True,
            comment="raw_metadata.revision that the tag values were taken from",
        ),
        sa.Column(
            "loudness_lufs",
            sa.Float(),
            nullable=True,
            comment="Integrated loudness, EBU R128; ReplayGain 2.0 is -18 minus this",
        ),
        sa.Column("loudness_range_lu", sa.Float(), nullable=True, comment="EBU Tech 3342"),
        sa.Column("sample_peak", sa.Float(), nullable=True, comment="Largest absolute sample; 1.0 is full scale"),
        sa.Column("energy", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("danceability", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("acousticness", sa.Float(), nullable=True, comment="0..1"),
        sa.Column(
            "instrumentalness",
            sa.Float(),
            nullable=True,
            comment="0..1; a violin with vibrato counts as a voice, rap may be missed",
        ),
        sa.Column("timbre", postgresql.ARRAY(sa.REAL()), nullable=True, comment="Fixed-length summary of the sound"),
        sa.Column("timbre_version", sa.Integer(), nullable=True),
        sa.Column("acoustid_fingerprint", sa.Text(), nullable=True),
        sa.Column("seconds_analysed", sa.Float(), nullable=True),
        sa.Column("seconds_spent", sa.Float(), nullable=True, comment="CPU seconds"),
        sa.Column("analyzed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_audio_features_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", name=op.f("pk_audio_features")),
    )
    op.create_index("ix_audio_features_audio_hash", "audio_features", ["audio_hash"], unique=False)


def downgrade() -> None:

    op.drop_index("ix_audio_features_audio_hash", table_name="audio_features")
    op.drop_table("audio_features")
    op.drop_table("deferred_tasks")
