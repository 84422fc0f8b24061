"""`soniquebay cover`: as a person types it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from soniquebay_pipeline.library.record import open_library
from soniquebay_pipeline_tests.artwork.picture_files import cover, jpeg, put
from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.music_files import song


@pytest.fixture
def settings(database: str, engine: Engine, music: Path, tmp_path: Path) -> dict[str, Any]:
    """A catalogue of two albums of one title, and one of another, with a cover."""
    song(music / "X/1.flac", 1, album="Shown", picture=jpeg(1))
    for name in ("A", "B"):
        song(music / f"{name}/1.flac", ord(name), album="Twice", artist=(name,))
    home = tmp_path / "home"
    home.mkdir()
    open_library(engine, music, 32)
    cover(engine, music, home)
    return {"home": home, "database_url": database, "music_dir": music}


def test_show_set_unset_missing(settings: dict[str, Any], tmp_path: Path) -> None:
    def call(*arguments: str) -> CommandResult:
        return soniquebay("cover", *arguments, settings=settings)

    shown = call("show", "shown", "--json")
    assert shown.code == 0, shown.stderr
    assert shown.json["cover"]["source"] == "embedded" and Path(shown.json["cover"]["file"]).is_file()
    assert [offer["source"] for offer in shown.json["offers"]] == ["embedded"]
    twice = call("show", "Twice")
    assert twice.code == 1 and "Give the id" in twice.stderr
    missing = call("missing", "--json").json["missing"]
    assert [entry["name"] for entry in missing] == ["Twice – A", "Twice – B"]
    picture = put(tmp_path / "mine.png", jpeg(5))
    id_ = str(missing[0]["id"])
    assert call("set", id_, str(picture)).code == 0
    assert call("show", id_, "--json").json["cover"]["source"] == "chosen"
    refused = call("set", id_, str(put(tmp_path / "page.jpg", b"<html>")))
    assert refused.code == 1 and "not_a_picture" in refused.stderr and "Nothing was changed" in refused.stderr
    assert "embedded" in soniquebay("status", settings=settings).stdout
    assert soniquebay("status", "--json", settings=settings).json["album_covers"] == {
        "chosen": 1,
        "embedded": 1,
        "none": 1,
    }
    assert call("unset", id_, "--json").json == {
        "of": "album",
        "id": int(id_),
        "name": "Twice – A",
        "unset": True,
        "source": None,
    }
    assert call("show", "Artist", "--of", "artist").stdout.count("no cover") == 1
    assert call("show", "Song 1", "--of", "track", "--json").json["cover"]["source"] == "embedded"
    assert call("show", "Nowhere").code == 1
    assert call("missing", "--of", "genre").code == 2
