"""The map, the recall check and the job `playlist`, run by Dagster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.defs.assets.library_map import library_map
from soniquebay_pipeline.defs.charts import genre_spread, map_picture
from soniquebay_pipeline.defs.checks_vectors_search import index_recall
from soniquebay_pipeline.defs.resources import Pipeline, PipelineResource
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.index import rebuild
from soniquebay_pipeline_tests.vectors.synthetic import Track, clustered, write


def materialised(settings: Settings) -> dict[str, Any]:
    result = dg.materialize([library_map], resources={"pipeline": PipelineResource()})
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_the_map_is_a_picture_and_a_page(engine: Engine, settings_env: Settings) -> None:
    write(engine, clustered(80, text_dimensions=8, blocks={"timbre": 4}))
    said = materialised(settings_env)
    assert said["tracks"] == said["points"] == 80
    assert said["map"].startswith("![map](data:image/png;base64,") and len(said["map"]) < 200_000
    assert said["genres"].startswith("![genres](data:image/png;base64,")
    assert Path(said["page"]).is_relative_to(settings_env.home) and "Song 7" in Path(said["page"]).read_text("utf-8")


def test_no_vectors_no_map(engine: Engine, settings_env: Settings) -> None:
    assert materialised(settings_env) == {"tracks": 0}


@pytest.mark.parametrize("name", ["$x^$", "$\\frac{", "_hidden", "a" * 200, "</b>", "東京"])
def test_names_of_genres_are_not_mathematics(name: str) -> None:
    import numpy as np

    points, groups = np.zeros((2, 2), np.float32), np.array([0, 0])
    assert map_picture(points, groups, [name], ["#123456"]).md_str
    assert genre_spread([(name, 0.5, 3)]).md_str


def check() -> dg.AssetCheckResult:
    result = index_recall(Pipeline())
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_recall_is_checked(engine: Engine, settings_env: Settings) -> None:
    write(engine, clustered(1_500, text_dimensions=16, blocks={"timbre": 8}))
    assert check().passed and "no index" in (check().description or "")
    rebuild(engine, exact_up_to=100)
    good = check()
    assert good.passed and good.metadata["recall"].value >= 0.95
    with engine.begin() as connection:
        of_hnsw = "SELECT oid FROM pg_class WHERE relname LIKE 'ix_embeddings_hnsw%'"
        ready = f"UPDATE pg_index SET indisready = {{}} WHERE indexrelid IN ({of_hnsw})"
        connection.execute(text(ready.format("false")))
    with engine.begin() as connection:
        connection.execute(text("UPDATE embeddings SET version = 2 WHERE track_id % 2 = 0"))
    bad = check()
    assert not bad.passed and bad.severity == dg.AssetCheckSeverity.WARN
    assert "vectors rebuild" in (bad.description or "")


def run_playlist(config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def("playlist")
    return job.execute_in_process(
        run_config={
            "ops": {"make_playlist": {"config": config}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        raise_on_error=False,
    )


def test_the_job_playlist(engine: Engine, settings_env: Settings, music: Path) -> None:
    write(
        engine, [Track(f"Song | {n}", f"A{n}", words=[1.0, n / 9], sound=[1.0, n / 5], bpm=100 + n) for n in range(9)]
    )
    result = run_playlist({"from": "1", "to": "9", "length": 5})
    assert result.success
    [event] = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    said = {name: value.value for name, value in event.event_specific_data.metadata.items()}
    assert said["tracks"] == 5 and "Song \\| 0" in said["playlist"]
    content = Path(said["file"]).read_text("utf-8")
    assert content.startswith("#EXTM3U\n") and said["file"] == str(settings_env.home / "playlists" / "1-9.m3u8")
    assert (Path(said["file"]).parent / content.splitlines()[2]).resolve().is_relative_to(music.resolve())


def test_a_playlist_from_what_is_not_clear_fails_once(engine: Engine, settings_env: Settings) -> None:
    write(engine, [Track("Same", f"A{n}", words=[1.0, n]) for n in range(2)])
    result = run_playlist({"from": "same"})
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    description = failure.step_failure_data.user_failure_data.description
    assert "2 tracks are called 'same'" in description and "1: A0 - Same" in description
