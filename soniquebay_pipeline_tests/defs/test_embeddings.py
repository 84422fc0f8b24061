"""embeddings through Dagster: what a run reports, that a second does nothing, and when the sensor starts one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.defs.jobs import analyse, embed, ingest
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, range_tags
from soniquebay_pipeline.defs.sensors import deferred_vectors
from soniquebay_pipeline.settings import Settings, get_settings
from soniquebay_pipeline.vectors.run import make_due_vectors
from soniquebay_pipeline_tests.defs.running import instance_of, reported, run
from soniquebay_pipeline_tests.defs.test_deferred_enrichment import in_progress, requested
from soniquebay_pipeline_tests.music_files import music_of, song
from soniquebay_pipeline_tests.vectors.catalogue import Track, add_tracks, any_sound, set_sound, tiny_model

ALL = range(len(SHARD_KEYS))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture
def settings(settings_env: Settings, monkeypatch: pytest.MonkeyPatch, model: Path) -> Iterator[Settings]:
    monkeypatch.setenv("SONIQUEBAY_TEXT_MODEL", str(model))
    monkeypatch.setenv("SONIQUEBAY_SHARDS", str(len(SHARD_KEYS)))
    get_settings.cache_clear()
    return get_settings()


def test_a_run_embeds_and_a_second_is_skipped(
    settings: Settings, engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music_of(music / "A/one.flac", genres=("Rock",))
    song(music / "B/short.flac", 2)
    with instance_of(settings, monkeypatch) as instance:
        result = run(instance, job="run_everything")
        assert result.success
        report = reported(result)["embeddings"]
        assert (report["encoded"], report["audio"], report["combined"], report["failed"]) == (2, 1, 2, 0)
        assert (report["coverage"], report["has_audio"]) == (1.0, 0.5)
        assert report["model"].startswith("small@") and report["scaler_version"] == "1"
        assert report["encoded_per_second"] > 0 and report["dagster/row_count"] == 5
        passed = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
        names = ("coverage", "dimensions", "lengths", "models", "orphans")
        assert all(passed[f"vector_{name}"] for name in names) and passed["scaler_fits"]
        again = run(instance, job="run_everything")
        assert again.success and "embeddings" not in reported(again)
        # What makes vectors due makes the run do them.
        with engine.begin() as connection:
            connection.execute(text("UPDATE tracks SET title = 'other' WHERE title = 'one'"))
        third = reported(run(instance, job="run_everything"))["embeddings"]
        assert (third["encoded"], third["combined"]) == (1, 1)
        assert instance.get_runs_count() == 3


def test_validation_runs_the_checks_alone(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from soniquebay_pipeline.definitions import defs

    add_tracks(engine, [Track("one", sound=any_sound(1))])
    make_due_vectors(engine, settings, ALL)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM embeddings"))
    with instance_of(settings, monkeypatch) as instance:
        job = defs.resolve_job_def("validate_vectors")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
        assert failed == {"vector_coverage"}
        assert not result.get_asset_materialization_events()


def test_maintenance_fits_an_outgrown_scaler(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soniquebay_pipeline.definitions import defs

    add_tracks(engine, [Track("one", sound=any_sound(1))])
    make_due_vectors(engine, settings, ALL)
    add_tracks(engine, [Track(f"more {n}", sound=any_sound(n + 2)) for n in range(4)])
    make_due_vectors(engine, settings, ALL)
    with instance_of(settings, monkeypatch) as instance:
        assert defs.resolve_job_def("maintenance").execute_in_process(instance=instance).success
    with engine.connect() as connection:
        versions = connection.execute(text("SELECT DISTINCT version FROM embeddings WHERE kind = 'audio'")).scalars()
        assert list(versions) == [2]


def test_a_model_that_can_not_be_used_fails_clearly(
    settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SONIQUEBAY_TEXT_MODEL", str(tmp_path / "empty"))
    get_settings.cache_clear()
    with instance_of(get_settings(), monkeypatch) as instance:
        result = run(instance, job="embed")
        assert not result.success
        [failure] = [e for e in result.all_events if e.is_step_failure]
        assert "holds no model" in str(failure.step_failure_data.user_failure_data)
        skipped = deferred_vectors(dg.build_sensor_context(instance=instance))
        assert isinstance(skipped, dg.SkipReason) and "holds no model" in (skipped.skip_message or "")


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def tick(instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    result = deferred_vectors(dg.build_sensor_context(instance=instance))
    assert isinstance(result, (dg.SensorResult, dg.SkipReason))
    return result


def why(result: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def test_the_sensor_requests_a_run_a_shard(instance: dg.DagsterInstance, engine: Engine) -> None:
    assert "Every track has its vectors" in why(tick(instance))
    add_tracks(engine, [Track("one", shard=3), Track("two", shard=5), Track("three", shard=5)])
    assert requested(tick(instance)) == [SHARD_KEYS[3], SHARD_KEYS[5]]


def test_the_sensor_leaves_shards_at_work_alone(instance: dg.DagsterInstance, engine: Engine) -> None:
    add_tracks(engine, [Track("one", shard=3), Track("two", shard=5)])
    in_progress(instance, embed.name, range_tags(SHARD_KEYS[3], SHARD_KEYS[3]))
    assert requested(tick(instance)) == [SHARD_KEYS[5]]
    in_progress(instance, embed.name, {"dagster/partition": SHARD_KEYS[5]})
    assert "queued or at work" in why(tick(instance))


def test_the_catalogue_comes_first(instance: dg.DagsterInstance, engine: Engine) -> None:
    add_tracks(engine, [Track("one")])
    in_progress(instance, ingest.name, {})
    assert "making vectors waits" in why(tick(instance))


def test_sound_waits_for_the_analysis_of_its_shard_and_words_do_not(
    instance: dg.DagsterInstance, engine: Engine, settings: Settings
) -> None:
    ids = add_tracks(engine, [Track("one", shard=3), Track("two", shard=5)])
    in_progress(instance, analyse.name, range_tags(SHARD_KEYS[3], SHARD_KEYS[5]))
    assert requested(tick(instance)) == [SHARD_KEYS[3], SHARD_KEYS[5]]
    make_due_vectors(engine, settings, ALL)
    with engine.begin() as connection:
        set_sound(connection, ids[0], any_sound(1))
    assert "are being analysed" in why(tick(instance))


def test_no_run_is_started_for_what_failed_until_its_time(
    instance: dg.DagsterInstance, engine: Engine, settings: Settings
) -> None:
    add_tracks(engine, [Track("one", shard=3)])
    make_due_vectors(engine, settings, ALL)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM embeddings"))
        connection.execute(
            text(
                "INSERT INTO deferred_tasks (queue, entity_type, entity_id, about, state, attempts, next_attempt_at)"
                " SELECT 'vectors', 'track_text', track_id, sentence_hash || ' ' || :model, 'waiting', 1,"
                " now() + interval '1 hour' FROM track_texts"
            ),
            {"model": make_due_vectors(engine, settings, []).model},
        )
    assert "next attempt" in why(tick(instance))
    with engine.begin() as connection:
        connection.execute(text("UPDATE deferred_tasks SET next_attempt_at = now()"))
    assert requested(tick(instance)) == [SHARD_KEYS[3]]


def test_a_tick_without_time_looks_at_one_shard_and_the_next_goes_on(
    settings: Settings, engine: Engine, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONIQUEBAY_SENSOR_TICK_SECONDS", "0.000001")
    get_settings.cache_clear()
    add_tracks(engine, [Track("one", shard=1), Track("last", shard=len(SHARD_KEYS) - 1)])
    asked: list[str] = []
    cursor = None
    for _ in range(len(SHARD_KEYS) + 2):
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        result = deferred_vectors(context)
        assert isinstance(result, (dg.SensorResult, dg.SkipReason))
        if isinstance(result, dg.SensorResult):
            asked += requested(result)
        else:
            assert "the others come next" in why(result)
        cursor = context.cursor
    assert asked == [SHARD_KEYS[1], SHARD_KEYS[-1], SHARD_KEYS[1]]
