"""Library health, tracks that are one recording, values taken over from elsewhere

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "library_health",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="What is wrong; docs/health.md lists the kinds"),
        sa.Column("severity", sa.Text(), nullable=False, comment="error, warning or note"),
        sa.Column("entity_type", sa.Text(), nullable=False, comment="file, track, album, artist or folder"),
        sa.Column("entity_id", sa.BigInteger(), nullable=True, comment="NULL for folders"),
        sa.Column("subject", sa.Text(), nullable=False, comment="What it is about, by name"),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "paths",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="The first files concerned; of copies the best one first",
        ),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("severity IN ('error', 'warning', 'note')", name=op.f("ck_library_health_severity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library_health")),
        comment="The findings of the last report",
    )
    op.create_index("ix_library_health_kind", "library_health", ["kind"], unique=False)
    op.create_table(
        "fingerprint_sketches",
        sa.Column("track_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fingerprint_md5", sa.Text(), nullable=False, comment="The fingerprint it was made from"),
        sa.Column(
            "keys", postgresql.ARRAY(sa.Integer()), nullable=False, comment="Empty: too little variety to compare"
        ),
        sa.Column("compared", sa.Boolean(), nullable=False, comment="Whether candidates were looked at since"),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_fingerprint_sketches_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", name=op.f("pk_fingerprint_sketches")),
        comment="What finds tracks that may be one recording without comparing all pairs",
    )
    op.create_index(
        "ix_fingerprint_sketches_compared",
        "fingerprint_sketches",
        ["track_id"],
        unique=False,
        postgresql_where=sa.text("NOT compared"),
    )
    op.create_table(
        "imported_features",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="soniquebay, or recording: measured on another file of it"
        ),
        sa.Column("bpm", sa.Float(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True, comment="Tonic with sharps, C … B"),
        sa.Column(
            "scale", sa.Text(), nullable=True, comment="major or minor; never from SoniqueBay, whose scale is wrong"
        ),
        sa.Column("energy", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("danceability", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("acousticness", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("instrumentalness", sa.Float(), nullable=True, comment="0..1"),
        sa.Column("imported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_imported_features_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", "source", name=op.f("pk_imported_features")),
        comment="Values that were not measured on this audio by this program; they go when the track is analysed",
    )
    op.create_table(
        "same_recordings",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("other_track_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "similarity",
            sa.REAL(),
            nullable=False,
            comment="Share of equal bits of the fingerprints at the best alignment",
        ),
        sa.CheckConstraint("track_id < other_track_id", name=op.f("ck_same_recordings_order")),
        sa.ForeignKeyConstraint(
            ["other_track_id"], ["tracks.id"], name=op.f("fk_same_recordings_other_track_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_same_recordings_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", "other_track_id", name=op.f("pk_same_recordings")),
        comment="Pairs of tracks whose fingerprints are nearly equal",
    )
    op.create_index("ix_same_recordings_other_track_id", "same_recordings", ["other_track_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_same_recordings_other_track_id", table_name="same_recordings")
    op.drop_table("same_recordings")
    op.drop_table("imported_features")
    op.drop_index(
        "ix_fingerprint_sketches_compared", table_name="fingerprint_sketches", postgresql_where=sa.text("NOT compared")
    )
    op.drop_table("fingerprint_sketches")
    op.drop_index("ix_library_health_kind", table_name="library_health")
    op.drop_table("library_health")
