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
    op.add_column(
        "albums",
        sa.Column(
            "lastfm_corrected_to",
            sa.Text(),
            nullable=True,
            comment="Whom Last.fm took it for, where that was not believed",
        ),
    )
    op.add_column(
        "albums",
        sa.Column(
            "lastfm_vocabulary",
            sa.Integer(),
            nullable=True,
            comment="Version of the vocabulary that lastfm_labels was made with",
        ),
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
            "lastfm_corrected_to",
            sa.Text(),
            nullable=True,
            comment="Whom Last.fm took it for, where that was not believed",
        ),
    )
    op.add_column(
        "artists",
        sa.Column(
            "lastfm_vocabulary",
            sa.Integer(),
            nullable=True,
            comment="Version of the vocabulary that lastfm_labels was made with",
        ),
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
    op.add_column(
        "artists",
        sa.Column(
            "lastfm_similar_about",
            sa.Text(),
            nullable=True,
            comment="The name or id whose similar artists were asked for",
        ),
    )
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
    op.add_column(
        "tracks",
        sa.Column(
            "lastfm_corrected_to",
            sa.Text(),
            nullable=True,
            comment="Whom Last.fm took it for, where that was not believed",
        ),
    )
    op.add_column(
        "tracks",
        sa.Column(
            "lastfm_vocabulary",
            sa.Integer(),
            nullable=True,
            comment="Version of the vocabulary that lastfm_labels was made with",
        ),
    )
    op.create_table(
        "lastfm_labels",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("artist_id", sa.BigInteger(), nullable=True),
        sa.Column("album_id", sa.BigInteger(), nullable=True),
        sa.Column("track_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False, comment="genre_tag or mood"),
        sa.Column("position", sa.Integer(), nullable=False, comment="0: the heaviest of its kind"),
        sa.Column("name", sa.Text(), nullable=False, comment="As the vocabulary writes it"),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.CheckConstraint("num_nonnulls(artist_id, album_id, track_id) = 1", name=op.f("ck_lastfm_labels_one_owner")),
        sa.CheckConstraint("kind IN ('genre_tag', 'mood')", name=op.f("ck_lastfm_labels_kind")),
        *(
            sa.ForeignKeyConstraint(
                [f"{owner}_id"], [f"{owner}s.id"], name=op.f(f"fk_lastfm_labels_{owner}_id"), ondelete="CASCADE"
            )
            for owner in ("artist", "album", "track")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lastfm_labels")),
        sa.UniqueConstraint(
            "artist_id",
            "album_id",
            "track_id",
            "kind",
            "name_key",
            name="uq_lastfm_labels_owner_kind_name_key",
            postgresql_nulls_not_distinct=True,
        ),
        comment="Genres and moods among Last.fm's tags; the tracks' links are derived from them",
    )
    for columns in (("album_id",), ("track_id",), ("kind", "name_key")):
        op.create_index("ix_lastfm_labels_" + "_".join(columns), "lastfm_labels", list(columns), unique=False)
    for link in ("track_genre_tags", "track_mood_tags"):
        op.add_column(
            link,
            sa.Column(
                "source",
                sa.Text(),
                server_default=sa.text("'file'"),
                nullable=False,
                comment="file or lastfm; file wins",
            ),
        )
        op.create_check_constraint(op.f(f"ck_{link}_source"), link, "source IN ('file', 'lastfm')")


def downgrade() -> None:
    for link in ("track_genre_tags", "track_mood_tags"):
        op.execute(f"DELETE FROM {link} WHERE source <> 'file'")
        op.drop_column(link, "source")
    op.drop_table("lastfm_labels")
    op.drop_table("artist_similar")
    shared = (
        "lastfm_url",
        "lastfm_listeners",
        "lastfm_playcount",
        "lastfm_tags",
        "lastfm_info_fetched_at",
        "lastfm_about",
        "lastfm_corrected_to",
        "lastfm_vocabulary",
    )
    for table, more in (
        (
            "artists",
            (
                "lastfm_musicbrainz_artistid",
                "lastfm_biography",
                "lastfm_biography_licence",
                "lastfm_similar_artists_fetched",
                "lastfm_similar_about",
            ),
        ),
        ("albums", ("lastfm_picture_url",)),
        ("tracks", ()),
    ):
        for column in (*shared, *more):
            op.drop_column(table, column)
