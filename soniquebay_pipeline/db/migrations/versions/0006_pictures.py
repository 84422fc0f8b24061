"""Pictures, candidates, covers

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("sha256", sa.Text(), nullable=False, comment="Of the bytes as they were found"),
        sa.Column("mime_type", sa.Text(), nullable=False, comment="By content, whatever the source said"),
        sa.Column("width", sa.Integer(), nullable=False, comment="Pixels, after the EXIF rotation"),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="Below SONIQUEBAY_HOME"),
        sa.Column(
            "colours",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Dominant colours, #rrggbb, the most frequent first",
        ),
        sa.Column("thumbhash", sa.Text(), nullable=False, comment="Placeholder of some 25 bytes, base64"),
        sa.Column("thumbnails", postgresql.ARRAY(sa.Integer()), nullable=False, comment="Widths that exist"),
        sa.Column(
            "unreferenced_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When nothing referred to it any more",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_pictures")),
        comment="Each picture once, however many files embed it",
    )
    op.create_table(
        "cover_candidates",
        sa.Column("entity_type", sa.Text(), nullable=False, comment="track, album or artist"),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="chosen, embedded, local, coverartarchive or lastfm"),
        sa.Column("origin", sa.Text(), nullable=False, comment="The file, or the URL"),
        sa.Column("about", sa.Text(), nullable=False, comment="The state of the origin that was looked at"),
        sa.Column("is_front", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True, comment="NULL: there is none, or it was refused"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it was refused"),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("entity_type IN ('track', 'album', 'artist')", name=op.f("ck_cover_candidates_entity_type")),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("fk_cover_candidates_sha256")),
        sa.PrimaryKeyConstraint("entity_type", "entity_id", "source", "origin", name=op.f("pk_cover_candidates")),
        comment="Which pictures each source offers for what",
    )
    op.create_index("ix_cover_candidates_sha256", "cover_candidates", ["sha256"], unique=False)
    op.create_table(
        "covers",
        sa.Column("entity_type", sa.Text(), nullable=False, comment="track, album or artist"),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("colours", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("thumbhash", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("entity_type IN ('track', 'album', 'artist')", name=op.f("ck_covers_entity_type")),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("fk_covers_sha256")),
        sa.PrimaryKeyConstraint("entity_type", "entity_id", name=op.f("pk_covers")),
        comment="The best candidate of each; derived from cover_candidates",
    )
    op.create_index("ix_covers_sha256", "covers", ["sha256"], unique=False)


def downgrade() -> None:
    for table in ("covers", "cover_candidates", "pictures"):
        op.drop_table(table)
