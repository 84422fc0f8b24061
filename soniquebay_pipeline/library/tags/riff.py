"""WAV: RIFF, RF64 and BW64, with tags in an ID3 chunk or a RIFF INFO list.

Here: the table of INFO names and the format chunk. mutagen reads neither INFO nor RF64.
Not here: ID3 frames (see ``id3``).
"""

from __future__ import annotations

import struct

from .chunks import Chunk, chunk_bytes, chunk_text, walk_chunks
from .collector import TagCollector
from .id3 import read_id3v2
from .model import AudioProperties, UnreadableFile
from .properties import checked_properties
from .signature import Identity
from .source import Source

INFO: dict[str, str] = {
    "INAM": "title",
    "IART": "artist",
    "IPRD": "album",
    "IALB": "album",
    "IAAR": "albumartist",
    "ICRD": "date",
    "IGNR": "genre",
    "ICMT": "comment",
    "ITRK": "tracknumber",
    "IPRT": "tracknumber",
    "TRCK": "tracknumber",
    "ITOC": "totaltracks",
    "IFRM": "totaltracks",
    "IMUS": "composer",
    "IWRI": "lyricist",
    "IENG": "engineer",
    "IPRO": "producer",
    "ICOP": "copyright",
    "ILNG": "language",
    "IMED": "media",
    "IPUB": "label",
    "IBPM": "bpm",
    "ISFT": "encodersettings",
    "ITCH": "encodedby",
    "IBSU": "website",
}

CODECS: dict[int, str] = {
    0x0001: "pcm",
    0x0002: "adpcm",
    0x0003: "pcm",
    0x0006: "alaw",
    0x0007: "mulaw",
    0x0011: "adpcm",
    0x0031: "gsm",
    0x0050: "mp2",
    0x0055: "mp3",
    0x00FF: "aac",
    0x2000: "ac3",
    0x2001: "dts",
}

_RANK_INFO = 10
_EXTENSIBLE = 0xFFFE
_MAX_INFO_BYTES = 1024 * 1024
_UNKNOWN_SIZE = 0xFFFFFFFF
_FORM_HEADER_SIZE = 12


def read_wav(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    found: dict[bytes, Chunk] = {}
    tag_chunks: list[Chunk] = []
    large_data = 0
    end = source.file_size
    for chunk in _top_chunks(source, end):
        if chunk.name.lower() == b"id3 " or chunk.name == b"LIST":
            tag_chunks.append(chunk)
        else:
            found.setdefault(chunk.name, chunk)
    if b"ds64" in found:
        sizes = chunk_bytes(source, found[b"ds64"], 24)
        large_data = int.from_bytes(sizes[8:16], "little")
    if b"fmt " not in found:
        raise UnreadableFile("corrupt", "a WAV file without a format chunk")
    if b"data" not in found:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    data = found[b"data"]
    payload = data.size
    if data.stated == _UNKNOWN_SIZE:
        payload = min(end - data.offset, large_data or end)
    elif data.stated and not payload:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    audio = _properties(source, found, payload)
    for chunk in tag_chunks:
        if chunk.name == b"LIST":
            _read_list(source, chunk, tags)
        else:
            read_id3v2(source, chunk.offset, tags)
    return audio


def _top_chunks(source: Source, end: int) -> list[Chunk]:
    """The chunks of the file; RF64 states the data chunk's size elsewhere, so what is behind it is sought."""
    chunks = list(walk_chunks(source, _FORM_HEADER_SIZE, end, byteorder="little"))
    large = next((chunk for chunk in chunks if chunk.name == b"ds64"), None)
    if large is not None and chunks[-1].name == b"data" and chunks[-1].stated == _UNKNOWN_SIZE:
        size = int.from_bytes(chunk_bytes(source, large, 16)[8:16], "little")
        behind = chunks[-1].offset + size + size % 2
        chunks.extend(walk_chunks(source, behind, end, byteorder="little"))
    return chunks


def _properties(source: Source, found: dict[bytes, Chunk], payload: int) -> AudioProperties:
    layout = chunk_bytes(source, found[b"fmt "], 40)
    if len(layout) < 16:
        raise UnreadableFile("corrupt", "the format chunk is cut short")
    code, channels, rate, byte_rate, block, bits = struct.unpack("<HHIIHH", layout[:16])
    if code == _EXTENSIBLE and len(layout) >= 26:
        code = int.from_bytes(layout[24:26], "little")
    codec = CODECS.get(code, f"wave-{code:04x}")
    if codec == "pcm":
        byte_rate = rate * block or byte_rate
    if not rate or not byte_rate:
        raise UnreadableFile("corrupt", "the format chunk states no sample rate")
    duration = payload / byte_rate
    if codec != "pcm" and b"fact" in found:
        duration = int.from_bytes(chunk_bytes(source, found[b"fact"], 4), "little") / rate or duration
    return checked_properties(
        file_type="wav",
        codec=codec,
        duration=duration,
        file_size=payload,
        bitrate=byte_rate * 8,
        sample_rate=rate,
        channels=channels,
        bits=bits,
    )


def _read_list(source: Source, chunk: Chunk, tags: TagCollector) -> None:
    """Collect a LIST chunk if it is an INFO list."""
    if chunk_bytes(source, chunk, 4) != b"INFO":
        return
    end = chunk.offset + min(chunk.size, _MAX_INFO_BYTES)
    for item in walk_chunks(source, chunk.offset + 4, end, byteorder="little"):
        key = item.name.decode("ascii").strip()
        text = chunk_text(chunk_bytes(source, item, _MAX_INFO_BYTES))
        tags.add(key, (text,), INFO.get(key.upper()), _RANK_INFO)
