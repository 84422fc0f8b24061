"""The tables of the catalogue, as SQLAlchemy Core metadata.

Here: tables, keys, indexes, and what each column means where its name does not say it.
Not here: migrations (``migrations/versions``; a test holds that both agree) and queries.

Three layers, each derived from the one before:
files (``raw_files``, ``raw_metadata``, ``file_credits``, ``file_labels``) say what is on disk;
``album_groups`` and the entities (``artists``, ``albums``, ``genres`` …) say who and what that is;
``tracks`` and the link tables say which refers to which. The ``due_*`` tables hold what one step
leaves for the next: they are filled and emptied in the transactions that do the work, so a killed
process leaves them true.
"""

from __future__ import annotations

from sqlalchemy import (
    REAL,
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
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

revision_seq = Sequence("revision_seq", metadata=metadata)
"""Numbers the states of a file's metadata; ``tracks.revision`` names the one it was made from."""


def _now() -> Column[object]:
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


library = Table(
    "library",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single_row"), primary_key=True),
    Column("root", Text, nullable=False, comment="The folder that paths are relative to"),
    Column("is_demo", Boolean, nullable=False, server_default=text("false")),
    Column("shards", Integer, nullable=False),
    _now(),
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

artists = Table(
    "artists",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False, comment="The most common spelling"),
    Column("name_key", Text, nullable=False, comment="Normal form of the name"),
    Column("musicbrainz_artistid", Text, unique=True),
    _now(),
)
Index("ix_artists_name_key", artists.c.name_key)
Index(
    "uq_artists_name_key_without_id",
    artists.c.name_key,
    unique=True,
    postgresql_where=artists.c.musicbrainz_artistid.is_(None),
)

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

albums = Table(
    "albums",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("title", Text, nullable=False),
    Column("title_key", Text, nullable=False),
    Column("album_artist_id", ForeignKey("artists.id"), nullable=False),
    Column("release_year", Integer),
    Column("musicbrainz_albumid", Text, unique=True),
    Column("musicbrainz_releasegroupid", Text),
    Column("is_compilation", Boolean, nullable=False, server_default=text("false")),
    _now(),
)
Index("ix_albums_album_artist_id", albums.c.album_artist_id)
Index("ix_albums_musicbrainz_releasegroupid", albums.c.musicbrainz_releasegroupid)
Index(
    "uq_albums_title_key_without_id",
    albums.c.title_key,
    albums.c.album_artist_id,
    albums.c.release_year,
    unique=True,
    postgresql_where=albums.c.musicbrainz_albumid.is_(None),
    postgresql_nulls_not_distinct=True,
)

album_groups = Table(
    "album_groups",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("album_folder", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("title_key", Text, nullable=False),
    Column("artist_name", Text, nullable=False),
    Column("artist_name_key", Text, nullable=False),
    Column("musicbrainz_artistid", Text),
    Column("musicbrainz_albumid", Text),
    Column("musicbrainz_releasegroupid", Text),
    Column("year", Integer),
    Column("is_compilation", Boolean, nullable=False),
    Column("file_count", Integer, nullable=False),
    Column("artist_id", ForeignKey("artists.id")),
    Column("album_id", ForeignKey("albums.id")),
    comment="The files of one folder that make one album; groups of several folders may be one album",
)
Index("ix_album_groups_album_folder", album_groups.c.album_folder)
Index("ix_album_groups_artist_name_key", album_groups.c.artist_name_key)
Index("ix_album_groups_artist_id_title_key", album_groups.c.artist_id, album_groups.c.title_key)
Index("ix_album_groups_album_id", album_groups.c.album_id)
Index("ix_album_groups_musicbrainz_albumid", album_groups.c.musicbrainz_albumid)


def _names(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("name", Text, nullable=False, comment="The most common spelling"),
        Column("name_key", Text, nullable=False, unique=True),
        _now(),
    )


genres = _names("genres")
genre_tags = _names("genre_tags")
mood_tags = _names("mood_tags")

tracks = Table(
    "tracks",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("file_id", ForeignKey("raw_files.id"), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("track_artist_id", ForeignKey("artists.id"), nullable=False),
    Column("album_id", ForeignKey("albums.id")),
    Column("track_number", Integer),
    Column("disc_number", Integer),
    Column("year", Integer),
    Column("duration_seconds", Float),
    Column("bitrate_kbps", Integer),
    Column("file_type", Text),
    Column("musicbrainz_id", Text, comment="MusicBrainz recording id"),
    Column("revision", BigInteger, nullable=False, comment="raw_metadata.revision it was made from"),
    _now(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_tracks_track_artist_id_album_id", tracks.c.track_artist_id, tracks.c.album_id)
Index("ix_tracks_album_id", tracks.c.album_id)
Index("ix_tracks_musicbrainz_id", tracks.c.musicbrainz_id)

track_artists = Table(
    "track_artists",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("artist_id", ForeignKey("artists.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("track_id", "artist_id", "role"),
)
Index("ix_track_artists_artist_id", track_artists.c.artist_id)


def _links(name: str, left: str, left_table: str, right: str, right_table: str) -> Table:
    table = Table(
        name,
        metadata,
        Column(left, ForeignKey(f"{left_table}.id", ondelete="CASCADE"), nullable=False),
        Column(right, ForeignKey(f"{right_table}.id", ondelete="CASCADE"), nullable=False),
        PrimaryKeyConstraint(left, right),
    )
    Index(f"ix_{name}_{right}", table.c[right])
    return table


track_genres = _links("track_genres", "track_id", "tracks", "genre_id", "genres")
track_genre_tags = _links("track_genre_tags", "track_id", "tracks", "genre_tag_id", "genre_tags")
track_mood_tags = _links("track_mood_tags", "track_id", "tracks", "mood_tag_id", "mood_tags")
album_genres = _links("album_genres", "album_id", "albums", "genre_id", "genres")
artist_genres = _links("artist_genres", "artist_id", "artists", "genre_id", "genres")

due_artist_keys = Table(
    "due_artist_keys",
    metadata,
    Column("name_key", Text, nullable=False),
    comment="Names whose credits changed: the artists step resolves them again",
)
due_labels = Table(
    "due_labels",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    comment="Genres and moods whose uses changed: the genres step spells them again",
)
due_albums = Table(
    "due_albums",
    metadata,
    Column("title_key", Text, nullable=False),
    Column("artist_id", BigInteger, nullable=False),
    comment="Albums whose groups changed: the albums step resolves them again",
)
due_tracks = Table(
    "due_tracks",
    metadata,
    Column("file_id", BigInteger, nullable=False),
    comment="Files whose artist or album was resolved anew: the tracks step writes them again",
)

audio_features = Table(
    "audio_features",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("audio_hash", Text, comment="The audio that was analysed"),
    Column("analysis_version", Integer, nullable=False),
    Column("failure_reason", Text, comment="Why there are no features; NULL when there are"),
    Column("failure_detail", Text),
    Column("bpm", Float, comment="Tempo in beats a minute: measured, or the tag's (values_from)"),
    Column("bpm_measured", Float),
    Column("bpm_confidence", Float, comment="0..1"),
    Column("bpm_alternative", Float, comment="The best other reading: half, double or 2/3"),
    Column("bpm_tag", Float),
    Column("bpm_disagreement", Text, comment="octave or tempo: how tag and measurement differ; NULL when they agree"),
    Column("key", Text, comment="Tonic with sharps, C … B: measured, or the tag's (values_from)"),
    Column("scale", Text, comment="major or minor"),
    Column("camelot_key", Text, comment="8B is C major, 8A is A minor"),
    Column("key_measured", Text),
    Column("scale_measured", Text),
    Column("key_confidence", Float, comment="0..1"),
    Column("key_runner_up", Text, comment="The second best key, e.g. A minor"),
    Column("key_tag", Text, comment="The tag's key, e.g. A minor"),
    Column("key_disagreement", Text, comment="relative, parallel, fifth or other; NULL when they agree"),
    Column("values_from", Text, comment="measured or tags: which wins where there are both (SONIQUEBAY_PREFER_TAGS)"),
    Column("moods", JSONB, comment="Moods that tags name, with their strength in 0..1 where they give one"),
    Column("tags_revision", BigInteger, comment="raw_metadata.revision that the tag values were taken from"),
    Column("loudness_lufs", Float, comment="Integrated loudness, EBU R128; ReplayGain 2.0 is -18 minus this"),
    Column("loudness_range_lu", Float, comment="EBU Tech 3342"),
    Column("sample_peak", Float, comment="Largest absolute sample; 1.0 is full scale"),
    Column("energy", Float, comment="0..1"),
    Column("danceability", Float, comment="0..1"),
    Column("acousticness", Float, comment="0..1"),
    Column("instrumentalness", Float, comment="0..1"),
    Column("timbre", ARRAY(REAL), comment="Fixed-length summary of the sound"),
    Column("timbre_version", Integer),
    Column("acoustid_fingerprint", Text),
    Column("seconds_analysed", Float),
    Column("seconds_spent", Float, comment="CPU seconds"),
    Column("analyzed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_audio_features_audio_hash", audio_features.c.audio_hash)

deferred_tasks = Table(
    "deferred_tasks",
    metadata,
    Column("queue", Text, nullable=False, comment="analysis, enrichment, covers, vectors"),
    Column("entity_type", Text, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("about", Text, nullable=False, comment="The state of the input that was tried"),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, comment="waiting for the next attempt, or failed for good"),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Column("last_error", Text),
    _now(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("queue", "entity_type", "entity_id"),
    CheckConstraint("state IN ('waiting', 'failed')", name="state"),
)

__all__ = [name for name, value in list(globals().items()) if isinstance(value, Table)] + ["metadata"]
