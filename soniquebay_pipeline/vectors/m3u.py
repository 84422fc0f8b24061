"""Playlist files that players find the music by: extended M3U in UTF-8.

Here: the bytes of the file. Not here: what is on the list (``playlist``).

A line is a path, so three things need care. A name that is not UTF-8 is written as its own bytes: only these
lead to the file. A name with a line break can't stand on a line: it becomes a percent-encoded ``file:`` URL. A
path that starts like a comment (#) or a URL gets ``./`` in front.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote_from_bytes

from soniquebay_pipeline.library.paths import display, to_bytes
from soniquebay_pipeline.vectors.search import Row

SUFFIXES = (".m3u8", ".m3u")
_LINE_BREAK = re.compile(b"[\r\n]")
_NOT_A_PLAIN_PATH = re.compile(rb"[#\s]|[A-Za-z][A-Za-z0-9+.-]*:|\xef\xbb\xbf")


def m3u(rows: Iterable[Row], root: Path, folder: Path | None) -> bytes:
    """The playlist of the tracks; paths are relative to ``folder``, absolute where it is None."""
    lines = [b"#EXTM3U"]
    for row in rows:
        seconds = row["duration_seconds"]
        # -1: unknown. The text after the comma is for people; control characters would break the line.
        shown = display(f"{', '.join(row['artists'])} - {row['title']}")
        lines.append(f"#EXTINF:{-1 if seconds is None else round(seconds)},{shown}".encode("utf-8", "replace"))
        lines.append(_line(os.path.join(os.fsencode(root), to_bytes(row["path"])), folder))
    return b"\n".join(lines) + b"\n"


def write_m3u(target: Path, rows: Iterable[Row], root: Path, *, absolute: bool = False) -> None:
    """Write the playlist to ``target``, at once or not at all. Raises OSError."""
    target = Path(os.path.abspath(target))
    content = m3u(rows, root, None if absolute else target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _line(path: bytes, folder: Path | None) -> bytes:
    if _LINE_BREAK.search(path):
        return b"file://" + quote_from_bytes(path).encode("ascii")
    if folder is None:
        return path
    # Links resolved on both sides: ".." leads from a folder's real place.
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(os.fsencode(folder)))
    return b"./" + relative if _NOT_A_PLAIN_PATH.match(relative) else relative
