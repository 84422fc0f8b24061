"""Pictures: their content, where each was found, who offers which, and which one is the cover."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    event,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

from soniquebay_pipeline.db.tables.base import created_at, metadata

pictures = Table(
    "pictures",
    metadata,
    Column("sha256", Text, primary_key=True, comment="Of the bytes as they were found"),
    Column("id", BigInteger, Identity(), nullable=False, unique=True, comment="The ledger's name for it"),
    Column("mime_type", Text, comment="By content, whatever the source said; NULL like all after it if refused"),
    Column("width", Integer, comment="Pixels, after the EXIF rotation"),
    Column("height", Integer),
    Column("size_bytes", BigInteger, comment="Of the stored file"),
    Column("path", Text, comment="Below SONIQUEBAY_HOME"),
    Column("colours", ARRAY(Text), comment="Dominant colours, #rrggbb, the most frequent first"),
    Column("thumbhash", Text, comment="Placeholder of some 25 bytes, base64"),
    Column("thumbnails", ARRAY(Integer), comment="Longest sides in pixels that exist"),
    Column("reason", Text, comment="Why it was refused; NULL: it is stored"),
    Column("detail", Text),
    Column("unreferenced_since", DateTime(timezone=True), comment="When nothing referred to it any more"),
    created_at(),
    CheckConstraint("(path IS NULL) = (reason IS NOT NULL)", name="reason"),
    comment="Each picture once, however many files embed it; also those that were refused",
)

file_pictures = Table(
    "file_pictures",
    metadata,
    Column("file_id", ForeignKey("raw_files.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False, comment="0 is the best; more are only there in case it is refused"),
    Column("about", Text, nullable=False, comment="The state of the file that was looked at"),
    Column("picture_type", Integer, comment="As ID3 numbers them; NULL where the format has no types"),
    Column("is_front", Boolean, nullable=False),
    Column("size_bytes", BigInteger),
    Column("sha256", Text, comment="NULL: not read, see reason"),
    Column("reason", Text),
    Column("detail", Text),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("file_id", "position"),
    comment="The pictures embedded in each file that has any",
)
Index("ix_file_pictures_sha256", file_pictures.c.sha256)

folder_pictures = Table(
    "folder_pictures",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("path", Text, nullable=False, unique=True, comment="Relative to the library root"),
    Column("folder", Text, nullable=False),
    Column("album_folder", Text, nullable=False, comment="The folder without disc folders (CD1, Disc 2)"),
    Column("shard", Integer, nullable=False),
    Column("name_key", Text, nullable=False, comment="The name without extension, in the form that patterns match"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("sha256", Text, comment="NULL: not read, because nothing asks for it or see reason"),
    Column("reason", Text),
    Column("detail", Text),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="The picture files beside the music, as the last scan found them",
)
Index("ix_folder_pictures_folder", folder_pictures.c.folder)
Index("ix_folder_pictures_shard", folder_pictures.c.shard)
Index("ix_folder_pictures_sha256", folder_pictures.c.sha256)

cover_candidates = Table(
    "cover_candidates",
    metadata,
    Column("entity_type", Text, nullable=False, comment="track, album or artist"),
    Column("entity_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False, comment="chosen, coverartarchive or lastfm"),
    Column("origin", Text, nullable=False, comment="The name of the chosen file, or the URL"),
    Column("about", Text, nullable=False, comment="The state of what was asked for"),
    Column("sha256", ForeignKey("pictures.sha256"), comment="NULL: there is none, or it was refused"),
    Column("reason", Text, comment="Why it was refused"),
    Column("detail", Text),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("entity_type", "entity_id", "source", "origin"),
    CheckConstraint("entity_type IN ('track', 'album', 'artist')", name="entity_type"),
    comment="Pictures that a person or a web service offers for an entity",
)
Index("ix_cover_candidates_sha256", cover_candidates.c.sha256)

covers = Table(
    "covers",
    metadata,
    Column("entity_type", Text, nullable=False, comment="track, album or artist"),
    Column("entity_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False, comment="chosen, embedded, local, coverartarchive or lastfm"),
    Column("mime_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", ForeignKey("pictures.sha256"), nullable=False),
    Column("path", Text, nullable=False),
    Column("url", Text),
    Column("colours", ARRAY(Text), nullable=False),
    Column("thumbhash", Text, nullable=False),
    Column("fetched_at", DateTime(timezone=True), nullable=False, comment="When it became the cover"),
    PrimaryKeyConstraint("entity_type", "entity_id"),
    CheckConstraint("entity_type IN ('track', 'album', 'artist')", name="entity_type"),
    comment="The best picture of each; of tracks only those that differ from their album's",
)
Index("ix_covers_sha256", covers.c.sha256)

TRACK_COVERS = """
    CREATE VIEW track_covers AS
    SELECT t.id AS track_id, c.entity_type AS cover_of, c.source, c.mime_type, c.width, c.height, c.size_bytes,
           c.sha256, c.path, c.url, c.colours, c.thumbhash, c.fetched_at
    FROM tracks t JOIN covers c ON c.entity_type = 'track' AND c.entity_id = t.id
    UNION ALL
    SELECT t.id, c.entity_type, c.source, c.mime_type, c.width, c.height, c.size_bytes,
           c.sha256, c.path, c.url, c.colours, c.thumbhash, c.fetched_at
    FROM tracks t JOIN covers c ON c.entity_type = 'album' AND c.entity_id = t.album_id
    WHERE NOT EXISTS (SELECT FROM covers o WHERE o.entity_type = 'track' AND o.entity_id = t.id)
"""
"""The cover of every track that has one: its own, else its album's."""
event.listen(metadata, "after_create", DDL(TRACK_COVERS))  # type: ignore[no-untyped-call]
