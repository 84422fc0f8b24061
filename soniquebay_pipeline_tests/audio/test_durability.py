"""An analysis that is killed goes on where it was: nothing is measured twice but what was in flight."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from soniquebay_pipeline_tests.audio.test_run import ALL, analyse
from soniquebay_pipeline_tests.music_files import music_of
from soniquebay_pipeline_tests.pipeline_steps import ingest

TRACKS = 24
WORKERS = 2
SLOWLY = """
import sys
from pathlib import Path
from sqlalchemy import create_engine
from soniquebay_pipeline.audio import run
from soniquebay_pipeline.library.workers import PoolOptions
run.STORE_EVERY_SECONDS = 0.0
engine = create_engine(sys.argv[1])
shards = list(range(int(sys.argv[3])))
run.analyse_due_tracks(engine, Path(sys.argv[2]), shards, pool=PoolOptions(workers=2, batch_size=1))
"""


def measured(engine: Engine) -> dict[int, Any]:
    with engine.connect() as connection:
        return {
            row.track_id: (row.bpm_measured, row.key_measured, row.loudness_lufs, row.analyzed_at)
            for row in connection.execute(text("SELECT * FROM audio_features"))
        }


def test_killed_in_the_middle(engine: Engine, music: Path) -> None:
    for number in range(TRACKS):
        music_of(music / f"Album {number % 4}/{number}.flac", bpm=80.0 + number, seconds=8.0)
    ingest(engine, music)
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", SLOWLY, url, str(music), str(len(ALL))]
    killed = 0
    while len(measured(engine)) < TRACKS and killed < 3:
        before = len(measured(engine))
        process = subprocess.Popen(command, start_new_session=True)
        deadline = time.monotonic() + 120
        while len(measured(engine)) < before + 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed += 1
    kept = measured(engine)
    assert 3 <= len(kept) < TRACKS
    report = analyse(engine, music, workers=WORKERS)
    assert report.analysed == TRACKS - len(kept)
    after = measured(engine)
    # What was stored before the kill was not measured again ...
    assert {track: after[track] for track in kept} == kept
    # ... and all of it is what an undisturbed analysis finds.
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audio_features"))
    analyse(engine, music, workers=WORKERS)
    assert {t: values[:3] for t, values in measured(engine).items()} == {t: v[:3] for t, v in after.items()}
