"""Files: what is on disk, and what the files say about themselves."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from soniquebay_pipeline.db.tables.base import created_at, metadata, revision_seq

library = Table(
    "library",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single_row"), primary_key=True),
    Column("root", Text, nullable=False, comment="The folder that paths are relative to"),
    Column("is_demo", Boolean, nullable=False, server_default=text("false")),
    Column("shards", Integer, nullable=False),
    created_at(),
)

shard_scans = Table(
    "shard_scans",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("scanned_at", DateTime(timezone=True), nullable=False, comment="Start of the last complete scan"),
    Column("file_count", Integer, nullable=False),
)

raw_files = Table(
    "raw_files",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column(
        "path",
        Text,
        nullable=False,
        comment="Relative to the library root; bytes that are not UTF-8 are U+10FF00 + byte",
    ),
    Column("folder", Text, nullable=False),
    Column("album_folder", Text, nullable=False, comment="The folder without disc folders (CD1, Disc 2)"),
    Column("shard", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("audio_hash", Text, comment="Identity of the audio payload without tags; NULL if it couldn't be read"),
    Column("status", Text, nullable=False),
    Column("reject_reason", Text),
    Column("reject_detail", Text),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column(
        "last_seen_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="Present files: when the row last changed (shard_scans has the last scan); "
        "missing files: the last scan that found it",
    ),
    Column("missing_since", DateTime(timezone=True)),
    CheckConstraint("status IN ('present', 'missing', 'rejected')", name="status"),
    CheckConstraint("(status = 'rejected') = (reject_reason IS NOT NULL)", name="reject_reason"),
    CheckConstraint("(status = 'missing') = (missing_since IS NOT NULL)", name="missing_since"),
)
# A missing file remembers its last path, which another file may take meanwhile.
Index(
    "uq_raw_files_path",
    raw_files.c.path,
    unique=True,
    postgresql_where=text("status <> 'missing'"),
)
Index("ix_raw_files_missing_path", raw_files.c.path, postgresql_where=text("status = 'missing'"))
Index("ix_raw_files_shard", raw_files.c.shard)
Index("ix_raw_files_folder", raw_files.c.folder)
Index("ix_raw_files_album_folder", raw_files.c.album_folder)
Index("ix_raw_files_audio_hash", raw_files.c.audio_hash)

raw_metadata = Table(
    "raw_metadata",
    metadata,
    Column("file_id", ForeignKey("raw_files.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("tags", JSONB, nullable=False, comment="The tags as read, by the format's own names"),
    Column("fields", JSONB, nullable=False, comment="The same by the names of Picard's tag mapping"),
    Column("title", Text, nullable=False),
    Column("artists", ARRAY(Text), nullable=False),
    Column("album_artists", ARRAY(Text), nullable=False),
    Column("featured_artists", ARRAY(Text), nullable=False),
    Column("album", Text),
    Column("album_key", Text),
    Column("track_number", Integer),
    Column("track_total", Integer),
    Column("disc_number", Integer),
    Column("disc_total", Integer),
    Column("release_date", Text),
    Column("year", Integer),
    Column("genres", ARRAY(Text), nullable=False),
    Column("moods", ARRAY(Text), nullable=False),
    Column("is_compilation", Boolean, nullable=False),
    Column("bpm_tag", Float),
    Column("key_tag", Text),
    Column("replaygain_track_gain_db", Float),
    Column("replaygain_track_peak", Float),
    Column("replaygain_album_gain_db", Float),
    Column("replaygain_album_peak", Float),
    Column("musicbrainz_recordingid", Text),
    Column("musicbrainz_trackid", Text),
    Column("musicbrainz_albumid", Text),
    Column("musicbrainz_releasegroupid", Text),
    Column("musicbrainz_workid", Text),
    Column("acoustid_id", Text),
    Column("isrc", Text),
    Column("duration_seconds", Float),
    Column("bitrate_kbps", Integer),
    Column("sample_rate_hz", Integer),
    Column("channels", Integer),
    Column("bits_per_sample", Integer),
    Column("codec", Text),
    Column("file_type", Text),
    Column("picture_count", Integer, nullable=False),
    Column("truncated", ARRAY(Text), nullable=False, comment="Tags that were cut or could not be read"),
    Column("fallbacks", ARRAY(Text), nullable=False, comment="title, artist, album that come from the path"),
    Column("quality_score", Float, nullable=False),
    Column("path", Text, nullable=False, comment="The path this row was derived from"),
    Column("size_bytes", BigInteger, nullable=False, comment="Size of the file as it was read"),
    Column("mtime_ns", BigInteger, nullable=False, comment="Modification time of the file as it was read"),
    Column("extractor_version", Integer, nullable=False),
    Column("extracted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("revision", BigInteger, nullable=False, server_default=revision_seq.next_value()),
    Column("album_group_id", ForeignKey("album_groups.id", ondelete="SET NULL")),
    Column("grouped_revision", BigInteger, comment="The revision whose folder was grouped; NULL before the first time"),
)
Index("ix_raw_metadata_album_group_id", raw_metadata.c.album_group_id)
Index("ix_raw_metadata_musicbrainz_albumid", raw_metadata.c.musicbrainz_albumid)
Index("ix_raw_metadata_musicbrainz_recordingid", raw_metadata.c.musicbrainz_recordingid)

file_credits = Table(
    "file_credits",
    metadata,
    Column("file_id", ForeignKey("raw_metadata.file_id", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False, comment="main, featured, composer …; album: an album artist"),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("musicbrainz_artistid", Text),
    Column("artist_id", ForeignKey("artists.id"), comment="Whom the credit means; NULL until resolved"),
    PrimaryKeyConstraint("file_id", "role", "position"),
)
Index("ix_file_credits_name_key", file_credits.c.name_key)
Index("ix_file_credits_artist_id", file_credits.c.artist_id)

file_labels = Table(
    "file_labels",
    metadata,
    Column("file_id", ForeignKey("raw_metadata.file_id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, comment="genre, genre_tag or mood"),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    PrimaryKeyConstraint("file_id", "kind", "position"),
)
Index("ix_file_labels_kind_name_key", file_labels.c.kind, file_labels.c.name_key)
