"""library_health through Dagster: in a run of everything, and alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.defs.running import instance_of, reported, run
from soniquebay_pipeline_tests.music_files import song


@pytest.fixture
def instance(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with instance_of(settings_env, monkeypatch) as found:
        yield found


def test_a_run_of_everything_reports_the_health(instance: dg.DagsterInstance, music: Path) -> None:
    song(music / "A/1.flac", 1, title="BjÃ¶rk | <b>", track=1)
    song(music / "B/1.flac", 1, track=4)
    (music / "A/broken.mp3").write_text("no music")
    result = run(instance, job="run_everything")
    assert result.success
    said = reported(result)["library_health"]
    assert (said["rejected_file"], said["wrong_encoding"], said["same_audio"], said["split_release"]) == (1, 1, 1, 0)
    assert said["findings"] == said["dagster/row_count"] > 3
    assert "probably Björk" in said["worst"] and "A/broken.mp3" in said["worst"] and "<b>" not in said["worst"]
    assert "data:image/png;base64" in said["findings_by_kind"]
    checks = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    broken = checks["no_broken_files"]
    assert not broken.passed and "1 files are broken" in str(broken.description)


def test_the_daily_report(instance: dg.DagsterInstance, music: Path) -> None:
    song(music / "A/1.flac", 1, track=3)
    assert run(instance).success
    job = defs.resolve_job_def("health")
    assert job.execute_in_process(instance=instance, raise_on_error=True).success
    assert defs.resolve_schedule_def("daily_health_report").job_name == "health"
