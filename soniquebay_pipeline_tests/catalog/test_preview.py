"""A preview tells what an ingest would change, path by path, and changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine

from soniquebay_pipeline.catalog import preview as preview_module
from soniquebay_pipeline.catalog.preview import Entry, preview
from soniquebay_pipeline.library.walk import LibraryRootError
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline.progress import Silent
from soniquebay_pipeline_tests.library import misbehaving_readers
from soniquebay_pipeline_tests.music_files import retag, song
from soniquebay_pipeline_tests.normal_form import all_rows
from soniquebay_pipeline_tests.pipeline_steps import INLINE, SHARDS, ingest


def previewed(
    engine: Engine, music: Path, *, max_missing_share: float = 0.4, pool: PoolOptions = INLINE
) -> dict[str, list[Entry]]:
    """What would change, without the kinds of which there is nothing; that nothing did change is asserted."""
    before = all_rows(engine)
    result = preview(
        engine,
        music,
        range(SHARDS),
        SHARDS,
        max_missing_share=max_missing_share,
        pool=pool,
        progress=Silent(),
    )
    assert all_rows(engine) == before
    return {kind: entries for kind, entries in result.items() if entries}


def library(music: Path) -> None:
    for number in range(8):
        song(music / f"Album {number}/1.flac", number)


def test_a_first_ingest(engine: Engine, music: Path) -> None:
    library(music)
    (music / "empty.mp3").touch()
    (music / "text.mp3").write_text("no music")
    assert previewed(engine, music) == {
        "added": [f"Album {number}/1.flac" for number in range(8)],
        "rejected": [("empty.mp3", "empty"), ("text.mp3", "not_audio")],
    }


def test_nothing_to_do(engine: Engine, music: Path) -> None:
    library(music)
    ingest(engine, music)
    assert previewed(engine, music) == {}


def test_every_kind_of_change(engine: Engine, music: Path, tmp_path: Path) -> None:
    library(music)
    ingest(engine, music)
    shutil.move(music / "Album 7/1.flac", tmp_path / "aside.flac")
    ingest(engine, music)

    shutil.move(tmp_path / "aside.flac", music / "Album 7/1.flac")
    song(music / "New/1.flac", 20)
    retag(music / "Album 1/1.flac", 1, title="Retagged")
    retag(music / "Album 2/1.flac", 30)
    shutil.move(music / "Album 3/1.flac", music / "Album 4/moved.flac")
    (music / "Album 5/1.flac").unlink()
    (music / "Album 6/1.flac").write_bytes(b"")
    expected: dict[str, list[Entry]] = {
        "added": ["New/1.flac"],
        "retagged": ["Album 1/1.flac"],
        "replaced": ["Album 2/1.flac"],
        "moved": [("Album 3/1.flac", "Album 4/moved.flac")],
        "returned": ["Album 7/1.flac"],
        "missing": ["Album 5/1.flac"],
        "rejected": [("Album 6/1.flac", "empty")],
    }
    assert previewed(engine, music) == expected

    report = ingest(engine, music)
    # To a scan a file that turned out to be damaged is one that was replaced.
    assert (report.added, report.retagged, report.moved, report.returned, report.missing) == (1, 1, 1, 1, 1)
    assert (report.replaced, report.rejected) == (2, 1)
    assert previewed(engine, music) == {}


def test_folders_that_exchange_their_names(engine: Engine, music: Path) -> None:
    library(music)
    ingest(engine, music)
    (music / "Album 0").rename(music / "aside")
    (music / "Album 1").rename(music / "Album 0")
    (music / "aside").rename(music / "Album 1")
    assert previewed(engine, music) == {
        "moved": [("Album 0/1.flac", "Album 1/1.flac"), ("Album 1/1.flac", "Album 0/1.flac")]
    }


def test_one_gone_file_is_not_promised_to_two_copies(engine: Engine, music: Path) -> None:
    library(music)
    ingest(engine, music)
    for name in ("x", "y", "z"):
        (music / name).mkdir()
        shutil.copy2(music / "Album 0/1.flac", music / name / "1.flac")
    (music / "Album 0/1.flac").unlink()
    result = previewed(engine, music)
    assert len(result["moved"]) == 1 and len(result["added"]) == 2 and "missing" not in result
    report = ingest(engine, music)
    assert (report.moved, report.added, report.missing) == (1, 2, 0)


def test_the_guards_hold_for_a_preview(engine: Engine, music: Path) -> None:
    library(music)
    ingest(engine, music)
    for number in range(4):
        (music / f"Album {number}/1.flac").unlink()
    with pytest.raises(LibraryRootError, match="--allow-missing"):
        previewed(engine, music)
    assert len(previewed(engine, music, max_missing_share=1)["missing"]) == 4


def test_a_file_that_would_break_its_reader(engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song(music / "crash.flac", 1)
    song(music / "fine.flac", 2)
    monkeypatch.setattr(preview_module, "extract_file", misbehaving_readers.extract_file)
    assert previewed(engine, music, pool=PoolOptions(workers=1)) == {
        "added": ["fine.flac"],
        "rejected": [("crash.flac", "crashed")],
    }
