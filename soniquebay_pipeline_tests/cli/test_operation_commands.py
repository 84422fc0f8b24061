"""The commands about the database and the machine, and what is said when the database can't be reached."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psycopg
import pytest

from soniquebay_pipeline.db.migrate import head_revision
from soniquebay_pipeline.demo import build_demo_library
from soniquebay_pipeline.demo.truth import TRUTH_NAME
from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer

NOBODY_LISTENS = "postgresql://somebody:secret-word@127.0.0.1:1/soniquebay"


@pytest.fixture(scope="module")
def home(server_home: Path) -> Path:
    return server_home


def test_the_embedded_server_from_its_start_to_its_end(home: Path) -> None:
    def run(*arguments: str) -> CommandResult:
        return soniquebay(*arguments, settings={"home": home})

    try:
        url = run("db", "url")
        assert url.code == 0 and not url.stderr
        [line] = url.stdout.splitlines()
        with psycopg.connect(line) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        migrated = run("db", "migrate")
        assert migrated.code == 0 and f"at version {head_revision()} now" in migrated.stdout
        again = run("db", "migrate")
        assert again.code == 0 and f"at version {head_revision()} already" in again.stdout
        empty = run("status")
        assert empty.code == 0 and "soniquebay run" in empty.stdout
        assert run("rejected").stdout == "No file is rejected.\n"
        without_folder = run("ingest")
        assert without_folder.code == 1 and "SONIQUEBAY_MUSIC_DIR" in without_folder.stderr
    finally:
        stopped = run("db", "stop")
    assert stopped.code == 0 and stopped.stdout == "Stopped.\n"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(line)
    assert run("db", "stop").stdout == "It was not running.\n"


def test_a_server_of_the_users_own_is_not_stopped(home: Path) -> None:
    result = soniquebay("db", "stop", settings={"home": home, "database_url": NOBODY_LISTENS})
    assert result.code == 2 and "not stopped from here" in result.stderr


def test_doctor_says_what_is_well(home: Path, server: DatabaseServer, tmp_path: Path) -> None:
    with server.database() as url:
        settings = {"home": home, "database_url": url, "music_dir": tmp_path}
        shown = soniquebay("doctor", settings=settings)
        as_json = soniquebay("doctor", "--json", settings=settings)
    assert shown.code == as_json.code == 0
    assert as_json.json["ok"]
    findings = {finding["what"]: finding for finding in as_json.json["findings"]}
    assert findings["database"]["state"] == "ok" and "pgvector 0." in findings["database"]["text"]
    assert findings["SONIQUEBAY_MUSIC_DIR"]["text"] == str(tmp_path)
    for what in findings:
        assert what in shown.stdout


def test_doctor_finds_what_must_be_mended(home: Path, tmp_path: Path) -> None:
    settings = {"home": home, "database_url": NOBODY_LISTENS, "music_dir": tmp_path / "not mounted"}
    result = soniquebay("doctor", "--json", settings=settings)
    assert result.code == 1 and result.json["ok"] is False
    problems = {each["what"]: each["text"] for each in result.json["findings"] if each["state"] == "problem"}
    assert problems.keys() == {"SONIQUEBAY_MUSIC_DIR", "database"}
    assert "mounted" in problems["SONIQUEBAY_MUSIC_DIR"] and "secret-word" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", [("ingest", "--json"), ("status",)], ids=" ".join)
def test_a_database_that_cannot_be_reached(home: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = soniquebay(*command, settings={"home": home, "database_url": NOBODY_LISTENS, "music_dir": tmp_path})
    errors = result.stderr.splitlines()
    assert result.code == 1 and not result.stdout
    assert len(errors) == 1 and errors[0].startswith("error: ") and "SONIQUEBAY_DATABASE_URL" in errors[0]
    assert "secret-word" not in errors[0]


def test_a_database_url_that_is_none(home: Path, tmp_path: Path) -> None:
    result = soniquebay("status", settings={"home": home, "database_url": "my database", "music_dir": tmp_path})
    assert result.code == 2 and "Traceback" not in result.stderr
    assert result.stderr.startswith("error: SONIQUEBAY_DATABASE_URL is no URL")


def test_a_setting_that_is_none(home: Path) -> None:
    result = soniquebay("status", settings={"home": home, "shards": "many"})
    assert result.code == 2 and "Traceback" not in result.stderr
    assert result.stderr.startswith("error: SONIQUEBAY_SHARDS: ") and result.stderr.endswith("not 'many'.\n")
    assert len(result.stderr.splitlines()) == 1


def test_without_a_folder_the_demo_is_run(home: Path) -> None:
    """What `make run` does in a fresh clone, but for the making of most of the songs."""
    library = home / "demo/library"
    truth = build_demo_library(library, tracks_limit=6)
    dataclasses.replace(truth, tracks_limit=None).save(library.with_name(TRUTH_NAME))
    settings: dict[str, object] = {"home": home, "shards": 2}
    try:
        result = soniquebay("run", "--json", settings=settings)
        assert result.code == 0, result.stderr
        assert "generated demo library" in result.stderr and "MUSIC=" in result.stderr
        answer = result.json
        assert answer["library"] == str(library)
        assert answer["files"]["present"] == answer["catalogue"]["tracks"] == 6
        assert answer["files"]["rejected"] == len(truth.rejected)
    finally:
        soniquebay("db", "stop", settings=settings)


def test_the_demo_is_never_made_over_music(tmp_path: Path) -> None:
    mine = tmp_path / "Music [mine]/song.mp3"
    mine.parent.mkdir()
    mine.write_bytes(b"precious")
    result = soniquebay("demo", mine.parent, settings={"home": tmp_path / "home"})
    assert result.code == 1 and "Traceback" not in result.stderr and not result.stdout
    assert "error: " in result.stderr and "song.mp3" in result.stderr and "Nothing was changed" in result.stderr
    assert mine.read_bytes() == b"precious" and [*mine.parent.iterdir()] == [mine]
