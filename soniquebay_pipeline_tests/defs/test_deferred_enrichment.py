"""deferred_enrichment starts the analysis that is due: shard by shard, newest first, never twice over one.

And next_stage, which asks the same as soon as a run has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.defs.jobs import analyse, embed, ingest
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, range_tags
from soniquebay_pipeline.defs.sensors import deferred_enrichment, next_stage
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.settings import Settings, get_settings
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.pipeline_steps import ingest as run_steps

SHARDS = len(SHARD_KEYS)
STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture
def instance(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("SONIQUEBAY_SHARDS", str(SHARDS))
    get_settings.cache_clear()
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def folders(engine: Engine, music: Path) -> list[str]:
    """Two folders of different shards in the catalogue, the second added later."""
    first = "Album 0"
    second = next(f"Album {n}" for n in range(1, 99) if shard_of(f"Album {n}", SHARDS) != shard_of(first, SHARDS))
    for number, folder in enumerate((first, second)):
        song(music / folder / "1.flac", number)
        run_steps(engine, music, range(SHARDS), SHARDS)
    return [first, second]


def key_of(folder: str) -> str:
    return SHARD_KEYS[shard_of(folder, SHARDS)]


def tick(instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    result = deferred_enrichment(dg.build_sensor_context(instance=instance))
    assert isinstance(result, (dg.SensorResult, dg.SkipReason))
    return result


def requested(result: dg.SensorResult | dg.SkipReason) -> list[str]:
    assert isinstance(result, dg.SensorResult) and result.run_requests
    return [request.tags["dagster/asset_partition_range_start"] for request in result.run_requests]


def in_progress(instance: dg.DagsterInstance, job_name: str, tags: dict[str, str]) -> None:
    @dg.job(name=job_name)
    def stand_in() -> None: ...

    instance.create_run_for_job(stand_in, tags=tags, status=STARTED)


def test_due_shards_are_requested_newest_first(instance: dg.DagsterInstance, folders: list[str]) -> None:
    assert requested(tick(instance)) == [key_of(folders[1]), key_of(folders[0])]


def test_a_shard_at_work_is_not_requested_again(instance: dg.DagsterInstance, folders: list[str]) -> None:
    busy = key_of(folders[1])
    in_progress(instance, analyse.name, range_tags(busy, busy))
    assert requested(tick(instance)) == [key_of(folders[0])]
    free = key_of(folders[0])
    in_progress(instance, analyse.name, {"dagster/partition": free})
    result = tick(instance)
    assert isinstance(result, dg.SkipReason) and "queued or being analysed" in (result.skip_message or "")


def test_the_catalogue_comes_first(instance: dg.DagsterInstance, folders: list[str]) -> None:
    in_progress(instance, ingest.name, {})
    result = tick(instance)
    assert isinstance(result, dg.SkipReason) and "waits" in (result.skip_message or "")


def test_nothing_due_is_said(instance: dg.DagsterInstance, engine: Engine, folders: list[str]) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audio_features (track_id, audio_hash, analysis_version, failure_reason)"
                " SELECT t.id, f.audio_hash, 1, 'too_short' FROM tracks t JOIN raw_files f ON f.id = t.file_id"
            )
        )
    result = tick(instance)
    assert isinstance(result, dg.SkipReason) and "Every track is analysed" in (result.skip_message or "")


def after(instance: dg.DagsterInstance, job_name: str) -> dg.SensorResult | dg.SkipReason:
    """What next_stage answers to the end of a run of the job."""

    @dg.job(name=job_name)
    def stand_in() -> None: ...

    ended = stand_in.execute_in_process(instance=instance)
    context = dg.build_run_status_sensor_context(
        sensor_name="next_stage",
        dagster_instance=instance,
        dagster_run=ended.dagster_run,
        dagster_event=ended.get_run_success_event(),
    )
    result = next_stage(context)
    assert isinstance(result, (dg.SensorResult, dg.SkipReason))
    return result


def test_the_end_of_an_ingest_starts_analysis_and_vectors(instance: dg.DagsterInstance, folders: list[str]) -> None:
    result = after(instance, ingest.name)
    assert isinstance(result, dg.SensorResult) and result.run_requests
    asked = [(run.job_name, run.tags["dagster/asset_partition_range_start"]) for run in result.run_requests]
    shards = [key_of(folder) for folder in folders]
    assert asked[:2] == [(analyse.name, shards[1]), (analyse.name, shards[0])]
    assert sorted(asked[2:]) == [(embed.name, shard) for shard in sorted(shards)]


def test_the_next_stage_of_an_ingest_waits_for_another_ingest(instance: dg.DagsterInstance, folders: list[str]) -> None:
    in_progress(instance, ingest.name, {})
    result = after(instance, ingest.name)
    assert isinstance(result, dg.SkipReason) and "waits" in (result.skip_message or "")
