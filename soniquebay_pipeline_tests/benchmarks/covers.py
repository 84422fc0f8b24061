"""How fast pictures are found and stored: 10,000 tracks that embed 1,000 different pictures of 500 to 1,000 pixels.

    python -m soniquebay_pipeline_tests.benchmarks.covers [--tracks N] [--workers N] [--rounds N] [--json FILE]

The library is generated under ``build/bench/covers`` at first use and kept: an MP3, FLAC, Ogg or M4A of a third
of a second for each track, ten tracks an album, one JPEG (quality 88) an album. Measured, each in this process
and its workers, on a fresh database:

* extraction: every file looked through, pictures hashed and de-duplicated, rows written; nothing decoded;
* storing: each different picture decoded, checked, written with its thumbnails; beside it Pillow alone, which
  opens, resizes and saves the same thumbnails of the same pictures with as many processes and no checks
  (``Image.draft``, LANCZOS, WebP), reading them from plain files. Both are run ``--rounds`` times, in turn; medians;
* the second run over the same library, and the derivation of all covers alone;
* the CPU seconds of this process and its workers in each (not PostgreSQL's): what other programs take from the
  machine changes the rates, and these hardly;
* the largest resident memory of one process, and of this process and its workers together.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.artwork import choice, run
from soniquebay_pipeline.artwork.model import THUMBNAIL_SIDES, CoverRules
from soniquebay_pipeline.demo.tagging import Tags, with_tags
from soniquebay_pipeline.demo.writing import encode
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline.settings import CHECKOUT, Settings
from soniquebay_pipeline_tests.database_server import shared_server
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

FOLDER = CHECKOUT / "build" / "bench" / "covers"
TRACKS_AN_ALBUM = 10
SIDES = (500, 600, 800, 1000)
FORMATS = ("mp3", "flac", "ogg", "m4a")
RATE = 16_000


def picture(number: int) -> bytes:
    """A JPEG with as much detail as a photograph of its size: noise on several scales."""
    side = SIDES[number % len(SIDES)]
    random = np.random.default_rng(number)
    total = np.zeros((side, side, 3), np.float32)
    for cells, weight in ((4, 0.42), (16, 0.24), (64, 0.14), (256, 0.07)):
        noise = Image.fromarray(random.integers(0, 255, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC), np.float32) * weight
    stream = io.BytesIO()
    Image.fromarray(total.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def make_album(work: tuple[str, int, int]) -> int:
    """Write one album and its plain picture."""
    folder, album, tracks = work
    data = picture(album)
    plain = Path(folder) / "plain" / f"{album:04}.jpg"
    plain.parent.mkdir(parents=True, exist_ok=True)
    plain.write_bytes(data)
    for track in range(tracks):
        file_format = FORMATS[(album + track) % len(FORMATS)]
        samples = np.random.default_rng(album * 100 + track).uniform(-0.2, 0.2, (RATE // 3, 1)).astype(np.float32)
        tags = Tags(title=f"T{track}", artist=(f"A{album // 5}",), album=f"B{album}", track=track + 1, picture=data)
        path = Path(folder) / "music" / f"A{album // 5}" / f"B{album}" / f"{track:02}.{file_format}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(with_tags(encode(samples, RATE, file_format), file_format, tags))
    return tracks


def library(tracks: int) -> Path:
    """The generated library of this size."""
    folder = FOLDER / str(tracks)
    if not (folder / "complete").exists():
        print(f"generating {tracks} tracks under {folder} ...", file=sys.stderr)
        work = [(str(folder), album, TRACKS_AN_ALBUM) for album in range(tracks // TRACKS_AN_ALBUM)]
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(make_album, work, chunksize=10))
        (folder / "complete").touch()
    return folder


def pillow_alone(work: tuple[str, str]) -> None:
    """Thumbnails as a script would make them."""
    source, target = work
    with Image.open(source) as image:
        image.draft(None, (THUMBNAIL_SIDES[0], THUMBNAIL_SIDES[0]))
        small: Image.Image = image.convert("RGB")
        longest = max(image.size)
    for side in THUMBNAIL_SIDES:
        if side < longest:
            small = small.resize((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            small.save(f"{target}-{side}.webp", quality=80, method=0)


@dataclass(slots=True)
class Spent:
    """Seconds by the clock and of CPU, of this process and those of its children that have ended."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        started, before = time.perf_counter(), _cpu_seconds()
        yield
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += _cpu_seconds() - before


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Stages:
    """The reporter of progress that measures each stage."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = {}

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        with self.spent.setdefault(name, Spent()).measured():
            yield lambda count=1: None


class Memory(threading.Thread):
    """Samples resident memory of this process and its children, every 50 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = self.together = 0
        self._done = threading.Event()

    def run(self) -> None:
        here = psutil.Process()
        while not self._done.wait(0.05):
            sizes = []
            for process in [here, *here.children(recursive=True)]:
                try:
                    if "postgres" not in process.name():
                        sizes.append(process.memory_info().rss)
                except psutil.Error:
                    continue
            self.largest = max([self.largest, *sizes])
            self.together = max(self.together, sum(sizes))

    def stop(self) -> None:
        self._done.set()
        self.join()


@contextmanager
def database() -> Iterator[Engine]:
    """A fresh catalogue on a server of this run's own."""
    with shared_server("bench-covers") as server, server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield engine
        engine.dispose()


def measure(folder: Path, tracks: int, workers: int, rounds: int) -> dict[str, Any]:
    rules = CoverRules.of(Settings())
    pool = PoolOptions(workers=workers, memory_limit_mb=2048)
    shards = list(range(SHARDS))
    pictures = tracks // TRACKS_AN_ALBUM
    with database() as engine, tempfile.TemporaryDirectory() as scratch:
        ingest(engine, folder / "music", pool=pool)

        def covers(home: str, stages: Stages) -> run.CoversReport:
            return run.cover_shards(
                engine,
                folder / "music",
                shards,
                home=Path(scratch) / home,
                rules=rules,
                max_bytes=5_000_000,
                pool=pool,
                progress=stages,
            )

        memory = Memory()
        memory.start()
        finding, storing, alone = [], [], []
        for round_ in range(rounds):
            with engine.begin() as connection:
                connection.execute(text("TRUNCATE pictures, file_pictures, covers, cover_candidates"))
            stages = Stages()
            report = covers("home", stages)
            assert (report.places, report.stored) == (tracks, pictures)
            finding.append(stages.spent["looking for pictures"])
            storing.append(stages.spent["storing pictures"])
            alone.append(_pillow(folder, Path(scratch) / f"alone {round_}", workers))
        memory.stop()
        again, derivation = Spent(), Spent()
        with again.measured():
            report = covers("home", Stages())
        assert (report.places, report.stored, report.covers) == (0, 0, choice.Changes())
        with derivation.measured():
            assert not choice.is_due(engine, rules)

    def median(values: list[Spent], name: str) -> float:
        return statistics.median(getattr(value, name) for value in values)

    return {
        "tracks": tracks,
        "workers": workers,
        "extraction_tracks_per_second": round(tracks / median(finding, "seconds")),
        "extraction_cpu_ms_per_track": round(median(finding, "cpu_seconds") / tracks * 1e3, 2),
        "storing_pictures_per_second": round(pictures / median(storing, "seconds"), 1),
        "pillow_alone_pictures_per_second": round(pictures / median(alone, "seconds"), 1),
        "storing_rate_of_pillow_alone": round(median(alone, "seconds") / median(storing, "seconds"), 3),
        "storing_cpu_ms_per_picture": round(median(storing, "cpu_seconds") / pictures * 1e3, 1),
        "pillow_alone_cpu_ms_per_picture": round(median(alone, "cpu_seconds") / pictures * 1e3, 1),
        "storing_rate_of_pillow_alone_by_cpu": round(median(alone, "cpu_seconds") / median(storing, "cpu_seconds"), 3),
        "second_run_seconds": round(again.seconds, 2),
        "derivation_seconds": round(derivation.seconds, 2),
        "largest_process_mb": round(memory.largest / 1e6),
        "processes_together_mb": round(memory.together / 1e6),
    }


def _pillow(folder: Path, target: Path, workers: int) -> Spent:
    target.mkdir()
    work = [(str(path), str(target / path.stem)) for path in sorted((folder / "plain").iterdir())]
    spent = Spent()
    # As in a pool of ours, starting and ending the processes counts.
    with spent.measured(), ProcessPoolExecutor(workers) as pool:
        list(pool.map(pillow_alone, work, chunksize=8))
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(library(options.tracks), options.tracks, options.workers, options.rounds)
    for name, value in found.items():
        print(f"{name:36} {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
