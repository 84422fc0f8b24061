"""Which known file is which file on disk: identity by audio, as a pure function.

Here: the decision whether what was found is new, retagged, replaced, moved or back again.
Not here: walking, hashing, the database.

A file's identity is its audio, not its path or its tags. So a file found at a known path with other
audio is not simply "changed": when ``01.mp3`` is renamed to ``02.mp3`` and ``02.mp3`` to ``03.mp3``,
each row follows its audio.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A row of raw_files that is open to be matched: gone from its path, changed there, or missing."""

    id: int
    path: str
    audio_hash: str | None
    status: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file on disk that the database does not describe as it is."""

    path: str
    size_bytes: int
    mtime_ns: int
    audio_hash: str | None
    """None where the audio could not be read."""
    reject_reason: str | None = None
    reject_detail: str | None = None


@dataclass(slots=True)
class Changes:
    """What a scan does to raw_files; every found file is in exactly one of the first five lists."""

    added: list[FoundFile] = field(default_factory=list)
    retagged: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """Same path, same audio, other size or modification time."""
    replaced: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """Same path, other audio that no known file had."""
    moved: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    returned: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """Was missing and is at its old path again."""
    missing: list[KnownFile] = field(default_factory=list)


def match(found: Iterable[FoundFile], known: Iterable[KnownFile]) -> Changes:
    """Pair found files with known ones.

    In order: the row at the same path with the same audio; a row without a place with the same audio
    (preferring the same file name, then the same folder, then the oldest row); the row at the same
    path whatever its audio, unless that row is missing and known to be other audio; else the file is
    new. Rows that were present and got nothing are missing. The result does not depend on the order
    of the arguments.
    """
    rows = sorted(known, key=lambda row: row.id)
    files = sorted(found, key=lambda file: file.path)
    by_path: dict[str, list[KnownFile]] = defaultdict(list)
    for row in rows:
        by_path[row.path].append(row)
    changes = Changes()
    taken: set[int] = set()

    rest = _match_in_place(files, by_path, taken, changes)
    rest = _match_moved(rest, rows, taken, changes)
    for file in rest:
        here = [row for row in by_path[file.path] if row.id not in taken and _may_be(row, file)]
        if here:
            row = min(here, key=lambda row: (row.status == "missing", row.id))
            taken.add(row.id)
            (changes.returned if row.status == "missing" else changes.replaced).append((row, file))
        else:
            changes.added.append(file)
    changes.missing = [row for row in rows if row.id not in taken and row.status != "missing"]
    return changes


def _match_in_place(
    files: list[FoundFile], by_path: dict[str, list[KnownFile]], taken: set[int], changes: Changes
) -> list[FoundFile]:
    rest = []
    for file in files:
        same = [row for row in by_path[file.path] if row.audio_hash == file.audio_hash is not None]
        if not same:
            rest.append(file)
            continue
        row = min(same, key=lambda row: (row.status == "missing", row.id))
        taken.add(row.id)
        (changes.returned if row.status == "missing" else changes.retagged).append((row, file))
    return rest


def _match_moved(files: list[FoundFile], rows: list[KnownFile], taken: set[int], changes: Changes) -> list[FoundFile]:
    """Pair what has the same audio, best pairs first, so that copies keep their names."""
    loose: dict[str, list[KnownFile]] = defaultdict(list)
    for row in rows:
        if row.id not in taken and row.audio_hash is not None:
            loose[row.audio_hash].append(row)
    waiting: dict[str, list[FoundFile]] = defaultdict(list)
    for file in files:
        if file.audio_hash is not None and file.audio_hash in loose:
            waiting[file.audio_hash].append(file)
    placed: set[str] = set()
    for audio_hash, candidates in waiting.items():
        for row, file in _best_pairs(loose[audio_hash], candidates):
            if row.id not in taken and file.path not in placed:
                taken.add(row.id)
                placed.add(file.path)
                same_place = row.path == file.path and row.status == "missing"
                (changes.returned if same_place else changes.moved).append((row, file))
    return [file for file in files if file.path not in placed]


def _best_pairs(rows: list[KnownFile], files: list[FoundFile]) -> list[tuple[KnownFile, FoundFile]]:
    # Thousands of copies of one audio (silence, say) would make millions of pairs; by name is good enough.
    if len(rows) * len(files) > 10_000:
        files = sorted(files, key=lambda file: (posixpath.basename(file.path), file.path))
        rows = sorted(rows, key=lambda row: (posixpath.basename(row.path), row.path))
        return list(zip(rows, files, strict=False))
    pairs = [(row, file) for row in rows for file in files]
    return sorted(pairs, key=lambda pair: (_distance(*pair), pair[0].id, pair[1].path))


def _may_be(row: KnownFile, file: FoundFile) -> bool:
    return row.status != "missing" or None in (row.audio_hash, file.audio_hash)


def _distance(row: KnownFile, file: FoundFile) -> int:
    same_name = posixpath.basename(row.path) == posixpath.basename(file.path)
    same_folder = posixpath.dirname(row.path) == posixpath.dirname(file.path)
    return 2 * (not same_name) + (not same_folder)
