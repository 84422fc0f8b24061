"""From one file to the rows that describe it: the work of a reader process.

Here: reading tags, normalising them, and giving them the shape of the tables.
Not here: which files are due and the writing (``store.metadata``).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from soniquebay_pipeline.catalog.metadata import describe
from soniquebay_pipeline.catalog.model import FileMetadata
from soniquebay_pipeline.library.paths import to_bytes
from soniquebay_pipeline.library.tags import AudioProperties, TagSet, UnreadableFile, read_tags

EXTRACTOR_VERSION = 1
"""Raise it when the meaning of raw_metadata changes: every file is then read again."""


@dataclass(frozen=True, slots=True)
class DueFile:
    """A file to be described. With ``known`` only its path is new, and it is not opened."""

    id: int
    path: str
    size_bytes: int
    mtime_ns: int
    known: TagSet | None = None


@dataclass(frozen=True, slots=True)
class FileRows:
    """Rows for raw_metadata (by column name), file_credits and file_labels."""

    metadata: dict[str, Any]
    credits: list[tuple[int, str, int, str, str, str | None]]
    labels: list[tuple[int, str, int, str, str]]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a file can't become a track."""

    file_id: int
    reason: str
    detail: str


def extract_file(item: tuple[bytes, DueFile]) -> FileRows | Rejection:
    """Read and describe one file below ``root``; bad files become a Rejection, never an exception."""
    root, due = item
    tags = due.known
    if tags is None:
        try:
            tags = read_tags(os.path.join(root, to_bytes(due.path)))
        except UnreadableFile as error:
            return Rejection(due.id, error.reason, error.detail)
    return rows_of(due, tags, describe(tags, due.path))


def rows_of(due: DueFile, tags: TagSet, metadata: FileMetadata) -> FileRows:
    """The rows of one described file."""
    audio = tags.audio
    of_role = {role: [c.name for c in metadata.credits if c.role == role] for role in ("main", "album", "featured")}
    row = {
        "file_id": due.id,
        "tags": _json(tags.raw),
        "fields": _json(tags.fields),
        "artists": of_role["main"],
        "album_artists": of_role["album"],
        "featured_artists": of_role["featured"],
        "genres": [label.name for label in metadata.labels if label.kind == "genre"],
        "moods": [label.name for label in metadata.labels if label.kind == "mood"],
        "duration_seconds": audio.duration_seconds,
        "bitrate_kbps": audio.bitrate_kbps,
        "sample_rate_hz": audio.sample_rate_hz,
        "channels": audio.channels,
        "bits_per_sample": audio.bits_per_sample,
        "codec": audio.codec,
        "file_type": audio.file_type,
        "picture_count": tags.picture_count,
        "truncated": tags.truncated,
        "path": due.path,
        "size_bytes": due.size_bytes,
        "mtime_ns": due.mtime_ns,
        "extractor_version": EXTRACTOR_VERSION,
        **{column: getattr(metadata, column) for column in _SAME_NAME},
    }
    return FileRows(
        row,
        [(due.id, c.role, c.position, c.name, c.name_key, c.musicbrainz_artistid) for c in metadata.credits],
        [(due.id, label.kind, label.position, label.name, label.name_key) for label in metadata.labels],
    )


def tags_from_row(row: Any) -> TagSet:
    """The TagSet that a raw_metadata row was made from, without opening the file."""
    return TagSet(
        raw=row.tags,
        fields=row.fields,
        audio=AudioProperties(
            file_type=row.file_type,
            codec=row.codec,
            duration_seconds=row.duration_seconds,
            bitrate_kbps=row.bitrate_kbps,
            sample_rate_hz=row.sample_rate_hz,
            channels=row.channels,
            bits_per_sample=row.bits_per_sample,
        ),
        picture_count=row.picture_count,
        truncated=row.truncated,
    )


_SAME_NAME = (
    "title",
    "album",
    "album_key",
    "track_number",
    "track_total",
    "disc_number",
    "disc_total",
    "release_date",
    "year",
    "is_compilation",
    "bpm_tag",
    "key_tag",
    "replaygain_track_gain_db",
    "replaygain_track_peak",
    "replaygain_album_gain_db",
    "replaygain_album_peak",
    "musicbrainz_recordingid",
    "musicbrainz_trackid",
    "musicbrainz_albumid",
    "musicbrainz_releasegroupid",
    "musicbrainz_workid",
    "acoustid_id",
    "isrc",
    "fallbacks",
    "quality_score",
)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
