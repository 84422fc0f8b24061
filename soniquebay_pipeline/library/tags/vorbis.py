"""Vorbis comments: FLAC, Ogg Vorbis, Opus, Speex and FLAC in Ogg.

Here: the names that only Vorbis comments use, and the reading of a comment list.
Not here: the containers around it (see ``xiph``), the names shared with other formats (see ``names``).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from functools import partial

from .collector import Picture, TagCollector
from .names import canonical_name
from .parsers import parser

NAMES: dict[str, str] = {
    "organization": "label",
}

_PICTURE_DETAILS = frozenset(("coverartmime", "coverartdescription", "coverarttype"))

# Opus: Q7.8 numbers relative to -23 LUFS (RFC 7845); ReplayGain's reference is 5 dB louder.
_R128_GAINS = {"r128_track_gain": "replaygain_track_gain", "r128_album_gain": "replaygain_album_gain"}
_R128_RANK = 5
_R128_OFFSET_DB = 5.0
_BASE64_BYTES_PER_CHARACTER = 0.75


def _picture_block(value: str) -> Picture:
    block = parser("flac").Picture(base64.b64decode(value))
    return int(block.type), bytes(block.data)


def _bare_picture(value: str) -> Picture:
    return None, base64.b64decode(value)


_PICTURES: dict[str, Callable[[str], Picture]] = {"metadata_block_picture": _picture_block, "coverart": _bare_picture}


def collect_comments(comments: Iterable[tuple[str, str]], tags: TagCollector, rank: int = 0) -> None:
    """Collect (name, value) pairs; names are case-insensitive and are kept in lower case."""
    grouped: dict[str, list[str]] = {}
    for name, value in comments:
        grouped.setdefault(name.lower(), []).append(value)
    for name, values in grouped.items():
        if name in _PICTURES:
            for value in values:
                size = int(len(value) * _BASE64_BYTES_PER_CHARACTER)
                tags.add_picture(name, size, partial(_PICTURES[name], value))
        elif name in _R128_GAINS:
            _collect_r128(name, values, tags)
        elif name not in _PICTURE_DETAILS:
            found = canonical_name(name, NAMES)
            if found is None:
                tags.add(name, values)
            else:
                tags.add(name, values, found[0], rank + found[1])


def _collect_r128(name: str, values: list[str], tags: TagCollector) -> None:
    tags.add(name, values)
    try:
        gain = int(values[0]) / 256 + _R128_OFFSET_DB
    except ValueError:
        return
    if abs(gain) <= 0x8000 / 256 + _R128_OFFSET_DB:
        tags.assign(_R128_GAINS[name], [f"{gain:.2f} dB"], name, _R128_RANK)
