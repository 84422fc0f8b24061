"""What the tests of tag reading share: writing a file, hand-made ID3v2 tags, and the storability check.

Here: helpers without assertions about any one format.
Not here: audio (see ``audio_samples``).
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

from soniquebay_pipeline.library.tags import TagSet

from .audio_samples import audio_bytes


def synchsafe(size: int) -> bytes:
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def id3_frame(name: bytes, payload: bytes, version: int = 4, flags: int = 0) -> bytes:
    if version == 2:
        return name + len(payload).to_bytes(3, "big") + payload
    size = synchsafe(len(payload)) if version == 4 else struct.pack(">I", len(payload))
    return name + size + struct.pack(">H", flags) + payload


def id3_tag(*frames: bytes, version: int = 4, flags: int = 0, padding: int = 0) -> bytes:
    body = b"".join(frames) + bytes(padding)
    return b"ID3" + bytes((version, 0, flags)) + synchsafe(len(body)) + body


def id3v1(title: bytes = b"", artist: bytes = b"", album: bytes = b"", year: bytes = b"", genre: int = 255) -> bytes:
    comment = b"old comment".ljust(28, b"\0") + b"\0\x07"
    fields = title.ljust(30, b"\0") + artist.ljust(30, b"\0") + album.ljust(30, b"\0") + year.ljust(4, b"\0")
    return b"TAG" + fields + comment + bytes((genre,))


def write(folder: Path, kind: str, data: bytes | None = None, name: str | None = None) -> Path:
    """A sample of that kind in the folder, or other bytes under its name."""
    path = folder / (name or f"sample.{kind}")
    path.write_bytes(audio_bytes(kind) if data is None else data)
    return path


def strings_of(tags: TagSet) -> list[str]:
    found = list(tags.truncated)
    for mapping in (tags.raw, tags.fields):
        for key, values in mapping.items():
            found += [key, *values]
    return [*found, tags.audio.file_type, tags.audio.codec]


def assert_storable(tags: TagSet) -> None:
    """Everything in the result can be stored as jsonb and stays within the stated bounds."""
    for text in strings_of(tags):
        assert "\0" not in text
        text.encode("utf-8")
        assert len(text) <= 10_000
    assert len(tags.raw) <= 500
    assert all(0 < len(values) <= 200 for values in tags.raw.values())
    assert all(0 < len(values) <= 200 for values in tags.fields.values())
    assert sum(len(value.encode()) for values in tags.raw.values() for value in values) <= 256 * 1024
    assert 0 < tags.audio.duration_seconds <= 100 * 24 * 3600
    json.dumps([tags.raw, tags.fields, tags.truncated], allow_nan=False)
