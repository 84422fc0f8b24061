"""What the assets are given: the catalogue's database, the library, the worker pool, a progress reporter."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from soniquebay_pipeline.defs.runs import name_process_of
from soniquebay_pipeline.progress import Progress, Stage, current
from soniquebay_pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from soniquebay_pipeline.library.record import Library
    from soniquebay_pipeline.library.workers import PoolOptions

LOG_EVERY_SECONDS = 10.0


class Pipeline:
    """Opens the database and the library once a run, when first needed."""

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return get_settings()

    @cached_property
    def engine(self) -> Engine:
        """Engine of the catalogue, migrated to this code's version."""
        from soniquebay_pipeline.db.migrate import open_catalogue

        return open_catalogue(self.settings)

    @cached_property
    def library(self) -> Library:
        """The library that the catalogue describes; dg.Failure with what to do when there is none."""
        from soniquebay_pipeline.catalog.store.maintenance import forget_everything
        from soniquebay_pipeline.db.errors import WrongShardCount
        from soniquebay_pipeline.library.record import open_library
        from soniquebay_pipeline.library.walk import LibraryRootError

        try:
            return open_library(self.engine, self.settings.music_dir, self.settings.shards, forget=forget_everything)
        except (LibraryRootError, WrongShardCount) as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    @property
    def pool(self) -> PoolOptions:
        """Options of the pool of reader processes."""
        from soniquebay_pipeline.library.workers import PoolOptions

        return PoolOptions.for_readers(self.settings)

    @property
    def analysis_pool(self) -> PoolOptions:
        """Options of the pool of analysing processes."""
        from soniquebay_pipeline.library.workers import PoolOptions

        return PoolOptions.for_analysis(self.settings)

    def progress(self, context: dg.AssetExecutionContext) -> Progress:
        """Where to report: to the person at the terminal, else to the run's log."""
        return current() or LogProgress(context.log)


class LogProgress:
    """Writes a line into Dagster's log every ten seconds: done, rate, time left."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        done = 0
        started = last = time.monotonic()

        def advance(count: int = 1) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= LOG_EVERY_SECONDS:
                last = now
                self._log.info(progress_line(name, done, total, now - started))

        yield advance
        if done:
            self._log.info(progress_line(name, done, total, time.monotonic() - started))


def progress_line(name: str, done: int, total: int | None, seconds: float) -> str:
    """``reading tags: 1,200 of 30,000 (4 %), 640/s, 45 s left``"""
    rate = done / seconds if seconds > 0 else 0.0
    if not total:
        return f"{name}: {done:,}, {rate:,.0f}/s"
    left = (total - done) / rate if rate else 0.0
    return f"{name}: {done:,} of {total:,} ({done / total:.0%}), {rate:,.0f}/s, {left:,.0f} s left"


class PipelineResource(dg.ConfigurableResource[Pipeline]):
    """Gives each run a Pipeline; the settings come from the environment, so there is nothing to configure."""

    def create_resource(self, context: dg.InitResourceContext) -> Pipeline:
        if context.run is not None and context.instance is not None:
            name_process_of(context.run, context.instance)
        return Pipeline()
