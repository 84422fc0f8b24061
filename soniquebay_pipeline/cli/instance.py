"""Dagster's instance and runs, as the command line uses them: in this process, over ranges of shards."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    import dagster as dg


def prepare_dagster_home(settings: Settings) -> Path:
    """Dagster's home below SONIQUEBAY_HOME, with this version's dagster.yaml; named in the environment.

    A DAGSTER_HOME that is set is left alone: an operator has their own instance.
    """
    if chosen := os.environ.get("DAGSTER_HOME"):
        return Path(chosen)
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    packaged = Path(__file__).resolve().parents[1] / "dagster.yaml"
    shutil.copyfile(CHECKOUT / "dagster.yaml" if not packaged.exists() else packaged, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def upgrade_dagster(settings: Settings) -> None:
    """Create Dagster's storage or bring it to the installed version; pools without a limit get theirs."""
    import dagster as dg

    prepare_dagster_home(settings)
    with warnings.catch_warnings(), dg.DagsterInstance.get() as instance:
        warnings.simplefilter("ignore")
        instance.upgrade()


@dataclass(slots=True)
class RunOutcome:
    """What one or more runs did."""

    run_ids: list[str] = field(default_factory=list)
    error: str | None = None
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    """Per asset, the numbers it reported, summed over runs."""
    failed_checks: list[str] = field(default_factory=list)


def execute(job_name: str, shards: Sequence[int], *, allow_missing: bool = False) -> RunOutcome:
    """Run the job in this process over the shards; one run for each unbroken range of them."""
    import dagster as dg

    from soniquebay_pipeline.definitions import defs
    from soniquebay_pipeline.defs.partitions import SHARD_KEYS, contiguous, range_tags
    from soniquebay_pipeline.defs.runs import PROCESS_TAG, runs_in_progress, this_process

    outcome = RunOutcome()
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if allow_missing:
        config["ops"] = {"raw_files": {"config": {"allow_missing": True}}}
    with warnings.catch_warnings(), dg.DagsterInstance.get() as instance:
        warnings.simplefilter("ignore")
        job = defs.resolve_job_def(job_name)
        runs_in_progress(instance)  # frees the pool slots of runs that were killed
        for first, last in contiguous(set(shards)):
            result = job.execute_in_process(
                instance=instance,
                tags={**range_tags(SHARD_KEYS[first], SHARD_KEYS[last]), PROCESS_TAG: this_process()},
                run_config=config,
                raise_on_error=False,
            )
            outcome.run_ids.append(result.run_id)
            _collect(result, outcome)
            if not result.success:
                outcome.error = _failure(result)
                break
    return outcome


def execute_unpartitioned(job_name: str, ops: dict[str, Any]) -> RunOutcome:
    """Run a job without partitions in this process; ``ops``: its configuration by asset."""
    import dagster as dg

    from soniquebay_pipeline.definitions import defs
    from soniquebay_pipeline.defs.runs import PROCESS_TAG, runs_in_progress, this_process

    outcome = RunOutcome()
    with warnings.catch_warnings(), dg.DagsterInstance.get() as instance:
        warnings.simplefilter("ignore")
        runs_in_progress(instance)  # frees the pool slots of runs that were killed
        result = defs.resolve_job_def(job_name).execute_in_process(
            instance=instance,
            tags={PROCESS_TAG: this_process()},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": ops},
            raise_on_error=False,
        )
        outcome.run_ids.append(result.run_id)
        _collect(result, outcome)
        if not result.success:
            outcome.error = _failure(result)
    return outcome


def _collect(result: dg.ExecuteInProcessResult, outcome: RunOutcome) -> None:
    reported: set[str] = set()
    for event in result.get_asset_materialization_events():
        key = event.asset_key.to_user_string() if event.asset_key else ""
        if key in reported:  # each partition of the run carries the same numbers
            continue
        reported.add(key)
        sums = outcome.numbers.setdefault(key, {})
        for name, value in event.materialization.metadata.items():
            number = getattr(value, "value", None)
            if isinstance(number, (int, float)) and not name.startswith("dagster/"):
                sums[name] = sums.get(name, 0) + number
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            outcome.failed_checks.append(f"{evaluation.check_name}: {evaluation.description or 'failed'}")


def _failure(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return str(data.user_failure_data.description)
            if data.error:
                return f"{event.step_key}: {_root_message(data.error)}"
    for event in result.all_events:
        if event.is_job_failure and event.job_failure_data.error:
            return _root_message(event.job_failure_data.error)
    return f"The run {result.run_id} failed; `soniquebay ui` shows why."


def _root_message(error: Any) -> str:
    """The first line of what started the chain of errors."""
    while error.cause:
        error = error.cause
    return str(error.message).strip().splitlines()[0]
