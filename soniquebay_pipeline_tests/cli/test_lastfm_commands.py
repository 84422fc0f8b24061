"""`soniquebay lastfm status` and `enrich`, as a person types them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LastFmServer, error, lastfm_server
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.pipeline_steps import ingest


@pytest.fixture
def lastfm() -> Iterator[LastFmServer]:
    with lastfm_server() as server:
        server.artist("Cher", tags=[("pop", 100)])
        server.artist("Abba")
        yield server


@pytest.fixture
def settings(database: str, engine: Engine, music: Path, tmp_path: Path, lastfm: LastFmServer) -> dict[str, object]:
    """A library of two artists, and a key."""
    song(music / "Cher/Believe/1.flac", 1, artist=("Cher",), album="Believe")
    song(music / "Abba/Arrival/1.flac", 2, artist=("Abba",), album="Arrival")
    ingest(engine, music)
    return {
        "home": tmp_path / "home",
        "music_dir": music,
        "database_url": database,
        "lastfm_url": lastfm.url,
        "lastfm_api_key": API_KEY,
        "lastfm_calls_per_second": 1000,
    }


def shown(result: CommandResult) -> str:
    assert API_KEY not in result.stdout + result.stderr
    return result.stdout + result.stderr


def test_enrich_and_status(settings: dict[str, object], lastfm: LastFmServer) -> None:
    one = soniquebay("lastfm", "enrich", "cher", "--json", settings=settings)
    assert one.code == 0 and one.json["ok"], shown(one)
    assert one.json["assets"]["lastfm_artists"]["found"] == 1
    assert {call.parameters["artist"] for call in lastfm.calls} == {"Cher"}
    lastfm.scripts["artist.getinfo"] = [error(8)]
    rest = soniquebay("lastfm", "enrich", settings=settings)
    assert rest.code == 0 and "lastfm_artists: 1 asked, 0 found, 0 nothing, 0 not believed, 1 failed" in shown(rest)
    status = soniquebay("lastfm", "status", "--json", settings=settings)
    figures = status.json["kinds"]["artist"]
    assert (figures["total"], figures["asked"], figures["known"], figures["waiting"]) == (2, 1, 1, 1)
    assert status.json["last_errors"][0]["error"] == "server_error: error 8: Something went wrong"
    assert "error 8" in shown(soniquebay("lastfm", "status", settings=settings))


def test_what_goes_wrong_is_said_in_a_line(settings: dict[str, object], lastfm: LastFmServer) -> None:
    unknown = soniquebay("lastfm", "enrich", "Nobody I Know", settings=settings)
    assert unknown.code == 1 and "no artist 'Nobody I Know'" in shown(unknown)
    refused = soniquebay("lastfm", "enrich", settings=settings | {"lastfm_api_key": "f" * 32})
    assert refused.code == 1 and "SONIQUEBAY_LASTFM_API_KEY" in shown(refused)
    without = soniquebay("lastfm", "enrich", settings=settings | {"lastfm_api_key": ""})
    assert without.code == 1 and "SONIQUEBAY_LASTFM_API_KEY" in shown(without)
    wrong = soniquebay("lastfm", "status", settings=settings | {"lastfm_kinds": "artists,films"})
    assert wrong.code == 2 and "SONIQUEBAY_LASTFM_KINDS" in shown(wrong) and "films" in shown(wrong)
    assert "Traceback" not in shown(unknown) + shown(refused) + shown(without) + shown(wrong)
