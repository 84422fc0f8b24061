"""The identity of a recording's file: a hash of its audio without its tags.

Here: ``audio_hash`` and what it needs to find the audio payload in each format. Not here: reading tags
or technical properties (see ``tags``), deciding what two files with the same hash mean.

A file that is moved, renamed or tagged anew keeps its hash: tags and pictures in front, at the end or
in between are left out in every format that ``mutagen`` writes. The format is found by content, never
by extension; what has no known structure, or a damaged one, is hashed as a whole and so still has an
identity, only one that changes with its tags.

What is hashed: the kind of structure, the length of the payload and three windows of 64 KiB at its
start, middle and end. Payloads up to 192 KiB are covered entirely. A typical file costs three reads
(head 80 KiB, tail 80 KiB, middle 64 KiB), four to six with large pictures; files up to 256 KiB one. The
windows tell any two encodes apart, as well as a copy that is truncated or not filled yet. They do not
notice a changed byte elsewhere: this is an identity, not a check for damage.

The hash is XXH3-128: whoever can write a file to collide on purpose can also just leave the windows as
they are, so a cryptographic hash would add 0.2 ms a file and no safety. The version ``1:`` is
part of the value; a change of the scheme must change it.

Known limits: tools that change the audio frames themselves (mp3gain), a WAV file whose writer left the
size of its data open (0 or 0xFFFFFFFF), and Ogg files with audio on the page where the headers end
(forbidden for Vorbis, Opus and FLAC) get a new hash when they are tagged.
"""

from __future__ import annotations

import os
from typing import Final

import xxhash

from ..tags.source import size_of
from . import containers, ogg
from .payload import Payload
from .source import Source
from .surrounding_tags import end_of_audio, start_of_audio

WINDOW_BYTES: Final = 64 * 1024
"""One read of a disk, and some 2 s of an MP3 at 256 kbit/s: far more than two encodes have in common."""

_SCHEME: Final = "1:"
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def audio_hash(path: bytes | str | os.PathLike[str]) -> str:
    """The identity of the audio in a file: ``1:`` and 32 hexadecimal digits.

    Raises ``UnreadableFile`` when the file is empty or not a regular file, and ``OSError`` when the
    system refuses to open or read it, a symbolic link included. Never raises for what is in the file.
    """
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        return _hash(Source(descriptor, size_of(descriptor)))
    finally:
        os.close(descriptor)


def _hash(source: Source) -> str:
    payload = find_payload(source)
    length = payload.length
    digest = xxhash.xxh3_128(payload.kind + b"\0" + length.to_bytes(8, "big"))
    for offset, size in _windows(length):
        window = payload.read(source, offset, size)
        digest.update(ogg.without_page_numbers(window) if payload.kind == ogg.KIND else window)
    return _SCHEME + digest.hexdigest()


def _windows(length: int) -> list[tuple[int, int]]:
    """Offset and size of the windows of a payload, in its own coordinates."""
    if length <= 3 * WINDOW_BYTES:
        return [(0, length)]
    last = length - WINDOW_BYTES
    return [(0, WINDOW_BYTES), (last // 2, WINDOW_BYTES), (last, WINDOW_BYTES)]


def find_payload(source: Source) -> Payload:
    """Where the audio is; the whole file where that cannot be told."""
    start = start_of_audio(source)
    magic = source.read(start, 16)
    payload: Payload | None
    if magic[:4] == b"OggS":
        payload = ogg.payload(source, start, end_of_audio(source, start))
    elif (locate := containers.by_signature(magic)) is not None:
        payload = locate(source, start)
    else:
        payload = Payload(b"stream", [(start, end_of_audio(source, start))])
    if payload is None or payload.length <= 0:
        return Payload(b"file", [(0, source.size)])
    return payload
