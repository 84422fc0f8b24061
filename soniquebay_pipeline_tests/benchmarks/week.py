"""A week in an hour: the daemon beside a library that changes all the time, and what is left of it.

    python -m soniquebay_pipeline_tests.benchmarks.week [--minutes 60] [--seed 1] [--plot FILE.png]

Starts ``soniquebay ui`` (webserver, daemon, code location) with short intervals, and every few seconds does what
people do in days: adds albums, moves, retags and deletes them, copies broken files, puts covers beside them.
Meanwhile it samples the memory of every process and the connections of PostgreSQL. At the end it waits
until nothing is due, and compares the catalogue with that of a fresh run over the final library.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.db.engine import catalogue_url
from soniquebay_pipeline.db.server import stop_server
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import clean_environment, soniquebay
from soniquebay_pipeline_tests.music_files import music_of, retag, song
from soniquebay_pipeline_tests.normal_form import normal_form

SHARDS = 8
SECONDS_BETWEEN_CHANGES = 6.0
SECONDS_BETWEEN_SAMPLES = 5.0
IDLE_MINUTES = 15.0
GENRES = ("Rock", "Jazz", "Electronic", "Classical", "Folk")


@dataclass
class Library:
    """The folder of music and what people do to it."""

    root: Path
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    _number: int = 0

    def change(self) -> str:
        """One change of a kind that is possible now; returns its name."""
        kinds: list[tuple[int, str, Callable[[], None]]] = [(6, "add", self.add)]
        if len(self._albums()) > 3:
            kinds += [
                (4, "retag", self.retag),
                (3, "move", self.move),
                (2, "delete", self.delete),
                (2, "break", self.break_file),
                (2, "cover", self.cover),
                (1, "music", self.music),
            ]
        _, name, work = self.rng.choices(kinds, weights=[weight for weight, _, _ in kinds])[0]
        with suppress(IndexError, FileNotFoundError):
            work()
            self.done[name] += 1
        return name

    def _albums(self) -> list[Path]:
        return sorted(folder for folder in self.root.glob("*/*") if any(folder.glob("*.flac")))

    def _some_file(self) -> Path:
        return self.rng.choice(sorted(self.rng.choice(self._albums()).glob("*.flac")))

    def add(self) -> None:
        artist, self._number = f"Artist {self.rng.randrange(12)}", self._number + 1
        for track in range(1, self.rng.randint(2, 6)):
            number = self._number * 10 + track
            path = self.root / artist / f"Album {self._number}" / f"{track:02d}.flac"
            song(
                path,
                number,
                title=f"Song {number}",
                artist=(artist,),
                album=f"Album {self._number}",
                track=track,
                genres=(self.rng.choice(GENRES),),
            )

    def music(self) -> None:
        """Something that can be analysed."""
        self._number += 1
        music_of(
            self.root / "Band" / f"Live {self._number}" / "01.flac",
            bpm=self.rng.choice((90.0, 120.0, 128.0)),
            artist=("Band",),
            album=f"Live {self._number}",
        )

    def retag(self) -> None:
        path = self._some_file()
        retag(path, self.rng.randrange(10**6), title=f"Retagged {self.rng.randrange(1000)}", artist=(path.parts[-3],))

    def move(self) -> None:
        album = self.rng.choice(self._albums())
        album.rename(album.parent / f"{album.name} ({self.rng.randrange(1000)})")

    def delete(self) -> None:
        if len(self._albums()) > 10:  # else the guard against an unmounted disk has a word to say
            shutil.rmtree(self.rng.choice(self._albums()))

    def break_file(self) -> None:
        path = self._some_file()
        path.write_bytes(self.rng.choice((b"", b"not music at all", path.read_bytes()[:30])))

    def cover(self) -> None:
        image = Image.new("RGB", (320, 320), tuple(self.rng.randrange(256) for _ in range(3)))
        stream = io.BytesIO()
        image.save(stream, "JPEG")
        (self.rng.choice(self._albums()) / "cover.jpg").write_bytes(stream.getvalue())


@dataclass
class Sample:
    """One look at the processes and the database."""

    minute: float
    megabytes: dict[str, float]
    """Resident size by role: webserver, daemon, code location, runs, PostgreSQL."""
    connections: int
    max_connections: int
    tracks: int


@dataclass
class Installation:
    """A SONIQUEBAY_HOME with its daemon and webserver at work."""

    home: Path
    music: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, object]:
        """Short intervals: a minute stands for a quarter of an hour and more."""
        return {
            "home": self.home,
            "music_dir": self.music,
            "shards": SHARDS,
            "workers": 1,
            "analysis_workers": 1,
            "settle_seconds": 3,
            "sensor_interval_seconds": 10,
            "analysis_interval_seconds": 15,
            "scan_cron": "*/10 * * * *",
            "maintenance_cron": "*/15 * * * *",
            "max_missing_share": 0.9,
        }

    def start(self) -> int:
        """``soniquebay ui`` in a process group of its own, on a free port, which is returned."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {name: os.environ[name] for name in clean_environment()}
        environment |= {f"SONIQUEBAY_{name.upper()}": str(value) for name, value in self.settings.items()}
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "ui.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "soniquebay_pipeline.cli.main", "ui", "--port", str(port)],
                env=environment,
                cwd=self.home,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        return int(port)

    def stop(self) -> None:
        """End the whole group."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def engine(self) -> Engine:
        """The catalogue."""
        return create_engine(catalogue_url(Settings(home=self.home)), pool_size=1)

    def sample(self, engine: Engine, started: float) -> Sample:
        """Look at everything once."""
        megabytes: dict[str, float] = {}
        assert self.process is not None
        with suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    role = _role(" ".join(process.cmdline()))
                    megabytes[role] = megabytes.get(role, 0.0) + process.memory_info().rss / 1e6
        with engine.connect() as connection:
            connections = connection.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            ).scalar_one()
            limit = int(connection.execute(text("SHOW max_connections")).scalar_one())
            tracks = connection.execute(text("SELECT count(*) FROM tracks")).scalar_one()
        return Sample((time.monotonic() - started) / 60, megabytes, connections, limit, tracks)


def _role(command: str) -> str:
    for mark, role in (
        ("dagster_webserver", "webserver"),
        ("dagster._daemon", "daemon"),
        ("execute_run", "runs"),
        ("worker_process", "runs"),
        ("api grpc", "code location"),
        ("code-server", "code location"),
    ):
        if mark in command:
            return role
    return "other"


def live(installation: Installation, library: Library, minutes: float) -> list[Sample]:
    """The week itself."""
    samples: list[Sample] = []
    started = time.monotonic()
    next_sample = started
    engine = installation.engine()
    while (now := time.monotonic()) - started < minutes * 60:
        library.change()
        if now >= next_sample and installation.process is not None and installation.process.poll() is None:
            samples.append(installation.sample(engine, started))
            next_sample = now + SECONDS_BETWEEN_SAMPLES
        time.sleep(SECONDS_BETWEEN_CHANGES * library.rng.uniform(0.2, 1.8))
    engine.dispose()
    return samples


def wait_until_idle(engine: Engine, music: Path) -> float:
    """Wait until the catalogue has every file as it is and every track has its features; minutes waited."""
    started = time.monotonic()
    while time.monotonic() - started < IDLE_MINUTES * 60:
        if not _due(engine, music):
            return (time.monotonic() - started) / 60
        time.sleep(2)
    raise SystemExit(f"Something is due after {IDLE_MINUTES:.0f} minutes: {_due(engine, music)}")


def _due(engine: Engine, music: Path) -> str:
    disk = {str(path.relative_to(music)): path.stat().st_mtime_ns for path in music.rglob("*.flac")}
    with engine.connect() as connection:
        known = {
            row[0]: row[1]
            for row in connection.execute(text("SELECT path, mtime_ns FROM raw_files WHERE status <> 'missing'"))
        }
        if disk != known:
            return f"{len(disk.items() ^ known.items())} files differ"
        waiting = connection.execute(
            text(
                """
                SELECT count(*) FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id
                LEFT JOIN tracks t ON t.file_id = f.id LEFT JOIN audio_features a ON a.track_id = t.id
                WHERE f.status = 'present' AND (t.revision IS DISTINCT FROM m.revision
                   OR a.audio_hash IS DISTINCT FROM f.audio_hash)
                """
            )
        ).scalar_one()
    return f"{waiting} tracks are due" if waiting else ""


def report(samples: list[Sample], library: Library) -> None:
    """Growth over the run: the first and the last fifth beside each other."""
    console = Console(width=120)
    fifth = max(1, len(samples) // 5)
    table = Table("MB", "first fifth", "last fifth", "peak", title="resident size", title_justify="left")
    for role in sorted({role for sample in samples for role in sample.megabytes}):
        values = [sample.megabytes.get(role, 0.0) for sample in samples]
        first, last = (sum(part) / len(part) for part in (values[:fifth], values[-fifth:]))
        table.add_row(role, f"{first:,.0f}", f"{last:,.0f}", f"{max(values):,.0f}")
    console.print(table)
    connections = [sample.connections for sample in samples]
    console.print(
        f"connections: {sum(connections) / len(connections):.1f} on average, {max(connections)} at most, "
        f"of {samples[0].max_connections}; changes: {dict(library.done)}"
    )


def plot(samples: list[Sample], target: Path) -> None:
    """Memory by role and connections over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6), layout="constrained")
    minutes = [sample.minute for sample in samples]
    for role in sorted({role for sample in samples for role in sample.megabytes}):
        above.plot(minutes, [sample.megabytes.get(role, 0.0) for sample in samples], label=role, linewidth=1)
    above.set_ylabel("resident MB")
    above.legend()
    below.plot(minutes, [sample.connections for sample in samples], label="connections", linewidth=1)
    below.plot(minutes, [sample.tracks for sample in samples], label="tracks", linewidth=1)
    below.set_xlabel("minutes")
    below.legend()
    figure.savefig(target, dpi=90)


def main() -> int:
    """Live the week; exit code 1 when the catalogue is not that of a fresh run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="soniquebay-week-"))
    base.chmod(0o755)
    library = Library(base / "music", random.Random(options.seed))
    for _ in range(6):
        library.add()
    installation, fresh = (Installation(base / name, library.root) for name in ("week", "fresh"))
    soniquebay("run", "--json", settings=installation.settings)
    installation.start()
    try:
        samples = live(installation, library, options.minutes)
        engine = installation.engine()
        waited = wait_until_idle(engine, library.root)
    finally:
        installation.stop()
    report(samples, library)
    if options.plot:
        plot(samples, options.plot)
    soniquebay("purge", "--yes", settings=installation.settings)
    soniquebay("ingest", "--json", settings=installation.settings)
    soniquebay("run", "--json", settings=fresh.settings)
    lived, expected = normal_form(engine), normal_form(fresh.engine())
    different = [table for table in expected if lived[table] != expected[table]]
    for table in different:
        print(table, "only after the week:", [row for row in lived[table] if row not in expected[table]][:3])
        print(table, "only in the fresh run:", [row for row in expected[table] if row not in lived[table]][:3])
    print(f"idle {waited:.1f} minutes after the last change; the catalogue", "differs" if different else "is the same")
    for each in (installation, fresh):
        stop_server(each.home)
    if not different:
        shutil.rmtree(base)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
