"""Analysing every track that is due: the pool of workers, the batches that are stored, the report.

Here: the loop. Not here: the analysis of one track (``analysis``) and the SQL (``store``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from soniquebay_pipeline.audio import store
from soniquebay_pipeline.audio.analysis import TrackFile, analyse_track, warm_up
from soniquebay_pipeline.audio.model import AudioFeatures, DueTrack, Failure
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline.logs import logger
from soniquebay_pipeline.progress import Progress, Silent

log = logger("audio_features")
STORE_EVERY_SECONDS = 5.0
"""A killed run loses what was measured since the last store, and the tracks in flight."""


@dataclass(slots=True)
class AnalysisReport:
    """What was analysed."""

    analysed: int = 0
    copied: int = 0
    """Tracks whose audio another file had already been analysed for."""
    failed_by_reason: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Up to fifty (reason, path, detail)."""
    music_seconds: float = 0.0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def failed(self) -> int:
        """Tracks without features."""
        return sum(self.failed_by_reason.values())

    def add(self, track: DueTrack, result: AudioFeatures | Failure) -> None:
        """Count one track."""
        self.cpu_seconds += result.seconds_spent or 0.0
        if isinstance(result, Failure):
            self.failed_by_reason[result.reason] = self.failed_by_reason.get(result.reason, 0) + 1
            if len(self.examples) < 50:
                self.examples.append((result.reason, track.path, result.detail))
                log.warning("failed", track_id=track.track_id, reason=result.reason, file=track.path)
        else:
            self.analysed += 1
            self.music_seconds += track.duration_seconds or result.seconds_analysed


def analyse_due_tracks(
    engine: Engine,
    root: Path,
    shards: Sequence[int],
    *,
    pool: PoolOptions,
    prefer_tags: bool = False,
    progress: Progress | None = None,
) -> AnalysisReport:
    """Analyse every due track of the shards, newest additions first, and store the results as they come."""
    report = AnalysisReport()
    started = time.monotonic()
    report.copied = store.copy_same_audio(engine, shards)
    total, _ = store.count_due(engine, shards)
    if total:
        base = os.fsencode(root)
        tracks = (TrackFile(base, track) for track in store.due_tracks(engine, shards))
        with (progress or Silent()).stage("analysing audio", total) as stage:
            batch: list[tuple[DueTrack, AudioFeatures | Failure]] = []
            stored = time.monotonic()
            for file, result in pool.map(analyse_track, tracks, initializer=warm_up):
                stage(1)
                answer = Failure(result.reason, result.detail) if isinstance(result, WorkerFailure) else result
                report.add(file.track, answer)
                batch.append((file.track, answer))
                if time.monotonic() - stored > STORE_EVERY_SECONDS:
                    store.write(engine, batch)
                    batch, stored = [], time.monotonic()
            if batch:
                store.write(engine, batch)
    store.apply_tag_values(engine, shards, prefer_tags=prefer_tags)
    report.wall_seconds = time.monotonic() - started
    return report
