"""Last.fm through Dagster: the assets with and without a key, the checks, and when the sensor starts a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.defs.jobs import lastfm as lastfm_job
from soniquebay_pipeline.defs.web_sensors import deferred_lastfm
from soniquebay_pipeline.settings import Settings, get_settings
from soniquebay_pipeline_tests.defs.running import instance_of, reported
from soniquebay_pipeline_tests.lastfm_server import API_KEY, Answer, LastFmServer, error, lastfm_server
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.pipeline_steps import ingest

ASSETS = {"lastfm_artists", "artist_similar", "lastfm_albums", "lastfm_tracks"}


@pytest.fixture
def lastfm(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LastFmServer]:
    """A local Last.fm that the settings name, with its key."""
    with lastfm_server() as server:
        configure(monkeypatch, url=server.url, api_key=API_KEY, calls_per_second="1000")
        yield server


@pytest.fixture
def instance(lastfm: LastFmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with instance_of(get_settings(), monkeypatch) as found:
        yield found


@pytest.fixture
def library(engine: Engine, music: Path, lastfm: LastFmServer) -> None:
    """Two artists, of whom Last.fm knows one."""
    song(music / "Cher/Believe/1.flac", 1, artist=("Cher",), album="Believe", title="Believe")
    song(music / "Nobody/None/1.flac", 2, artist=("Nobody",), album="None", title="Nothing")
    ingest(engine, music)
    lastfm.artist("Cher", tags=[("pop", 100), ("happy", 50)], similar=[("Nobody", "", "0.5"), ("Madonna", "", "0.4")])
    lastfm.album("Cher", "Believe", pictures={"mega": "https://x/y.png"})
    lastfm.track("Cher", "Believe")


def configure(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"SONIQUEBAY_LASTFM_{name.upper()}", value)
    get_settings.cache_clear()


def run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    from soniquebay_pipeline.definitions import defs

    return defs.resolve_job_def("lastfm").execute_in_process(instance=instance, raise_on_error=False)


def tick(instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    result = deferred_lastfm(dg.build_sensor_context(instance=instance))
    assert isinstance(result, (dg.SensorResult, dg.SkipReason))
    return result


def skipped(instance: dg.DagsterInstance) -> str:
    result = tick(instance)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def test_a_run(instance: dg.DagsterInstance, library: None, lastfm: LastFmServer, engine: Engine) -> None:
    result = run(instance)
    assert result.success
    found = reported(result)
    assert set(found) == {"lastfm_artists", "artist_similar", "lastfm_albums"}, "tracks are opt-in"
    assert (found["lastfm_artists"]["found"], found["lastfm_artists"]["nothing"]) == (1, 1)
    assert found["lastfm_artists"]["coverage"] == 1.0
    assert found["lastfm_albums"]["found"] == 1
    assert found["artist_similar"]["dagster/row_count"] == 2
    checks = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    assert set(checks) == {"lastfm_coverage", "lastfm_failures", "lastfm_freshness"}
    assert all(evaluation.passed for evaluation in checks.values())
    assert "knows 1 of 2 artists" in (checks["lastfm_coverage"].description or "")
    with engine.connect() as connection:
        linked = connection.execute(
            text("SELECT similar_name FROM artist_similar WHERE similar_artist_id IS NOT NULL")
        ).scalars()
        assert linked.all() == ["Nobody"]
        labels = connection.execute(
            text("SELECT g.name FROM track_genre_tags JOIN genre_tags g ON g.id = genre_tag_id")
        )
        assert labels.scalars().all() == ["Pop"]


def test_tracks_where_they_are_wanted(
    instance: dg.DagsterInstance, library: None, monkeypatch: pytest.MonkeyPatch, lastfm: LastFmServer
) -> None:
    configure(monkeypatch, kinds="tracks")
    assert set(reported(run(instance))) == {"lastfm_tracks"}
    assert {call.method for call in lastfm.calls} == {"track.getinfo"}


def test_without_a_key_nothing_is_done_and_nothing_fails(
    instance: dg.DagsterInstance, library: None, monkeypatch: pytest.MonkeyPatch, lastfm: LastFmServer, engine: Engine
) -> None:
    configure(monkeypatch, api_key="")
    result = run(instance)
    assert result.success and not reported(result)
    assert lastfm.calls == []
    logged = [event.user_message for event in instance.all_logs(result.run_id)]
    assert any("set SONIQUEBAY_LASTFM_API_KEY" in message for message in logged)
    assert "SONIQUEBAY_LASTFM_API_KEY is not set" in skipped(instance)


def test_a_refused_key_fails_the_run_with_what_to_do(
    instance: dg.DagsterInstance, library: None, lastfm: LastFmServer
) -> None:
    lastfm.always = error(10, "Invalid API key")
    result = run(instance)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert failure.step_failure_data.user_failure_data is not None
    assert "Check SONIQUEBAY_LASTFM_API_KEY" in (failure.step_failure_data.user_failure_data.description or "")
    assert "Last.fm refused the key" in skipped(instance)


def test_the_key_is_in_no_event_and_in_no_log(
    instance: dg.DagsterInstance, library: None, lastfm: LastFmServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lastfm.scripts["Cher"] = [error(8, API_KEY)]
    lastfm.scripts["Nobody"] = [error(26, API_KEY)]
    result = run(instance)
    assert not result.success
    events = "\n".join(entry.to_json() for entry in instance.all_logs(result.run_id))
    assert "server_error" not in events or API_KEY not in events
    for shown in (events, caplog.text, repr(get_settings()), str(get_settings().model_dump())):
        assert API_KEY not in shown
    assert "artist.getInfo" in caplog.text


def test_checks_warn(instance: dg.DagsterInstance, library: None, engine: Engine, lastfm: LastFmServer) -> None:
    del lastfm.artists["cher"]
    lastfm.scripts["Nobody"] = [Answer(200, b"<html/>")]
    assert run(instance).success
    with engine.begin() as connection:
        connection.execute(text("UPDATE artists SET lastfm_info_fetched_at = now() - interval '90 days'"))
        connection.execute(text("UPDATE artists SET lastfm_about = '' WHERE name = 'Nobody'"))
    only_checks = dg.define_asset_job(
        "only_checks", selection=dg.AssetSelection.checks_for_assets(dg.AssetKey("lastfm_artists"))
    )
    from soniquebay_pipeline.definitions import defs

    job = dg.Definitions(
        assets=defs.assets, asset_checks=defs.asset_checks, jobs=[only_checks], resources=defs.resources
    ).resolve_job_def("only_checks")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    found = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    assert {name: evaluation.passed for name, evaluation in found.items()} == dict.fromkeys(found, False)
    assert all(evaluation.severity == dg.AssetCheckSeverity.WARN for evaluation in found.values())


# --- the sensor ------------------------------------------------------------------------------------------


def test_the_sensor_starts_a_run_when_something_is_due(
    instance: dg.DagsterInstance, library: None, lastfm: LastFmServer
) -> None:
    result = tick(instance)
    assert isinstance(result, dg.SensorResult) and result.run_requests
    [request] = result.run_requests
    assert request.tags["soniquebay/because"] == "artist, similar, album"
    assert run(instance).success
    assert "Everything was asked for" in skipped(instance)


def test_the_sensor_waits_for_a_run_in_progress(instance: dg.DagsterInstance, library: None) -> None:
    @dg.job(name=lastfm_job.name)
    def stand_in() -> None: ...

    instance.create_run_for_job(stand_in, status=dg.DagsterRunStatus.STARTED)
    assert "is being asked" in skipped(instance)


def test_the_sensor_waits_while_the_service_rests(
    instance: dg.DagsterInstance, library: None, lastfm: LastFmServer
) -> None:
    lastfm.always = error(11)
    result = run(instance)
    assert result.success, "an outage is the service's, not the run's"
    assert any("is not asked for a while" in event.user_message for event in instance.all_logs(result.run_id))
    assert "nothing is asked until" in skipped(instance)


def test_the_sensor_runs_by_default_where_there_is_a_key(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    from soniquebay_pipeline.settings import CHECKOUT
    from soniquebay_pipeline_tests.command_line import clean_environment

    code = "from soniquebay_pipeline.defs.web_sensors import deferred_lastfm as s; print(s.default_status.value)"
    for key, status in (("", "STOPPED"), (API_KEY, "RUNNING")):
        environment = {name: os.environ[name] for name in clean_environment()} | {"SONIQUEBAY_LASTFM_API_KEY": key}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == status
