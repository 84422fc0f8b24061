"""Reading one audio file: from its path to its tags and properties.

Here: choosing the reader of a format by its signature, and turning every failure into a reason.
Not here: any format's own rules (see the module of each), what the tags mean (see ``catalog``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

from .collector import TagCollector
from .model import AudioProperties, TagSet, UnreadableFile
from .parsers import device_error, one_line, unreadable_from_os
from .signature import Identity, identify
from .source import OffsetSource, Source, open_source

FormatReader = Callable[[Source, Identity, TagCollector], AudioProperties]

READERS: dict[str, tuple[str, str]] = {
    "mp3": ("mpeg", "read_mp3"),
    "aac": ("mpeg", "read_aac"),
    "flac": ("xiph", "read_flac"),
    "ogg": ("xiph", "read_ogg"),
    "mp4": ("mp4", "read_mp4"),
    "asf": ("asf", "read_asf"),
    "wav": ("riff", "read_wav"),
    "aiff": ("aiff", "read_aiff"),
    "dsf": ("dsd", "read_dsf"),
    "dff": ("dsd", "read_dff"),
    "wavpack": ("streams", "read_wavpack"),
    "ape": ("streams", "read_ape"),
    "mpc": ("streams", "read_mpc"),
    "tta": ("streams", "read_tta"),
}
"""Signature to module and function; a module is imported when its first file is met."""

_TAGGED_BY_ID3 = frozenset(("mp3", "aac", "tta"))
_RANK_FOREIGN_ID3 = 30
"""An ID3v2 tag in front of a format with tags of its own only fills what those leave empty."""
_OWN_OFFSETS = frozenset(("mp3", "aac"))
_RANK_STACKED_TAG = 5


@cache
def _reader(format_name: str) -> FormatReader:
    module, function = READERS[format_name]
    reader: FormatReader = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    return reader


def read_tags(path: bytes | str, collector: TagCollector | None = None) -> TagSet:
    """The tags and properties of an audio file, whatever its name says.

    ``collector`` takes the place of the usual one, to see what that leaves out.

    Raises ``UnreadableFile`` with a reason for a file that cannot become a track. Damaged tags are
    no such reason: what could be read is returned and the damage is listed in ``truncated``.
    """
    try:
        with open_source(path) as source:
            return _read(source, collector or TagCollector())
    except UnreadableFile:
        raise
    except Exception as error:
        # Parsers fail on hostile bytes in every way: struct.error, IndexError, MemoryError ...
        refused = device_error(error)
        if refused is not None:
            raise unreadable_from_os(refused) from error
        raise UnreadableFile("corrupt", one_line(error)) from error


def _read(source: Source, tags: TagCollector) -> TagSet:
    identity = identify(source)
    if identity.id3_offsets:
        _read_leading_tags(source, identity, tags)
    stream = source
    if identity.start and identity.format not in _OWN_OFFSETS:
        stream = OffsetSource(source, identity.start)
    audio = _reader(identity.format)(stream, identity, tags)
    return tags.finish(audio)


def _read_leading_tags(source: Source, identity: Identity, tags: TagCollector) -> None:
    from .id3 import read_id3v2

    base = 0 if identity.format in _TAGGED_BY_ID3 else _RANK_FOREIGN_ID3
    for number, offset in enumerate(identity.id3_offsets):
        read_id3v2(source, offset, tags, base + (_RANK_STACKED_TAG if number else 0))
