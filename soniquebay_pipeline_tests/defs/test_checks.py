"""Asset checks find what they are for, and those that block keep later assets from building on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.defs.running import instance_of, run
from soniquebay_pipeline_tests.music_files import retag, song

BROKEN = {
    "no_duplicate_artists": (
        "uq_artists_name_key_without_id",
        "INSERT INTO artists (name, name_key) SELECT name, name_key FROM artists",
        {"albums", "tracks"},
    ),
    "no_duplicate_albums": (
        "uq_albums_title_key_without_id",
        "INSERT INTO albums (title, title_key, album_artist_id) SELECT title, title_key, album_artist_id FROM albums",
        {"tracks"},
    ),
    "no_duplicate_genres": (
        "uq_genres_name_key",
        "INSERT INTO genres (name, name_key) SELECT name, name_key FROM genres",
        {"tracks"},
    ),
}
"""Check → a unique index, a statement that breaks it, the assets that must not run."""


@pytest.fixture
def instance(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with instance_of(settings_env, monkeypatch) as found:
        yield found


@pytest.fixture
def track(music: Path) -> Path:
    return song(music / "Artist/Album/01.flac", 1, genres=("Rock",))


def execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}


@pytest.mark.parametrize("check", BROKEN)
def test_a_blocking_check_blocks(instance: dg.DagsterInstance, track: Path, engine: Engine, check: str) -> None:
    index, duplicate, not_run = BROKEN[check]
    assert run(instance).success
    retag(track, 1, title="Other", genres=("Rock",))
    # A damaged index, as another version of the machine's collations makes it: rows that it does not know.
    maintained = f"UPDATE pg_index SET indisready = {{}} WHERE indexrelid = '{index}'::regclass"
    execute(engine, maintained.format("false"))
    execute(engine, duplicate)
    execute(engine, maintained.format("true"))
    result = run(instance)
    assert not result.success
    assert evaluations(result)[check] is False
    ran = {event.step_key for event in result.all_events if event.event_type_value == "STEP_SUCCESS"}
    assert not_run.isdisjoint(ran)
    with engine.connect() as connection:
        titles = connection.execute(text("SELECT title FROM tracks")).scalars().all()
    assert titles == ["Song 1"], "nothing was built on it"


def test_checks_that_warn_fail_no_run(instance: dg.DagsterInstance, music: Path) -> None:
    (music / "bad.flac").write_bytes(b"no music")
    song(music / "good.flac", 1)
    result = run(instance)
    assert result.success
    assert evaluations(result)["rejected_files"] is False
    [found] = [e for e in result.get_asset_check_evaluations() if e.check_name == "rejected_files"]
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert "soniquebay rejected" in (found.description or "")


def test_orphans_and_outdated_tracks_are_found(instance: dg.DagsterInstance, track: Path, engine: Engine) -> None:
    assert run(instance).success
    execute(engine, "DELETE FROM track_artists", "UPDATE raw_metadata SET revision = revision + 1")
    only_checks = dg.define_asset_job(
        "only_checks", selection=dg.AssetSelection.checks_for_assets(dg.AssetKey("tracks"))
    )
    job = dg.Definitions(
        assets=defs.assets, asset_checks=defs.asset_checks, jobs=[only_checks], resources=defs.resources
    ).resolve_job_def("only_checks")
    found = evaluations(job.execute_in_process(instance=instance, raise_on_error=False))
    assert found["no_orphan_references"] is False
    assert found["catalogue_equals_files"] is False
