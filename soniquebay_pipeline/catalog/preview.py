"""What an ingest would change, without changing it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from soniquebay_pipeline.catalog.extract import DueFile, Rejection, extract_file
from soniquebay_pipeline.library.matching import Changes
from soniquebay_pipeline.library.scan import scan
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline.progress import Progress

Entry = str | tuple[str, ...]


def preview(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    total_shards: int,
    *,
    max_missing_share: float,
    pool: PoolOptions,
    progress: Progress,
) -> dict[str, list[Entry]]:
    """Paths by kind of change: added, retagged, replaced, moved (old, new), returned, missing, rejected (path, reason).

    Files to be read are read, so that those which would be rejected are told; a file is then listed under
    rejected only.
    """
    seen: list[Changes] = []
    scan(
        engine,
        root,
        shards,
        total_shards,
        max_missing_share=max_missing_share,
        pool=pool,
        progress=progress,
        dry_run=True,
        on_changes=seen.append,
    )
    result: dict[str, list[Entry]] = {
        kind: [] for kind in ("added", "retagged", "replaced", "moved", "returned", "missing", "rejected")
    }
    to_read: dict[str, tuple[str, Entry]] = {}
    for changes in seen:
        result["missing"].extend(row.path for row in changes.missing)
        to_read |= {file.path: ("added", file.path) for file in changes.added}
        for kind in ("retagged", "replaced", "moved", "returned"):
            for row, file in getattr(changes, kind):
                to_read[file.path] = (kind, (row.path, file.path) if kind == "moved" else file.path)
    _drop_moved_from_missing(result["missing"], to_read)
    base = os.fsencode(root)
    items = ((base, DueFile(0, path, 0, 0)) for path in to_read)
    with progress.stage("reading tags", len(to_read)) as stage:
        for (_, due), answer in pool.map(extract_file, items):
            stage(1)
            if isinstance(answer, (Rejection, WorkerFailure)):
                result["rejected"].append((due.path, answer.reason))
            else:
                kind, entry = to_read[due.path]
                result[kind].append(entry)
    return {kind: sorted(entries) for kind, entries in result.items()}


def _drop_moved_from_missing(missing: list[Entry], to_read: dict[str, tuple[str, Entry]]) -> None:
    """A file that moved between shards looks gone to its old shard, since nothing is written in between."""
    moved = {entry[0] for kind, entry in to_read.values() if kind == "moved" and isinstance(entry, tuple)}
    missing[:] = [path for path in missing if path not in moved]
