"""A file that becomes unreadable keeps its track until `purge --rejected`; stand-ins go when a track is analysed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from soniquebay_pipeline.care.stand_ins import forget_replaced
from soniquebay_pipeline.catalog.store.albums import resolve_albums
from soniquebay_pipeline.catalog.store.maintenance import purge, purgeable
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import normal_form
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest


def library(engine: Engine, music: Path) -> None:
    """Three songs, one of which is broken after it was catalogued, one missing, one never was music."""
    for name, artist in (("good", "Abba"), ("breaks", "Only Here"), ("goes", "Gone")):
        song(music / "A" / f"{name}.flac", len(name), artist=(artist,), genres=(artist,))
    (music / "never.mp3").write_text("no music")
    ingest(engine, music)
    (music / "A/breaks.flac").write_text("no music any more")
    (music / "A/goes.flac").unlink()
    ingest(engine, music)


def count(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def test_only_tracks_of_rejected_files_go(engine: Engine, music: Path) -> None:
    library(engine, music)
    assert count(engine, "SELECT count(*) FROM tracks") == 3
    assert [(p.path, p.artist) for p in purgeable(engine, status="rejected")] == [("A/breaks.flac", "Only Here")]
    assert purgeable(engine, 1.0, status="rejected") == []
    assert purge(engine, status="rejected") == 1
    resolve_albums(engine)
    ingest(engine, music)
    assert count(engine, "SELECT count(*) FROM tracks") == 2, "the missing file's track stays"
    assert count(engine, "SELECT count(*) FROM artists WHERE name = 'Only Here'") == 0
    assert count(engine, "SELECT count(*) FROM genres WHERE name = 'Only Here'") == 0
    assert count(engine, "SELECT count(*) FROM raw_files WHERE status = 'rejected'") == 2, "the files are still known"
    assert purge(engine, status="rejected") == 0
    # Mended, it becomes a track again.
    song(music / "A/breaks.flac", 77, artist=("Only Here",))
    ingest(engine, music)
    assert count(engine, "SELECT count(*) FROM artists WHERE name = 'Only Here'") == 1


def test_afterwards_the_catalogue_is_that_of_the_files(engine: Engine, music: Path) -> None:
    library(engine, music)
    purge(engine, status="rejected")
    purge(engine)
    resolve_albums(engine)
    ingest(engine, music)
    purged = normal_form(engine)
    from soniquebay_pipeline.catalog.store.maintenance import forget_everything

    with engine.begin() as connection:
        forget_everything(connection)
    ingest(engine, music)
    assert normal_form(engine) == purged


def test_the_command(engine: Engine, music: Path, tmp_path: Path) -> None:
    library(engine, music)
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings: dict[str, object] = {"home": tmp_path / "home", "database_url": url, "shards": SHARDS}
    refused = soniquebay("purge", "--rejected", settings=settings, stdin="n\n")
    assert refused.code == 1 and "A/breaks.flac" in refused.stdout and "goes.flac" not in refused.stdout
    done = soniquebay("purge", "--rejected", "--yes", settings=settings)
    assert done.code == 0 and "Purged 1 files" in done.stdout, done.stderr
    assert "No track's file is rejected" in soniquebay("purge", "--rejected", settings=settings).stdout


def test_stand_ins_end_with_the_analysis(engine: Engine, music: Path) -> None:
    song(music / "1.flac", 1)
    song(music / "2.flac", 2)
    ingest(engine, music)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO imported_features (track_id, source, bpm) SELECT id, 'soniquebay', 99 FROM tracks")
        )
        connection.execute(
            text("INSERT INTO audio_features (track_id, analysis_version) SELECT min(id), 1 FROM tracks")
        )
    assert forget_replaced(engine) == 1
    assert count(engine, "SELECT count(*) FROM imported_features") == 1
