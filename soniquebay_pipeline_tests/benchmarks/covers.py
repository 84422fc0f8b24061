"""How fast pictures are found and stored: 10,000 tracks that embed 1,000 different pictures of 500 to 1,000 pixels.

    python -m soniquebay_pipeline_tests.benchmarks.covers [--tracks N] [--workers N] [--json FILE]

The library is generated under ``build/bench/covers`` at first use and kept: an MP3, FLAC, Ogg or M4A of a third
of a second for each track, ten tracks an album, one JPEG (quality 88) an album. Measured, each in this process
and its workers, on a fresh database:

* extraction: every file looked through, pictures hashed and de-duplicated, rows written; nothing decoded;
* storing: each different picture decoded, checked, written with its thumbnails; beside it Pillow alone, which
  opens, resizes and saves the same thumbnails of the same pictures with as many processes and no checks
  (``Image.draft``, LANCZOS, WebP), reading them from plain files. Both are run twice, in turn; medians;
* the second run over the same library, and the derivation of all covers alone;
* the largest resident memory of one process, and of this process and its workers together.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
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
ROUNDS = 2


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


def measure(folder: Path, tracks: int, workers: int) -> dict[str, Any]:
    rules = CoverRules.of(Settings())
    pool = PoolOptions(workers=workers, memory_limit_mb=2048)
    shards = list(range(SHARDS))
    found: dict[str, Any] = {"tracks": tracks, "workers": workers}
    with database() as engine, tempfile.TemporaryDirectory() as scratch:
        ingest(engine, folder / "music", pool=pool)

        def covers(home: str) -> tuple[run.CoversReport, float]:
            started = time.perf_counter()
            report = run.cover_shards(
                engine, folder / "music", shards, home=Path(scratch) / home, rules=rules, max_bytes=5_000_000, pool=pool
            )
            return report, time.perf_counter() - started

        memory = Memory()
        memory.start()
        finding, storing, alone = [], [], []
        for round_ in range(ROUNDS):
            with engine.begin() as connection:
                connection.execute(text("TRUNCATE pictures, file_pictures, covers, cover_candidates"))
            report, _ = covers(f"home {round_}")
            assert (report.places, report.stored) == (tracks, tracks // TRACKS_AN_ALBUM)
            finding.append(tracks / report.finding_seconds)
            storing.append(report.stored / report.storing_seconds)
            alone.append(_pillow(folder, Path(scratch) / f"alone {round_}", workers))
        memory.stop()
        again, again_seconds = covers(f"home {ROUNDS - 1}")
        assert (again.places, again.stored, again.covers) == (0, 0, choice.Changes())
        started = time.perf_counter()
        choice.is_due(engine, rules)
        found |= {
            "extraction_tracks_per_second": round(statistics.median(finding)),
            "storing_pictures_per_second": round(statistics.median(storing), 1),
            "pillow_alone_pictures_per_second": round(statistics.median(alone), 1),
            "storing_share_of_pillow": round(statistics.median(storing) / statistics.median(alone), 3),
            "second_run_seconds": round(again_seconds, 2),
            "derivation_seconds": round(time.perf_counter() - started, 2),
            "largest_process_mb": round(memory.largest / 1e6),
            "processes_together_mb": round(memory.together / 1e6),
        }
    return found


def _pillow(folder: Path, target: Path, workers: int) -> float:
    target.mkdir()
    work = [(str(path), str(target / path.stem)) for path in sorted((folder / "plain").iterdir())]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(abs, range(workers * 4)))  # the processes are there
        started = time.perf_counter()
        list(pool.map(pillow_alone, work, chunksize=8))
        return len(work) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(library(options.tracks), options.tracks, options.workers)
    for name, value in found.items():
        print(f"{name:36} {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
