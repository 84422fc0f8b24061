"""The catalogue's steps without Dagster: what each asset calls, in the order of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from soniquebay_pipeline.catalog.reading import ReadReport, read_due_files
from soniquebay_pipeline.catalog.store.albums import resolve_albums
from soniquebay_pipeline.catalog.store.artists import resolve_artists
from soniquebay_pipeline.catalog.store.labels import resolve_labels
from soniquebay_pipeline.catalog.store.maintenance import remove_orphans
from soniquebay_pipeline.catalog.store.tracks import write_tracks
from soniquebay_pipeline.library.scan import ScanReport, scan
from soniquebay_pipeline.library.workers import PoolOptions

SHARDS = 4
"""Enough that folders lie in several, few enough to be quick."""

INLINE = PoolOptions(workers=0)
"""Reads in this process: quick, and tests can see what is opened."""


def scan_files(
    engine: Engine,
    root: Path,
    shards: Sequence[int] = range(SHARDS),
    total: int = SHARDS,
    *,
    max_missing_share: float = 0.4,
    pool: PoolOptions = INLINE,
    dry_run: bool = False,
) -> ScanReport:
    """The asset raw_files over these shards."""
    return scan(engine, root, list(shards), total, max_missing_share=max_missing_share, pool=pool, dry_run=dry_run)


def read_files(
    engine: Engine, root: Path, shards: Sequence[int] = range(SHARDS), *, pool: PoolOptions = INLINE
) -> ReadReport:
    """The asset raw_metadata over these shards."""
    return read_due_files(engine, root, list(shards), pool=pool)


def resolve(engine: Engine, shards: Sequence[int] = range(SHARDS)) -> None:
    """The assets artists, albums, genres and tracks over these shards."""
    for shard in shards:
        resolve_artists(engine, shard)
    resolve_albums(engine)
    resolve_labels(engine)
    for shard in shards:
        write_tracks(engine, shard)
    remove_orphans(engine)


def ingest(
    engine: Engine,
    root: Path,
    shards: Sequence[int] = range(SHARDS),
    total: int = SHARDS,
    *,
    max_missing_share: float = 0.4,
    pool: PoolOptions = INLINE,
) -> ScanReport:
    """All of the catalogue's assets, one after the other over these shards."""
    report = scan_files(engine, root, shards, total, max_missing_share=max_missing_share, pool=pool)
    read_files(engine, root, shards, pool=pool)
    resolve(engine, shards)
    return report
