"""The commands that build and show a catalogue, run as a person runs them, on one library from first to last.

The tests of this module are one story: each goes on where the one before ended.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.music_files import retag, song
from soniquebay_pipeline_tests.normal_form import all_rows, normal_form
from soniquebay_pipeline_tests.pipeline_steps import ingest

SHARDS = 2
HERE, THERE = (
    next(folder for folder in (f"Artist {n}/Album" for n in range(99)) if shard_of(folder, SHARDS) == shard)
    for shard in range(SHARDS)
)


class Story:
    """A library, its database and the command."""

    def __init__(self, folder: Path, url: str) -> None:
        self.music = folder / "music"
        self.settings: dict[str, object] = {
            "home": folder / "home",
            "music_dir": self.music,
            "database_url": url,
            "shards": SHARDS,
            "workers": 1,
        }
        self.engine = engine_of(url)

    def run(self, *arguments: str | Path, stdin: str = "", **settings: object) -> CommandResult:
        return soniquebay(*arguments, settings=self.settings | settings, stdin=stdin)

    def count(self, query: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(query)).scalar_one()


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, server: DatabaseServer) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    with server.database() as url:
        story = Story(folder, url)
        for number in range(4):
            for album, offset in ((HERE, 0), (THERE, 10)):
                artist = (album.partition("/")[0],)
                song(story.music / album / f"{number}.mp3", number + offset, artist=artist, genres=("Rock/Pop",))
        (story.music / HERE / "broken [b].mp3").write_text("no music")
        yield story
        story.engine.dispose()


def test_run_builds_everything(story: Story) -> None:
    result = story.run("run", "--json")
    assert result.code == 0, result.stderr
    [line] = result.stdout.splitlines()
    answer = json.loads(line)
    assert answer["ok"] and answer["error"] is None and len(answer["run_ids"]) == 1
    assert answer["library"] == str(story.music)
    assert answer["changes"] == dict.fromkeys(answer["changes"], 0) | {"added": 9}
    files = answer["files"]
    assert (files["seen"], files["present"], files["rejected"], files["missing"], files["pending"]) == (9, 8, 1, 0, 0)
    assert files["rejected_by_reason"] == {"not_audio": 1}
    assert answer["catalogue"] == {"tracks": 8, "artists": 2, "albums": 2, "genres": 2}
    assert answer["seconds"] > 0
    assert [check for check in answer["failed_checks"] if check.startswith("rejected_files: 11.1% of 9 files")]
    assert "reading tags: 9" in result.stderr and "Traceback" not in result.stderr
    assert story.count("SELECT count(*) FROM tracks") == 8


def change(story: Story) -> None:
    song(story.music / HERE / "new.mp3", 30, artist=("New Artist",))
    retag(story.music / THERE / "0.mp3", 10, title="Retagged [b]title[/b]")
    shutil.move(story.music / HERE / "1.mp3", story.music / THERE / "moved.mp3")
    (story.music / THERE / "2.mp3").unlink()
    (story.music / HERE / "3.mp3").write_bytes(b"")


CHANGES = {
    "added": [f"{HERE}/new.mp3"],
    "retagged": [f"{THERE}/0.mp3"],
    "replaced": [],
    "moved": [[f"{HERE}/1.mp3", f"{THERE}/moved.mp3"]],
    "returned": [],
    "missing": [f"{THERE}/2.mp3"],
    "rejected": [[f"{HERE}/3.mp3", "empty"]],
}


def test_a_dry_run_tells_and_changes_nothing(story: Story) -> None:
    change(story)
    before = all_rows(story.engine)
    as_json = story.run("ingest", "--dry-run", "--json")
    shown = story.run("ingest", "--dry-run")
    assert all_rows(story.engine) == before
    assert as_json.code == shown.code == 0
    assert len(as_json.stdout.splitlines()) == 1 and as_json.json == CHANGES
    assert f"moved     {HERE}/1.mp3 {THERE}/moved.mp3" in shown.stdout
    assert f"rejected  {HERE}/3.mp3 empty" in shown.stdout
    last = shown.stdout.splitlines()[-1]
    assert last.startswith("1 added, 1 retagged, 0 replaced, 1 moved") and last.endswith("nothing was changed.")


def test_ingest_of_a_path_takes_its_shard_only(story: Story) -> None:
    result = story.run("ingest", story.music / HERE / "new.mp3", "--json")
    assert result.code == 0, result.stderr
    assert {kind: n for kind, n in result.json["changes"].items() if n} == {"added": 1, "replaced": 1, "missing": 1}
    assert story.count("SELECT count(*) FROM tracks WHERE title LIKE 'Retagged%'") == 0


def test_ingest_of_everything_takes_the_rest(story: Story) -> None:
    before = story.count(f"SELECT id FROM raw_files WHERE path = '{HERE}/1.mp3'")
    result = story.run("ingest")
    assert result.code == 0, result.stderr
    assert story.count(f"SELECT id FROM raw_files WHERE path = '{THERE}/moved.mp3'") == before
    assert story.count("SELECT count(*) FROM tracks WHERE title = 'Retagged [b]title[/b]'") == 1
    assert str(story.music) in result.stdout and "soniquebay rejected" in result.stdout
    assert "files rejected" in result.stdout and "1 empty, 1 not_audio" in result.stdout
    assert "files missing" in result.stdout and "soniquebay purge" in result.stdout


def test_status_says_what_the_catalogue_holds(story: Story) -> None:
    shown, as_json = story.run("status"), story.run("status", "--json", music_dir="")
    assert shown.code == as_json.code == 0 and not as_json.stderr
    answer = as_json.json
    assert answer["library"] == str(story.music) and answer["scanned_shards"] == SHARDS
    assert answer["files"]["present"] == 7 and answer["files"]["missing"] == 1 and answer["files"]["rejected"] == 2
    assert "files indexed" in shown.stdout and "All 2 shards scanned" in shown.stdout


def test_rejected_names_the_files_and_why(story: Story) -> None:
    shown, as_json = story.run("rejected"), story.run("rejected", "--json")
    assert shown.code == as_json.code == 0
    assert [(r["reason"], r["path"]) for r in as_json.json["rejected"]] == [
        ("empty", f"{HERE}/3.mp3"),
        ("not_audio", f"{HERE}/broken [b].mp3"),
    ]
    assert f"{HERE}/broken [b].mp3" in shown.stdout and "not_audio" in shown.stdout


def test_purge_shows_what_it_would_delete_and_asks(story: Story) -> None:
    before = all_rows(story.engine)
    result = story.run("purge", stdin="n\n")
    assert result.code == 1
    assert f"{THERE}/2.mp3" in result.stdout and "Song 12" in result.stdout and "Delete these 1 files" in result.stdout
    assert all_rows(story.engine) == before


def test_a_purged_catalogue_equals_a_fresh_one(story: Story, server: DatabaseServer) -> None:
    (story.music / HERE / "new.mp3").unlink()  # the only song of its artist
    assert story.run("ingest", "--json").json["changes"]["missing"] == 1
    result = story.run("purge", "--yes")
    assert result.code == 0 and "Purged 2 files" in result.stdout
    assert story.count("SELECT count(*) FROM raw_files WHERE status = 'missing'") == 0
    assert story.run("ingest", "--json").code == 0
    with server.database() as url:
        fresh = engine_of(url)
        ingest(fresh, story.music, range(SHARDS), SHARDS)
        expected = normal_form(fresh)
        fresh.dispose()
    assert normal_form(story.engine) == expected
    assert "nothing to purge" in story.run("purge").stdout


def test_a_lost_disk_is_one_line_and_can_be_overridden(story: Story) -> None:
    (story.music / HERE).rename(story.music.with_name("aside"))
    (story.music / THERE / "1.mp3").rename(story.music.with_name("aside.mp3"))
    before = all_rows(story.engine)
    refused = story.run("ingest", "--json", max_missing_share=0.3)
    assert refused.code == 1
    assert refused.json["ok"] is False and "--allow-missing" in refused.json["error"]
    assert_one_line(refused, "known files are gone", "Nothing was changed", "--allow-missing")
    assert all_rows(story.engine) == before
    believed = story.run("ingest", "--json", "--allow-missing", max_missing_share=0.3)
    assert believed.code == 0 and believed.json["changes"]["missing"] >= 3
    assert story.count("SELECT count(*) FROM tracks") == 7, "what hangs on missing files stays"


def test_another_number_of_shards(story: Story) -> None:
    assert_one_line(story.run("ingest", shards=3), "divided into 2 shards", "soniquebay db reshard 3")
    done = story.run("db", "reshard", "3")
    assert done.code == 0 and "SONIQUEBAY_SHARDS=3" in done.stdout
    result = story.run("ingest", "--json", shards=3)
    assert result.code == 0 and not any(result.json["changes"].values())


def assert_one_line(result: CommandResult, *words: str, code: int = 1) -> None:
    """The command failed with one line that begins with ``error:`` and holds the words."""
    assert result.code == code, result
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "Traceback" not in result.stderr, result.stderr
    for word in words:
        assert word in errors[0]


def test_a_path_outside_the_library(story: Story) -> None:
    assert_one_line(story.run("ingest", story.music.parent, shards=3), "is not in the library", code=2)


def test_a_folder_that_is_not_there(story: Story) -> None:
    result = story.run("ingest", music_dir=story.music / "not mounted")
    assert_one_line(result, "not mounted", "is not a folder", "Nothing was changed")


def test_another_library(story: Story) -> None:
    other = song(story.music.with_name("other") / "1.flac", 70).parent
    assert_one_line(story.run("ingest", music_dir=other, shards=3), str(story.music), "SONIQUEBAY_HOME")
