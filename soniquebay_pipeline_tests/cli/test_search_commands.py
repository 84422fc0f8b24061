"""`search`, `similar`, `playlist`, `map`, `vectors rebuild` as a person calls them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.vectors.synthetic import Track, write

LIBRARY = [
    Track("Jóga", "Björk", "Homogenic", [1.0, 0.0], [1.0, 0.0], bpm=84, key="8A", genres=("Trip Hop",), year=1997),
    Track("Hunter", "Björk", "Homogenic", [1.0, 0.1], [1.0, 0.1], bpm=90, key="9A", genres=("Trip Hop",), year=1997),
    Track("Roads", "Portishead", "Dummy", [0.8, 0.4], [1.0, 0.2], bpm=76, key="3B", genres=("Trip Hop",), year=1994),
    Track("Teardrop", "Massive Attack", "Mezzanine", [0.7, 0.6], [1.0, 0.4], bpm=88, key="8B", year=1998),
    Track("[bold]Loud[/bold]", "<b>Noise</b>", "Din", [0.0, 1.0], [0.0, 1.0], bpm=180, key="2A", genres=("Noise",)),
    Track("Roads", "Cover Band", "Covers", [0.5, 0.5], [0.5, 0.5], bpm=80, key="3B"),
    Track("No vector", "Nobody", "Nothing"),
]


@pytest.fixture(scope="module")
def run(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("home")
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        write(engine, LIBRARY)
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO library (id, root, shards) VALUES (1, :root, 4)"), {"root": str(home / "music")}
            )
        engine.dispose()

        def command(*arguments: str | os.PathLike[str]) -> CommandResult:
            return soniquebay(*arguments, settings={"home": home, "database_url": url}, cwd=home)

        command.home = home  # type: ignore[attr-defined]
        yield command


def ids(result: CommandResult) -> list[int]:
    assert result.code == 0, result.stderr
    return [row["track_id"] for row in result.json["tracks"]]


def test_search(run: Any) -> None:
    found = run("search", "--json", "--words", "bjork", "joga")
    assert ids(found) == [1] and found.json["note"] is None
    shown = run("search", "--words", "loud")
    assert "[bold]Loud[/bold]" in shown.stdout and "<b>Noise</b>" in shown.stdout
    nothing = run("search", "--words", "zzzz")
    assert nothing.code == 0 and "Nothing was found" in nothing.stdout
    assert run("search").code == 2


def test_similar(run: Any) -> None:
    assert ids(run("similar", "joga", "--json"))[0] == 2
    assert ids(run("similar", "1", "--json", "--bpm", "80..89", "--year", "1990.."))[0] == 4
    assert ids(run("similar", "1", "--json", "--key", "compatible")) == [2, 4]
    assert ids(run("similar", "1", "--json", "--key", "3b")) == [3, 6]
    assert ids(run("similar", "1", "--json", "--genre", "trip-hop", "--not-same-artist")) == [3]
    assert ids(run("similar", "1", "--json", "--year", "1994")) == [3]
    assert ids(run("similar", "1", "--json", "--by", "text", "-n", "1")) == [2]
    shown = run("similar", "1")
    assert shown.code == 0 and "timbre" in shown.stdout and "Jóga (84 bpm, 8A)" in shown.stdout
    assert "Nothing passes" in run("similar", "1", "--bpm", "300..").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["similar", "roads"], "2 tracks are called 'roads'"),
        (["similar", "nobody knows"], "No track is called"),
        (["similar", "1", "--bpm", "fast"], "--bpm takes a range such as 118..126"),
        (["similar", "1", "--bpm", "120"], "--bpm takes a range"),
        (["similar", "1", "--bpm", "130..120"], "130 is more than 120"),
        (["similar", "1", "--bpm", "nan..nan"], "--bpm takes a range"),
        (["similar", "1", "--key", "H"], "--key takes compatible"),
        (["similar", "1", "--genre", "polka"], "Trip Hop, Noise"),
        (["similar", "1", "--by", "smell"], "--by takes"),
        (["playlist", "--from", "1", "-o", "song.mp3"], "does not end in .m3u8"),
        (["playlist", "--from", "roads"], "2 tracks are called"),
    ],
)
def test_wrong_usage(run: Any, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.code == 2 and said in result.stderr and "Traceback" not in result.stderr and not result.stdout


def test_candidates_are_listed(run: Any) -> None:
    result = run("similar", "roads")
    assert "Portishead" in result.stderr and "Cover Band" in result.stderr


def test_a_track_without_a_vector(run: Any) -> None:
    result = run("similar", "no vector")
    assert result.code == 1 and "has no combined vector yet" in result.stderr


def test_playlist(run: Any) -> None:
    target = run.home / "lists" / "evening.m3u8"
    failed = run("playlist", "--from", "1", "-o", target)
    assert failed.code == 1 and "evening.m3u8" in failed.stderr and "Traceback" not in failed.stderr
    target.parent.mkdir()
    made = run("playlist", "--from", "joga", "--to", "5", "--length", "4", "-o", target, "--json")
    tracks = ids(made)
    assert len(tracks) == 4 and tracks[0] == 1 and tracks[-1] == 5 and made.json["file"] == str(target)
    lines = target.read_text("utf-8").splitlines()
    assert lines[0] == "#EXTM3U" and lines[1] == "#EXTINF:200,Björk - Jóga"
    assert lines[2] == "../music/Björk/Homogenic/1.flac"
    shown = run("playlist", "--from", "1", "--length", "50")
    assert shown.code == 0 and "there are no more to choose from" in shown.stderr
    assert run("playlist", "--from", "1", "--to", "1").code == 1


def test_map(run: Any) -> None:
    made = run("map")
    assert made.code == 0, made.stderr
    path = Path(made.stdout.strip())
    assert path == run.home / "maps" / "library.html" and "Jóga" in path.read_text("utf-8").replace("\\u00f3", "ó")
    before = path.stat().st_mtime_ns
    assert run("map", "--json").json == {"file": str(path), "tracks": 6}
    assert path.stat().st_mtime_ns == before, "drawn again only where vectors changed"


def test_rebuild(run: Any) -> None:
    answer = run("vectors", "rebuild", "--json").json
    assert {index["action"] for index in answer["indexes"]} == {"exact"} and answer["exact_up_to"] >= 1000
    assert "exact" in run("vectors", "rebuild").stdout


def test_an_empty_catalogue(server: DatabaseServer, tmp_path: Path) -> None:
    with server.database() as url:
        settings = {"home": tmp_path, "database_url": url}
        assert soniquebay("search", "anything", settings=settings).code == 0
        assert soniquebay("similar", "anything", settings=settings).code == 2
        for command in (["map"], ["playlist", "--from", "x"]):
            result = soniquebay(*command, settings=settings)
            assert result.code in (1, 2) and "Traceback" not in result.stderr and result.stderr.startswith("error:")
        assert "no vectors yet" in soniquebay("vectors", "rebuild", settings=settings).stdout
