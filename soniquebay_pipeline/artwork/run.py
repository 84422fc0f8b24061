"""Covers from the library itself: looking through what changed, storing new pictures, choosing.

Here: the loop over the workers and the report. Not here: the SQL (``store``, ``choice``) and what a worker
does (``look``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork import choice, files, store
from soniquebay_pipeline.artwork.look import Place, find_pictures, store_picture, warm_up
from soniquebay_pipeline.artwork.model import CoverRules, Refused, StoredPicture
from soniquebay_pipeline.db.locks import LOCK_PICTURE_FILES
from soniquebay_pipeline.library.tags.pictures import KEPT_PICTURES, EmbeddedPicture
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline.progress import Progress, Silent

STORE_EVERY_SECONDS = 5.0
"""A killed run loses what was found since the last store; pictures it wrote are written once more."""
STORE_EVERY = 2_000
ROUNDS = KEPT_PICTURES + 1
"""A picture that is refused makes the next one of its file due."""


@dataclass(slots=True)
class CoversReport:
    """What was looked at, stored and chosen."""

    places: int = 0
    """Files and picture files that were looked through."""
    pictures_found: int = 0
    stored: int = 0
    refused_by_reason: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Up to fifty (reason, path, detail)."""
    new_pictures: list[str] = field(default_factory=list)
    """sha256 of up to a hundred that were stored."""
    covers: choice.Changes = field(default_factory=choice.Changes)
    finding_seconds: float = 0.0
    storing_seconds: float = 0.0

    @property
    def refused(self) -> int:
        """Places and pictures that are not used."""
        return sum(self.refused_by_reason.values())

    def refuse(self, refused: Refused, path: str) -> None:
        """Count one of them."""
        self.refused_by_reason[refused.reason] = self.refused_by_reason.get(refused.reason, 0) + 1
        if len(self.examples) < 50:
            self.examples.append((refused.reason, path, refused.detail))


def cover_shards(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    *,
    home: Path,
    rules: CoverRules,
    max_bytes: int,
    pool: PoolOptions,
    progress: Progress | None = None,
) -> CoversReport:
    """Look through what changed in the shards, store the pictures that are new, and choose the covers."""
    report = CoversReport()
    progress = progress or Silent()
    with writing_pictures(engine, home):
        _find(engine, root, shards, rules, pool, progress, report)
        _store(engine, root, shards, home, max_bytes, pool, progress, report)
    with engine.begin() as connection:
        store.forget_gone(connection)
        report.covers = choice.derive_in(connection, rules)
    return report


def is_due(engine: Engine, shards: Sequence[int], rules: CoverRules) -> bool:
    """Whether ``cover_shards`` would do anything."""
    return store.is_due(engine, shards, rules) or choice.is_due(engine, rules)


@contextmanager
def writing_pictures(engine: Engine, home: Path) -> Iterator[None]:
    """Hold the lock of those who write picture files; whoever comes first removes what killed ones left.

    The lock belongs to a connection, so a killed process frees it.
    """
    with engine.connect() as connection:
        key = {"key": LOCK_PICTURE_FILES}
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one():
            files.remove_temporary(home)
            connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), key)
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
        else:
            connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), key)
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock_shared(:key)"), key)
            connection.commit()


def _find(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    rules: CoverRules,
    pool: PoolOptions,
    progress: Progress,
    report: CoversReport,
) -> None:
    places = store.due_places(engine, root, shards, rules)
    if not places:
        return
    started = time.monotonic()
    batch: list[tuple[Place, list[EmbeddedPicture] | Refused]] = []
    stored = time.monotonic()
    with progress.stage("looking for pictures", len(places)) as stage:
        for place, result in pool.map(find_pictures, places):
            stage(1)
            found = Refused(result.reason, result.detail) if isinstance(result, WorkerFailure) else result
            report.places += 1
            if isinstance(found, Refused):
                report.refuse(found, place.path)
            else:
                report.pictures_found += len(found)
                for picture in found:
                    if picture.reason:
                        report.refuse(Refused(picture.reason, picture.detail or ""), place.path)
            batch.append((place, found))
            if len(batch) >= STORE_EVERY or time.monotonic() - stored > STORE_EVERY_SECONDS:
                store.write_found(engine, batch)
                batch, stored = [], time.monotonic()
        store.write_found(engine, batch)
    report.finding_seconds = time.monotonic() - started


def _store(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    home: Path,
    max_bytes: int,
    pool: PoolOptions,
    progress: Progress,
    report: CoversReport,
) -> None:
    started = time.monotonic()
    for _ in range(ROUNDS):
        wanted = store.due_contents(engine, root, shards, home, max_bytes)
        if not wanted:
            break
        batch: list[tuple[str, StoredPicture | Refused]] = []
        stored = time.monotonic()
        with progress.stage("storing pictures", len(wanted)) as stage:
            for content, result in pool.map(store_picture, wanted, initializer=warm_up):
                stage(1)
                answer = Refused(result.reason, result.detail) if isinstance(result, WorkerFailure) else result
                if answer is None:
                    continue  # the file changed since; the next scan makes it due
                if isinstance(answer, Refused):
                    report.refuse(answer, content.place.path)
                else:
                    report.stored += 1
                    if len(report.new_pictures) < 100:
                        report.new_pictures.append(content.sha256)
                batch.append((content.sha256, answer))
                if time.monotonic() - stored > STORE_EVERY_SECONDS:
                    _write(engine, batch)
                    batch, stored = [], time.monotonic()
            _write(engine, batch)
    report.storing_seconds = time.monotonic() - started


def _write(engine: Engine, batch: Sequence[tuple[str, StoredPicture | Refused]]) -> None:
    if batch:
        with engine.begin() as connection:
            store.write_pictures(connection, batch)
