"""The database knows which folder it describes and into how many shards it is divided."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.catalog.store.maintenance import forget_everything
from soniquebay_pipeline.db.errors import WrongShardCount
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.library.record import Library, open_library, read_record, reshard
from soniquebay_pipeline.library.walk import LibraryRootError
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import all_rows, normal_form
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest, scan_files


def file_count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM raw_files")).scalar_one()


def test_the_first_use_is_recorded(engine: Engine, music: Path) -> None:
    assert read_record(engine) is None
    assert open_library(engine, music, SHARDS) == Library(music, SHARDS) == read_record(engine)
    assert open_library(engine, None, SHARDS) == Library(music, SHARDS)


def test_without_a_folder_the_first_use_says_what_to_do(engine: Engine) -> None:
    with pytest.raises(LibraryRootError, match="SONIQUEBAY_MUSIC_DIR"):
        open_library(engine, None, SHARDS)
    assert read_record(engine) is None


def test_a_root_of_any_bytes_is_recorded(engine: Engine, tmp_path: Path) -> None:
    root = tmp_path / "caf\udce9\n"
    open_library(engine, root, SHARDS)
    assert read_record(engine) == Library(root, SHARDS)


def test_the_demo_makes_room_for_a_library(engine: Engine, music: Path, tmp_path: Path) -> None:
    song(tmp_path / "demo/demo.flac", 1)
    song(music / "mine.flac", 2)
    open_library(engine, tmp_path / "demo", SHARDS, is_demo=True)
    ingest(engine, tmp_path / "demo")
    assert open_library(engine, music, SHARDS, forget=forget_everything) == Library(music, SHARDS)
    assert all(not found for table, found in all_rows(engine).items() if table != "library")
    ingest(engine, music)
    assert file_count(engine) == 1


def test_the_demo_stays_where_nobody_may_forget_it(engine: Engine, music: Path, tmp_path: Path) -> None:
    song(tmp_path / "demo/demo.flac", 1)
    open_library(engine, tmp_path / "demo", SHARDS, is_demo=True)
    ingest(engine, tmp_path / "demo")
    with pytest.raises(LibraryRootError):
        open_library(engine, music, SHARDS)
    assert file_count(engine) == 1


def test_another_library_is_refused(engine: Engine, music: Path, tmp_path: Path) -> None:
    for number in range(3):
        song(music / f"{number}.flac", number)
    song(tmp_path / "other/0.flac", 7)
    open_library(engine, music, SHARDS)
    ingest(engine, music)
    before = all_rows(engine)
    with pytest.raises(LibraryRootError) as refusal:
        open_library(engine, tmp_path / "other", SHARDS, forget=forget_everything)
    for words in (str(music), str(tmp_path / "other"), "1 of 3", "Nothing was changed", "SONIQUEBAY_HOME"):
        assert words in str(refusal.value)
    assert all_rows(engine) == before


def test_the_same_library_mounted_elsewhere_is_accepted(engine: Engine, music: Path, tmp_path: Path) -> None:
    for number in range(4):
        song(music / f"Album/{number}.flac", number)
    open_library(engine, music, SHARDS)
    ingest(engine, music)
    form = normal_form(engine)
    music.rename(tmp_path / "mnt")
    (tmp_path / "mnt/Album/3.flac").unlink()
    assert open_library(engine, tmp_path / "mnt", SHARDS) == Library(tmp_path / "mnt", SHARDS) == read_record(engine)
    shutil.copytree(tmp_path / "mnt", music)
    song(tmp_path / "mnt/Album/3.flac", 3)
    report = scan_files(engine, tmp_path / "mnt")
    assert (report.added, report.missing, report.moved) == (0, 0, 0)
    assert [row[:2] for row in normal_form(engine)["tracks"]] == [row[:2] for row in form["tracks"]]


def test_another_name_of_the_same_folder_is_the_same_library(engine: Engine, music: Path, tmp_path: Path) -> None:
    song(music / "a.flac", 1)
    open_library(engine, music, SHARDS)
    ingest(engine, music)
    (tmp_path / "link").symlink_to(music, target_is_directory=True)
    assert open_library(engine, tmp_path / "link", SHARDS).root == music


def test_another_number_of_shards_is_refused(engine: Engine, music: Path) -> None:
    open_library(engine, music, SHARDS)
    with pytest.raises(WrongShardCount, match=rf"SONIQUEBAY_SHARDS={SHARDS}.*db reshard {SHARDS * 2}"):
        open_library(engine, music, SHARDS * 2)


@pytest.mark.parametrize("shards", [1, SHARDS * 4])
def test_reshard_keeps_the_catalogue(engine: Engine, music: Path, shards: int) -> None:
    for number in range(6):
        song(music / f"Album {number % 3}/CD{number}/song.flac", number, album=f"Album {number % 3}")
    (music / "empty.mp3").touch()
    open_library(engine, music, SHARDS)
    ingest(engine, music)
    (music / "empty.mp3").unlink()
    ingest(engine, music)
    form = normal_form(engine)

    reshard(engine, shards)

    assert open_library(engine, music, shards).shards == shards
    with engine.connect() as connection:
        for folder, shard in connection.execute(text("SELECT folder, shard FROM raw_files")):
            assert shard == shard_of(folder, shards)
    report = ingest(engine, music, range(shards), shards)
    assert (report.files_seen, report.unchanged) == (6, 6)
    assert normal_form(engine) == form


def test_reshard_before_the_first_use_does_nothing(engine: Engine) -> None:
    reshard(engine, 5)
    assert read_record(engine) is None
