"""Where the audio lies in formats made of blocks, boxes, chunks or objects with a size.

Here: FLAC, MP4, WAV (RIFF, RF64), AIFF, DSF, DSDIFF and ASF, as far as finding the audio. Not here: Ogg
(see ``ogg``), streams that only have tags around them (MP3, AAC, WavPack, Monkey's Audio, Musepack, TTA).

Sizes come from the file and are not trusted: every step moves forward, at most ``MAX_BLOCKS`` headers
are read, and an extent never reaches beyond the file. A function returns None for damaged structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from .payload import Payload
from .source import Source
from .surrounding_tags import end_of_audio

MAX_BLOCKS: Final = 1024
"""Headers read in one file. A fragmented MP4 of an hour has 360 to 1,800 fragments, others below 100."""

Locate = Callable[[Source, int], Payload | None]

_ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA: Final = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MP4_FIRST_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot"})
_SIZE_UNKNOWN: Final = 0xFFFFFFFF


class _Layout(NamedTuple):
    """How the chunks of an IFF-like format are written."""

    size_bytes: int
    order: Literal["little", "big"]
    padded: bool
    """Chunks start at even offsets."""
    counts_header: bool
    """The size includes the chunk's own header."""


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    size: int


_RIFF: Final = _Layout(4, "little", padded=True, counts_header=False)
_AIFF: Final = _Layout(4, "big", padded=True, counts_header=False)
_DSDIFF: Final = _Layout(8, "big", padded=True, counts_header=False)
_DSF: Final = _Layout(8, "little", padded=False, counts_header=True)


def by_signature(magic: bytes) -> Locate | None:
    """The function that finds the audio in a file that starts with these 16 bytes."""
    first, form = magic[:4], magic[8:12]
    if first == b"fLaC":
        return _flac
    if magic[4:8] in _MP4_FIRST_BOXES:
        return _mp4
    if first in (b"RIFF", b"RF64", b"BW64") and form == b"WAVE":
        return _wav
    if first == b"FORM" and form in (b"AIFF", b"AIFC"):
        return _aiff
    if first == b"DSD ":
        return _dsf
    if first == b"FRM8":
        return _dsdiff
    if magic == _ASF_HEADER:
        return _asf
    return None


def _flac(source: Source, start: int) -> Payload | None:
    at = start + 4
    for _ in range(MAX_BLOCKS):
        header = source.read(at, 4)
        if len(header) < 4:
            return None
        at += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 0x80:  # the last metadata block
            return Payload(b"flac", [(at, end_of_audio(source, start))])
    return None


def _mp4(source: Source, start: int) -> Payload | None:
    extents: list[tuple[int, int]] = []
    at = start
    for _ in range(MAX_BLOCKS):
        header = source.read(at, 16)
        if len(header) < 8:
            break
        size, header_size = int.from_bytes(header[:4], "big"), 8
        if size == 1:
            size, header_size = int.from_bytes(header[8:], "big"), 16
        elif size == 0:  # up to the end of the file
            size = source.size - at
        if size < header_size:
            break
        if header[4:8] == b"mdat":
            extents.append((at + header_size, min(at + size, source.size)))
        at += size
    else:
        # More boxes than are read: the rest is payload, so that its length and end count as well.
        if extents and at < source.size:
            extents.append((at, source.size))
    return Payload(b"mp4", [extent for extent in extents if extent[0] < extent[1]]) if extents else None


def _wav(source: Source, start: int) -> Payload | None:
    long_size: int | None = None
    for chunk in _chunks(source, start + 12, _RIFF):
        if chunk.kind == b"ds64":
            long_size = int.from_bytes(source.read(chunk.start + 8, 8), "little")
        elif chunk.kind == b"data":
            size = chunk.size
            if size == _SIZE_UNKNOWN:
                size = source.size if long_size is None else long_size
            return _single(b"wav", source, chunk.start, size)
    return None


def _aiff(source: Source, start: int) -> Payload | None:
    return _first(b"aiff", source, _chunks(source, start + 12, _AIFF), (b"SSND",))


def _dsf(source: Source, start: int) -> Payload | None:
    return _first(b"dsf", source, _chunks(source, start, _DSF), (b"data",))


def _dsdiff(source: Source, start: int) -> Payload | None:
    return _first(b"dsdiff", source, _chunks(source, start + 16, _DSDIFF), (b"DSD ", b"DST "))


def _asf(source: Source, start: int) -> Payload | None:
    at = start
    for _ in range(MAX_BLOCKS):
        header = source.read(at, 24)
        if len(header) < 24:
            return None
        size = int.from_bytes(header[16:], "little")
        if header[:16] == _ASF_DATA:
            # A live recording leaves the size open.
            return _single(b"asf", source, at + 24, size - 24 if size >= 24 else source.size)
        if size < 24:
            return None
        at += size
    return None


def _chunks(source: Source, at: int, layout: _Layout) -> Iterator[_Chunk]:
    header_size = 4 + layout.size_bytes
    for _ in range(MAX_BLOCKS):
        header = source.read(at, header_size)
        if len(header) < header_size:
            return
        size = int.from_bytes(header[4:], layout.order)
        if layout.counts_header:
            size -= header_size
            if size < 0:
                return
        yield _Chunk(header[:4], at + header_size, size)
        at += header_size + size + (size & 1 if layout.padded else 0)


def _first(kind: bytes, source: Source, chunks: Iterator[_Chunk], wanted: tuple[bytes, ...]) -> Payload | None:
    for chunk in chunks:
        if chunk.kind in wanted:
            return _single(kind, source, chunk.start, chunk.size)
    return None


def _single(kind: bytes, source: Source, start: int, size: int) -> Payload:
    return Payload(kind, [(start, min(start + size, source.size))])
