"""new_music_sensor requests the shards that changed, and says what it saw when it requests nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from soniquebay_pipeline.defs import sensors
from soniquebay_pipeline.defs.jobs import ingest
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, range_tags
from soniquebay_pipeline.defs.runs import PROCESS_TAG
from soniquebay_pipeline.defs.sensors import new_music_sensor
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.library.record import open_library
from soniquebay_pipeline.settings import Settings, get_settings
from soniquebay_pipeline_tests.defs.test_deferred_enrichment import in_progress
from soniquebay_pipeline_tests.defs.test_runs import dead_process
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.pipeline_steps import scan_files

SHARDS = len(SHARD_KEYS)


class Ticks:
    """Evaluates the sensor again and again with the cursor it left."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = new_music_sensor(context)
        assert isinstance(result, (dg.SensorResult, dg.SkipReason))
        self.cursor = (result.cursor if isinstance(result, dg.SensorResult) else None) or context.cursor
        return result

    def skipped(self) -> str:
        """A tick that requests nothing; its reason."""
        result = self.tick()
        assert isinstance(result, dg.SkipReason) and result.skip_message
        return result.skip_message

    def requested(self) -> list[tuple[str, str, str]]:
        """A tick that requests runs: (first shard, last shard, because) of each."""
        result = self.tick()
        assert isinstance(result, dg.SensorResult) and result.run_requests
        return [
            (
                request.tags["dagster/asset_partition_range_start"],
                request.tags["dagster/asset_partition_range_end"],
                request.tags["soniquebay/because"],
            )
            for request in result.run_requests
        ]


@pytest.fixture
def ticks(settings_env: Settings, monkeypatch: pytest.MonkeyPatch, engine: Engine, music: Path) -> Ticks:
    """The sensor over a library of two albums that the database knows, without a time to settle."""
    monkeypatch.setenv("SONIQUEBAY_SETTLE_SECONDS", "0")
    monkeypatch.setenv("SONIQUEBAY_SHARDS", str(SHARDS))
    get_settings.cache_clear()
    for number in range(2):
        song(music / f"Album {number}/1.flac", number)
    open_library(engine, music, SHARDS)
    scan_files(engine, music, range(SHARDS), SHARDS)
    return Ticks(dg.DagsterInstance.ephemeral())


def in_shards(count: int, *, apart: bool) -> list[str]:
    """Names of folders in so many shards, no two of them neighbours, or all of them."""
    names: dict[int, str] = {}
    for number in range(10_000):
        names.setdefault(shard_of(f"New {number}", SHARDS), f"New {number}")
    step = 2 if apart else 1
    return [names[2 + step * number] for number in range(count)]


def key(folder: str) -> str:
    return SHARD_KEYS[shard_of(folder, SHARDS)]


def test_nothing_new_is_said_so(ticks: Ticks) -> None:
    assert ticks.skipped() == "looked at 3 folders, no changes, round complete"


def test_new_music_is_requested_with_its_shard_only(ticks: Ticks, music: Path) -> None:
    song(music / "New/Sub/1.flac", 50)
    assert ticks.requested() == [(key("New/Sub"), key("New/Sub"), "New/Sub")]


def test_what_settles_is_waited_for(ticks: Ticks, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIQUEBAY_SETTLE_SECONDS", "3600")
    get_settings.cache_clear()
    song(music / "New/1.flac", 50)
    assert "1 changed, 1 still settling" in ticks.skipped()
    monkeypatch.setenv("SONIQUEBAY_SETTLE_SECONDS", "0")
    get_settings.cache_clear()
    assert ticks.requested() == [(key("New"), key("New"), "New")]


def test_what_vanished_is_requested(ticks: Ticks, music: Path) -> None:
    shutil.rmtree(music / "Album 1")
    assert ticks.requested() == [(key("Album 1"), key("Album 1"), "Album 1")]


def test_what_was_requested_is_not_requested_again(ticks: Ticks, music: Path) -> None:
    song(music / "New/1.flac", 50)
    ticks.requested()
    assert "were requested before and did not change" in ticks.skipped()


def test_neighbouring_shards_are_one_run(ticks: Ticks, music: Path) -> None:
    folders = in_shards(3, apart=False)
    for number, folder in enumerate(folders):
        song(music / folder / "1.flac", 50 + number)
    [(first, last, because)] = ticks.requested()
    assert (first, last) == (key(folders[0]), key(folders[-1]))
    assert all(folder in because for folder in folders)


def test_scattered_shards_are_runs_of_their_own(ticks: Ticks, music: Path) -> None:
    folders = in_shards(sensors.MAX_RUNS_A_TICK, apart=True)
    for number, folder in enumerate(folders):
        song(music / folder / "1.flac", 50 + number)
    assert [run[:2] for run in ticks.requested()] == [(key(folder), key(folder)) for folder in folders]


def test_many_scattered_shards_are_one_covering_run(ticks: Ticks, music: Path) -> None:
    folders = in_shards(sensors.MAX_RUNS_A_TICK + 1, apart=True)
    for number, folder in enumerate(folders):
        song(music / folder / "1.flac", 50 + number)
    [(first, last, because)] = ticks.requested()
    assert (first, last) == (key(folders[0]), key(folders[-1]))
    assert because.endswith(f" and {len(folders) - 3} more")


def test_an_ingest_in_progress_is_waited_for(ticks: Ticks, music: Path) -> None:
    from dagster._core.test_utils import create_run_for_test

    song(music / "New/1.flac", 50)
    run = create_run_for_test(ticks.instance, job_name=ingest.name, status=dg.DagsterRunStatus.STARTED)
    assert f"in progress (run {run.run_id[:8]})" in ticks.skipped()
    ticks.instance.report_run_canceled(run)
    assert ticks.requested()


def test_an_unmounted_library_is_said_so_and_requests_nothing(ticks: Ticks, music: Path) -> None:
    ticks.skipped()
    cursor = ticks.cursor
    music.rename(music.with_name("unmounted"))
    assert "does not exist: mount it" in ticks.skipped()
    assert ticks.cursor == cursor


def test_without_a_library_it_says_what_to_do(
    settings_env: Settings, monkeypatch: pytest.MonkeyPatch, music: Path
) -> None:
    monkeypatch.delenv("SONIQUEBAY_MUSIC_DIR")
    get_settings.cache_clear()
    assert "SONIQUEBAY_MUSIC_DIR" in Ticks(dg.DagsterInstance.ephemeral()).skipped()


def test_the_folders_named_in_a_tag_are_printable_and_few(ticks: Ticks, music: Path) -> None:
    song(music / ("x" * 200) / ("y\n" * 100) / "1.flac", 50)
    [(_, _, because)] = ticks.requested()
    assert len(because) < 200 and because.isprintable()


def test_the_shards_of_a_killed_run_are_requested_once_more(ticks: Ticks) -> None:
    """It may have written down the files and nothing else: no folder looks different then."""
    tags = {**range_tags(SHARD_KEYS[3], SHARD_KEYS[4]), PROCESS_TAG: dead_process()}
    in_progress(ticks.instance, ingest.name, tags)
    assert ticks.requested() == [(SHARD_KEYS[3], SHARD_KEYS[4], "a run was killed")]
    assert "no changes" in ticks.skipped()
