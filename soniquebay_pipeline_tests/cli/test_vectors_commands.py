"""`vectors validate` and `vectors refit`, as a person calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.run import make_due_vectors
from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.vectors.catalogue import Track, add_tracks, any_sound, tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "small")


def test_validate_and_refit(database: str, engine: Engine, tmp_path: Path, model: Path) -> None:
    values = {"home": tmp_path / "home", "database_url": database, "text_model": model}

    def vectors(*arguments: str) -> CommandResult:
        return soniquebay("vectors", *arguments, settings=values)

    empty = vectors("refit")
    assert empty.code == 0 and "No track has audio features yet" in empty.stderr
    [track_id, _] = add_tracks(engine, [Track("one", sound=any_sound(1)), Track("two", sound=any_sound(2))])
    make_due_vectors(engine, Settings(home=tmp_path / "home", text_model=str(model)), range(32))
    good = vectors("validate", "--json")
    assert good.code == 0 and good.json["ok"]
    assert {finding["name"]: finding["ok"] for finding in good.json["findings"]}["vector_coverage"]
    refitted = vectors("refit")
    assert "Scaler 2 is in force" in refitted.stdout  # the first vectors fitted the first
    assert refitted.code == 0 and "2 audio and 2 combined vectors written" in refitted.stdout
    with engine.begin() as connection:
        connection.execute(text("UPDATE embeddings SET version = 0 WHERE kind = 'audio'"))
        connection.execute(text("DELETE FROM embeddings WHERE track_id = :id"), {"id": track_id})
    bad = vectors("validate")
    assert bad.code == 1 and "1 of 2 tracks have vectors" in bad.stdout and "are not of scaler" in bad.stdout


def test_a_model_that_is_not_there_is_named(database: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    values = {"home": tmp_path / "home", "database_url": database, "text_model": tmp_path / "empty"}
    doctor = soniquebay("doctor", "--json", settings=values)
    [finding] = [f for f in doctor.json["findings"] if f["what"] == "text model"]
    assert finding["state"] == "problem" and "holds no model" in finding["text"]
