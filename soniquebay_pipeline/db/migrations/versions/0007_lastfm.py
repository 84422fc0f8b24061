"""What Last.fm knows

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "artist_similar",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("artist_id", sa.BigInteger(), nullable=False),
        sa.Column("similar_artist_id", sa.BigInteger(), nullable=True, comment="NULL: not in the library"),
        sa.Column("similar_name", sa.Text(), nullable=False),
        sa.Column("similar_name_key", sa.Text(), nullable=False),
        sa.Column("similar_musicbrainz_artistid", sa.Text(), nullable=True),
        sa.Column("weight", sa.Float(), nullable=False, comment="0..1, the source's match score"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("weight >= 0 AND weight <= 1", name=op.f("ck_artist_similar_weight")),
        sa.ForeignKeyConstraint(
            ["artist_id"], ["artists.id"], name=op.f("fk_artist_similar_artist_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["similar_artist_id"], ["artists.id"], name=op.f("fk_artist_similar_similar_artist_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artist_similar")),
        sa.UniqueConstraint(
            "artist_id", "source", "similar_name_key", name=op.f("uq_artist_similar_artist_id_source_similar_name_key")
        ),
    )
    op.create_index("ix_artist_similar_similar_artist_id", "artist_similar", ["similar_artist_id"], unique=False)
    op.create_index("ix_artist_similar_similar_name_key", "artist_similar", ["similar_name_key"], unique=False)
    op.add_column("albums", sa.Column("lastfm_url", sa.Text(), nullable=True))
    op.add_column("albums", sa.Column("lastfm_listeners", sa.BigInteger(), nullable=True))
    op.add_column("albums", sa.Column("lastfm_playcount", sa.BigInteger(), nullable=True))
    op.add_column(
        "albums",
        sa.Column(
            "lastfm_tags",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The top tags with their weights in 0..100, the heaviest first",
        ),
    )
    op.add_column(
        "albums",
        sa.Column(
            "lastfm_info_fetched_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When Last.fm last answered, be it that it knows nothing",
        ),
    )
    op.add_column(
        "albums", sa.Column("lastfm_about", sa.Text(), nullable=True, comment="The name or id that was asked for")
    )
    op.add_column("albums", sa.Column("lastfm_picture_url", sa.Text(), nullable=True))
    op.add_column("artists", sa.Column("lastfm_url", sa.Text(), nullable=True))
    op.add_column("artists", sa.Column("lastfm_listeners", sa.BigInteger(), nullable=True))
    op.add_column("artists", sa.Column("lastfm_playcount", sa.BigInteger(), nullable=True))
    op.add_column(
        "artists",
        sa.Column(
            "lastfm_tags",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The top tags with their weights in 0..100, the heaviest first",
        ),
    )
    op.add_column(
        "artists",
        sa.Column(
            "lastfm_info_fetched_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When Last.fm last answered, be it that it knows nothing",
        ),
    )
    op.add_column(
        "artists", sa.Column("lastfm_about", sa.Text(), nullable=True, comment="The name or id that was asked for")
    )
    op.add_column(
        "artists",
        sa.Column(
            "lastfm_musicbrainz_artistid",
            sa.Text(),
            nullable=True,
            comment="The id that Last.fm gives; ours come from the files",
        ),
    )
    op.add_column("artists", sa.Column("lastfm_biography", sa.Text(), nullable=True))
    op.add_column("artists", sa.Column("lastfm_biography_licence", sa.Text(), nullable=True))
    op.add_column("artists", sa.Column("lastfm_similar_artists_fetched", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tracks", sa.Column("lastfm_url", sa.Text(), nullable=True))
    op.add_column("tracks", sa.Column("lastfm_listeners", sa.BigInteger(), nullable=True))
    op.add_column("tracks", sa.Column("lastfm_playcount", sa.BigInteger(), nullable=True))
    op.add_column(
        "tracks",
        sa.Column(
            "lastfm_tags",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The top tags with their weights in 0..100, the heaviest first",
        ),
    )
    op.add_column(
        "tracks",
        sa.Column(
            "lastfm_info_fetched_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When Last.fm last answered, be it that it knows nothing",
        ),
    )
    op.add_column(
        "tracks", sa.Column("lastfm_about", sa.Text(), nullable=True, comment="The name or id that was asked for")
    )


def downgrade() -> None:
    op.drop_table("artist_similar")
    shared = (
        "lastfm_url",
        "lastfm_listeners",
        "lastfm_playcount",
        "lastfm_tags",
        "lastfm_info_fetched_at",
        "lastfm_about",
    )
    for table, more in (
        (
            "artists",
            (
                "lastfm_musicbrainz_artistid",
                "lastfm_biography",
                "lastfm_biography_licence",
                "lastfm_similar_artists_fetched",
            ),
        ),
        ("albums", ("lastfm_picture_url",)),
        ("tracks", ()),
    ):
        for column in (*shared, *more):
            op.drop_column(table, column)
