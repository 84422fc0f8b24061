"""The folder of pictures: content-addressed files below SONIQUEBAY_HOME, written whole or not at all.

``covers/ab/abcdef….jpg`` is a picture as it was found, ``covers/ab/abcdef…-300.webp`` a thumbnail of it. Files
are written under ``covers/tmp`` and renamed, so a killed process leaves no half picture under a picture's name.
There is no fsync: it would come to five for each picture, and what a power cut empties
is found by its size (``maintenance``) and made again from where it came from.
Here: names, writing, removing. Not here: what the pictures are.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

FOLDER: Final = "covers"
_TEMPORARY: Final = f"{FOLDER}/tmp"


def picture_path(sha256: str, extension: str) -> str:
    """Where a picture is kept, relative to SONIQUEBAY_HOME."""
    return f"{FOLDER}/{sha256[:2]}/{sha256}.{extension}"


def thumbnail_path(sha256: str, side: int) -> str:
    """Where its thumbnail of that longest side is kept, relative to SONIQUEBAY_HOME."""
    return f"{FOLDER}/{sha256[:2]}/{sha256}-{side}.webp"


def paths_of(sha256: str, path: str, thumbnails: Sequence[int]) -> list[str]:
    """Every file of one picture."""
    return [path, *(thumbnail_path(sha256, side) for side in thumbnails)]


def write(home: Path, path: str, data: bytes) -> None:
    """Write one file whole; replaces one that is there."""
    temporary = home / _TEMPORARY / uuid.uuid4().hex
    target = home / path
    try:
        temporary.write_bytes(data)
    except FileNotFoundError:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
    try:
        temporary.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)


def remove(home: Path, paths: Sequence[str]) -> None:
    """Remove files; those that are not there are no error."""
    for path in paths:
        with suppress(FileNotFoundError):
            (home / path).unlink()


def remove_temporary(home: Path) -> int:
    """Remove what killed processes left; nobody may be writing. Returns the number of files."""
    removed = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(home / _TEMPORARY):
            Path(entry.path).unlink(missing_ok=True)
            removed += 1
    return removed


def stored(home: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every stored file: its path relative to SONIQUEBAY_HOME, and what the file system says of it."""
    folder = home / FOLDER
    if not folder.is_dir():
        return
    for below in sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)):
        if below == "tmp":
            continue
        for entry in os.scandir(folder / below):
            with suppress(FileNotFoundError):
                yield f"{FOLDER}/{below}/{entry.name}", entry.stat(follow_symlinks=False)
