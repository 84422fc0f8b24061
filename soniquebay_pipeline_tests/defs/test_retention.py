"""Old runs go; what Dagster knows of the assets stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.defs.partitions import SHARD_KEYS
from soniquebay_pipeline.defs.retention import prune_runs
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.defs.running import instance_of, run
from soniquebay_pipeline_tests.music_files import retag, song

ASSETS = ("raw_files", "raw_metadata", "artists", "albums", "genres", "tracks")


def test_a_run_goes_when_all_it_materialised_was_materialised_again(
    settings_env: Settings, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song(music / "Artist/Album/1.flac", 1)
    with instance_of(settings_env, monkeypatch) as instance:
        first = run(instance)
        # Nothing changed: only raw_files is materialised again, so the rest of the first run is still the last.
        second = run(instance)
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert prune_runs(instance, before=later) == 0

        retag(path, 1, title="Other")
        third = run(instance)
        assert prune_runs(instance, before=later - timedelta(days=1)) == 0
        assert prune_runs(instance, before=later) == 2
        assert [kept.run_id for kept in instance.get_runs()] == [third.run_id]
        assert not instance.all_logs(first.run_id) and not instance.all_logs(second.run_id)
        for name in ASSETS:
            assert instance.get_materialized_partitions(dg.AssetKey(name)) == set(SHARD_KEYS)


def test_runs_in_progress_stay(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with instance_of(settings_env, monkeypatch) as instance:
        queued = instance.create_run_for_job(defs.resolve_job_def("maintenance"))
        assert prune_runs(instance, before=datetime.now(UTC) + timedelta(minutes=1)) == 0
        assert instance.has_run(queued.run_id)
