"""The code location as Dagster loads it: the graph, what every asset says of itself, and what loading costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, contiguous, range_tags, shard_keys
from soniquebay_pipeline.settings import CHECKOUT, get_settings
from soniquebay_pipeline_tests.command_line import clean_environment

GRAPH = {
    "raw_files": set(),
    "raw_metadata": {"raw_files"},
    "artists": {"raw_metadata"},
    "albums": {"artists"},
    "genres": {"raw_metadata"},
    "tracks": {"artists", "albums", "genres"},
    "audio_features": {"tracks"},
    "lastfm_artists": {"artists"},
    "artist_similar": {"artists"},
    "lastfm_albums": {"albums"},
    "lastfm_tracks": {"tracks"},
    "covers": {"tracks"},
    "web_covers": {"covers", "lastfm_albums"},
    "embeddings": {"audio_features"},
    "library_map": {"embeddings"},
    "library_health": {"tracks", "audio_features", "covers"},
}
"""Foreign keys point to what is written before."""
WHOLE_LIBRARY = {"library_health", "library_map", "web_covers"}
"""What can't be told of one shard."""
HEAVY = (
    "librosa",
    "torch",
    "sentence_transformers",
    "mutagen",
    "numpy",
    "av",
    "soundfile",
    "PIL",
    "alembic",
    "psycopg",
)


def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def assets() -> list[dg.AssetsDefinition]:
    found = defs.resolve_asset_graph().assets_defs
    return [asset for asset in found if not isinstance(asset, dg.AssetChecksDefinition)]


def test_the_graph_is_the_order_of_the_foreign_keys() -> None:
    found = {name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in specs().items()}
    assert {name: found[name] for name in GRAPH} == GRAPH


def test_every_asset_says_what_it_is() -> None:
    for name, spec in specs().items():
        assert spec.group_name and spec.group_name != "default", name
        assert spec.description and len(spec.description) > 80, name
        assert spec.kinds, name
        assert list(spec.owners) == ["team:soniquebay"], name
        assert spec.code_version, name
        table = name.removeprefix("lastfm_").removeprefix("web_")
        if name == "library_map":  # fills a page, no table
            continue
        assert spec.metadata["dagster/table_name"] == f"public.{table}", name


def test_the_catalogue_is_one_group() -> None:
    groups = {name: spec.group_name for name, spec in specs().items()}
    assert {name for name, group in groups.items() if group == "catalog"} == {
        "raw_files",
        "raw_metadata",
        "artists",
        "albums",
        "genres",
        "tracks",
    }


def test_every_asset_has_a_pool_and_all_but_the_web_are_over_the_shards_in_one_run() -> None:
    for asset in assets():
        assert asset.op.pool, asset.key
        if asset.key.to_user_string() in WHOLE_LIBRARY or "lastfm" in asset.group_names_by_key.values():
            assert asset.partitions_def is None, "an artist is in many folders"
            continue
        assert asset.partitions_def is not None
        assert asset.partitions_def.get_partition_keys() == SHARD_KEYS == shard_keys(get_settings().shards)
        assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_checks_block_where_a_later_asset_would_build_on_broken_rows() -> None:
    checks = {
        (spec.asset_key.to_user_string(), spec.name): spec.blocking
        for check in defs.asset_checks or []
        for spec in check.check_specs  # type: ignore[union-attr]
    }
    blocking = {asset for (asset, _), blocks in checks.items() if blocks}
    assert {"artists", "albums", "genres"} <= blocking
    assert {name for asset, name in checks if asset == "tracks"} >= {"no_orphan_references", "catalogue_equals_files"}
    assert {"rejected_files", "fallback_tags"} <= {name for _, name in checks}


def test_jobs_sensors_and_schedules() -> None:
    for job in ("ingest", "run_everything", "maintenance", "lastfm"):
        assert defs.resolve_job_def(job).executor_def.name == "in_process", job
    assert defs.resolve_sensor_def("new_music_sensor").job_name == "ingest"
    assert defs.resolve_sensor_def("deferred_lastfm").job_name == "lastfm"
    everything = defs.resolve_job_def("run_everything").asset_layer.executable_asset_keys
    assert not {key for key in everything if "lastfm" in key.to_user_string() or "similar" in key.to_user_string()}
    assert defs.resolve_schedule_def("daily_maintenance").job_name == "maintenance"


@pytest.mark.parametrize(
    ("shards", "ranges"),
    [(set(), []), ({3}, [(3, 3)]), ({0, 1, 2}, [(0, 2)]), ({5, 1, 2, 7, 8}, [(1, 2), (5, 5), (7, 8)])],
)
def test_unbroken_ranges(shards: set[int], ranges: list[tuple[int, int]]) -> None:
    assert contiguous(shards) == ranges


def test_partition_keys_sort_as_their_numbers() -> None:
    for count in (1, 32, 100, 1024):
        keys = shard_keys(count)
        assert len(set(keys)) == count
        assert keys == sorted(keys)
        assert [int(key) for key in keys] == list(range(count))
    assert range_tags("00", "31")["dagster/asset_partition_range_end"] == "31"


def test_loading_imports_nothing_heavy() -> None:
    """What ``import dagster`` itself does not need must not be loaded with the code location."""
    code = (
        "import json, sys, dagster; before = set(sys.modules); import soniquebay_pipeline.definitions;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    loaded = set(json.loads(done.stdout))
    assert loaded.isdisjoint(HEAVY)
    assert "sqlalchemy" not in loaded


def test_loading_prints_nothing() -> None:
    command = [sys.executable, "-c", "import soniquebay_pipeline.definitions"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert (done.stdout, done.stderr) == ("", "")


def test_dagster_itself_validates_the_workspace(tmp_path: Path) -> None:
    import os

    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=CHECKOUT,
        env={name: os.environ[name] for name in clean_environment()} | {"SONIQUEBAY_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful for code location soniquebay" in done.stdout + done.stderr
