"""AIFF and AIFF-C, with tags in an ID3 chunk or in the format's own text chunks.

Here: the table of text chunks and the stream properties.
Not here: ID3 frames (see ``id3``).
"""

from __future__ import annotations

from .chunks import Chunk, chunk_bytes, chunk_text, walk_chunks
from .collector import TagCollector
from .id3 import read_id3v2
from .model import AudioProperties, UnreadableFile
from .parsers import parser
from .properties import checked_properties
from .signature import Identity
from .source import Source

TEXT_CHUNKS: dict[bytes, str] = {
    b"NAME": "title",
    b"AUTH": "artist",
    b"(c) ": "copyright",
    b"ANNO": "comment",
}

_PCM = frozenset((b"NONE", b"sowt", b"twos", b"raw ", b"fl32", b"FL32", b"fl64", b"FL64", b"in24", b"in32"))
_RANK_TEXT_CHUNK = 10
_MAX_TEXT_BYTES = 64 * 1024
_FORM_HEADER_SIZE = 12
_SOUND_HEADER_SIZE = 8


def read_aiff(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    found: dict[bytes, Chunk] = {}
    texts: list[Chunk] = []
    for chunk in walk_chunks(source, _FORM_HEADER_SIZE, source.file_size, byteorder="big"):
        if chunk.name in TEXT_CHUNKS:
            texts.append(chunk)
        else:
            found.setdefault(chunk.name.upper(), chunk)
    sound = found.get(b"SSND")
    if sound is None or sound.size <= _SOUND_HEADER_SIZE:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    info = parser("aiff").AIFFInfo(source)
    compression = chunk_bytes(source, found[b"COMM"], 22)[18:22] or b"NONE"
    is_pcm = compression in _PCM
    audio = checked_properties(
        file_type="aiff",
        codec="pcm" if is_pcm else compression.decode("latin-1").strip().lower(),
        duration=info.length,
        file_size=sound.size,
        bitrate=info.bitrate if is_pcm else None,
        sample_rate=info.sample_rate,
        channels=info.channels,
        bits=info.bits_per_sample,
    )
    if b"ID3 " in found:
        read_id3v2(source, found[b"ID3 "].offset, tags)
    for chunk in texts:
        text = chunk_text(chunk_bytes(source, chunk, _MAX_TEXT_BYTES))
        key = chunk.name.decode("ascii").strip()
        tags.add(key, (text,), TEXT_CHUNKS[chunk.name], _RANK_TEXT_CHUNK)
    return audio
