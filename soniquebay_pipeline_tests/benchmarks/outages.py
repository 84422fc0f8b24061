"""What outages cost: two daemons by mistake, a killed worker, a database and a service that stop for a while.

    python -m soniquebay_pipeline_tests.benchmarks.outages [--artists 100]

Real processes over an embedded server of its own: ``soniquebay ui`` twice (webserver, daemon, code location each)
beside a local server that answers like Last.fm. While artists are being asked about, the process of a run is killed,
PostgreSQL is stopped for ten seconds, and the service answers 503 for a minute, which opens its circuit for five. At
the end it prints what was asked how often, what is stored, and what the sensor said meanwhile.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from rich.console import Console
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from soniquebay_pipeline.db.engine import catalogue_url
from soniquebay_pipeline.db.server import ensure_server, stop_server
from soniquebay_pipeline.defs.runs import PROCESS_TAG
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.graphql import Ui
from soniquebay_pipeline_tests.installation import Installation
from soniquebay_pipeline_tests.lastfm_server import API_KEY, Answer, LastFmServer, lastfm_server
from soniquebay_pipeline_tests.music_files import song

LONGEST_SECONDS = 1200.0


def asking(home: Path, music: Path, url: str) -> Installation:
    """An installation that asks Last.fm and does nothing else."""
    quiet = dict.fromkeys(("sensor_interval_seconds", "analysis_interval_seconds", "vectors_interval_seconds"), 36_000)
    settings: dict[str, object] = {
        "shards": 8,
        "workers": 1,
        "cover_sources": "chosen,embedded,local",
        "scan_cron": "0 0 1 1 *",
        "lastfm_api_key": API_KEY,
        "lastfm_url": url,
        "lastfm_kinds": "artists,similar",
        "lastfm_calls_per_second": 5,
        "lastfm_interval_seconds": 5,
    }
    return Installation(home, music, settings | quiet)


def scalar(home: Path, query: str) -> int:
    """One number; -1 while the database can't be reached."""
    try:
        engine = create_engine(catalogue_url(Settings(home=home)), pool_size=1)
        with engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())
    except (DBAPIError, OSError):
        return -1
    finally:
        with suppress(UnboundLocalError):
            engine.dispose()


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Wait until it holds; SystemExit when it does not for twenty minutes."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"still waiting: {what}")
        time.sleep(0.2)


def kill_a_run(ui: Ui) -> int:
    """SIGKILL for the processes of the runs at work; returns how many there were."""
    killed = 0
    for run in ui.runs():
        process = {tag["key"]: tag["value"] for tag in run["tags"]}.get(PROCESS_TAG)
        if run["status"] == "STARTED" and process:
            with suppress(psutil.Error):
                psutil.Process(int(process.rsplit(":", 2)[1])).kill()
                killed += 1
    return killed


def stop_database(home: Path, seconds: float) -> None:
    """A fast shutdown, and a start some time later."""
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    psutil.Process(postmaster).send_signal(signal.SIGINT)
    time.sleep(seconds)
    ensure_server(home)


def report(server: LastFmServer, home: Path, uis: list[Ui], console: Console) -> bool:
    """What was asked and stored; whether nothing was lost or doubled."""
    calls = Counter((call.method, call.about) for call in server.calls)
    twice = {about: count for about, count in calls.items() if count > 1}
    artists = scalar(home, "SELECT count(*) FROM artists")
    asked = scalar(home, "SELECT count(*) FROM artists WHERE lastfm_url IS NOT NULL")
    similar = scalar(home, "SELECT count(*) FROM artists WHERE lastfm_similar_artists_fetched IS NOT NULL")
    left = scalar(home, "SELECT count(*) FROM deferred_tasks")
    doubled = scalar(home, "SELECT count(*) - count(DISTINCT (artist_id, similar_name_key)) FROM artist_similar")
    console.print(
        f"{asked} of {artists} artists known, {similar} with similar ones, {left} rows in the ledger, "
        f"{doubled} doubled; {len(server.calls)} calls, {len(calls)} different; asked more than once: {twice or 'none'}"
    )
    ticks = Counter(tick["skipReason"] or tick["status"] for tick in uis[0].ticks()["deferred_lastfm"])
    for reason, count in ticks.most_common():
        console.print(f"  {count:3} ticks: {reason}")
    return asked == similar == artists and left == 0 and doubled == 0


def main() -> int:
    """Live through the outages; exit code 1 when something is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artists", type=int, default=100)
    options = parser.parse_args()
    console = Console(width=140)
    base = Path(tempfile.mkdtemp(prefix="soniquebay-outages-"))
    base.chmod(0o755)
    with lastfm_server() as server:
        for number in range(options.artists):
            name = f"Artist {number:03}"
            song(base / f"music/{name}/Album/1.flac", number, artist=(name,), album=f"Album {number}")
            server.artist(name, tags=[("rock", 100)], similar=[("Someone", "", "0.5")])
        first, second = (asking(base / "home", base / "music", server.url) for _ in range(2))
        assert soniquebay("ingest", "--json", settings=first.settings).code == 0
        try:
            first.start()
            second.start()
            uis = [first.ui, second.ui]
            wait("calls", lambda: len(server.calls) >= 0.2 * options.artists)
            console.print(f"{len(server.calls)} calls; runs killed: {kill_a_run(uis[0])}")
            wait("calls", lambda: len(server.calls) >= 0.9 * options.artists)
            console.print(f"{len(server.calls)} calls; PostgreSQL stops for ten seconds")
            stop_database(base / "home", 10.0)
            wait("calls", lambda: len(server.calls) >= 1.6 * options.artists)
            console.print(f"{len(server.calls)} calls; the service answers 503 for a minute")
            server.always = Answer(503)
            before = len(server.calls)
            time.sleep(60)
            failed = len(server.calls) - before
            server.always = None
            del server.calls[before:]
            console.print(f"{failed} calls in that minute")
            done = "SELECT count(*) FROM artists WHERE lastfm_url IS NULL OR lastfm_similar_artists_fetched IS NULL"
            wait("everything", lambda: scalar(base / "home", done) == 0)
            time.sleep(10)
            good = report(server, base / "home", uis, console)
        finally:
            for each in (first, second):
                each.stop()
            stop_server(base / "home")
    if good:
        shutil.rmtree(base)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
