"""The frames of an ID3v2 tag, walked without loading what is not wanted.

Here: finding frames by their headers, dropping pictures and other large binaries, decoding plain
text frames, and handing the rest to mutagen as a small tag. A tag with a 30 MB picture costs as
much as one without, and one invalid character does not lose a title.
Not here: what a frame means (see ``id3``).
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Final, NamedTuple

from .collector import Picture, TagCollector
from .parsers import parser
from .signature import synchsafe
from .source import Source

_HEADER_SIZE: Final = 10
_UNSYNCHRONISED: Final = 0x80
_EXTENDED_HEADER: Final = 0x40
_IN_MEMORY: Final = 256 * 1024
_MAX_FRAMES: Final = 2000
_MAX_TEXT_BYTES: Final = 1024 * 1024
_MAX_BINARY_BYTES: Final = 64 * 1024
_MAX_UNPACKED_PICTURE: Final = 64 * 1024 * 1024
_MAX_KEPT_BYTES: Final = 2 * 1024 * 1024
_PICTURES: Final = frozenset((b"APIC", b"PIC"))
_TEXT: Final = frozenset((b"COMM", b"USLT", b"COM", b"ULT", b"SYLT", b"SLT", b"IPLS", b"IPL"))
_FRAME_ID: Final = {2: re.compile(rb"[A-Za-z0-9]{3}"), 3: re.compile(rb"[A-Za-z0-9]{3}[A-Za-z0-9 \0]")}
_FRAME_ID[4] = _FRAME_ID[3]
_USUAL_ID: Final = re.compile(rb"[A-Z][A-Z0-9]{3}")

# Flags of a frame header: what is compressed, and what is anyhow not stored as it is.
_COMPRESSED: Final = {3: 0x0080, 4: 0x0008}
_NOT_PLAIN: Final = {2: 0, 3: 0x00E0, 4: 0x004F}
_NOT_TEXT: Final = frozenset((b"TIPL", b"TMCL"))
_ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")


class Frame(NamedTuple):
    """One frame as it stands in the tag."""

    name: bytes
    flags: int
    payload: bytes


class TextFrame(NamedTuple):
    """A decoded text frame under its ID3v2.3/2.4 name; ``description`` only in TXXX."""

    name: str
    description: str
    texts: list[str]


@dataclass(slots=True)
class Walk:
    """The outcome of walking a tag: decoded texts, and the frames left to mutagen."""

    version: int
    flags: int
    texts: list[TextFrame] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)


def _frame_size(version: int, header: bytes, body: Any, position: int, end: int) -> int:
    """The size of a frame; old iTunes wrote it in v2.4 as a plain number instead of a synchsafe one."""
    if version == 2:
        return int.from_bytes(header[3:6], "big")
    plain = int.from_bytes(header[4:8], "big")
    if version == 3 or plain < 0x80:
        return plain
    stated = synchsafe(header[4:8])
    if stated is None:
        return plain
    behind = position + _HEADER_SIZE
    if not _frame_may_start(body, behind + stated, end) and _frame_may_start(body, behind + plain, end):
        return plain
    return stated


def _frame_may_start(body: Any, position: int, end: int) -> bool:
    if position >= end:
        return position == end
    body.seek(position)
    name = body.read(4)
    return name[:1] == b"\0" or _USUAL_ID.fullmatch(name) is not None


def _bomb(payload: bytes, limit: int = _MAX_TEXT_BYTES) -> bool:
    """Whether a compressed frame unfolds to more than the limit, which is that of a text."""
    unfold = zlib.decompressobj()
    try:
        unfold.decompress(payload[4:], limit)
    except zlib.error:
        return False
    return not unfold.eof


def _walk(walk: Walk, body: Any, position: int, end: int, tags: TagCollector) -> None:
    version = walk.version
    header_size = 6 if version == 2 else _HEADER_SIZE
    name_size = 3 if version == 2 else 4
    frame_id = _FRAME_ID[version]
    kept_bytes = 0
    for seen in range(_MAX_FRAMES + 1):
        if position + header_size >= end:
            return
        body.seek(position)
        header = body.read(header_size)
        name = header[:name_size]
        if len(header) < header_size or name[:1] == b"\0":
            return
        if frame_id.fullmatch(name) is None:
            tags.note(f"tags: damaged after {seen} frames")
            return
        size = _frame_size(version, header, body, position, end)
        position += header_size
        key = name.decode("ascii").strip("\0 ")
        if size > end - position:
            tags.note(f"{key}: cut short")
            size = end - position
        flags = header[8] << 8 | header[9] if version > 2 else 0
        if name in _PICTURES:
            tags.add_picture(key, size, partial(_read_picture, walk, body, position, name, flags, size))
        wanted = _wanted_bytes(name, key, size, tags)
        if kept_bytes + wanted > _MAX_KEPT_BYTES:
            tags.note(f"{key}: left out, the tag is too large")
        elif wanted:
            body.seek(position)
            kept_bytes += wanted
            _keep_frame(walk, Frame(name, flags, body.read(wanted)), key, tags)
        position += size
    tags.note(f"more than {_MAX_FRAMES} frames")


def _keep_frame(walk: Walk, frame: Frame, key: str, tags: TagCollector) -> None:
    """Decode a plain text frame; put any other aside for mutagen."""
    payload = frame.payload
    is_text = frame.name[:1] == b"T" and payload[0] < len(_ENCODINGS) and frame.name not in _NOT_TEXT
    plain = not frame.flags & _NOT_PLAIN[walk.version] and not (walk.flags and b"\xff" in payload)
    if is_text and plain:
        walk.texts.append(_decode(key if len(key) == 4 else _current_name(key), payload))
    elif frame.flags & _COMPRESSED.get(walk.version, 0) and _bomb(payload):
        tags.note(f"{key}: left out, too large when unpacked")
    else:
        walk.frames.append(frame)


def _decode(name: str, payload: bytes) -> TextFrame:
    """The values of a text frame: NUL separates them, invalid characters become U+FFFD."""
    encoding = payload[0]
    if encoding in (1, 2) and len(payload) % 2 == 0 and payload[-1] == 0:
        # A single NUL closes UTF-16 where two belong.
        payload = payload[:-1]
    text = payload[1:].decode(_ENCODINGS[encoding], "replace")
    texts = text.split("\0")
    if encoding == 1:
        texts = [value.lstrip("\ufeff") for value in texts]
    if name == "TXXX":
        return TextFrame(name, texts[0], texts[1:])
    return TextFrame(name, "", texts)


@cache
def _current_name(old: str) -> str:
    """The four-letter name of a frame of ID3v2.2."""
    known = parser("id3").Frames_2_2.get(old)
    return old if known is None else str(known.__base__.__name__)


def _wanted_bytes(name: bytes, key: str, size: int, tags: TagCollector) -> int:
    """How much of a frame is handed on; counts and describes what is not."""
    if name in _PICTURES:
        return 0
    if name[:1] == b"T" or name in _TEXT:
        if size <= _MAX_TEXT_BYTES:
            return size
        tags.note(f"{key}: cut to {_MAX_TEXT_BYTES} of {size} bytes")
        return _MAX_TEXT_BYTES
    if size <= _MAX_BINARY_BYTES:
        return size
    tags.add_binary(key, size)
    return 0


def _read_picture(walk: Walk, body: Any, position: int, name: bytes, flags: int, size: int) -> Picture:
    """The picture in a frame, which mutagen reads as a tag of its own."""
    body.seek(position)
    frame = Frame(name, flags, body.read(size))
    if flags & _COMPRESSED.get(walk.version, 0) and _bomb(frame.payload, _MAX_UNPACKED_PICTURE):
        raise ValueError("the picture is too large when unpacked")
    alone = _compact(Walk(walk.version, walk.flags, frames=[frame]))
    (picture,) = parser("id3").ID3(io.BytesIO(alone), translate=False, load_v1=False).values()
    return int(picture.type), bytes(picture.data)


def _compact(walk: Walk) -> bytes:
    """The kept frames as a tag of their own."""
    version = walk.version
    parts = []
    for frame in walk.frames:
        size = len(frame.payload)
        if version == 2:
            parts.append(frame.name + size.to_bytes(3, "big"))
        else:
            stated = _to_synchsafe(size) if version == 4 else size.to_bytes(4, "big")
            parts.append(frame.name + stated + frame.flags.to_bytes(2, "big"))
        parts.append(frame.payload)
    body = b"".join(parts)
    return b"ID3" + bytes((version, 0, walk.flags)) + _to_synchsafe(len(body)) + body


def _to_synchsafe(size: int) -> bytes:
    return bytes((size >> 21 & 0x7F, size >> 14 & 0x7F, size >> 7 & 0x7F, size & 0x7F))


def _skip_extended_header(version: int, body: Any, position: int) -> int:
    """The position behind the extended header; some taggers set its flag and write none."""
    body.seek(position)
    four = body.read(4)
    if len(four) < 4 or _FRAME_ID[4].fullmatch(four) is not None:
        return position
    if version == 4:
        return position + max(4, synchsafe(four) or 0)
    return position + 4 + int.from_bytes(four, "big")


def parse_frames(source: Source, offset: int, tags: TagCollector) -> tuple[list[TextFrame], list[Any]]:
    """The texts of the ID3v2 tag at ``offset``, and its other frames as mutagen's objects.

    Raises whatever a damaged header makes of it.
    """
    source.seek(offset)
    header = source.read(_HEADER_SIZE)
    if len(header) < _HEADER_SIZE or header[:3] != b"ID3":
        raise ValueError("no ID3 header")
    version, flags, size = header[3], header[5], synchsafe(header[6:10])
    if version not in _FRAME_ID:
        raise ValueError(f"ID3v2.{version} is not known")
    if size is None:
        raise ValueError("the ID3 header states an impossible size")
    position = offset + _HEADER_SIZE
    end = min(position + size, source.file_size)
    if end < position + size:
        tags.note("tags: cut short")
    body: Any = source
    undo_unsynchronisation = version < 4 and bool(flags & _UNSYNCHRONISED)
    if end - position <= _IN_MEMORY or undo_unsynchronisation:
        whole = source.read(end - position)
        if undo_unsynchronisation:
            whole = whole.replace(b"\xff\x00", b"\xff")
        body, position, end = io.BytesIO(whole), 0, len(whole)
    if flags & _EXTENDED_HEADER and version > 2:
        position = _skip_extended_header(version, body, position)
    walk = Walk(version, flags & _UNSYNCHRONISED if version == 4 else 0)
    _walk(walk, body, position, end, tags)
    return walk.texts, _with_mutagen(walk, tags)


def _with_mutagen(walk: Walk, tags: TagCollector) -> list[Any]:
    if not walk.frames:
        return []
    try:
        id3 = parser("id3").ID3(io.BytesIO(_compact(walk)), translate=False, load_v1=False)
    except Exception as error:
        tags.damaged("tags", error)
        return []
    return list(id3.values())
