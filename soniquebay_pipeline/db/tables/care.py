"""Care of the library: its health report, which tracks are one recording, values taken over from elsewhere."""

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
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from soniquebay_pipeline.db.tables.base import metadata

library_health = Table(
    "library_health",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False, comment="What is wrong; docs/health.md lists the kinds"),
    Column("severity", Text, nullable=False, comment="error, warning or note"),
    Column("entity_type", Text, nullable=False, comment="file, track, album, artist or folder"),
    Column("entity_id", BigInteger, comment="NULL for folders"),
    Column("subject", Text, nullable=False, comment="What it is about, by name"),
    Column("detail", Text, nullable=False),
    Column("paths", ARRAY(Text), nullable=False, comment="The first files concerned; of copies the best one first"),
    Column("file_count", Integer, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("severity IN ('error', 'warning', 'note')", name="severity"),
    comment="The findings of the last report",
)
Index("ix_library_health_kind", library_health.c.kind)

fingerprint_sketches = Table(
    "fingerprint_sketches",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("fingerprint_md5", Text, nullable=False, comment="The fingerprint it was made from"),
    Column("keys", ARRAY(Integer), nullable=False, comment="Empty: too little variety to compare"),
    Column("compared", Boolean, nullable=False, comment="Whether candidates were looked at since"),
    comment="What finds tracks that may be one recording without comparing all pairs",
)
Index("ix_fingerprint_sketches_compared", fingerprint_sketches.c.track_id, postgresql_where=text("NOT compared"))

same_recordings = Table(
    "same_recordings",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("other_track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("similarity", REAL, nullable=False, comment="Share of equal bits of the fingerprints at the best alignment"),
    PrimaryKeyConstraint("track_id", "other_track_id"),
    CheckConstraint("track_id < other_track_id", name="order"),
    comment="Pairs of tracks whose fingerprints are nearly equal",
)
Index("ix_same_recordings_other_track_id", same_recordings.c.other_track_id)

imported_features = Table(
    "imported_features",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("source", Text, nullable=False, comment="soniquebay, or recording: measured on another file of it"),
    Column("bpm", Float),
    Column("key", Text, comment="Tonic with sharps, C … B"),
    Column("scale", Text, comment="major or minor; never from SoniqueBay, whose scale is wrong"),
    Column("energy", Float, comment="0..1"),
    Column("danceability", Float, comment="0..1"),
    Column("acousticness", Float, comment="0..1"),
    Column("instrumentalness", Float, comment="0..1"),
    Column("imported_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("track_id", "source"),
    comment="Values that were not measured on this audio by this program; they go when the track is analysed",
)
