"""ASF (WMA): the names of its attributes, and the properties of its first audio stream.

Here: the table of attributes and a bounded walk over the header objects that state properties, since
mutagen takes a video stream's numbers for audio.
Not here: the names that taggers write the same everywhere (see ``names``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from .collector import Picture, TagCollector
from .model import AudioProperties, UnreadableFile
from .names import canonical_name
from .parsers import parser
from .properties import checked_properties
from .signature import Identity
from .source import Source

ATTRIBUTES: dict[str, str] = {
    "title": "title",
    "author": "artist",
    "copyright": "copyright",
    "description": "comment",
    "wm/artists": "artists",
    "wm/albumtitle": "album",
    "wm/albumartist": "albumartist",
    "wm/composer": "composer",
    "wm/writer": "lyricist",
    "wm/conductor": "conductor",
    "wm/modifiedby": "remixer",
    "wm/producer": "producer",
    "wm/engineer": "engineer",
    "wm/mixer": "mixer",
    "wm/djmixer": "djmixer",
    "wm/arranger": "arranger",
    "wm/director": "director",
    "wm/tracknumber": "tracknumber",
    "wm/partofset": "discnumber",
    "wm/setsubtitle": "discsubtitle",
    "wm/year": "date",
    "wm/originalreleasetime": "originaldate",
    "wm/originalreleaseyear": "originalyear",
    "wm/originalalbumtitle": "originalalbum",
    "wm/originalartist": "originalartist",
    "wm/genre": "genre",
    "wm/mood": "mood",
    "wm/iscompilation": "compilation",
    "wm/beatsperminute": "bpm",
    "wm/initialkey": "key",
    "wm/isrc": "isrc",
    "wm/publisher": "label",
    "wm/barcode": "barcode",
    "wm/catalogno": "catalognumber",
    "wm/media": "media",
    "wm/language": "language",
    "wm/lyrics": "lyrics",
    "wm/script": "script",
    "wm/contentgroupdescription": "grouping",
    "wm/subtitle": "subtitle",
    "wm/work": "work",
    "wm/encodedby": "encodedby",
    "wm/encodingsettings": "encodersettings",
    "wm/titlesortorder": "titlesort",
    "wm/artistsortorder": "artistsort",
    "wm/albumsortorder": "albumsort",
    "wm/albumartistsortorder": "albumartistsort",
    "wm/composersortorder": "composersort",
    "wm/authorurl": "website",
}

CODECS: dict[int, str] = {
    0x0001: "pcm",
    0x000A: "wmavoice",
    0x0055: "mp3",
    0x00FF: "aac",
    0x0160: "wma",
    0x0161: "wma",
    0x0162: "wmapro",
    0x0163: "wmalossless",
}

_PICTURE = "WM/Picture"
_MAX_OBJECTS: Final = 1000
_HEADER_SIZE: Final = 30
_OBJECT_HEADER_SIZE: Final = 24
_MAX_PROPERTY_BYTES: Final = 4096
_FILE_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_STREAM_PROPERTIES: Final = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_AUDIO_STREAM: Final = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_WAVEFORMAT_OFFSET: Final = 54


@dataclass(slots=True)
class _Stream:
    duration: float = 0.0
    codec: str = ""
    channels: int = 0
    sample_rate: int = 0
    bitrate: int = 0
    bits: int = 0


def read_asf(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    stream = _first_audio_stream(source)
    audio = checked_properties(
        file_type="asf",
        codec=stream.codec,
        duration=stream.duration,
        file_size=source.file_size,
        bitrate=stream.bitrate,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        bits=stream.bits,
    )
    source.seek(0)
    try:
        attributes = list(parser("asf").ASF(source).tags)
    except Exception as error:
        tags.damaged("tags", error)
        return audio
    for name, attribute in attributes:
        _collect(name, attribute.value, tags)
    return audio


def _collect(name: str, value: Any, tags: TagCollector) -> None:
    if isinstance(value, bytes):
        if name == _PICTURE:
            tags.add_picture(name, len(value), partial(_picture, value))
        else:
            tags.add_binary(name, len(value))
        return
    text = str(int(value)) if isinstance(value, bool) else str(value)
    found = canonical_name(name, ATTRIBUTES)
    if found is None:
        tags.add(name, (text,))
    else:
        tags.add(name, (text,), found[0], found[1])


def _picture(value: bytes) -> Picture:
    """Type, size, and then the MIME type and a description in UTF-16, each ended by a NUL."""
    kind, size = struct.unpack("<BL", value[:5])
    position = 5
    for _ in range(2):
        while value[position : position + 2] not in (b"\0\0", b""):
            position += 2
        position += 2
    return kind, value[position : position + size]


def _first_audio_stream(source: Source) -> _Stream:
    source.seek(0)
    header = source.read(_HEADER_SIZE)
    if len(header) < _HEADER_SIZE:
        raise UnreadableFile("corrupt", "the ASF header is cut short")
    header_size, objects = struct.unpack("<QL", header[16:28])
    if header_size >= source.file_size:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    stream = _Stream()
    position = _HEADER_SIZE
    for _ in range(min(objects, _MAX_OBJECTS)):
        source.seek(position)
        guid_and_size = source.read(_OBJECT_HEADER_SIZE)
        if len(guid_and_size) < _OBJECT_HEADER_SIZE or position >= header_size:
            break
        guid, size = struct.unpack("<16sQ", guid_and_size)
        if size < _OBJECT_HEADER_SIZE:
            raise UnreadableFile("corrupt", "an ASF object smaller than its header")
        if guid in (_FILE_PROPERTIES, _STREAM_PROPERTIES):
            data = source.read(min(size - _OBJECT_HEADER_SIZE, _MAX_PROPERTY_BYTES))
            if guid == _FILE_PROPERTIES:
                duration, _, preroll = struct.unpack("<QQQ", data[40:64])
                stream.duration = max(0.0, duration / 1e7 - preroll / 1e3)
            elif data[:16] == _AUDIO_STREAM and not stream.codec:
                _read_waveformat(data[_WAVEFORMAT_OFFSET : _WAVEFORMAT_OFFSET + 16], stream)
        position += size
    if not stream.codec:
        raise UnreadableFile("no_audio", "an ASF file without an audio stream")
    return stream


def _read_waveformat(data: bytes, stream: _Stream) -> None:
    code, stream.channels, stream.sample_rate, byte_rate, _, stream.bits = struct.unpack("<HHIIHH", data)
    stream.codec = CODECS.get(code, f"wave-{code:04x}")
    stream.bitrate = byte_rate * 8
