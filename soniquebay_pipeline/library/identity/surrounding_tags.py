"""Tags that stand in front of or behind an audio stream without being part of its format.

Here: ID3v1, ID3v2, APEv2 and Lyrics3, as far as telling where they end and begin. Not here: what they
say (see ``tags``), nor tags inside a container (see ``containers`` and ``ogg``).

Both ends are searched until nothing more is found, so the order in which tools put the tags is of no
importance. A tag whose size does not fit into the file is taken for audio.
"""

from __future__ import annotations

from typing import Final

from .source import Source

MAX_TAGS: Final = 16
"""Tags skipped at one end. Real files have up to four (Lyrics3, APEv2, two kinds of ID3v1)."""

_ID3_HEADER: Final = 10
_APE_HEADER: Final = 32
_ID3V1: Final = 128
_ID3V1_EXTENDED: Final = 227
_LYRICS3V1_MAX: Final = 5100
"""Lyrics3 v1 has no size: its start is within 5,100 bytes of its end, says its definition."""


def start_of_audio(source: Source) -> int:
    """The offset behind the tags in front."""
    start = 0
    for _ in range(MAX_TAGS):
        size = _leading_tag(source, start)
        if not size or start + size > source.size:
            break
        start += size
    return start


def end_of_audio(source: Source, start: int) -> int:
    """The offset where the tags at the end begin; never before ``start``."""
    end = source.size
    for _ in range(MAX_TAGS):
        size = _trailing_tag(source, end)
        if not size or end - size < start:
            break
        end -= size
    return end


def _leading_tag(source: Source, at: int) -> int:
    header = source.read(at, _APE_HEADER)
    if header[:3] == b"ID3":
        return _id3_size(header[:_ID3_HEADER])
    if header[:8] == b"APETAGEX" and len(header) == _APE_HEADER:
        return _APE_HEADER + int.from_bytes(header[12:16], "little")
    return 0


def _id3_size(header: bytes) -> int:
    """The size of an ID3v2 tag with its header and footer; 0 when this is none."""
    if len(header) < _ID3_HEADER or 0xFF in header[3:5] or any(byte & 0x80 for byte in header[6:10]):
        return 0
    size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
    footer = _ID3_HEADER if header[5] & 0x10 else 0
    return _ID3_HEADER + size + footer


def _trailing_tag(source: Source, end: int) -> int:
    if end < _APE_HEADER:
        return 0
    last = source.read(end - _APE_HEADER, _APE_HEADER)
    if last[:8] == b"APETAGEX":
        return _ape_size(last)
    if last[-9:] == b"LYRICS200":
        return _lyrics3v2_size(source, end, last)
    if last[-9:] == b"LYRICSEND":
        return _lyrics3v1_size(source, end)
    if last[-_ID3_HEADER:][:3] == b"3DI":
        return _appended_id3_size(source, end, last[-_ID3_HEADER:])
    if end >= _ID3V1 and source.read(end - _ID3V1, 3) == b"TAG":
        extended = end - _ID3V1 - _ID3V1_EXTENDED
        return _ID3V1 + _ID3V1_EXTENDED if source.read(extended, 4) == b"TAG+" else _ID3V1
    return 0


def _ape_size(footer: bytes) -> int:
    # The size counts the footer but not the header; bit 31 of the flags says there is one.
    size = int.from_bytes(footer[12:16], "little")
    header = _APE_HEADER if footer[23] & 0x80 else 0
    return size + header if size >= _APE_HEADER else 0


def _lyrics3v2_size(source: Source, end: int, last: bytes) -> int:
    digits = last[-15:-9]
    if not digits.isdigit():
        return 0
    size = int(digits) + 15
    return size if source.read(end - size, 11) == b"LYRICSBEGIN" else 0


def _lyrics3v1_size(source: Source, end: int) -> int:
    begin = max(0, end - _LYRICS3V1_MAX - 20)
    found = source.read(begin, end - begin).rfind(b"LYRICSBEGIN")
    return end - begin - found if found >= 0 else 0


def _appended_id3_size(source: Source, end: int, footer: bytes) -> int:
    size = _id3_size(footer)
    return size if source.read(end - size, 3) == b"ID3" else 0
