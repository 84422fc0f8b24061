"""Pictures: their content, who offers which, and which one is the cover."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

from soniquebay_pipeline.db.tables.base import created_at, metadata

pictures = Table(
    "pictures",
    metadata,
    Column("sha256", Text, primary_key=True, comment="Of the bytes as they were found"),
    Column("mime_type", Text, nullable=False, comment="By content, whatever the source said"),
    Column("width", Integer, nullable=False, comment="Pixels, after the EXIF rotation"),
    Column("height", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("path", Text, nullable=False, comment="Below SONIQUEBAY_HOME"),
    Column("colours", ARRAY(Text), nullable=False, comment="Dominant colours, #rrggbb, the most frequent first"),
    Column("thumbhash", Text, nullable=False, comment="Placeholder of some 25 bytes, base64"),
    Column("thumbnails", ARRAY(Integer), nullable=False, comment="Widths that exist"),
    Column("unreferenced_since", DateTime(timezone=True), comment="When nothing referred to it any more"),
    created_at(),
    comment="Each picture once, however many files embed it",
)

cover_candidates = Table(
    "cover_candidates",
    metadata,
    Column("entity_type", Text, nullable=False, comment="track, album or artist"),
    Column("entity_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False, comment="chosen, embedded, local, coverartarchive or lastfm"),
    Column("origin", Text, nullable=False, comment="The file, or the URL"),
    Column("about", Text, nullable=False, comment="The state of the origin that was looked at"),
    Column("is_front", Boolean, nullable=False),
    Column("sha256", ForeignKey("pictures.sha256"), comment="NULL: there is none, or it was refused"),
    Column("reason", Text, comment="Why it was refused"),
    Column("detail", Text),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("entity_type", "entity_id", "source", "origin"),
    CheckConstraint("entity_type IN ('track', 'album', 'artist')", name="entity_type"),
    comment="Which pictures each source offers for what",
)
Index("ix_cover_candidates_sha256", cover_candidates.c.sha256)

covers = Table(
    "covers",
    metadata,
    Column("entity_type", Text, nullable=False, comment="track, album or artist"),
    Column("entity_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", ForeignKey("pictures.sha256"), nullable=False),
    Column("path", Text, nullable=False),
    Column("url", Text),
    Column("colours", ARRAY(Text), nullable=False),
    Column("thumbhash", Text, nullable=False),
    Column("fetched_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("entity_type", "entity_id"),
    CheckConstraint("entity_type IN ('track', 'album', 'artist')", name="entity_type"),
    comment="The best candidate of each; derived from cover_candidates",
)
Index("ix_covers_sha256", covers.c.sha256)
