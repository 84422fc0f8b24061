"""A week in an hour: the daemon beside a library that changes all the time, and what is left of it.

    python -m soniquebay_pipeline_tests.benchmarks.week [--minutes 60] [--seed 1] [--plot FILE.png]

Starts ``soniquebay ui`` (webserver, daemon, code location) with short intervals, and lives with it as people do: adds
albums, moves, copies, retags and deletes them, breaks files, puts covers beside them; local services that answer like
Last.fm and the Cover Art Archive go out now and then. Meanwhile it samples the memory of every process and the
connections of PostgreSQL. At the end it waits until nothing is due, and compares all that is known with what a fresh
installation over the final library knows.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine, text

from soniquebay_pipeline.audio.model import PASSING_REASONS
from soniquebay_pipeline.db.server import stop_server
from soniquebay_pipeline.enrichment.lastfm import due as lastfm_due
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.run import due_shards
from soniquebay_pipeline_tests.benchmarks.week.changes import Library
from soniquebay_pipeline_tests.benchmarks.week.comparison import differences, sizes
from soniquebay_pipeline_tests.benchmarks.week.services import Services, services
from soniquebay_pipeline_tests.benchmarks.week.watching import Watch, plot, report_costs, report_dagster
from soniquebay_pipeline_tests.graphql import ENDED, Ui
from soniquebay_pipeline_tests.installation import Installation

IDLE_MINUTES = 60.0
"""The second retry of what failed on a service comes up to half an hour after the first."""
SECONDS_BETWEEN_SAMPLES = 5.0
BURST = (1, 6)
PAUSE_SECONDS = (20.0, 50.0)
"""People do several things at once, and then nothing; the deferred work happens in the pauses."""
OUTAGE_CHANCE = 0.3
"""Of one service going out after a burst."""
OUTAGES_UNTIL = 0.75
"""Share of the time; what the last ones left is retried for a good part of an hour."""
AGED_AT = 0.4
"""Share of the time after which a part of the analyses is made old, for nightly_backfill."""
AGE = "UPDATE audio_features SET analyzed_at = analyzed_at - interval '2 years' WHERE track_id % 5 = 0"


def settings_of(minutes: float) -> dict[str, object]:
    """Short intervals: an hour stands for a week, so ten minutes for a day and more."""
    scan, maintenance, validation, health, backfill = (
        (f"*/{step} * * * *" for step in (10, 15, 12, 20, 30)) if minutes >= 30 else ["*/2 * * * *"] * 5
    )
    return {
        "shards": 4,
        "workers": 1,
        "analysis_workers": 1,
        "encoder_threads": 1,
        "settle_seconds": 3,
        "sensor_interval_seconds": 15,
        "analysis_interval_seconds": 45,
        "vectors_interval_seconds": 120,
        "covers_interval_seconds": 45,
        "lastfm_interval_seconds": 45,
        "scan_cron": scan,
        "maintenance_cron": maintenance,
        "validation_cron": validation,
        "health_cron": health,
        "backfill_cron": backfill,
        "max_missing_share": 0.9,
    }


def live(installation: Installation, library: Library, web: Services, minutes: float) -> Watch:
    """The week itself."""
    watch, rng = Watch(installation), library.rng
    started = time.monotonic()
    next_change = next_sample = started
    aged = False
    while (now := time.monotonic()) - started < minutes * 60:
        passed = (now - started) / (minutes * 60)
        if now >= next_change:
            for _ in range(rng.randint(*BURST)):
                library.change()
            if passed < OUTAGES_UNTIL and rng.random() < OUTAGE_CHANCE:
                web.fail()
            next_change = now + rng.uniform(*PAUSE_SECONDS)
        web.mend()
        watch.connections()
        if now >= next_sample:
            watch.sample()
            next_sample = now + SECONDS_BETWEEN_SAMPLES
        if passed > AGED_AT and not aged:
            aged = True
            with installation.engine.begin() as connection:
                connection.execute(text(AGE))
        time.sleep(1)
    web.mend(everything=True)
    return watch


def wait_until_idle(installation: Installation) -> float:
    """Wait until the catalogue knows every file as it is and all that follows from it; minutes waited."""
    started = time.monotonic()
    shown = ""
    while time.monotonic() - started < IDLE_MINUTES * 60:
        due = _due(installation)
        if not due:
            return (time.monotonic() - started) / 60
        if due != shown:
            print(f"{(time.monotonic() - started) / 60:5.1f} min: {due}", flush=True)
            shown = due
        time.sleep(5)
    raise SystemExit(f"Something is due after {IDLE_MINUTES:.0f} minutes: {_due(installation)}; {installation.home}")


_UNREAD = """
    SELECT count(*) FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id
    LEFT JOIN tracks t ON t.file_id = f.id LEFT JOIN audio_features a ON a.track_id = t.id
    WHERE f.status = 'present'
      AND (t.revision IS DISTINCT FROM m.revision OR a.audio_hash IS DISTINCT FROM f.audio_hash
           OR a.failure_reason = ANY(:passing))
"""
_BETTER = "SELECT FROM covers c WHERE c.entity_type = 'album' AND c.entity_id = b.id AND c.source"
_ASKED = "SELECT FROM cover_candidates k WHERE k.entity_type = 'album' AND k.entity_id = b.id AND k.source"
_UNCOVERED = f"""
    SELECT count(*) FROM albums b
    WHERE b.musicbrainz_albumid IS NOT NULL AND NOT EXISTS ({_BETTER} IN ('embedded', 'local'))
          AND NOT EXISTS ({_ASKED} = 'coverartarchive')
       OR b.lastfm_picture_url IS NOT NULL AND NOT EXISTS ({_BETTER} IN ('embedded', 'local', 'coverartarchive'))
          AND NOT EXISTS ({_ASKED} = 'lastfm' AND k.about = b.lastfm_picture_url)
"""


def _due(installation: Installation) -> str:
    """What is to be done, by the data and whether or not it waits for a retry; empty when nothing is."""
    engine, music = installation.engine, installation.music
    disk = {str(path.relative_to(music)): path.stat().st_mtime_ns for path in music.rglob("*.flac")}
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT path, mtime_ns FROM raw_files WHERE status <> 'missing'"))
        if differ := len(disk.items() ^ {row.path: row.mtime_ns for row in rows}.items()):
            return f"{differ} files differ"
        if tracks := connection.execute(text(_UNREAD), {"passing": list(PASSING_REASONS)}).scalar_one():
            return f"{tracks} tracks to read or analyse"
        if shards := due_shards(connection, Settings(home=installation.home)):
            return f"vectors of {len(shards.text | shards.sound)} shards"
    if questions := sum(_unasked(engine, kind) for kind in lastfm_due.SOURCES):
        return f"{questions} questions to Last.fm"
    with engine.connect() as connection:
        if albums := connection.execute(text(_UNCOVERED)).scalar_one():
            return f"{albums} albums to ask for covers"
    if runs := _at_work(installation.ui):
        return f"{runs} runs"
    return ""


def _unasked(engine: Engine, kind: str) -> int:
    """Whatever its age; that an answer grows old is no end."""
    query = f"SELECT count(*) FROM ({lastfm_due.wanted(kind)}) w"
    with engine.connect() as connection:
        return int(connection.execute(text(query), lastfm_due.parameters(3650)).scalar_one())


def _at_work(ui: Ui) -> int:
    return sum(run["status"] not in ENDED for run in ui.runs())


def settle(installation: Installation) -> None:
    """What a person does before comparing: forget what is gone, group what is left, one scale for all vectors."""
    for status in ((), ("--rejected",)):
        installation.command("purge", *status, "--yes")
    installation.command("ingest", "--json")
    installation.command("run", "--json")
    installation.command("vectors", "refit")


def main() -> int:
    """Live the week; exit code 1 when what is known is not what a fresh installation knows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--keep", action="store_true", help="keep homes and library also where nothing differs")
    options = parser.parse_args()
    console = Console(width=120)
    base = Path(tempfile.mkdtemp(prefix="soniquebay-week-"))
    base.chmod(0o755)
    library = Library(base / "music", random.Random(options.seed))
    for _ in range(6):
        library.add()
    with services(random.Random(options.seed)) as web:
        settings = settings_of(options.minutes) | web.settings
        week, fresh = (Installation(base / name, library.root, settings) for name in ("week", "fresh"))
        week.command("run", "--json")
        try:
            week.start_and_wait()
            week.ui.start_schedule("nightly_backfill")
            watch = live(week, library, web, options.minutes)
            console.print(f"changes: {dict(library.done)}; outages: {dict(web.outages)}; calls: {web.calls()}")
            report_costs(watch.samples, week.home, console)
            if options.plot:
                plot(watch.samples, options.plot)
            waited = wait_until_idle(week)
            report_dagster(week.ui, console)
            console.print(f"queues: {week.command('queue', '--json').json['queues'] or 'nothing waits or failed'}")
        finally:
            week.stop()
        settle(week)
        fresh.command("run", "--json")
        try:
            fresh.start_and_wait()
            print(f"the fresh installation is idle after {wait_until_idle(fresh):.1f} min")
        finally:
            fresh.stop()
        settle(fresh)
        found = differences(week.engine, fresh.engine)
        print(f"compared: {sizes(fresh.engine)}")
    for line in found:
        print(line)
    print(f"idle {waited:.1f} minutes after the last change; what is known", "differs" if found else "is the same")
    for each in (week, fresh):
        each.engine.dispose()
        stop_server(each.home)
    if not found and not options.keep:
        shutil.rmtree(base)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
