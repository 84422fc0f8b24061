"""What a large catalogue costs: filled through the real code, without files.

    python -m soniquebay_pipeline_tests.benchmarks.scale [--sizes 10000,100000,1000000] [--database URL]

Each size is filled into a database of its own, in one go, as a first run over a library of that size does: the
scan's rows (``library.files_store``), the rows of raw_metadata (``catalog.extract`` in worker processes,
``catalog.store.metadata``), artists, albums, genres, tracks. Only walking, hashing and opening files are left
out: their cost a file does not depend on how many there are. Then it measures what is done to a full
catalogue: a scan that finds nothing new, one changed album, a tick of the sensor, `status`.

The plan of the library is that of ``corpus.large``, in blocks of 50,000 files that share artists' names.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine, create_engine, text

from soniquebay_pipeline.catalog.extract import DueFile, FileRows, Rejection, extract_file
from soniquebay_pipeline.catalog.store import metadata as metadata_store
from soniquebay_pipeline.catalog.store.albums import resolve_albums
from soniquebay_pipeline.catalog.store.artists import resolve_artists
from soniquebay_pipeline.catalog.store.labels import resolve_labels
from soniquebay_pipeline.catalog.store.maintenance import remove_orphans
from soniquebay_pipeline.catalog.store.pending import shards_with_work
from soniquebay_pipeline.catalog.store.tracks import write_tracks
from soniquebay_pipeline.cli.summary import catalogue_numbers
from soniquebay_pipeline.db.migrate import migrate
from soniquebay_pipeline.db.server import ensure_server
from soniquebay_pipeline.demo.tagging import Tags
from soniquebay_pipeline.library import files_store
from soniquebay_pipeline.library.matching import FoundFile, match
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.library.tags import AudioProperties, TagSet
from soniquebay_pipeline.library.watch import FOLDERS_A_QUERY
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline_tests.corpus.large_plan import PlannedFile, plan_library

SHARDS = 32
BLOCK = 50_000
SIZE_BYTES = 5_000_000
MTIME_NS = 1_700_000_000_000_000_000
CODECS = {"mp3": "mp3", "flac": "flac", "ogg": "vorbis", "m4a": "aac"}


@dataclass
class Figures:
    """What one size costs."""

    files: int
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage of the first run."""
    later: dict[str, float] = field(default_factory=dict)
    """What is done to the full catalogue, seconds."""
    megabytes: float = 0.0
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def files_a_second(self) -> float:
        """Rate of the whole first run."""
        return self.files / sum(self.seconds.values())

    def timed(self, stage: str, work: Callable[[], object], where: dict[str, float] | None = None) -> None:
        """Add the seconds that the work takes."""
        started = time.monotonic()
        work()
        into = self.seconds if where is None else where
        into[stage] = into.get(stage, 0.0) + time.monotonic() - started


def planned_files(files: int) -> Iterator[tuple[str, PlannedFile]]:
    """(path, plan) of each file, block by block."""
    for block in range(0, files, BLOCK):
        for planned in plan_library(min(BLOCK, files - block), seed=block):
            yield f"{block // BLOCK:03d}/{planned.path}", planned


def tag_set(planned: PlannedFile) -> TagSet:
    """What reading the planned file yields, by the names of Picard's tag mapping."""
    fields = _fields(planned.tags)
    return TagSet(
        raw=fields,
        fields=fields,
        audio=AudioProperties(
            planned.file_format, CODECS[planned.file_format], 180.0 + planned.index % 120, 256, 44_100, 2, None
        ),
    )


def _fields(tags: Tags) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {
        "title": [tags.title],
        "artist": list(tags.artist),
        "artists": list(tags.artists),
        "album": [tags.album],
        "albumartist": [tags.album_artist],
        "date": [tags.date],
        "tracknumber": [str(tags.track or "")],
        "totaltracks": [str(tags.track_total or "")],
        "discnumber": [str(tags.disc or "")],
        "totaldiscs": [str(tags.disc_total or "")],
        "genre": list(tags.genres),
        "compilation": ["1" if tags.compilation else ""],
        "musicbrainz_recordingid": [tags.recording_id],
        "musicbrainz_albumid": [tags.release_id],
        "musicbrainz_artistid": list(tags.artist_ids),
        "musicbrainz_albumartistid": list(tags.album_artist_ids),
    }
    return {name: kept for name, given in values.items() if (kept := [value for value in given if value])}


def fill(engine: Engine, figures: Figures, pool: PoolOptions) -> None:
    """The first run: every step of the catalogue, each over all shards before the next begins."""
    figures.timed("files", lambda: _add_files(engine, figures.files))
    figures.timed("metadata", lambda: _describe(engine, figures.files, pool))
    for shard in range(SHARDS):
        figures.timed("artists", lambda shard=shard: resolve_artists(engine, shard))
    figures.timed("genres", lambda: resolve_labels(engine))
    figures.timed("albums", lambda: resolve_albums(engine))
    for shard in range(SHARDS):
        figures.timed("tracks", lambda shard=shard: write_tracks(engine, shard))
    figures.timed("tracks", lambda: remove_orphans(engine))


def _see(connection: Connection, files: int, skipped: int = 0) -> None:
    """What the walk would put into the table of seen files."""
    files_store.create_seen(connection)
    files_store.remember_walked_shards(connection, range(SHARDS))
    rows = ((path, path.rpartition("/")[0]) for path, _ in planned_files(files))
    files_store.add_seen(
        connection,
        (
            (path, folder, shard_of(folder, SHARDS), SIZE_BYTES, MTIME_NS)
            for place, (path, folder) in enumerate(rows)
            if place >= skipped
        ),
    )
    files_store.analyse_seen(connection)
    connection.commit()


def _add_files(engine: Engine, files: int) -> None:
    with engine.connect() as connection:
        _see(connection, files)
        for shard in sorted(files_store.differing_shards(connection)):
            found = [
                FoundFile(path, size, mtime, blake2b(path.encode(), digest_size=16).hexdigest(), None, None)
                for path, size, mtime in files_store.difference(connection, shard).found
            ]
            files_store.apply(connection, match(found, []), SHARDS)
            files_store.finish_shards(connection, [shard], datetime.now(UTC))
            connection.commit()


def _describe(engine: Engine, files: int, pool: PoolOptions) -> None:
    with engine.connect() as connection:
        ids = {path: number for number, path in connection.execute(text("SELECT id, path FROM raw_files"))}
    items = (
        (b"/", DueFile(ids[path], path, SIZE_BYTES, MTIME_NS, tag_set(planned)))
        for path, planned in planned_files(files)
    )
    rows: list[FileRows] = []
    for _, result in pool.map(extract_file, items):
        assert not isinstance(result, (Rejection, WorkerFailure)), result
        rows.append(result)
        if len(rows) >= 1_000:
            metadata_store.write(engine, rows, [])
            rows = []
    metadata_store.write(engine, rows, [])


def live_with(engine: Engine, figures: Figures, pool: PoolOptions) -> None:
    """What a full catalogue costs from day to day; nothing of it should grow faster than the library."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))

    def rescan() -> None:
        with engine.connect() as connection:
            _see(connection, figures.files)
            started = time.monotonic()
            assert not files_store.differing_shards(connection)
            assert not metadata_store.count_due(engine, range(SHARDS))
            assert not shards_with_work(engine, range(SHARDS))
            figures.later["scan of what is unchanged: comparing"] = time.monotonic() - started

    def one_album() -> None:
        with engine.begin() as connection:
            folder, shard = connection.execute(
                text("SELECT album_folder, shard FROM raw_files ORDER BY id OFFSET 5 LIMIT 1")
            ).one()
            connection.execute(
                text(
                    "UPDATE raw_metadata m SET revision = nextval('revision_seq') FROM raw_files f"
                    " WHERE f.id = m.file_id AND f.album_folder = :folder"
                ),
                {"folder": folder},
            )
        resolve_artists(engine, shard)
        resolve_albums(engine)
        resolve_labels(engine)
        write_tracks(engine, shard)
        remove_orphans(engine)

    rescan()
    figures.timed("one retagged album, through all steps", one_album, figures.later)
    figures.later["sensor's tick: a query over 200 folders"] = _sensor_query(engine)
    figures.timed("status", lambda: figures.numbers.update(catalogue_numbers(engine)["catalogue"]), figures.later)


def _sensor_query(engine: Engine) -> float:
    seconds = []
    query = text(
        "SELECT folder, path, size_bytes, mtime_ns FROM raw_files WHERE folder = ANY(:folders) AND status <> 'missing'"
    )
    with engine.connect() as connection:
        folders = list(
            connection.execute(
                text("SELECT folder FROM raw_files GROUP BY 1 ORDER BY md5(folder) LIMIT :n"),
                {"n": FOLDERS_A_QUERY * 5},
            ).scalars()
        )
        for start in range(0, len(folders), FOLDERS_A_QUERY):
            started = time.monotonic()
            connection.execute(query, {"folders": folders[start : start + FOLDERS_A_QUERY]}).all()
            seconds.append(time.monotonic() - started)
    return statistics.median(seconds)


def measure(url: str, files: int, pool: PoolOptions) -> Figures:
    """Fill an empty database at the URL and live with it."""
    engine = create_engine(url)
    migrate(engine)
    figures = Figures(files)
    fill(engine, figures, pool)
    live_with(engine, figures, pool)
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    figures.megabytes = size / 1e6
    engine.dispose()
    return figures


def report(all_figures: list[Figures]) -> None:
    """Print the tables."""
    console = Console(width=140)
    for title, name in (("first run, seconds a million files", "seconds"), ("full catalogue, milliseconds", "later")):
        table = Table("", *(f"{f.files:,}" for f in all_figures), title=title, title_justify="left")
        for stage in getattr(all_figures[0], name):
            values = [getattr(f, name)[stage] * (1e6 / f.files if name == "seconds" else 1e3) for f in all_figures]
            table.add_row(stage, *(f"{value:,.0f}" if value >= 10 else f"{value:,.1f}" for value in values))
        console.print(table)
    for f in all_figures:
        console.print(
            f"{f.files:>9,} files: {f.files_a_second:,.0f} files/s "
            f"({f.files_a_second / all_figures[0].files_a_second:.2f} of the rate of the first size), "
            f"{f.megabytes:,.0f} MB on disk, {f.numbers}"
        )


def main() -> None:
    """Measure and print; with ``--json`` the figures as well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--keep", action="store_true", help="keep the databases")
    parser.add_argument("--home", type=Path, help="where the server's data lies; default: a temporary folder")
    options = parser.parse_args()
    pool = PoolOptions(workers=len(os.sched_getaffinity(0)))
    all_figures: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="soniquebay-scale-") as temporary:
        home = options.home or Path(temporary)
        server = ensure_server(home).replace("postgresql://", "postgresql+psycopg://", 1)
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        for files in [int(size) for size in options.sizes.split(",")]:
            name = f"scale_{files}"
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
                connection.execute(
                    text(f"CREATE DATABASE {name} LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0")
                )
                connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit TO off"))
            all_figures.append(measure(server.replace("/postgres?", f"/{name}?"), files, pool))
            report(all_figures)
            if not options.keep:
                with admin.connect() as connection:
                    connection.execute(text(f"DROP DATABASE {name}"))
        admin.dispose()
        if options.json:
            values = [f.__dict__ | {"files_a_second": f.files_a_second} for f in all_figures]
            options.json.write_text(json.dumps(values, indent=2))
        if not options.home:
            from soniquebay_pipeline.db.server import stop_server

            stop_server(home)


if __name__ == "__main__":
    main()
