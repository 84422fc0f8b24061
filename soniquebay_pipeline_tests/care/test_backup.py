"""Backup and restore: into a fresh home, over a full one, and with files that are no backups."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from soniquebay_pipeline.care.backup import back_up, read_manifest, restore
from soniquebay_pipeline.care.errors import BackupError
from soniquebay_pipeline.db.engine import catalogue_url, dagster_url, engine_for
from soniquebay_pipeline.db.migrate import open_catalogue
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import all_rows, normal_form
from soniquebay_pipeline_tests.pipeline_steps import ingest


@pytest.fixture
def settings(server: DatabaseServer, tmp_path: Path) -> Iterator[Settings]:
    with server.database() as url:
        yield Settings(home=tmp_path / "home", database_url=url)
        engine_for.cache_clear()


@pytest.fixture
def other(server: DatabaseServer, tmp_path: Path) -> Iterator[Settings]:
    with server.database() as url:
        yield Settings(home=tmp_path / "other", database_url=url)


def fill(settings: Settings, music: Path) -> None:
    for number in range(6):
        song(music / f"Artist {number % 2}/{number}.flac", number, artist=(f"Ártist {number % 2}",), genres=("Rock",))
    (music / "broken.mp3").write_text("no music")
    ingest(open_catalogue(settings), music)
    dagster = create_engine(dagster_url(settings))
    with dagster.begin() as connection:
        connection.execute(text("CREATE TABLE runs (id int PRIMARY KEY, note text)"))
        connection.execute(text("INSERT INTO runs VALUES (1, 'ü')"))
    dagster.dispose()


def runs(settings: Settings) -> list[tuple[object, ...]]:
    engine = create_engine(dagster_url(settings))
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT * FROM runs"))]
    engine.dispose()
    return rows


def test_a_restored_catalogue_is_the_one_that_was_saved(
    settings: Settings, other: Settings, music: Path, tmp_path: Path
) -> None:
    fill(settings, music)
    picture = settings.home / "covers/ab/abc.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    (settings.home / "covers/.stray.part").write_bytes(b"half")
    before = normal_form(open_catalogue(settings)), all_rows(open_catalogue(settings))
    file = tmp_path / "saved.backup"
    manifest = back_up(settings, file, pictures=True)
    assert (manifest.tracks, manifest.pictures) == (6, 1) and read_manifest(file) == manifest
    assert [path.name for path in tmp_path.glob("*saved*")] == ["saved.backup"]

    restore(other, file)
    engine = open_catalogue(other)
    assert (normal_form(engine), all_rows(engine)) == before
    assert runs(other) == [(1, "ü")]
    assert (other.home / "covers/ab/abc.jpg").read_bytes() == b"picture"
    assert sorted(path.name for path in other.home.rglob("*")) == ["ab", "abc.jpg", "covers"]
    # It goes on from there: the same files are known, and new ones get new ids.
    song(music / "new.flac", 50)
    report = ingest(engine, music)
    assert (report.added, report.retagged, report.replaced) == (1, 0, 0)


def test_the_commands_ask_before_they_replace(settings: Settings, music: Path, tmp_path: Path) -> None:
    fill(settings, music)
    environment = {"home": settings.home, "database_url": settings.database_url}
    file = tmp_path / "saved.backup"
    saved = soniquebay("db", "backup", file, settings=environment)
    assert saved.code == 0 and "Saved 6 tracks" in saved.stdout, saved.stderr
    again = soniquebay("db", "backup", file, settings=environment)
    assert again.code == 1 and "--yes" in again.stderr
    song(music / "later.flac", 60)
    ingest(open_catalogue(settings), music)
    refused = soniquebay("db", "restore", file, settings=environment, stdin="n\n")
    assert refused.code == 1 and "Replace the catalogue's 7 tracks by the 6 of" in refused.stdout
    engine = open_catalogue(settings)
    assert len(normal_form(engine)["tracks"]) == 7
    done = soniquebay("db", "restore", file, "--yes", settings=environment)
    assert done.code == 0 and "Restored 6 tracks" in done.stdout, done.stderr
    engine.dispose()
    assert len(normal_form(engine)["tracks"]) == 6
    engine.dispose()


@pytest.mark.parametrize("damage", ["text", "cut", "flipped", "later", "newer tables", "other zip", "gone", "evil"])
def test_a_file_that_is_no_backup_changes_nothing(
    settings: Settings, other: Settings, music: Path, tmp_path: Path, damage: str
) -> None:
    fill(settings, music)
    file = tmp_path / "saved.backup"
    back_up(settings, file)
    with zipfile.ZipFile(file) as archive:
        dumps = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(dumps["manifest.json"])
    if damage == "text":
        file.write_text("no backup")
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-2_000])
    elif damage == "flipped":
        data = bytearray(file.read_bytes())
        data[len(dumps["catalogue.dump"]) // 2] ^= 0xFF
        file.write_bytes(data)
    elif damage == "gone":
        file.unlink()
    else:
        manifest |= {"later": {"format": 2}, "newer tables": {"revision": "9999"}}.get(damage, {})
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in dumps.items():
                if name != "manifest.json" and damage != "other zip":
                    archive.writestr(name, content)
            if damage == "evil":
                archive.writestr("covers/../../evil.jpg", b"x")
            if damage != "other zip":
                archive.writestr("manifest.json", json.dumps(manifest))
    ingest(open_catalogue(other), music)
    before = all_rows(open_catalogue(other))
    words = {"later": "later version", "newer tables": "9999", "gone": "not there", "evil": "evil.jpg"}
    with pytest.raises(BackupError, match=words.get(damage, "Nothing was changed")):
        restore(other, file)
    assert all_rows(open_catalogue(other)) == before
    assert not list(tmp_path.rglob("evil.jpg")) and not list(tmp_path.rglob(".restoring-*"))
    engine = open_catalogue(other)
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM pg_database WHERE datname LIKE :name || '%restoring'")
        assert connection.execute(query, {"name": catalogue_url(other).database}).scalar_one() == 0


def test_a_backup_that_fails_leaves_nothing(settings: Settings, music: Path, tmp_path: Path) -> None:
    open_catalogue(settings)
    with pytest.raises(BackupError, match="can't be written"):
        back_up(settings, tmp_path / "no such folder" / "saved.backup")
    earlier = tmp_path / "saved.backup"
    earlier.write_text("earlier")
    with pytest.raises(BackupError, match="pg_dump failed"):
        with open_catalogue(settings).begin() as connection:  # a function of a language that is not there
            connection.execute(text("CREATE FUNCTION odd() RETURNS int LANGUAGE sql AS 'SELECT 1'"))
            connection.execute(text("UPDATE pg_proc SET prolang = 999999 WHERE proname = 'odd'"))
        back_up(settings, earlier)
    assert earlier.read_text() == "earlier" and not list(tmp_path.glob(".*part"))
