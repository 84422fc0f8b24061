"""What the processes cost while they run, and what Dagster says it did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from soniquebay_pipeline_tests.graphql import Ui
from soniquebay_pipeline_tests.installation import Installation

ROLES = (
    ("dagster_webserver", "webserver"),
    ("dagster._daemon", "daemon"),
    ("execute_run", "runs"),
    ("worker_process", "runs"),
    ("multiprocessing", "runs"),
    ("api grpc", "code location"),
    ("code-server", "code location"),
    ("dagster dev", "dagster dev"),
    ("postgres", "PostgreSQL"),
)
STEADY = ("dagster dev", "webserver", "daemon", "code location", "PostgreSQL")
"""Roles whose processes live on; runs come and go."""
NOISE_MB, NOISE_SHARE = 20.0, 0.1
"""Growth between two fifths that is not called growth."""


@dataclass
class Sample:
    """One look at the processes and the database."""

    minute: float
    megabytes: dict[str, float]
    """By role: the proportional set size, in which memory that several processes share counts once."""
    connections: int
    """The most since the last sample."""
    max_connections: int
    tracks: int


class Watch:
    """Looks at an installation again and again."""

    def __init__(self, installation: Installation) -> None:
        self.samples: list[Sample] = []
        self._installation = installation
        self._started = time.monotonic()
        self._most = 0
        self._postmaster = int((installation.home / "postgres" / "postmaster.pid").read_text().split()[0])

    def connections(self) -> None:
        """Count the connections of clients, this one among them; cheap enough for every second."""
        with self._installation.engine.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            self._most = max(self._most, int(connection.execute(text(query)).scalar_one()))

    def sample(self) -> None:
        """Look at everything."""
        self.connections()
        with self._installation.engine.connect() as connection:
            limit = int(connection.execute(text("SHOW max_connections")).scalar_one())
            tracks = int(connection.execute(text("SELECT count(*) FROM tracks")).scalar_one())
        minute = (time.monotonic() - self._started) / 60
        self.samples.append(Sample(minute, self._megabytes(), self._most, limit, tracks))
        self._most = 0

    def _megabytes(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for process in self._processes():
            with suppress(psutil.Error):
                role = _role(" ".join(process.cmdline()))
                found[role] = found.get(role, 0.0) + process.memory_full_info().pss / 1e6
        return found

    def _processes(self) -> Iterator[psutil.Process]:
        assert self._installation.process is not None
        for parent in (self._installation.process.pid, self._postmaster):
            with suppress(psutil.Error):
                process = psutil.Process(parent)
                yield from [process, *process.children(recursive=True)]


def _role(command: str) -> str:
    return next((role for mark, role in ROLES if mark in command), "other")


def report_costs(samples: list[Sample], home: Path, console: Console) -> None:
    """Growth over the time, in fifths: the first holds the start, so the second is what the last is compared with."""
    fifth = max(1, len(samples) // 5)
    table = Table("MB", "first fifth", "second fifth", "last fifth", "peak", "grown by", title_justify="left")
    grown: list[str] = []
    for role in sorted({role for sample in samples for role in sample.megabytes}):
        values = [sample.megabytes.get(role, 0.0) for sample in samples]
        parts = (values[:fifth], values[fifth : 2 * fifth] or values, values[-fifth:])
        first, second, last = (sum(part) / len(part) for part in parts)
        cells = (f"{value:,.0f}" for value in (first, second, last, max(values)))
        table.add_row(role, *cells, f"{last - second:+,.0f}")
        if role in STEADY and last - second > max(NOISE_MB, NOISE_SHARE * second):
            grown.append(f"{role} {last - second:+,.0f} MB")
    console.print(table)
    console.print(f"memory from the second to the last fifth: {'grown: ' + ', '.join(grown) if grown else 'flat'}")
    most = [sample.connections for sample in samples]
    log = (home / "postgres" / "log").read_text(errors="replace")
    refused = log.count("too many clients") + log.count("remaining connection slots")
    console.print(
        f"connections: {sum(most) / len(most):.1f} on average (the most of each sample's time), {max(most)} at most, "
        f"of {samples[0].max_connections}; refused: {refused}"
    )


def report_dagster(ui: Ui, console: Console) -> None:
    """Ticks of each sensor and schedule, runs of each job; failures with their reasons."""
    ticks = Table("sensor or schedule", "ticks", "started runs", "skipped", "failed")
    errors: Counter[str] = Counter()
    for name, each in ui.ticks().items():
        states = Counter(tick["status"] for tick in each)
        ticks.add_row(name, *map(str, (len(each), states["SUCCESS"], states["SKIPPED"], states["FAILURE"])))
        errors.update(f"{name}: {tick['error']['message'][:300]}" for tick in each if tick["error"])
    console.print(ticks)
    runs = ui.runs()
    table = Table("job", "runs", "succeeded", "failed", "cancelled", "median s", "longest s")
    for job in sorted({run["jobName"] for run in runs}):
        these = [run for run in runs if run["jobName"] == job]
        states = Counter(run["status"] for run in these)
        seconds = sorted(run["endTime"] - run["startTime"] for run in these if run["startTime"] and run["endTime"])
        times = (f"{seconds[len(seconds) // 2]:.1f}", f"{seconds[-1]:.1f}") if seconds else ("", "")
        counts = (len(these), states["SUCCESS"], states["FAILURE"], states["CANCELED"])
        table.add_row(job, *map(str, counts), *times)
    console.print(table)
    for run in runs:
        if run["status"] != "SUCCESS":
            console.print(f"run {run['runId'][:8]} of {run['jobName']}: {run['status']}")
    for error, count in errors.most_common(10):
        console.print(f"{count} × {error}", markup=False)


def plot(samples: list[Sample], target: Path) -> None:
    """Memory by role and connections over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6), layout="constrained")
    minutes = [sample.minute for sample in samples]
    for role in sorted({role for sample in samples for role in sample.megabytes}):
        above.plot(minutes, [sample.megabytes.get(role, 0.0) for sample in samples], label=role, linewidth=1)
    above.set_ylabel("MB")
    below.plot(minutes, [sample.connections for sample in samples], label="connections (of 100)", linewidth=1)
    below.plot(minutes, [sample.tracks for sample in samples], label="tracks", linewidth=1)
    below.set_xlabel("minutes")
    for each in (above, below):
        each.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(target, dpi=80)
