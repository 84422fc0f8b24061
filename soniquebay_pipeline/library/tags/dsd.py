"""DSD streams: DSF and DSDIFF, both with an ID3v2 tag inside.

Here: their stream properties and where the tag stands.
Not here: ID3 frames (see ``id3``).
"""

from __future__ import annotations

from .chunks import walk_chunks
from .collector import TagCollector
from .id3 import read_id3v2
from .model import AudioProperties, UnreadableFile
from .parsers import parser
from .properties import checked_properties
from .signature import Identity
from .source import Source

_DSF_HEADER_SIZE = 92
_FORM_HEADER_SIZE = 16
_DSD_BITS = 1


def read_dsf(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    source.seek(0)
    file = parser("dsf").DSFFile(source)
    if source.file_size <= _DSF_HEADER_SIZE:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    layout = file.fmt_chunk
    rate, channels = layout.sampling_frequency, layout.channel_num
    audio = checked_properties(
        file_type="dsf",
        codec="dsd",
        duration=layout.sample_count / rate if rate else 0.0,
        file_size=source.file_size,
        # mutagen multiplies by the number of bits in a stored byte; a DSD sample has one bit.
        bitrate=rate * channels * _DSD_BITS,
        sample_rate=rate,
        channels=channels,
        bits=_DSD_BITS,
    )
    tag_offset = file.dsd_chunk.offset_metdata_chunk
    if tag_offset:
        if tag_offset < source.file_size:
            read_id3v2(source, tag_offset, tags)
        else:
            tags.note("tags: behind the end of the file")
    return audio


def read_dff(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    chunks = list(walk_chunks(source, _FORM_HEADER_SIZE, source.file_size, byteorder="big", size_bytes=8))
    if not any(chunk.name in (b"DSD ", b"DST ") and chunk.size for chunk in chunks):
        raise UnreadableFile("corrupt", "the file ends before the audio")
    source.seek(0)
    info = parser("dsdiff").DSDIFFInfo(source)
    audio = checked_properties(
        file_type="dff",
        codec="dst" if info.compression == "DST" else "dsd",
        duration=info.length,
        file_size=source.file_size,
        bitrate=info.bitrate,
        sample_rate=info.sample_rate,
        channels=info.channels,
        bits=_DSD_BITS,
    )
    for chunk in chunks:
        if chunk.name.upper() == b"ID3 ":
            read_id3v2(source, chunk.offset, tags)
            break
    return audio
