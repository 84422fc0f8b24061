"""How fast a library becomes a catalogue, beside mutagen alone and beets, measured in one run.

    python -m soniquebay_pipeline_tests.benchmarks.ingest [--files 30000] [--beets-files 30000]

Everything is timed as a whole process, from an empty SONIQUEBAY_HOME (starting PostgreSQL included).
mutagen alone: one process that opens every file with ``mutagen.File`` and nothing else. beets: ``beet import
-A`` (no autotagging, nothing copied or written) where it is installed, over the first ``--beets-files`` files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from soniquebay_pipeline_tests.corpus.large import generate_library

CACHE = Path(__file__).resolve().parents[2] / "build" / "bench"
MUTAGEN_ALONE = """
import os, sys, mutagen
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if name.rsplit(".", 1)[-1] in ("mp3", "flac", "ogg", "m4a"):
            mutagen.File(os.path.join(folder, name))
"""


@dataclass(frozen=True)
class Measured:
    """One whole process."""

    seconds: float
    peak_mb: float
    """Largest resident size of any single process of its tree, PostgreSQL's included, in MB."""
    output: str


class MemoryWatch:
    """Samples the resident size of a process, its children and a home's PostgreSQL, every 50 ms."""

    def __init__(self, pid: int, home: Path) -> None:
        self._root = psutil.Process(pid)
        self._home = home
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            for process in [*self._tree(self._root), *self._server()]:
                try:
                    self.peak_mb = max(self.peak_mb, process.memory_info().rss / 1e6)
                except psutil.Error:
                    continue

    def _tree(self, process: psutil.Process) -> list[psutil.Process]:
        try:
            return [process, *process.children(recursive=True)]
        except psutil.Error:
            return []

    def _server(self) -> list[psutil.Process]:
        try:
            pid = int((self._home / "postgres" / "postmaster.pid").read_text().split()[0])
            return self._tree(psutil.Process(pid))
        except (OSError, ValueError, IndexError, psutil.Error):
            return []


def measure(command: list[str], home: Path, **environment: str) -> Measured:
    """Run the command to its end; CalledProcessError when it fails."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with MemoryWatch(process.pid, home) as memory:
        output, _ = process.communicate()
    seconds = time.monotonic() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Measured(seconds, memory.peak_mb, output)


def ingest(library: Path, home: Path) -> tuple[Measured, dict[str, Any]]:
    """`soniquebay ingest --json` over the library."""
    command = [sys.executable, "-m", "soniquebay_pipeline.cli.main", "ingest", "--json"]
    measured = measure(command, home, SONIQUEBAY_HOME=str(home), SONIQUEBAY_MUSIC_DIR=str(library))
    return measured, json.loads(measured.output.splitlines()[-1])


def beets(library: Path, files: int, folder: Path) -> tuple[float, int] | None:
    """Files a second of `beet import -A` over the first files, and how many they were; None without beets."""
    command = shutil.which("beet")
    if command is None or files <= 0:
        return None
    sample, count = folder / "beets-sample", 0
    for album in sorted(path for path in library.rglob("*") if path.is_dir()):
        songs = [path for path in sorted(album.iterdir()) if path.is_file()]
        if songs and count < files:
            target = sample / album.relative_to(library)
            target.mkdir(parents=True, exist_ok=True)
            for song in songs:
                os.link(song, target / song.name)
            count += len(songs)
    config = folder / "beets.yaml"
    config.write_text(
        f"directory: {folder / 'beets-music'}\nlibrary: {folder / 'beets.db'}\n"
        "import: {copy: no, write: no, quiet: yes, autotag: no, resume: no, incremental: no}\nplugins: []\n"
    )
    measured = measure([command, "-c", str(config), "import", "-A", "-q", str(sample)], folder)
    return count / measured.seconds, count


def main() -> None:
    """Generate the library (kept below build/), run everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=30_000)
    parser.add_argument("--beets-files", type=int, default=30_000)
    parser.add_argument("--repeat", type=int, default=3, help="times the second run is measured; the median counts")
    options = parser.parse_args()
    console = Console()
    library = CACHE / f"library-{options.files}"
    library.parent.mkdir(parents=True, exist_ok=True)
    console.print(f"Generating {options.files:,} files (kept in {library.parent}) ...")
    truth = generate_library(library, options.files)
    home = CACHE / "home"
    _stop_and_remove(home)
    try:
        _measure_all(console, library, home, truth, options)
    finally:
        _stop_and_remove(home)


def _measure_all(console: Console, library: Path, home: Path, truth: Any, options: argparse.Namespace) -> None:
    home.mkdir(parents=True)
    for path in library.rglob("*"):  # every contender finds the files in the page cache
        if path.is_file():
            path.read_bytes()
    alone = measure([sys.executable, "-c", MUTAGEN_ALONE, str(library)], home)
    first, report = ingest(library, home)
    seconds = sorted(ingest(library, home)[0].seconds for _ in range(options.repeat))
    second = seconds[len(seconds) // 2]
    peer = beets(library, options.beets_files, home)

    stages = report["stages"]
    scan = sum(stages[name]["seconds"] for name in ("scanning folders", "identifying audio"))
    tags = stages["reading tags"]["seconds"]
    entities = sum(stage["seconds"] for name, stage in stages.items() if name.startswith(("resolving", "writing")))
    table = Table(title=f"{options.files:,} files", title_justify="left", box=None, padding=(0, 2))
    table.add_column("what")
    table.add_column("seconds", justify="right")
    table.add_column("files/s", justify="right")

    def row(what: str, taken: float) -> None:
        table.add_row(what, f"{taken:.1f}", f"{options.files / taken:,.0f}")

    row("from nothing to a complete catalogue", first.seconds)
    row("  scan (walk, audio identity)", scan)
    row("  tags", tags)
    row("  entities (artists, albums, genres, tracks)", entities)
    row("  Dagster, start-up of program and database", first.seconds - scan - tags - entities)
    row("again, nothing changed (median)", second)
    row("mutagen alone, one process", alone.seconds)
    if peer:
        table.add_row(f"beet import -A, {peer[1]:,} files", f"{peer[1] / peer[0]:.1f}", f"{peer[0]:,.0f}")
    elif options.beets_files > 0:
        table.add_row("beet import -A", "", "beets is not installed")
    console.print(table)
    console.print(f"second run / first run: {second / first.seconds:.3f}")
    console.print(f"peak memory of the largest process: {first.peak_mb:,.0f} MB")
    if peer:
        console.print(f"times as fast as beets: {options.files / first.seconds / peer[0]:.1f}")
    console.print(f"loading the code location / import dagster: {_load_ratio(home, options.repeat):.2f}")
    console.print(_counts(report, truth))


def _load_ratio(home: Path, repeat: int) -> float:
    """Median time of loading the definitions over that of importing Dagster alone, in turn."""
    seconds: dict[str, list[float]] = {"dagster": [], "soniquebay_pipeline.definitions": []}
    for _ in range(2 * repeat + 1):
        for module, taken in seconds.items():
            taken.append(measure([sys.executable, "-c", f"import {module}"], home).seconds)
    alone, ours = (sorted(taken)[repeat] for taken in seconds.values())
    return ours / alone


def _counts(report: dict[str, Any], truth: Any) -> str:
    found = report["catalogue"]
    expected = {name: getattr(truth, name) for name in ("tracks", "artists", "albums", "genres")}
    wrong = {name: (found[name], count) for name, count in expected.items() if found[name] != count}
    return f"counts differ (found, true): {wrong}" if wrong else f"counts equal the truth: {expected}"


def _stop_and_remove(home: Path) -> None:
    if home.exists():
        command = [sys.executable, "-m", "soniquebay_pipeline.cli.main", "db", "stop"]
        subprocess.run(command, env=os.environ | {"SONIQUEBAY_HOME": str(home)}, check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
