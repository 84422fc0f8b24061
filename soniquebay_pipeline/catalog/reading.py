"""Reading every file that is due: the pool of readers, the batches that are stored, the report.

Here: the loop. Not here: what is read from one file (``extract``) and the SQL (``store.metadata``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from soniquebay_pipeline.catalog.extract import DueFile, FileRows, Rejection, extract_file
from soniquebay_pipeline.catalog.store import metadata as store
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline.logs import logger
from soniquebay_pipeline.progress import Progress, Silent

log = logger("raw_metadata")
BATCH = 1_000
"""Files a transaction: a killed run loses at most this many readings."""


@dataclass(slots=True)
class ReadReport:
    """What was read."""

    described: int = 0
    rejected: int = 0
    with_fallbacks: int = 0
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Up to fifty (reason, path, detail)."""
    quality_sum: float = 0.0

    @property
    def mean_quality(self) -> float:
        """Mean quality score of the described files, 0..1."""
        return self.quality_sum / self.described if self.described else 0.0

    def add_rows(self, rows: FileRows) -> None:
        """Count a described file."""
        self.described += 1
        self.with_fallbacks += bool(rows.metadata["fallbacks"])
        self.quality_sum += rows.metadata["quality_score"]

    def add_rejection(self, path: str, rejection: Rejection) -> None:
        """Count a rejected file."""
        self.rejected += 1
        self.rejected_by_reason[rejection.reason] = self.rejected_by_reason.get(rejection.reason, 0) + 1
        if len(self.examples) < 50:
            self.examples.append((rejection.reason, path, rejection.detail))
            log.warning("rejected", file_id=rejection.file_id, reason=rejection.reason, file=path)


def read_due_files(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    *,
    pool: PoolOptions,
    progress: Progress | None = None,
) -> ReadReport:
    """Describe every due file of the shards and store it in batches."""
    report = ReadReport()
    total = store.count_due(engine, shards)
    if not total:
        return report
    base = os.fsencode(root)
    rows: list[FileRows] = []
    rejections: list[Rejection] = []
    items = ((base, due) for due in store.due_files(engine, shards))
    with (progress or Silent()).stage("reading tags", total) as stage:
        for (_, due), result in pool.map(extract_file, items):
            stage(1)
            answer = _answer(due, result)
            if isinstance(answer, Rejection):
                report.add_rejection(due.path, answer)
                rejections.append(answer)
            else:
                report.add_rows(answer)
                rows.append(answer)
            if len(rows) + len(rejections) >= BATCH:
                store.write(engine, rows, rejections)
                rows, rejections = [], []
        store.write(engine, rows, rejections)
    return report


def _answer(due: DueFile, result: FileRows | Rejection | WorkerFailure) -> FileRows | Rejection:
    if isinstance(result, WorkerFailure):
        return Rejection(due.id, result.reason, result.detail)
    return result
