"""How Dagster's UI answers when its event log holds a year of a busy library.

    python -m soniquebay_pipeline_tests.benchmarks.scale_ui [--runs 300] [--small-runs 3000] [--json FILE]

Runs every asset over four files, then repeats what its materialisations say (same size, same metadata) for ``--runs``
runs over all shards and ``--small-runs`` over one shard each, spread over a year, through Dagster's storage API. Then
Chromium opens the pages through a recording proxy; every query that a page asked is asked again ten times, and timed.
Nothing is pruned: with the retention of the settings an instance holds less.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from soniquebay_pipeline_tests.command_line import clean_environment
from soniquebay_pipeline_tests.database_server import home_of_its_own
from soniquebay_pipeline_tests.graphql import Ui
from soniquebay_pipeline_tests.music_files import music_of
from soniquebay_pipeline_tests.screenshots import Page, shrink, take

if TYPE_CHECKING:
    import dagster as dg

PAGES = (
    Page("asset", "/assets/tracks?view=overview", height=1180),
    Page("partitions", "/assets/tracks?view=partitions", height=1000),
    Page("events", "/assets/tracks?view=events", height=1000),
    Page("graph", "/assets/tracks?view=lineage&lineageScope=neighbors&lineageDepth=6", 2300),
    Page("runs", "/runs", height=1000),
)
REPEATS = 10
YEAR_SECONDS = 365 * 86_400.0


@dataclass
class Recorder:
    """A proxy before the UI that remembers the queries of each page."""

    target: str
    asked: dict[str, bytes] = field(default_factory=dict)
    """Operation → body of its first request."""

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serves until the end of the block; its URL."""
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on(None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.startswith("/graphql"):
                    recorder.asked.setdefault(str(json.loads(body).get("operationName")), body)
                self._pass_on(body)

            def _pass_on(self, body: bytes | None) -> None:
                headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
                request = urllib.request.Request(recorder.target + self.path, data=body, headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=120) as answer:
                        status, kind, content = answer.status, answer.headers.get("Content-Type", ""), answer.read()
                except urllib.error.HTTPError as error:
                    status, kind, content = error.code, error.headers.get("Content-Type", ""), error.read()
                with suppress(ConnectionError):
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


def _run_once(home: Path) -> None:
    """Every asset over a few files, for what their materialisations say."""
    for number in range(4):
        music_of(home / f"music/Artist {number}/one.flac", bpm=100.0 + number, genres=("Rock",))
    environment = {name: os.environ[name] for name in clean_environment()}
    environment |= {"SONIQUEBAY_HOME": str(home), "SONIQUEBAY_MUSIC_DIR": str(home / "music")}
    command = [sys.executable, "-m", "soniquebay_pipeline.cli.main", "run"]
    subprocess.run(command, env=environment, cwd=home, check=True)


def fill(home: Path, runs: int, small_runs: int) -> dict[str, float]:
    """Store the year; returns counts, seconds and the size of Dagster's database in MB."""
    from sqlalchemy import create_engine, text

    from soniquebay_pipeline.cli.instance import prepare_dagster_home
    from soniquebay_pipeline.db.engine import dagster_url
    from soniquebay_pipeline.settings import Settings

    os.environ["SONIQUEBAY_HOME"] = str(home)
    prepare_dagster_home(Settings(home=home))
    import dagster as dg

    draw = random.Random(1)
    started = time.monotonic()
    with dg.DagsterInstance.get() as instance:
        templates = _templates(instance)
        shards = sorted({partition for _, partition in templates})
        keys = sorted({key for key, _ in templates}, key=str)
        whole = [shards] * runs + [[draw.choice(shards)] for _ in range(small_runs)]
        draw.shuffle(whole)
        end = time.time() - 3600
        for number, chosen in enumerate(whole):
            at = end - YEAR_SECONDS * (1 - number / len(whole))
            _store_run(instance, at, chosen, [(k, s, templates[k, s]) for k in keys for s in chosen])
    engine = create_engine(dagster_url(Settings(home=home)))
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        rows = connection.execute(text("SELECT count(*) FROM event_logs")).scalar_one()
        stored = connection.execute(text("SELECT count(*) FROM runs")).scalar_one()
        made = connection.execute(
            text("SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'")
        ).scalar_one()
        connection.execute(text("ANALYZE"))
        connection.commit()
    engine.dispose()
    return {
        "runs": stored,
        "assets": len(keys),
        "materialisations": made,
        "rows of event_logs": rows,
        "megabytes": size / 1e6,
        "seconds to store": time.monotonic() - started,
    }


def _templates(instance: dg.DagsterInstance) -> dict[tuple[dg.AssetKey, str], dg.AssetMaterialization]:
    """What the run said of each partition of each asset."""
    import dagster as dg

    found = {}
    for key in instance.all_asset_keys():
        for record in instance.fetch_materializations(key, limit=200).records:
            materialization = record.asset_materialization
            if materialization is not None and materialization.partition is not None:
                found.setdefault((key, materialization.partition), materialization)
    assert found, "the run left no materialisation"
    assert all(isinstance(value, dg.AssetMaterialization) for value in found.values())
    return found


def _store_run(
    instance: dg.DagsterInstance,
    at: float,
    shards: list[str],
    parts: list[tuple[dg.AssetKey, str, dg.AssetMaterialization]],
) -> None:
    """A finished run with its materialisations, planned and made."""
    from dagster import DagsterEvent, DagsterEventType, DagsterRun, DagsterRunStatus
    from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
    from dagster._core.events.log import EventLogEntry
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
    from dagster._core.utils import make_new_run_id

    run_id = make_new_run_id()
    job = "run_everything" if len(shards) > 1 else "ingest"
    tags = {
        "dagster/asset_partition_range_start": shards[0],
        "dagster/asset_partition_range_end": shards[-1],
        "dagster/run_duration": "30",
    }
    instance.run_storage.add_historical_run(
        DagsterRun(job_name=job, run_id=run_id, status=DagsterRunStatus.SUCCESS, tags=tags),
        datetime.fromtimestamp(at, UTC),
    )

    def entry(event: DagsterEvent) -> EventLogEntry:
        return EventLogEntry(
            error_info=None, level=20, user_message="", run_id=run_id, timestamp=at, step_key=event.step_key,
            job_name=job, dagster_event=event,
        )  # fmt: skip

    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    planned = [
        entry(
            DagsterEvent.build_asset_materialization_planned_event(
                job, key.path[-1], AssetMaterializationPlannedData(key, partition=shard)
            )
        )
        for key, shard, _ in parts
    ]
    # store_event takes them one by one, each in transactions of its own: 10 ms instead of 0.1.
    with storage.index_transaction() as connection:
        connection.execute(storage.prepare_insert_event_batch(planned))
    for key in {key for key, _, _ in parts}:
        of_asset = [(shard, template) for k, shard, template in parts if k == key]
        instance.event_log_storage.store_event_batch(
            [
                entry(
                    DagsterEvent(
                        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
                        job_name=job,
                        step_key=key.path[-1],
                        event_specific_data=StepMaterializationData(template),
                    )
                )
                for _, template in of_asset
            ]
        )


@contextmanager
def running_ui(home: Path) -> Iterator[Ui]:
    """``soniquebay ui`` over the home, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: os.environ[name] for name in clean_environment()} | {"SONIQUEBAY_HOME": str(home)}
    with (home / "ui.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "soniquebay_pipeline.cli.main", "ui", "--port", str(port)],
            env=environment,
            cwd=home,
            start_new_session=True,
            stdout=log,
            stderr=log,
        )
    try:
        ui = Ui(port)
        ui.wait_until_up(180)
        yield ui
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def measure(ui: Ui, picture: Path | None) -> dict[str, dict[str, dict[str, float]]]:
    """Page → query → median, slowest (ms) and size of the answer, of the queries that the page asks."""
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is needed: apt install chromium"
    answer: dict[str, dict[str, dict[str, float]]] = {}
    for page in PAGES:
        recorder = Recorder(ui.url)
        target = _target(page, picture)
        with recorder.serve() as url:
            take(chromium, url, page, target)
        if page is PAGES[0] and picture is not None:
            shrink(target)
        else:
            target.unlink()
        answer[page.name] = {name: _timed(ui.url, body) for name, body in sorted(recorder.asked.items())}
    return answer


def _target(page: Page, picture: Path | None) -> Path:
    """Where Chromium writes the page: the first page is kept where a picture is wanted."""
    if page is PAGES[0] and picture is not None:
        return picture.resolve()
    return Path(tempfile.mkdtemp()) / "page.png"


def _timed(url: str, body: bytes) -> dict[str, float]:
    times, size = [], 0
    for _ in range(REPEATS + 1):
        request = urllib.request.Request(f"{url}/graphql", data=body, headers={"Content-Type": "application/json"})
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as answer:
            size = len(answer.read())
        times.append((time.perf_counter() - started) * 1000)
    return {"median_ms": statistics.median(times[1:]), "max_ms": max(times[1:]), "bytes": size}


def report(log: dict[str, float], pages: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print the tables."""
    console = Console(width=120)
    console.print(", ".join(f"{name} {value:,.0f}" for name, value in log.items()))
    table = Table("page", "query", "median, ms", "slowest, ms", "kB")
    for page, queries in pages.items():
        for name, q in sorted(queries.items(), key=lambda item: -item[1]["median_ms"]):
            table.add_row(page, name, f"{q['median_ms']:,.0f}", f"{q['max_ms']:,.0f}", f"{q['bytes'] / 1e3:,.1f}")
    console.print(table)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="runs over all shards")
    parser.add_argument("--small-runs", type=int, default=3000, help="runs over one shard each")
    parser.add_argument("--home", type=Path, help="a SONIQUEBAY_HOME of an earlier run to go on with")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--picture", type=Path, help="write a picture of the asset page here")
    options = parser.parse_args()
    with nullcontext(options.home) if options.home else home_of_its_own() as home:
        _run_once(home)
        log = fill(home, options.runs, options.small_runs)
        with running_ui(home) as ui:
            pages = measure(ui, options.picture)
    report(log, pages)
    if options.json:
        options.json.write_text(json.dumps({"event_log": log, "pages": pages}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
