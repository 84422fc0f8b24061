"""The catalogue: files, metadata, entities, tracks

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("revision_seq")))

    op.create_table(
        "artists",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="The most common spelling"),
        sa.Column("name_key", sa.Text(), nullable=False, comment="Normal form of the name"),
        sa.Column("musicbrainz_artistid", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artists")),
        sa.UniqueConstraint("musicbrainz_artistid", name=op.f("uq_artists_musicbrainz_artistid")),
    )
    op.create_index("ix_artists_name_key", "artists", ["name_key"], unique=False)
    op.create_index(
        "uq_artists_name_key_without_id",
        "artists",
        ["name_key"],
        unique=True,
        postgresql_where=sa.text("musicbrainz_artistid IS NULL"),
    )
    op.create_table(
        "due_albums",
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("artist_id", sa.BigInteger(), nullable=False),
        comment="Albums whose groups changed: the albums step resolves them again",
    )
    op.create_table(
        "due_artist_keys",
        sa.Column("name_key", sa.Text(), nullable=False),
        comment="Names whose credits changed: the artists step resolves them again",
    )
    op.create_table(
        "due_tracks",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        comment="Files whose artist or album was resolved anew: the tracks step writes them again",
    )
    op.create_table(
        "genre_tags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="The most common spelling"),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_genre_tags")),
        sa.UniqueConstraint("name_key", name=op.f("uq_genre_tags_name_key")),
    )
    op.create_table(
        "genres",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="The most common spelling"),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_genres")),
        sa.UniqueConstraint("name_key", name=op.f("uq_genres_name_key")),
    )
    op.create_table(
        "library",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False, comment="The folder that paths are relative to"),
        sa.Column("is_demo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_library_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library")),
    )
    op.create_table(
        "mood_tags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="The most common spelling"),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mood_tags")),
        sa.UniqueConstraint("name_key", name=op.f("uq_mood_tags_name_key")),
    )
    op.create_table(
        "raw_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "path",
            sa.Text(),
            nullable=False,
            comment="Relative to the library root; bytes that are not UTF-8 are U+10FF00 + byte",
        ),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("album_folder", sa.Text(), nullable=False, comment="The folder without disc folders (CD1, Disc 2)"),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column(
            "audio_hash",
            sa.Text(),
            nullable=True,
            comment="Identity of the audio payload without tags; NULL if it couldn't be read",
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reject_reason", sa.Text(), nullable=True),
        sa.Column("reject_detail", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Present files: when the row last changed (shard_scans has the last scan); missing files: the last scan that found it",
        ),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'missing') = (missing_since IS NOT NULL)", name=op.f("ck_raw_files_missing_since")
        ),
        sa.CheckConstraint(
            "(status = 'rejected') = (reject_reason IS NOT NULL)", name=op.f("ck_raw_files_reject_reason")
        ),
        sa.CheckConstraint("status IN ('present', 'missing', 'rejected')", name=op.f("ck_raw_files_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raw_files")),
    )
    op.create_index("ix_raw_files_folder", "raw_files", ["folder"], unique=False)
    op.create_index("ix_raw_files_album_folder", "raw_files", ["album_folder"], unique=False)
    op.create_index("ix_raw_files_audio_hash", "raw_files", ["audio_hash"], unique=False)
    op.create_index(
        "ix_raw_files_missing_path",
        "raw_files",
        ["path"],
        unique=False,
        postgresql_where=sa.text("status = 'missing'"),
    )
    op.create_index("ix_raw_files_shard", "raw_files", ["shard"], unique=False)
    op.create_index(
        "uq_raw_files_path",
        "raw_files",
        ["path"],
        unique=True,
        postgresql_where=sa.text("status <> 'missing'"),
    )
    op.create_table(
        "shard_scans",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "scanned_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Start of the last complete scan",
        ),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_shard_scans")),
    )
    op.create_table(
        "albums",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("album_artist_id", sa.BigInteger(), nullable=False),
        sa.Column("release_year", sa.Integer(), nullable=True),
        sa.Column("musicbrainz_albumid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_releasegroupid", sa.Text(), nullable=True),
        sa.Column("is_compilation", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["album_artist_id"], ["artists.id"], name=op.f("fk_albums_album_artist_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_albums")),
        sa.UniqueConstraint("musicbrainz_albumid", name=op.f("uq_albums_musicbrainz_albumid")),
    )
    op.create_index("ix_albums_album_artist_id", "albums", ["album_artist_id"], unique=False)
    op.create_index("ix_albums_musicbrainz_releasegroupid", "albums", ["musicbrainz_releasegroupid"], unique=False)
    op.create_index(
        "uq_albums_title_key_without_id",
        "albums",
        ["title_key", "album_artist_id", "release_year"],
        unique=True,
        postgresql_where=sa.text("musicbrainz_albumid IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "artist_genres",
        sa.Column("artist_id", sa.BigInteger(), nullable=False),
        sa.Column("genre_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artist_id"], ["artists.id"], name=op.f("fk_artist_genres_artist_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["genre_id"], ["genres.id"], name=op.f("fk_artist_genres_genre_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("artist_id", "genre_id", name=op.f("pk_artist_genres")),
    )
    op.create_index("ix_artist_genres_genre_id", "artist_genres", ["genre_id"], unique=False)
    op.create_table(
        "album_genres",
        sa.Column("album_id", sa.BigInteger(), nullable=False),
        sa.Column("genre_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["album_id"], ["albums.id"], name=op.f("fk_album_genres_album_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["genre_id"], ["genres.id"], name=op.f("fk_album_genres_genre_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("album_id", "genre_id", name=op.f("pk_album_genres")),
    )
    op.create_index("ix_album_genres_genre_id", "album_genres", ["genre_id"], unique=False)
    op.create_table(
        "album_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("album_folder", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("artist_name", sa.Text(), nullable=False),
        sa.Column("artist_name_key", sa.Text(), nullable=False),
        sa.Column("musicbrainz_artistid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_albumid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_releasegroupid", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("is_compilation", sa.Boolean(), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("artist_id", sa.BigInteger(), nullable=True),
        sa.Column("album_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["album_id"], ["albums.id"], name=op.f("fk_album_groups_album_id")),
        sa.ForeignKeyConstraint(["artist_id"], ["artists.id"], name=op.f("fk_album_groups_artist_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_album_groups")),
        comment="The files of one folder that make one album; groups of several folders may be one album",
    )
    op.create_index("ix_album_groups_album_folder", "album_groups", ["album_folder"], unique=False)
    op.create_index("ix_album_groups_album_id", "album_groups", ["album_id"], unique=False)
    op.create_index("ix_album_groups_artist_id_title_key", "album_groups", ["artist_id", "title_key"], unique=False)
    op.create_index("ix_album_groups_artist_name_key", "album_groups", ["artist_name_key"], unique=False)
    op.create_index("ix_album_groups_musicbrainz_albumid", "album_groups", ["musicbrainz_albumid"], unique=False)
    op.create_table(
        "tracks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("track_artist_id", sa.BigInteger(), nullable=False),
        sa.Column("album_id", sa.BigInteger(), nullable=True),
        sa.Column("track_number", sa.Integer(), nullable=True),
        sa.Column("disc_number", sa.Integer(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("bitrate_kbps", sa.Integer(), nullable=True),
        sa.Column("file_type", sa.Text(), nullable=True),
        sa.Column("musicbrainz_id", sa.Text(), nullable=True, comment="MusicBrainz recording id"),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="raw_metadata.revision it was made from"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["album_id"], ["albums.id"], name=op.f("fk_tracks_album_id")),
        sa.ForeignKeyConstraint(["file_id"], ["raw_files.id"], name=op.f("fk_tracks_file_id")),
        sa.ForeignKeyConstraint(["track_artist_id"], ["artists.id"], name=op.f("fk_tracks_track_artist_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracks")),
        sa.UniqueConstraint("file_id", name=op.f("uq_tracks_file_id")),
    )
    op.create_index("ix_tracks_album_id", "tracks", ["album_id"], unique=False)
    op.create_index("ix_tracks_musicbrainz_id", "tracks", ["musicbrainz_id"], unique=False)
    op.create_index("ix_tracks_track_artist_id_album_id", "tracks", ["track_artist_id", "album_id"], unique=False)
    op.create_table(
        "raw_metadata",
        sa.Column("file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "tags",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The tags as read, by the format's own names",
        ),
        sa.Column(
            "fields",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The same by the names of Picard's tag mapping",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("artists", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("album_artists", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("featured_artists", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("album", sa.Text(), nullable=True),
        sa.Column("album_key", sa.Text(), nullable=True),
        sa.Column("track_number", sa.Integer(), nullable=True),
        sa.Column("track_total", sa.Integer(), nullable=True),
        sa.Column("disc_number", sa.Integer(), nullable=True),
        sa.Column("disc_total", sa.Integer(), nullable=True),
        sa.Column("release_date", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("genres", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("moods", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_compilation", sa.Boolean(), nullable=False),
        sa.Column("bpm_tag", sa.Float(), nullable=True),
        sa.Column("key_tag", sa.Text(), nullable=True),
        sa.Column("replaygain_track_gain_db", sa.Float(), nullable=True),
        sa.Column("replaygain_track_peak", sa.Float(), nullable=True),
        sa.Column("replaygain_album_gain_db", sa.Float(), nullable=True),
        sa.Column("replaygain_album_peak", sa.Float(), nullable=True),
        sa.Column("musicbrainz_recordingid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_trackid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_albumid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_releasegroupid", sa.Text(), nullable=True),
        sa.Column("musicbrainz_workid", sa.Text(), nullable=True),
        sa.Column("acoustid_id", sa.Text(), nullable=True),
        sa.Column("isrc", sa.Text(), nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("bitrate_kbps", sa.Integer(), nullable=True),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("bits_per_sample", sa.Integer(), nullable=True),
        sa.Column("codec", sa.Text(), nullable=True),
        sa.Column("file_type", sa.Text(), nullable=True),
        sa.Column("picture_count", sa.Integer(), nullable=False),
        sa.Column(
            "truncated",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Tags that were cut or could not be read",
        ),
        sa.Column(
            "fallbacks",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="title, artist, album that come from the path",
        ),
        sa.Column("quality_score", sa.Float(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="The path this row was derived from"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Size of the file as it was read"),
        sa.Column(
            "mtime_ns",
            sa.BigInteger(),
            nullable=False,
            comment="Modification time of the file as it was read",
        ),
        sa.Column("extractor_version", sa.Integer(), nullable=False),
        sa.Column("extracted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("album_group_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["album_group_id"],
            ["album_groups.id"],
            name=op.f("fk_raw_metadata_album_group_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["raw_files.id"], name=op.f("fk_raw_metadata_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_raw_metadata")),
    )
    op.create_index("ix_raw_metadata_album_group_id", "raw_metadata", ["album_group_id"], unique=False)
    op.create_index("ix_raw_metadata_musicbrainz_albumid", "raw_metadata", ["musicbrainz_albumid"], unique=False)
    op.create_index(
        "ix_raw_metadata_musicbrainz_recordingid", "raw_metadata", ["musicbrainz_recordingid"], unique=False
    )
    op.create_table(
        "track_artists",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("artist_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["artists.id"], name=op.f("fk_track_artists_artist_id")),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_track_artists_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", "artist_id", "role", name=op.f("pk_track_artists")),
    )
    op.create_index("ix_track_artists_artist_id", "track_artists", ["artist_id"], unique=False)
    op.create_table(
        "track_genre_tags",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("genre_tag_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["genre_tag_id"],
            ["genre_tags.id"],
            name=op.f("fk_track_genre_tags_genre_tag_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_track_genre_tags_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", "genre_tag_id", name=op.f("pk_track_genre_tags")),
    )
    op.create_index("ix_track_genre_tags_genre_tag_id", "track_genre_tags", ["genre_tag_id"], unique=False)
    op.create_table(
        "track_genres",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("genre_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["genre_id"], ["genres.id"], name=op.f("fk_track_genres_genre_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_track_genres_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", "genre_id", name=op.f("pk_track_genres")),
    )
    op.create_index("ix_track_genres_genre_id", "track_genres", ["genre_id"], unique=False)
    op.create_table(
        "track_mood_tags",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("mood_tag_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mood_tag_id"], ["mood_tags.id"], name=op.f("fk_track_mood_tags_mood_tag_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_track_mood_tags_track_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", "mood_tag_id", name=op.f("pk_track_mood_tags")),
    )
    op.create_index("ix_track_mood_tags_mood_tag_id", "track_mood_tags", ["mood_tag_id"], unique=False)
    op.create_table(
        "file_credits",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="main, featured, composer …; album: an album artist"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("musicbrainz_artistid", sa.Text(), nullable=True),
        sa.Column("artist_id", sa.BigInteger(), nullable=True, comment="Whom the credit means; NULL until resolved"),
        sa.ForeignKeyConstraint(["artist_id"], ["artists.id"], name=op.f("fk_file_credits_artist_id")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["raw_metadata.file_id"], name=op.f("fk_file_credits_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", "role", "position", name=op.f("pk_file_credits")),
    )
    op.create_index("ix_file_credits_artist_id", "file_credits", ["artist_id"], unique=False)
    op.create_index("ix_file_credits_name_key", "file_credits", ["name_key"], unique=False)
    op.create_table(
        "file_labels",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="genre, genre_tag or mood"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["raw_metadata.file_id"], name=op.f("fk_file_labels_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", "kind", "position", name=op.f("pk_file_labels")),
    )
    op.create_index("ix_file_labels_kind_name_key", "file_labels", ["kind", "name_key"], unique=False)


def downgrade() -> None:

    op.drop_index("ix_file_labels_kind_name_key", table_name="file_labels")
    op.drop_table("file_labels")
    op.drop_index("ix_file_credits_name_key", table_name="file_credits")
    op.drop_index("ix_file_credits_artist_id", table_name="file_credits")
    op.drop_table("file_credits")
    op.drop_index("ix_track_mood_tags_mood_tag_id", table_name="track_mood_tags")
    op.drop_table("track_mood_tags")
    op.drop_index("ix_track_genres_genre_id", table_name="track_genres")
    op.drop_table("track_genres")
    op.drop_index("ix_track_genre_tags_genre_tag_id", table_name="track_genre_tags")
    op.drop_table("track_genre_tags")
    op.drop_index("ix_track_artists_artist_id", table_name="track_artists")
    op.drop_table("track_artists")
    op.drop_index("ix_raw_metadata_musicbrainz_recordingid", table_name="raw_metadata")
    op.drop_index("ix_raw_metadata_musicbrainz_albumid", table_name="raw_metadata")
    op.drop_index("ix_raw_metadata_album_group_id", table_name="raw_metadata")
    op.drop_table("raw_metadata")
    op.drop_index("ix_tracks_track_artist_id_album_id", table_name="tracks")
    op.drop_index("ix_tracks_musicbrainz_id", table_name="tracks")
    op.drop_index("ix_tracks_album_id", table_name="tracks")
    op.drop_table("tracks")
    op.drop_index("ix_album_groups_musicbrainz_albumid", table_name="album_groups")
    op.drop_index("ix_album_groups_artist_name_key", table_name="album_groups")
    op.drop_index("ix_album_groups_artist_id_title_key", table_name="album_groups")
    op.drop_index("ix_album_groups_album_id", table_name="album_groups")
    op.drop_index("ix_album_groups_album_folder", table_name="album_groups")
    op.drop_table("album_groups")
    op.drop_index("ix_album_genres_genre_id", table_name="album_genres")
    op.drop_table("album_genres")
    op.drop_index("ix_artist_genres_genre_id", table_name="artist_genres")
    op.drop_table("artist_genres")
    op.drop_index(
        "uq_albums_title_key_without_id",
        table_name="albums",
        postgresql_where=sa.text("musicbrainz_albumid IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index("ix_albums_musicbrainz_releasegroupid", table_name="albums")
    op.drop_index("ix_albums_album_artist_id", table_name="albums")
    op.drop_table("albums")
    op.drop_table("shard_scans")
    op.drop_index("uq_raw_files_path", table_name="raw_files", postgresql_where=sa.text("status <> 'missing'"))
    op.drop_index("ix_raw_files_shard", table_name="raw_files")
    op.drop_index("ix_raw_files_missing_path", table_name="raw_files", postgresql_where=sa.text("status = 'missing'"))
    op.drop_index("ix_raw_files_audio_hash", table_name="raw_files")
    op.drop_index("ix_raw_files_folder", table_name="raw_files")
    op.drop_index("ix_raw_files_album_folder", table_name="raw_files")
    op.drop_table("raw_files")
    op.drop_table("mood_tags")
    op.drop_table("library")
    op.drop_table("genres")
    op.drop_table("genre_tags")
    op.drop_table("due_tracks")
    op.drop_table("due_artist_keys")
    op.drop_table("due_albums")
    op.drop_index(
        "uq_artists_name_key_without_id",
        table_name="artists",
        postgresql_where=sa.text("musicbrainz_artistid IS NULL"),
    )
    op.drop_index("ix_artists_name_key", table_name="artists")
    op.drop_table("artists")

    op.execute(sa.schema.DropSequence(sa.Sequence("revision_seq")))
