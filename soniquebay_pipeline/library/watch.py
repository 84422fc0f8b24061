"""Noticing changes by polling: one bounded look at the library, resumable.

Here: a tick of the watch as a function of its cursor. Not here: Dagster's sensor, and what a scan does
with the shards that are named.

Polling, because NFS and SMB deliver no events; sizes and modification times of files, because
programs such as rsync keep the modification time of what they copy and folders' own times lie.
A folder that differs from the database is requested once it has looked the same twice, at least
``settle_seconds`` apart, so that a half-copied album waits.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import Connection, text

from soniquebay_pipeline.library.paths import join, shard_of, to_bytes
from soniquebay_pipeline.library.walk import FolderListing, list_folder, walk

FOLDERS_A_QUERY = 200
MAX_UNSETTLED = 1_000
"""Folders remembered while they settle: about 150 kB of cursor. Beyond it (a library that appears all at
once) folders are requested without waiting; files still being copied are then read again at the next look."""
REPEAT_SECONDS = 3_600.0
"""A request that changed nothing (an unreadable disk, say) is not repeated before this."""


_KNOWN = """
    SELECT folder, path, size_bytes, mtime_ns FROM raw_files WHERE status <> 'missing'
    UNION ALL SELECT folder, path, size_bytes, mtime_ns FROM folder_pictures
"""
"""What the last scans found: the music, and the pictures beside it."""

# Each table gives its next folders in the order of its index: 20 ms a thousand. Asked of both together they were read
# and sorted whole each time: 1 s of a million files, and a million files have 84 times a thousand folders.
_KNOWN_FOLDERS = """
    (SELECT DISTINCT folder FROM raw_files WHERE status <> 'missing' AND folder > :after ORDER BY 1 LIMIT 1000)
    UNION (SELECT DISTINCT folder FROM folder_pictures WHERE folder > :after ORDER BY 1 LIMIT 1000)
    ORDER BY 1 LIMIT 1000
"""

GONE = "gone"
"""The fingerprint of a known folder that is not there."""


class Cursor(BaseModel):
    """Where the watch stands; kept by Dagster as JSON."""

    after: str | None = None
    """The last folder of the walk that was looked at."""
    known_after: str | None = None
    """The last known folder whose existence was checked."""
    unsettled: dict[str, tuple[str, float]] = {}
    """folder → (fingerprint, when it was first seen so)"""
    requested: dict[int, tuple[str, float]] = {}
    """shard → (fingerprint of what was requested, when)"""
    resumed_at: float = 0.0
    """When the last run was lost whose shards were requested again, as a Unix time."""


@dataclass(slots=True)
class Look:
    """What one tick saw."""

    cursor: Cursor
    shards: set[int] = field(default_factory=set)
    """To be scanned now."""
    folders_looked_at: int = 0
    changed: list[str] = field(default_factory=list)
    """Folders that differ from the database."""
    settling: int = 0
    repeated: int = 0
    """Folders that still differ after they were requested."""
    finished_round: bool = False

    def summary(self) -> str:
        """One line for people."""
        parts = [f"looked at {self.folders_looked_at} folders"]
        parts.append(f"{len(self.changed)} changed" if self.changed else "no changes")
        if self.settling:
            parts.append(f"{self.settling} still settling")
        if self.repeated:
            parts.append(f"{self.repeated} were requested before and did not change")
        parts.append("round complete" if self.finished_round else f"goes on after {self.cursor.after!r}")
        return ", ".join(parts)


def look(
    connection: Connection,
    root: Path,
    shards: int,
    cursor: Cursor,
    *,
    budget_seconds: float,
    settle_seconds: float,
    now: float | None = None,
) -> Look:
    """Look at as many folders as the time allows, beginning where the last look ended.

    Raises LibraryRootError when the root is missing or unreadable.
    """
    now = time.time() if now is None else now
    deadline = time.monotonic() + budget_seconds
    result = Look(cursor.model_copy(deep=True))
    differing: dict[str, str] = {}
    waiting = list(result.cursor.unsettled)
    _compare(connection, [list_folder(root, folder, with_pictures=True) for folder in waiting], differing, result)
    _compare_gone(connection, [folder for folder in waiting if _is_gone(root, folder)], differing)
    for folder in waiting:
        if folder not in differing:
            del result.cursor.unsettled[folder]
    _look_at_tree(connection, root, deadline, differing, result)
    _look_for_vanished(connection, root, deadline, differing, result)
    result.changed = sorted(differing)
    _settle(differing, shards, settle_seconds, now, result)
    return result


def _look_at_tree(connection: Connection, root: Path, deadline: float, differing: dict[str, str], result: Look) -> None:
    listings = walk(root, after=result.cursor.after, with_pictures=True)
    while batch := list(islice(listings, FOLDERS_A_QUERY)):
        _compare(connection, batch, differing, result)
        result.folders_looked_at += len(batch)
        result.cursor.after = batch[-1].folder
        if time.monotonic() > deadline:
            return
    result.cursor.after = None
    result.finished_round = True


def _look_for_vanished(
    connection: Connection, root: Path, deadline: float, differing: dict[str, str], result: Look
) -> None:
    """Known folders that are not there any more: a walk can't meet them."""
    for folder in _known_folders(connection, result.cursor.known_after):
        result.cursor.known_after = folder
        if _is_gone(root, folder):
            differing[folder] = GONE
        if time.monotonic() > deadline:
            return
    result.cursor.known_after = None


def _is_gone(root: Path, folder: str) -> bool:
    """Whether nothing, or no folder, is at its path; one that cannot be asked for is not gone."""
    try:
        return not stat.S_ISDIR(os.lstat(os.path.join(os.fsencode(root), to_bytes(folder))).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _compare_gone(connection: Connection, folders: list[str], differing: dict[str, str]) -> None:
    """Note those of the folders that are gone, but not yet so in the database."""
    query = text(f"SELECT DISTINCT folder FROM ({_KNOWN}) AS known WHERE folder = ANY(:folders)")
    for folder in connection.execute(query, {"folders": folders}).scalars():
        differing[folder] = GONE


def _known_folders(connection: Connection, after: str | None) -> Iterator[str]:
    while True:
        folders = connection.execute(text(_KNOWN_FOLDERS), {"after": after or ""}).scalars().all()
        if not folders:
            return
        yield from folders
        after = folders[-1]


def _compare(connection: Connection, listings: list[FolderListing], differing: dict[str, str], result: Look) -> None:
    """Note the folders whose files are not as the database says, with a fingerprint of what is there."""
    readable = {listing.folder: listing for listing in listings if listing.error is None}
    known: dict[str, set[tuple[str, int, int]]] = {folder: set() for folder in readable}
    for row in connection.execute(
        text(f"SELECT folder, path, size_bytes, mtime_ns FROM ({_KNOWN}) AS known WHERE folder = ANY(:folders)"),
        {"folders": list(readable)},
    ):
        known[row[0]].add((row[1], row[2], row[3]))
    for folder, listing in readable.items():
        files = [*listing.files, *listing.pictures]
        found = {(join(folder, file.name), file.size_bytes, file.mtime_ns) for file in files}
        if found != known[folder]:
            differing[folder] = _fingerprint(found)


def _fingerprint(found: set[tuple[str, int, int]]) -> str:
    return hashlib.blake2b(repr(sorted(found)).encode(), digest_size=8).hexdigest()


def _settle(differing: dict[str, str], shards: int, settle_seconds: float, now: float, result: Look) -> None:
    unsettled = result.cursor.unsettled
    ready: dict[int, list[str]] = {}
    for folder, fingerprint in differing.items():
        seen, since = unsettled.get(folder, ("", now))
        if seen != fingerprint:
            since = now
        crowded = folder not in unsettled and len(unsettled) >= MAX_UNSETTLED
        if crowded or now - since >= settle_seconds:
            unsettled.pop(folder, None)
            ready.setdefault(shard_of(folder, shards), []).append(f"{folder}\0{fingerprint}")
        else:
            unsettled[folder] = (fingerprint, since)
    result.settling = len(unsettled)
    for shard, folders in ready.items():
        fingerprint = hashlib.blake2b("\n".join(sorted(folders)).encode("utf-8"), digest_size=8).hexdigest()
        before = result.cursor.requested.get(shard)
        if before and before[0] == fingerprint and now - before[1] < REPEAT_SECONDS:
            result.repeated += len(folders)
            continue
        result.cursor.requested[shard] = (fingerprint, now)
        result.shards.add(shard)
