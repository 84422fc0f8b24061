"""Runs of the real jobs in this process, on a Dagster instance as the command line makes it (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest

from soniquebay_pipeline.cli.instance import prepare_dagster_home
from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, range_tags
from soniquebay_pipeline.settings import Settings


@contextmanager
def instance_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The project's instance for these settings; DAGSTER_HOME is put back afterwards."""
    monkeypatch.setenv("DAGSTER_HOME", "put back by monkeypatch")
    monkeypatch.delenv("DAGSTER_HOME")
    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance


def run(
    instance: dg.DagsterInstance,
    *,
    job: str = "ingest",
    shards: tuple[int, int] = (0, len(SHARD_KEYS) - 1),
    selection: list[str] | None = None,
) -> dg.ExecuteInProcessResult:
    """One run over the range of shards."""
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        tags=range_tags(SHARD_KEYS[shards[0]], SHARD_KEYS[shards[1]]),
        asset_selection=[dg.AssetKey(name) for name in selection] if selection else None,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def reported(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Metadata of the last materialisation of each asset."""
    return {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
