"""What a file is, by its first bytes; its name does not matter.

Here: the signatures of the formats that are read, and of leading tags before them.
Not here: reading a format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .model import UnreadableFile
from .source import Source

HEAD_SIZE: Final = 4096
_MAX_LEADING_TAGS: Final = 8
_ID3_HEADER_SIZE: Final = 10
_APE_HEADER_SIZE: Final = 32
_ID3_FOOTER_FLAG: Final = 0x10

_ASF_HEADER_GUID: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

_PREFIXES: dict[bytes, str] = {
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"wvpk": "wavpack",
    b"MAC ": "ape",
    b"MPCK": "mpc",
    b"MP+": "mpc",
    b"DSD ": "dsf",
    b"FRM8": "dff",
    b"TTA1": "tta",
    b"TTA2": "tta",
    b"ADIF": "aac",
    _ASF_HEADER_GUID: "asf",
}

_CONTAINERS: dict[tuple[bytes, bytes], str] = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"BW64", b"WAVE"): "wav",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}

_MP4_BOXES: Final = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"))
_STILL_PICTURE_BRANDS: Final = frozenset((b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif", b"avis", b"crx "))

# Archives and pictures can hold bytes that look like MPEG frames, so they are named here.
_NOT_AUDIO: dict[bytes, str] = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "a ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"\x1aE\xdf\xa3": "a Matroska file",
    b"\x00\x00\x01\xba": "an MPEG program stream",
    b"\x7fELF": "a program",
    b"SQLite format 3": "a database",
    b"MThd": "a MIDI file",
    b"OFR ": "an OptimFROG file",
    b"tBaK": "a TAK file",
    b"\x0b\x77": "an AC-3 stream",
}


@dataclass(slots=True)
class Identity:
    """Which reader to use, where its data starts, and the ID3v2 tags in front of it."""

    format: str
    start: int
    id3_offsets: list[int]
    head: bytes
    """The first bytes from ``start`` on."""


def synchsafe(four: bytes) -> int | None:
    """The number in four bytes of seven bits each; None where a high bit is set."""
    a, b, c, d = four
    if (a | b | c | d) & 0x80:
        return None
    return a << 21 | b << 14 | c << 7 | d


def is_mpeg_frame(head: bytes) -> bool:
    """Whether a possible header of an MPEG audio frame (layer I to III) stands at the start."""
    return (
        len(head) >= 4
        and head[:2] != b"\xff\xfe"  # the mark of UTF-16 text, and of a layer I nobody uses
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] & 0x18 != 0x08
        and head[1] & 0x06 != 0
        and head[2] & 0xF0 not in (0x00, 0xF0)
        and head[2] & 0x0C != 0x0C
    )


def _is_adts_frame(head: bytes) -> bool:
    return len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] & 0x3C < 0x34


def format_of(head: bytes) -> str | None:
    """The format whose signature these bytes carry; None where no signature is known."""
    if is_mpeg_frame(head):
        return "mp3"
    for length in (4, 3, 16):
        known = _PREFIXES.get(head[:length])
        if known is not None:
            return known
    known = _CONTAINERS.get((head[:4], head[8:12]))
    if known is not None:
        return known
    if head[4:8] in _MP4_BOXES:
        if head[4:8] == b"ftyp" and head[8:12] in _STILL_PICTURE_BRANDS:
            raise UnreadableFile("not_audio", "a still picture in an MP4 container")
        return "mp4"
    return "aac" if _is_adts_frame(head) else None


def _refuse_known_others(head: bytes) -> None:
    for prefix, description in _NOT_AUDIO.items():
        if head.startswith(prefix):
            raise UnreadableFile("not_audio", description)
    if head[257:262] == b"ustar":
        raise UnreadableFile("not_audio", "a tar archive")
    if head[:4] == b"RIFF":
        raise UnreadableFile("not_audio", "a RIFF container without WAVE")


def identify(source: Source) -> Identity:
    """Find the format, skipping ID3v2 and APEv2 tags in front of it.

    The answer ``mp3`` without an MPEG header at ``start`` means: look for the first frame.
    """
    start = 0
    id3_offsets: list[int] = []
    head = source.read(HEAD_SIZE)
    for _ in range(_MAX_LEADING_TAGS):
        if head[:3] == b"ID3" and len(head) >= _ID3_HEADER_SIZE:
            id3_offsets.append(start)
            size = synchsafe(head[6:10])
            length = _ID3_HEADER_SIZE + (size or 0)
            if head[3] == 4 and head[5] & _ID3_FOOTER_FLAG:
                length += _ID3_HEADER_SIZE
        elif head[:8] == b"APETAGEX" and len(head) >= _APE_HEADER_SIZE:
            length = _APE_HEADER_SIZE + int.from_bytes(head[12:16], "little")
        else:
            break
        if start + length >= source.file_size:
            # The stated size is wrong or the file was cut; audio may still follow the tag's header.
            length = _ID3_HEADER_SIZE
            start += length
            source.seek(start)
            head = source.read(HEAD_SIZE)
            return Identity("mp3", start, id3_offsets, head)
        start += length
        source.seek(start)
        head = source.read(HEAD_SIZE)
    if start and head[:1] == b"\0" and format_of(head) is None:
        # Some taggers leave padding behind the size they state.
        unpadded = head.lstrip(b"\0")
        if format_of(unpadded) is not None:
            start += len(head) - len(unpadded)
            head = unpadded
    known = format_of(head)
    if known is None:
        _refuse_known_others(head)
        known = "mp3"
    return Identity(known, start, id3_offsets, head)
