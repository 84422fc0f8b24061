"""Where the audio lies in an Ogg file, and what of its pages survives a change of the tags.

Here: Vorbis, Opus, Speex and FLAC in Ogg. Not here: what the header packets say (see ``tags``).

The comments are the second header packet. When they grow over more pages, every page behind gets a new
number and so a new checksum; bodies, granule positions and the pages' sizes stay. So the headers are
skipped, and number and checksum of the pages are left out of what is hashed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .payload import Payload
from .source import Source

KIND: Final = b"ogg"

MAX_HEADER_PAGES: Final = 16384
"""Pages searched for the end of the headers: 64 MiB of pictures in pages of 4 KiB, as mutagen writes them."""

MAX_HEADER_BYTES: Final = 64 * 1024 * 1024

_PAGE_HEADER: Final = 27
_LONGEST_HEADER: Final = _PAGE_HEADER + 255
_READ_AHEAD: Final = 256 * 1024
_FIRST_PAGE: Final = 0x02
_CONTINUED: Final = 0x01
_MAX_EXTRA_HEADERS: Final = 16


class _Page(NamedTuple):
    flags: int
    serial: bytes
    packets_ended: int
    body: int
    end: int


def payload(source: Source, start: int, end: int) -> Payload | None:
    """The pages behind the headers of the first audio stream; None when there is no such stream."""
    serial: bytes | None = None
    headers_left: int | None = None
    at = start
    for _ in range(MAX_HEADER_PAGES):
        page = _page(source, at)
        if page is None or at - start > MAX_HEADER_BYTES:
            return None
        if page.flags & _FIRST_PAGE and serial is None:
            codec = _header_packets(source.read(page.body, 72))
            if codec is not None:
                serial, headers_left = page.serial, codec
        elif serial is None:
            return None  # the first pages of all streams come first
        if page.serial == serial and headers_left is not None:
            if headers_left < 0:  # unknown number: FLAC, whose audio frames start with the byte 0xFF
                if not page.flags & _CONTINUED and source.read(page.body, 1) == b"\xff":
                    return Payload(KIND, [(at, end)])
            else:
                headers_left -= page.packets_ended
                if headers_left <= 0:
                    return Payload(KIND, [(page.end, end)])
        at = page.end
    return None


def without_page_numbers(window: bytes) -> bytes:
    """The window from its first page on, with the pages' numbers and checksums zeroed.

    A page is at most 65,307 bytes, so a window of 64 KiB always holds the start of one. What stands
    before it is left out: it might begin inside the header of a page.
    """
    at = window.find(b"OggS")
    if at < 0:
        return window[_PAGE_HEADER:-_PAGE_HEADER]
    pages = bytearray(window[at:])
    at, size = 0, len(pages)
    while 0 <= at < size:
        number, checksum_end = min(at + 18, size), min(at + 26, size)
        pages[number:checksum_end] = bytes(checksum_end - number)
        segments_at = at + _PAGE_HEADER
        if segments_at > size:
            break
        segments_end = segments_at + pages[segments_at - 1]
        following = segments_end + sum(pages[segments_at:segments_end])
        # A damaged page, or four bytes of audio that look like one: search on.
        at = following if pages[following : following + 4] == b"OggS" else pages.find(b"OggS", at + 4)
    return bytes(pages)


def _page(source: Source, at: int) -> _Page | None:
    header = source.read(at, _LONGEST_HEADER, ahead=_READ_AHEAD)
    if len(header) < _PAGE_HEADER or header[:5] != b"OggS\0":
        return None
    segments = header[_PAGE_HEADER : _PAGE_HEADER + header[26]]
    body = at + _PAGE_HEADER + header[26]
    packets_ended = len(segments) - segments.count(255)
    return _Page(header[5], header[14:18], packets_ended, body, body + sum(segments))


def _header_packets(first_packet: bytes) -> int | None:
    """How many packets of headers a stream has; -1 when it does not say, None when it is not audio."""
    if first_packet.startswith(b"\x01vorbis"):
        return 3
    if first_packet.startswith(b"OpusHead"):
        return 2
    if first_packet.startswith(b"Speex   "):
        extra = int.from_bytes(first_packet[68:72], "little")
        return 2 + extra if extra <= _MAX_EXTRA_HEADERS else None
    if first_packet.startswith(b"\x7fFLAC"):
        following = int.from_bytes(first_packet[7:9], "big")
        return 1 + following if following else -1
    return None
