"""Chunked containers: RIFF (WAV), AIFF and DSDIFF share one layout.

Here: walking chunks by their headers, bounded in number.
Not here: what a chunk holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from .source import Source

MAX_CHUNKS = 1000


class Chunk(NamedTuple):
    """One chunk: ``offset`` of its content, ``size`` as far as the file goes, ``stated`` as written."""

    name: bytes
    offset: int
    size: int
    stated: int


def walk_chunks(
    source: Source,
    position: int,
    end: int,
    *,
    byteorder: Literal["little", "big"],
    size_bytes: int = 4,
) -> Iterator[Chunk]:
    """The chunks between two positions; stops where the headers stop making sense."""
    end = min(end, source.file_size)
    header_size = 4 + size_bytes
    for _ in range(MAX_CHUNKS):
        if position + header_size > end:
            return
        source.seek(position)
        header = source.read(header_size)
        if len(header) < header_size or not header[:4].isascii() or not header[:4].decode().isprintable():
            return
        stated = int.from_bytes(header[4:], byteorder)
        position += header_size
        yield Chunk(header[:4], position, min(stated, end - position), stated)
        position += stated + stated % 2


def chunk_bytes(source: Source, chunk: Chunk, limit: int) -> bytes:
    source.seek(chunk.offset)
    return source.read(min(chunk.size, limit))


def chunk_text(data: bytes) -> str:
    """Text without a stated encoding: UTF-8 if it is valid, else Latin-1, the formats' old default."""
    data = data.rstrip(b"\0")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
