"""Names of files and folders in the library: as text, as music or litter, as shards.

Here: pure functions on paths relative to the library root. ``""`` is the root itself, ``/`` the
separator. Not here: anything that touches the disk (see ``walk``) or the database.

A POSIX name is bytes, a PostgreSQL ``text`` is valid UTF-8. ``to_text`` maps one onto the other
without loss: valid UTF-8 is kept as it is, a byte that is not becomes the private-use code point
U+10FF00 + byte (U+10FF80 to U+10FFFF). Names that really hold those code points have their own UTF-8
bytes escaped in the same way, so no two names share a text and ``to_bytes(to_text(b)) == b``.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import Final

AUDIO_EXTENSIONS: Final = frozenset(
    b"mp3 flac m4a m4b mp4 aac ogg oga opus spx wav aif aiff wma wv ape mpc dsf dff tta".split()
)
"""Extensions (lower case, without the dot) of files that are looked at. What a file is, its content says."""

PICTURE_EXTENSIONS: Final = frozenset(b"jpg jpeg png webp gif".split())
"""Extensions of the picture files that may be covers. What a file is, its content says."""

DEFAULT_SHARDS: Final = 32
"""Enough to keep one shard of 250,000 files at 8,000; few enough for cheap partition bookkeeping."""

LITTER_FOLDERS: Final = frozenset(
    {
        b"@eadir",  # Synology: thumbnails and indexes beside the files, with names like song.mp3
        b"#recycle",  # Synology: recycle bin
        b"#snapshot",  # Synology: read-only snapshots of the share
        b"@recycle",  # QNAP: recycle bin
        b"@recently-snapshot",  # QNAP: snapshots
        b"$recycle.bin",  # Windows: recycle bin
        b"recycler",  # Windows XP: recycle bin
        b"system volume information",  # Windows: restore points
        b"lost+found",  # ext file systems: fragments found by fsck
        b"__macosx",  # archives made on macOS: resource forks named like the songs
    }
)
"""Folders never walked, compared in lower case. ``.Trash-1000`` and its like fall under ``is_hidden``."""

_NOT_IN_KEYS: Final = frozenset("PZSC")
"""Punctuation, separators, symbols and control characters, by the first letter of their Unicode category."""

_ESCAPE_BASE: Final = 0x10FF00
_ESCAPED = re.compile("[\U0010ff80-\U0010ffff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TO_ESCAPES: Final = {0xDC00 + byte: _ESCAPE_BASE + byte for byte in range(0x80, 0x100)}
_FROM_ESCAPES: Final = {_ESCAPE_BASE + byte: 0xDC00 + byte for byte in range(0x80, 0x100)}

# Characters that would break a line of a report or reorder it: control characters, line and
# paragraph separators, and the bidirectional overrides.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\U0010ff80-\U0010ffff]")
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# "CD1", "CD 2", "Disc 1", "Disk 03", "disc2 - Live", "[CD1]", "Disc 1 of 2", "Disc One". Two digits at
# most: "CD 1999" is a title. The number must end there: "CD 80s Hits" is a title as well.
_DISC_FOLDER = re.compile(
    r"[(\[]?(?:cd|dis[ck])"
    r"(?:[\s_.#-]*\d{1,2}|[\s_.#-]+(?:one|two|three|four|five|six|seven|eight|nine|ten))"
    r"(?:$|[\s_.,:;()\[\]\u2013\u2014-])",
    re.IGNORECASE,
)


def to_text(name: bytes) -> str:
    """The path as text that PostgreSQL can store; the inverse of ``to_bytes``."""
    if b"\0" in name:
        raise ValueError("a path cannot hold a NUL byte")
    text = name.decode("utf-8", "surrogateescape")
    if text.isascii():
        return text
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(_escape_character, text)
    return text.translate(_TO_ESCAPES) if _LONE_SURROGATE.search(text) else text


def to_bytes(path: str) -> bytes:
    """The path's bytes on disk; the inverse of ``to_text``."""
    if "\0" in path:
        raise ValueError("a path cannot hold a NUL")
    if path.isascii() or not _ESCAPED.search(path):
        return path.encode("utf-8")
    if _LONE_SURROGATE.search(path):
        raise ValueError("a path's text cannot hold surrogates")
    return path.translate(_FROM_ESCAPES).encode("utf-8", "surrogateescape")


def display(path: str) -> str:
    """The path for people: undecodable bytes as ``\\xNN``, nothing that breaks or reorders a line."""
    return _UNPRINTABLE.sub(_display_character, path)


def join(folder: str, name: str) -> str:
    """The path of ``name`` in ``folder``, both relative to the root."""
    return f"{folder}/{name}" if folder else name


def sort_key(folder: str) -> tuple[bytes, ...]:
    """Orders folders as ``walk`` lists them: parents first, then children by the bytes of their names."""
    return tuple(to_bytes(folder).split(b"/")) if folder else ()


def is_hidden(name: bytes) -> bool:
    """Whether a name is hidden by a leading dot.

    A single dot hides (``.git``, ``.Trash-1000``, ``._song.mp3``). More than one does not
    (``...And Justice for All``, ``...Baby One More Time.mp3``), nor does one before a digit
    (``.38 Special``, ``.5 - The Gray Chapter``): those are music.
    """
    return name[:1] == b"." and not (name[1:2] == b"." or name[1:2].isdigit())


def is_audio_name(name: bytes) -> bool:
    """Whether a file of this name is looked at."""
    stem, dot, extension = name.rpartition(b".")
    return bool(dot and stem) and extension.lower() in AUDIO_EXTENSIONS and not is_hidden(name)


def is_picture_name(name: bytes) -> bool:
    """Whether a file of this name may be a cover."""
    stem, dot, extension = name.rpartition(b".")
    return bool(dot and stem) and extension.lower() in PICTURE_EXTENSIONS and not is_hidden(name)


def picture_key(name: str) -> str:
    """A name as covers are looked for: letter case, Unicode form, white space and punctuation do not matter.

    ``Cover``, ``cover`` and ``COVER`` are one, and so are ``AC_DC - Live`` and ``AC/DC: Live``: what a file name
    may not hold was replaced by whoever wrote it.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if unicodedata.category(char)[0] not in _NOT_IN_KEYS)


def is_walked_folder(name: bytes) -> bool:
    """Whether a folder of this name is walked: neither hidden nor known litter."""
    return not is_hidden(name) and name.lower() not in LITTER_FOLDERS


def album_folder(folder: str) -> str:
    """The folder with the disc folders at its end removed, so that a set of discs stays together."""
    while folder:
        parent, _, name = folder.rpartition("/")
        if not _DISC_FOLDER.match(name):
            break
        folder = parent
    return folder


def shard_of(folder: str, shards: int = DEFAULT_SHARDS) -> int:
    """The shard a folder belongs to: the same on every machine and in every version."""
    if shards < 1:
        raise ValueError(f"the number of shards must be at least 1, not {shards}")
    digest = blake2b(album_folder(folder).encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards


def shard_key(shard: int, shards: int = DEFAULT_SHARDS) -> str:
    """The partition key of a shard: ``"00"`` to ``"31"`` of 32, ``"000"`` to ``"255"`` of 256."""
    if not 0 <= shard < shards:
        raise ValueError(f"shard {shard} is not one of {shards}")
    return str(shard).zfill(max(2, len(str(shards - 1))))


def _escape_character(match: re.Match[str]) -> str:
    return "".join(chr(_ESCAPE_BASE + byte) for byte in match.group().encode("utf-8"))


def _display_character(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    code = ord(character)
    if code >= _ESCAPE_BASE:
        return f"\\x{code - _ESCAPE_BASE:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
