"""The assets through Dagster: real runs on a real instance, what they report, how they fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.db.tables import metadata
from soniquebay_pipeline.defs.lineage import LINEAGE
from soniquebay_pipeline.defs.partitions import SHARD_KEYS
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.defs.running import instance_of, reported, run
from soniquebay_pipeline_tests.music_files import music_of, retag, song

CATALOGUE = ["raw_files", "raw_metadata", "artists", "albums", "genres", "tracks"]


@pytest.fixture
def instance(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with instance_of(settings_env, monkeypatch) as found:
        yield found


@pytest.fixture
def songs(music: Path) -> list[Path]:
    return [
        song(
            music / f"Artist {n % 3}/Album {n % 3}/{n:02d}.flac", n, artist=(f"Artist {n % 3}",), album=f"Album {n % 3}"
        )
        for n in range(9)
    ]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_run_over_all_shards_reports_what_it_did(
    instance: dg.DagsterInstance, songs: list[Path], engine: Engine
) -> None:
    assert type(instance.event_log_storage).__name__.startswith("Postgres")
    result = run(instance)
    assert result.success
    said = reported(result)
    assert set(said) >= set(CATALOGUE)
    for table in CATALOGUE:
        assert said[table]["dagster/row_count"] == count(engine, table), table
        schema = said[table]["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [column.name for column in metadata.tables[table].columns]
        from_before = [column.name for column in schema.columns if "from " in (column.description or "")]
        assert set(from_before) >= set(LINEAGE.get(table, ()))
        assert ("dagster/column_lineage" in said[table]) == (table != "raw_files")
    copied = {
        column: dep.column_name
        for column, [dep, *more] in said["tracks"]["dagster/column_lineage"].deps_by_column.items()
        if dep.asset_key.path == ["raw_metadata"] and not more
    }
    assert {"title", "year", "musicbrainz_id"} <= set(copied)
    with engine.connect() as connection:
        for column, source in copied.items():
            query = f"SELECT count(*) FROM tracks t JOIN raw_metadata m USING (file_id) WHERE t.{column} = m.{source}"
            filled = f"SELECT count({column}) FROM tracks"
            assert connection.execute(text(query)).scalar_one() == connection.execute(text(filled)).scalar_one(), column
    assert said["raw_files"]["files_seen"] == said["raw_files"]["added"] == len(songs)
    assert said["raw_metadata"]["described"] == len(songs)
    assert (said["artists"]["artists_added"], said["albums"]["albums_added"]) == (3, 3)
    assert said["tracks"]["tracks_added"] == len(songs)
    checks = {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}
    # None of these songs has a picture.
    assert {name for name, passed in checks.items() if not passed} == {"cover_coverage"}
    for name in CATALOGUE:
        assert instance.get_materialized_partitions(dg.AssetKey(name)) == set(SHARD_KEYS), name

    retag(songs[0], 0, title="Other", artist=("Artist 0",), album="Album 0")
    again = run(instance)
    assert again.success
    said = reported(again)
    assert (said["raw_files"]["retagged"], said["raw_metadata"]["described"]) == (1, 1)
    assert (said["tracks"]["tracks_added"], said["tracks"]["tracks_updated"]) == (0, 1)


def test_a_run_over_one_shard_touches_that_shard(
    instance: dg.DagsterInstance, songs: list[Path], music: Path, engine: Engine
) -> None:
    shard = shard_of(str(songs[0].parent.relative_to(music)), len(SHARD_KEYS))
    inside = [path for path in songs if shard_of(str(path.parent.relative_to(music)), len(SHARD_KEYS)) == shard]
    result = run(instance, shards=(shard, shard))
    assert result.success
    assert count(engine, "raw_files") == count(engine, "tracks") == len(inside)
    assert instance.get_materialized_partitions(dg.AssetKey("tracks")) == {SHARD_KEYS[shard]}


def test_a_library_that_is_gone_fails_once_and_says_what_to_do(
    instance: dg.DagsterInstance, songs: list[Path], music: Path, engine: Engine
) -> None:
    assert run(instance).success
    for path in songs:
        path.unlink()
    result = run(instance)
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "raw_files"
    description = failure.step_failure_data.user_failure_data.description
    assert "Nothing was changed" in description and "\n" not in description
    assert str(music) in description
    assert not any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)
    assert count(engine, "raw_files") == count(engine, "tracks") == len(songs)
    with engine.connect() as connection:
        missing = connection.execute(text("SELECT count(*) FROM raw_files WHERE status <> 'present'")).scalar_one()
    assert missing == 0


def test_a_bad_file_fails_no_run(instance: dg.DagsterInstance, songs: list[Path], music: Path, engine: Engine) -> None:
    (music / "Artist 0" / "broken.flac").write_bytes(b"fLaC" + bytes(100))
    (music / "Artist 0" / "empty.mp3").touch()
    result = run(instance)
    assert result.success
    assert count(engine, "tracks") == len(songs)
    with engine.connect() as connection:
        rejected = connection.execute(
            text("SELECT count(*) FROM raw_files WHERE status = 'rejected' AND reject_reason <> ''")
        ).scalar_one()
    assert rejected == 2


def test_analysis_reports_what_it_measured(instance: dg.DagsterInstance, music: Path) -> None:
    music_of(music / "Band/Album/one.flac", bpm=100.0)
    song(music / "Band/Album/too short.flac", 7)
    result = run(instance, job="run_everything")
    assert result.success
    said = reported(result)["audio_features"]
    assert (said["analysed"], said["failed"], said["failed_too_short"]) == (1, 1, 1)
    assert "too short.flac" in said["failed_tracks"]
    assert said["tempo"].startswith("![tempo](data:image/png") and said["keys"].startswith("![keys](")
    assert said["minutes_of_audio"] > 0 and said["real_time_factor"] > 0
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert "failed_analyses" in failed and "values_in_range" not in failed


def test_an_analysis_that_was_interrupted_is_done_by_the_next_run_of_everything(
    instance: dg.DagsterInstance, music: Path, engine: Engine
) -> None:
    music_of(music / "Band/Album/one.flac", bpm=100.0)
    assert run(instance, job="run_everything").success
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audio_features"))
    assert run(instance, job="run_everything").success
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audio_features")).scalar_one() == 1
