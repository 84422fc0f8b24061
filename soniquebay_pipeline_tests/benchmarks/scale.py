"""What a large catalogue costs: filled through the real code, without files.

    python -m soniquebay_pipeline_tests.benchmarks.scale [--sizes 10000,100000,1000000] [--vectors] [--json FILE]

Each size is filled into a database of its own, in one go, as a first run over a library of that size does: the
scan's rows (``library.files_store``), the rows of raw_metadata (``catalog.extract`` in worker processes,
``catalog.store.metadata``), artists, albums, genres, tracks. Only walking, hashing and opening files are left
out: their cost a file does not depend on how many there are. Then it measures what is done to a full
catalogue: a scan that finds nothing new, one changed album, ticks of sensors, `status`. With --vectors the catalogue
also gets features and vectors (``scale_vectors``), is indexed and searched.

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
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

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
from soniquebay_pipeline.db.server import ensure_server, stop_server
from soniquebay_pipeline.demo.tagging import Tags
from soniquebay_pipeline.library import files_store, watch
from soniquebay_pipeline.library.matching import FoundFile, match
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.library.tags import AudioProperties, TagSet
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure
from soniquebay_pipeline.settings import Settings
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
    numbers: dict[str, int] = field(default_factory=dict)
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    """Bytes of rows and of indexes by table, after everything that was done."""
    megabytes: float = 0.0
    vectors: dict[str, float] = field(default_factory=dict)
    """Seconds from features to combined vectors."""
    index: dict[str, dict[str, float]] = field(default_factory=dict)
    recall: dict[str, dict[str, float]] = field(default_factory=dict)
    searches: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Figures:
        """From what ``asdict`` made."""
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})

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
    figures.later |= _sensor(engine)
    figures.timed("status", lambda: figures.numbers.update(catalogue_numbers(engine)["catalogue"]), figures.later)


def _sensor(engine: Engine) -> dict[str, float]:
    """What the watch asks the database: seconds a query over 200 folders, and a round over all known ones."""
    seconds = []
    query = text(
        f"SELECT folder, path, size_bytes, mtime_ns FROM ({watch._KNOWN}) AS known WHERE folder = ANY(:folders)"
    )
    with engine.connect() as connection:
        folders = list(
            connection.execute(
                text("SELECT folder FROM raw_files GROUP BY 1 ORDER BY md5(folder) LIMIT :n"),
                {"n": watch.FOLDERS_A_QUERY * 5},
            ).scalars()
        )
        for start in range(0, len(folders), watch.FOLDERS_A_QUERY):
            started = time.monotonic()
            connection.execute(query, {"folders": folders[start : start + watch.FOLDERS_A_QUERY]}).all()
            seconds.append(time.monotonic() - started)
        started = time.monotonic()
        for _ in watch._known_folders(connection, None):
            pass
        whole = time.monotonic() - started
    return {
        "sensor's tick: a query over 200 folders": statistics.median(seconds),
        "sensor's round: which folders are known": whole,
    }


def search_in(engine: Engine, figures: Figures, settings: Settings, *, again: bool) -> None:
    """Vectors, indexes and searches; ``again`` leaves vectors and indexes as an earlier run made them."""
    from soniquebay_pipeline_tests.benchmarks import scale_vectors

    if not again:
        extra = scale_vectors.add_vectors(
            engine, settings, SHARDS, lambda stage, work: figures.timed(stage, work, figures.vectors)
        )
        figures.vectors |= extra
        figures.index = scale_vectors.add_indexes(engine)
    figures.searches = scale_vectors.searches(engine, settings)
    figures.later |= scale_vectors.daily(engine, settings, SHARDS)
    figures.recall = scale_vectors.recall(engine, samples=40)


def measure(
    engine: Engine, figures: Figures, pool: PoolOptions, settings: Settings, options: argparse.Namespace
) -> None:
    """Fill the database, unless it is filled, and live with it."""
    if not options.filled:
        migrate(engine)
        fill(engine, figures, pool)
    live_with(engine, figures, pool)
    if options.vectors:
        search_in(engine, figures, settings, again=options.filled and bool(figures.index))
    from soniquebay_pipeline_tests.benchmarks.scale_vectors import sizes

    figures.tables = sizes(engine)
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    figures.megabytes = size / 1e6


def report(all_figures: list[Figures]) -> None:
    """Print the tables."""
    console = Console(width=140)
    for title, part, factor in (
        ("first run, seconds a million files", lambda f: f.seconds, lambda f: 1e6 / f.files),
        ("features and vectors, seconds a million tracks", lambda f: f.vectors, lambda f: 1e6 / f.files),
        ("index, seconds", lambda f: {kind: each["seconds"] for kind, each in f.index.items()}, lambda _: 1),
        ("recall@10 of the index", lambda f: {kind: each["recall"] for kind, each in f.recall.items()}, lambda _: 1),
        ("full catalogue, milliseconds", lambda f: f.later, lambda _: 1e3),
        ("median of a search, milliseconds", lambda f: {k: e["median_ms"] for k, e in f.searches.items()}, lambda _: 1),
        ("95th percentile, milliseconds", lambda f: {k: e["p95_ms"] for k, e in f.searches.items()}, lambda _: 1),
        ("MB on disk, rows", lambda f: {t: e["rows"] / 1e6 for t, e in f.tables.items()}, lambda _: 1),
        ("MB on disk, indexes", lambda f: {t: e["indexes"] / 1e6 for t, e in f.tables.items()}, lambda _: 1),
    ):
        table = Table("", *(f"{f.files:,}" for f in all_figures), title=title, title_justify="left")
        names = list(dict.fromkeys(name for f in all_figures for name in part(f)))
        for name in names:
            table.add_row(name, *(_shown(part(f).get(name), factor(f)) for f in all_figures))
        if names:
            console.print(table)
    for f in all_figures:
        console.print(
            f"{f.files:>9,} files: {f.files_a_second:,.0f} files/s "
            f"({f.files_a_second / all_figures[0].files_a_second:.2f} of the rate of the first size), "
            f"{f.megabytes:,.0f} MB on disk, {f.numbers}"
        )


def _shown(value: float | None, factor: float) -> str:
    if value is None:
        return ""
    value *= factor
    return f"{value:,.0f}" if value >= 10 else f"{value:,.3g}"


def main() -> None:
    """Measure and print; with ``--json`` the figures as well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--vectors", action="store_true", help="also features, vectors, indexes and searches")
    parser.add_argument("--json", type=Path, help="write the figures here; those of other sizes in it stay")
    parser.add_argument("--home", type=Path, help="where the server's data lies; default: a temporary folder")
    parser.add_argument("--keep", action="store_true", help="keep the databases")
    parser.add_argument("--filled", action="store_true", help="go on with databases and --json of an earlier --keep")
    options = parser.parse_args()
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else []
    by_size = {values["files"]: Figures.of(values) for values in known}
    pool = PoolOptions(workers=len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory(prefix="soniquebay-scale-") as temporary:
        home = options.home or Path(temporary)
        server = ensure_server(home).replace("postgresql://", "postgresql+psycopg://", 1)
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        for files in [int(size) for size in options.sizes.split(",")]:
            name = f"scale_{files}"
            if not options.filled:
                by_size[files] = Figures(files)
                _create(admin, name)
            engine = create_engine(server.replace("/postgres?", f"/{name}?"))
            measure(engine, by_size[files], pool, Settings(home=home), options)
            engine.dispose()
            report([by_size[size] for size in sorted(by_size)])
            if options.json:
                values = [asdict(by_size[size]) for size in sorted(by_size)]
                options.json.write_text(json.dumps(values, indent=1) + "\n")
            if not options.keep:
                with admin.connect() as connection:
                    connection.execute(text(f"DROP DATABASE {name}"))
        admin.dispose()
        if not options.home:
            stop_server(home)


def _create(admin: Engine, name: str) -> None:
    """An empty database as the pipeline creates its own."""
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(
            text(f"CREATE DATABASE {name} LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0")
        )
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit TO off"))


if __name__ == "__main__":
    main()
