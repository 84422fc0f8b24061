"""MPEG audio streams without a container: MP3 (and layers I and II), and AAC in ADTS or ADIF.

Here: finding the first frame and deciding whether it is one.
Not here: the tags around the frames (see ``id3`` and ``ape``).
"""

from __future__ import annotations

from typing import Any

from .ape import RANK_BEHIND_ID3V2, read_tail_tags
from .collector import TagCollector
from .model import AudioProperties, UnreadableFile
from .parsers import device_error, parser
from .properties import checked_properties
from .signature import Identity, is_mpeg_frame
from .source import OffsetSource, Source

MAX_JUNK_BYTES = 64 * 1024
"""How far into a file without tags the first frame may stand; mutagen alone would search a megabyte."""


def read_mp3(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    info = _first_frames(source, identity)
    payload = source.file_size - info.frame_offset
    duration = info.length
    if duration == 0 and info.bitrate:
        # A Xing header that states no frames: as without one, by size and bitrate.
        duration = payload * 8 / info.bitrate
    audio = checked_properties(
        file_type="mp3",
        codec=f"mp{info.layer}",
        duration=duration,
        file_size=payload,
        bitrate=info.bitrate,
        sample_rate=info.sample_rate,
        channels=info.channels,
    )
    read_tail_tags(source, tags, RANK_BEHIND_ID3V2)
    return audio


def _first_frames(source: Source, identity: Identity) -> Any:
    """mutagen's properties of the stream, unless the frames look like chance."""
    try:
        info = parser("mp3").MPEGInfo(source, identity.start)
    except Exception as error:
        refused = device_error(error)
        if refused is not None:
            raise refused from error
        raise _no_frames(identity) from error
    junk = info.frame_offset - identity.start
    far = junk > MAX_JUNK_BYTES and not identity.id3_offsets
    if far or (info.sketchy and junk > 0):
        raise _no_frames(identity)
    return info


def _no_frames(identity: Identity) -> UnreadableFile:
    if identity.id3_offsets or is_mpeg_frame(identity.head):
        return UnreadableFile("corrupt", "no MPEG frames where they should be")
    return UnreadableFile("not_audio", "no known audio signature")


def read_aac(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    stream = OffsetSource(source, identity.start) if identity.start else source
    stream.seek(0)
    info = parser("aac").AACInfo(stream)
    audio = checked_properties(
        file_type="aac",
        codec="aac",
        duration=info.length,
        file_size=stream.file_size,
        bitrate=info.bitrate,
        sample_rate=info.sample_rate,
        channels=info.channels,
    )
    read_tail_tags(source, tags, RANK_BEHIND_ID3V2)
    return audio
