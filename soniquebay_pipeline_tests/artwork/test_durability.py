"""Killed while it stores pictures, twice: the same covers in the end, and no stray file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork.maintenance import damaged_pictures, stray_files
from soniquebay_pipeline_tests.artwork.picture_files import cover, jpeg, put, stored_files
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import normal_form
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

ALBUMS = 40
SLOWLY = """
import sys
from pathlib import Path
from sqlalchemy import create_engine
from soniquebay_pipeline.artwork import run
from soniquebay_pipeline.artwork.model import CoverRules
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline.settings import Settings
run.STORE_EVERY_SECONDS = 0.0
engine = create_engine(sys.argv[1])
run.cover_shards(engine, Path(sys.argv[2]), list(range(int(sys.argv[4]))), home=Path(sys.argv[3]),
                 rules=CoverRules.of(Settings()), max_bytes=2_000_000, pool=PoolOptions(workers=2, batch_size=1))
"""


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM pictures")).scalar_one())


def test_killed_twice_in_the_middle(engine: Engine, music: Path, tmp_path: Path) -> None:
    for album in range(ALBUMS):
        song(music / f"{album}/1.flac", album, album=f"Album {album}", picture=jpeg(album, 900))
        put(music / f"{album}/cover.jpg", jpeg(album + 500, 600))
    ingest(engine, music)
    home = tmp_path / "home"
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", SLOWLY, url, str(music), str(home), str(SHARDS)]
    kept = []
    for _ in range(2):
        before = count(engine)
        process = subprocess.Popen(command, start_new_session=True)
        deadline = time.monotonic() + 120
        while count(engine) < before + 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kept.append(count(engine))
    assert 0 < kept[0] < kept[1] < 2 * ALBUMS
    report = cover(engine, music, home, scan=False)
    assert report.stored == 2 * ALBUMS - kept[1]
    assert not os.listdir(home / "covers/tmp")
    assert not list(stray_files(engine, home)) and not damaged_pictures(engine, home)
    covers, files = normal_form(engine)["covers"], stored_files(home)
    assert len(covers) == ALBUMS
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE pictures, file_pictures, covers, cover_candidates"))
        connection.execute(text("UPDATE folder_pictures SET sha256 = NULL"))
    other = tmp_path / "undisturbed"
    cover(engine, music, other, scan=False)
    assert normal_form(engine)["covers"] == covers
    assert stored_files(other) == files
    assert all((home / "covers" / name).read_bytes() == (other / "covers" / name).read_bytes() for name in files)
