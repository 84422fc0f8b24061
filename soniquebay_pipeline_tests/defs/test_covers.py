"""The asset covers in Dagster: what it reports, when it is skipped, its checks, the maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.artwork.picture_files import jpeg, put, shown
from soniquebay_pipeline_tests.defs.running import instance_of, reported, run
from soniquebay_pipeline_tests.music_files import song

CHECKS = {"cover_coverage", "low_resolution_covers", "missing_picture_files", "stray_picture_files"}


@pytest.fixture
def instance(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with instance_of(settings_env, monkeypatch) as made:
        yield made


def evaluated(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations() if e.check_name in CHECKS}


def test_covers_run_with_the_ingest(
    instance: dg.DagsterInstance, engine: Engine, music: Path, settings_env: Settings
) -> None:
    song(music / "X/1.flac", 1, picture=jpeg(1))
    song(music / "Y/2.flac", 2, album="Other")
    put(music / "Y/cover.jpg", b"<html>")
    result = run(instance)
    assert result.success
    metadata = reported(result)["covers"]
    assert (metadata["pictures_stored"], metadata["covers_added"], metadata["refused_not_a_picture"]) == (1, 1, 1)
    assert metadata["new_pictures"].startswith("![new pictures](data:image/png;base64,")
    assert len(metadata["new_pictures"]) < 60_000
    assert "Y/cover.jpg" in metadata["refused_pictures"]
    assert evaluated(result) == dict.fromkeys(CHECKS, True)
    # Nothing changed: nothing after raw_metadata runs.
    assert "covers" not in reported(run(instance))
    # A new picture beside unchanged files.
    put(music / "Y/folder.png", jpeg(2, 200))
    again = reported(run(instance))
    assert (again["covers"]["looked_at"], again["covers"]["covers_added"]) == (1, 1)
    assert again["raw_files"]["pictures_changed"] == 1
    assert shown(engine)["Other"][0] == "local"
    # A file that went missing below SONIQUEBAY_HOME is found, and made again.
    [path] = [p for p in (settings_env.home / "covers").rglob("*.jpg") if p.stat().st_size == len(jpeg(2, 200))]
    path.unlink()
    put(music / "Z/3.flac", b"")
    put(music / "X/notes.txt", b"")
    song(music / "Z/4.flac", 4, album="Third")
    checked = run(instance)
    assert evaluated(checked)["missing_picture_files"] is False
    assert evaluated(checked)["low_resolution_covers"] is False
    maintained = defs.resolve_job_def("maintenance").execute_in_process(instance=instance)
    assert maintained.success
    assert run(instance).success
    assert path.exists()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM covers")).scalar_one() == 2
