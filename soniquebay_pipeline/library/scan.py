"""Scanning the library: the walk, the differences, and raw_files made true.

Here: the order of the steps, the guards that keep a lost disk from emptying the catalogue, the report.
Not here: how folders are walked (``walk``), audio is identified (``identity``), files are matched
(``matching``) or rows are written (``files_store``).

Memory is bounded: what was seen goes straight into a temporary table, and only differences come back,
one shard at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from soniquebay_pipeline.db.locks import LOCK_CATALOG, LOCK_FILES, hold_for_transaction
from soniquebay_pipeline.library import files_store, picture_files
from soniquebay_pipeline.library.identity import audio_hash
from soniquebay_pipeline.library.matching import Changes, FoundFile, KnownFile, match
from soniquebay_pipeline.library.paths import join, shard_of, to_bytes
from soniquebay_pipeline.library.tags.model import UnreadableFile
from soniquebay_pipeline.library.walk import FolderListing, LibraryRootError, walk
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline.progress import Progress, Silent, Stage

SEEN_BATCH = 10_000
"""Rows a COPY; progress moves once a batch, memory holds one."""

MAX_EXAMPLES = 100
"""Refused links that are named in a report."""


class TooManyFilesGone(LibraryRootError):
    """A large share of the known files is not there any more."""


@dataclass(slots=True)
class ScanReport:
    """What a scan of some shards found and changed."""

    files_seen: int = 0
    added: int = 0
    retagged: int = 0
    replaced: int = 0
    moved: int = 0
    returned: int = 0
    missing: int = 0
    rejected: int = 0
    pictures_seen: int = 0
    pictures_changed: int = 0
    """Picture files beside the music that are new, changed or gone."""
    folder_errors: list[str] = field(default_factory=list)
    refused_links: list[str] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Up to ten paths of each kind of change."""
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    missing_ids: set[int] = field(default_factory=set, repr=False)

    @property
    def unchanged(self) -> int:
        """Files whose rows stay as they are: not opened, or once more rejected for the same reason."""
        return self.files_seen - self.added - self.retagged - self.replaced - self.moved - self.returned

    def add(self, changes: Changes) -> None:
        """Count the changes of one shard."""
        self._take_back_missing(changes)
        for kind in ("added", "retagged", "replaced", "moved", "returned", "missing"):
            items = getattr(changes, kind)
            setattr(self, kind, getattr(self, kind) + len(items))
            examples = self.examples.setdefault(kind, [])
            for item in items[: 10 - len(examples)]:
                if isinstance(item, tuple):
                    row, file = item
                    examples.append(f"{row.path} → {file.path}" if kind == "moved" else file.path)
                else:
                    examples.append(item.path)

    def _take_back_missing(self, changes: Changes) -> None:
        """What an earlier shard missed and this one found has moved from shard to shard."""
        for row, _ in [*changes.moved, *changes.returned]:
            if row.id in self.missing_ids:
                self.missing_ids.discard(row.id)
                self.missing -= 1
                if row.path in self.examples["missing"]:
                    self.examples["missing"].remove(row.path)
        self.missing_ids.update(row.id for row in changes.missing)


@dataclass(frozen=True, slots=True)
class FileToHash:
    """A file below ``root`` that a worker is to identify."""

    root: bytes
    shard: int
    path: str
    size_bytes: int
    mtime_ns: int


def hash_file(file: FileToHash) -> FoundFile | None:
    """Identify one file; None when it vanished meanwhile. Runs in a worker process."""
    audio, reason, detail = None, None, None
    try:
        audio = audio_hash(os.path.join(file.root, to_bytes(file.path)))
    except UnreadableFile as error:
        reason, detail = error.reason, error.detail
    except FileNotFoundError:
        return None
    except PermissionError as error:
        reason, detail = "permission", error.strerror or "permission denied"
    except OSError as error:
        reason, detail = "io_error", error.strerror or str(error)
    return FoundFile(file.path, file.size_bytes, file.mtime_ns, audio, reason, detail)


def scan(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    total_shards: int,
    *,
    max_missing_share: float,
    pool: PoolOptions,
    progress: Progress | None = None,
    dry_run: bool = False,
    on_changes: Callable[[Changes], None] | None = None,
) -> ScanReport:
    """Make raw_files of these shards say what is on disk.

    ``max_missing_share``: 0..1; when more of the known files are gone, nothing is changed.
    ``dry_run``: everything but the writing. ``on_changes`` sees the changes of each shard.
    Raises LibraryRootError (root missing, unreadable, empty) and TooManyFilesGone.
    """
    report = ScanReport()
    progress = progress or Silent()
    started_at = datetime.now(UTC)
    previewed: set[int] = set()
    with engine.connect() as connection:
        files_store.create_seen(connection)
        picture_files.create_seen(connection)
        files_store.remember_walked_shards(connection, shards)
        connection.commit()
        with progress.stage("scanning folders") as stage:
            found_in_library = _walk_into_table(connection, root, set(shards), total_shards, report, stage)
        _guard(connection, root, found_in_library, max_missing_share, report)
        if not dry_run:
            report.pictures_changed = picture_files.store_seen(connection)
        connection.commit()
        with progress.stage("identifying audio", report.files_seen) as stage:
            differing = files_store.differing_shards(connection)
            unchanged = [shard for shard in shards if shard not in differing]
            stage(sum(files_store.seen_count(connection, shard) for shard in unchanged))
            if not dry_run:
                files_store.finish_shards(connection, unchanged, started_at)
            connection.commit()
            for shard, found in _hash_differences(connection, root, sorted(differing), pool, stage):
                changes = _match_shard(
                    connection, root, shard, found, total_shards, started_at, pool, previewed if dry_run else None
                )
                report.add(changes)
                _count_rejected(changes, report)
                if on_changes:
                    on_changes(changes)
    return report


def _walk_into_table(
    connection: Connection, root: Path, wanted: set[int], total_shards: int, report: ScanReport, stage: Stage
) -> int:
    """Fill ``seen``; returns the number of audio files in the whole library, wanted or not."""
    batch: list[tuple[str, str, int, int, int]] = []
    found_in_library = 0
    unreadable: list[str] = []
    pictures: list[tuple[object, ...]] = []
    for listing in walk(root, want=lambda folder: shard_of(folder, total_shards) in wanted, with_pictures=True):
        found_in_library += listing.file_count
        _note_problems(listing, unreadable, report)
        pictures += picture_files.rows_of(listing, total_shards)
        if len(pictures) >= SEEN_BATCH:
            report.pictures_seen += picture_files.add_seen(connection, pictures)
            pictures.clear()
        if not listing.files:
            continue
        shard = shard_of(listing.folder, total_shards)
        batch.extend(
            (join(listing.folder, file.name), listing.folder, shard, file.size_bytes, file.mtime_ns)
            for file in listing.files
        )
        if len(batch) >= SEEN_BATCH:
            report.files_seen += files_store.add_seen(connection, batch)
            stage(len(batch))
            batch.clear()
    report.files_seen += files_store.add_seen(connection, batch)
    stage(len(batch))
    report.pictures_seen += picture_files.add_seen(connection, pictures)
    files_store.add_unreadable(connection, unreadable)
    files_store.analyse_seen(connection)
    return found_in_library


def _note_problems(listing: FolderListing, unreadable: list[str], report: ScanReport) -> None:
    if len(report.refused_links) < MAX_EXAMPLES:
        report.refused_links.extend(f"{join(listing.folder, r.name)} ({r.reason})" for r in listing.refused)
    problems = [(listing.folder, listing.error)] if listing.error is not None else []
    problems += [(join(listing.folder, name), problem) for name, problem in listing.errors]
    if problems:
        unreadable.append(listing.folder)
        report.folder_errors.extend(f"{path or '.'}: {problem}" for path, problem in problems)


def _guard(connection: Connection, root: Path, found: int, max_missing_share: float, report: ScanReport) -> None:
    """Refuse to believe that a library emptied itself (an unmounted NAS looks just like that)."""
    known = files_store.known_file_count(connection)
    if found == 0 and report.folder_errors:
        raise LibraryRootError(
            f"No music file in {root} could be listed ({report.folder_errors[0]}). Nothing was changed. "
            "Give this user read and execute rights on its folders, or check the disk."
        )
    if found == 0 and not (known and max_missing_share >= 1):
        raise LibraryRootError(
            f"{root} holds no music files. Nothing was changed. Is the disk mounted? "
            "Set SONIQUEBAY_MUSIC_DIR to the folder of music."
            + (" If its files are really gone, run `soniquebay ingest --allow-missing`." if known else "")
        )
    if known and found < known * (1 - max_missing_share):
        raise TooManyFilesGone(
            f"{known - found} of {known} known files are gone from {root} "
            f"({(known - found) / known:.0%}, more than the {max_missing_share:.0%} that is believed at once). "
            "Nothing was changed. If the disk is mounted and the files are really gone, run "
            "`soniquebay ingest --allow-missing`."
        )


def _hash_differences(
    connection: Connection, root: Path, shards: Sequence[int], pool: PoolOptions, stage: Stage
) -> Iterator[tuple[int, list[FoundFile]]]:
    """Each shard with the files in it that are new or changed, identified; one pool serves all shards."""
    base = os.fsencode(root)
    waiting: dict[int, int] = {}
    found: dict[int, list[FoundFile]] = {}

    def files() -> Iterator[FileToHash]:
        for shard in shards:
            differing = files_store.difference(connection, shard).found
            connection.commit()
            stage(files_store.seen_count(connection, shard) - len(differing))
            waiting[shard], found[shard] = len(differing), []
            yield from (FileToHash(base, shard, *file) for file in differing)

    for file, result in pool.map(hash_file, files()):
        stage(1)
        waiting[file.shard] -= 1
        if isinstance(result, WorkerFailure):
            result = FoundFile(file.path, file.size_bytes, file.mtime_ns, None, result.reason, result.detail)
        if result is not None:
            found[file.shard].append(result)
        for shard in [shard for shard, count in waiting.items() if not count]:
            del waiting[shard]
            yield shard, found.pop(shard)
    for shard in list(waiting):
        yield shard, found.pop(shard)


def _match_shard(
    connection: Connection,
    root: Path,
    shard: int,
    hashed: list[FoundFile],
    total_shards: int,
    started_at: datetime,
    pool: PoolOptions,
    previewed: set[int] | None,
) -> Changes:
    """Decide and write one shard. With ``previewed`` nothing is written, and the rows that found a place go there."""
    by_path = {file.path: file for file in hashed}
    # Another process may have written meanwhile: under the lock, look again and keep what still differs.
    # Both locks before any row: a moved file makes its folder due, and the catalogue's steps mark files.
    hold_for_transaction(connection, LOCK_FILES)
    hold_for_transaction(connection, LOCK_CATALOG)
    now = files_store.difference(connection, shard)
    still_rejected = {
        path
        for path, reason in now.retried.items()
        if path in by_path and by_path[path].audio_hash is None and by_path[path].reject_reason == reason
    }
    found = [by_path[path] for path, _, _ in now.found if path in by_path and path not in still_rejected]
    known = {row.id: row for row in now.known}
    in_place = {(row.path, row.audio_hash) for row in now.known}
    wanted = [f.audio_hash for f in found if f.audio_hash and (f.path, f.audio_hash) not in in_place]
    for row in _displaced(connection, root, wanted, shard, pool):
        known.setdefault(row.id, row)
    # A row whose path was seen but not identified by this process is not ours to judge.
    unjudged = {path for path, _, _ in now.found} - set(by_path) | still_rejected
    placed = previewed or set()
    changes = match(found, [row for row in known.values() if row.path not in unjudged and row.id not in placed])
    # What another shard's row lost is for that shard's scan to say, which knows what took its place.
    own = {row.id for row in now.known}
    changes.missing = [row for row in changes.missing if row.id in own]
    if previewed is not None:
        pairs = [*changes.retagged, *changes.replaced, *changes.moved, *changes.returned]
        previewed.update(row.id for row, _ in pairs)
        connection.rollback()
        return changes
    files_store.apply(connection, changes, total_shards)
    files_store.finish_shards(connection, [shard], started_at)
    connection.commit()
    return changes


def _displaced(connection: Connection, root: Path, hashes: list[str], shard: int, pool: PoolOptions) -> list[KnownFile]:
    """Rows with this audio that are missing, or whose file is not at its path any more."""
    if not hashes:
        return []
    candidates = files_store.rows_with_audio(connection, hashes, shard)
    base = os.fsencode(root)
    displaced = [candidate.row for candidate in candidates if candidate.is_gone]
    changed: dict[str, KnownFile] = {}
    for candidate in candidates:
        row = candidate.row
        if candidate.is_gone:
            continue
        try:
            status = os.lstat(os.path.join(base, to_bytes(row.path)))
        except (FileNotFoundError, NotADirectoryError):
            displaced.append(row)
        except OSError:
            continue
        else:
            if (status.st_size, status.st_mtime_ns) != (candidate.size_bytes, candidate.mtime_ns):
                changed[row.path] = row
    # Another file may have taken its place: folders that exchanged their names, each in a shard of its own.
    items = (FileToHash(base, shard, path, 0, 0) for path in changed)
    for item, result in pool.map(hash_file, items):
        row = changed[item.path]
        if result is None or (isinstance(result, FoundFile) and result.audio_hash not in (None, row.audio_hash)):
            displaced.append(row)
    return displaced


def _count_rejected(changes: Changes, report: ScanReport) -> None:
    pairs = [*changes.retagged, *changes.replaced, *changes.moved, *changes.returned]
    for file in [*changes.added, *(file for _, file in pairs)]:
        if file.reject_reason:
            report.rejected += 1
            reasons = report.rejected_by_reason
            reasons[file.reject_reason] = reasons.get(file.reject_reason, 0) + 1
