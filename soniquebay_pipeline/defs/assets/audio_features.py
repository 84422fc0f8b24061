"""audio_features: what the tracks sound like."""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_result, shard_asset
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.partitions import shard_numbers
from soniquebay_pipeline.defs.resources import Pipeline


@shard_asset(
    table="audio_features",
    group="sound",
    deps=["tracks"],
    kinds={"python", "postgres"},
    pool="cpu",
    code_version="1",
    page="architecture.md#analysis",
    description="""
Tempo, key, loudness, character and a timbre vector of every track, each measured once per audio and
version: a moved or retagged file is not analysed again. What tags say of tempo and key stands beside
what was measured, with a flag where they disagree.

A track that can't be analysed (silence, a fraction of a second, damaged) has a row with a reason and no
values. Failures that may pass are tried again after 10 to 15 minutes, then ever later, six times at most.

```sql
SELECT t.title, f.bpm, f.key, f.scale, f.loudness_lufs FROM audio_features f JOIN tracks t ON t.id = f.track_id
WHERE f.bpm BETWEEN 118 AND 126 AND f.camelot_key IN ('8A', '8B') ORDER BY f.bpm;
```
""",
)
def audio_features(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.audio.run import analyse_due_tracks
    from soniquebay_pipeline.library.paths import display

    report = analyse_due_tracks(
        pipeline.engine,
        pipeline.library.root,
        shard_numbers(context),
        pool=pipeline.analysis_pool,
        prefer_tags=pipeline.settings.prefer_tags,
        progress=pipeline.progress(context),
    )
    numbers = {"analysed": report.analysed, "copied": report.copied, "failed": report.failed}
    numbers |= {f"failed_{reason}": count for reason, count in report.failed_by_reason.items()}
    metadata: dict[str, Any] = {"minutes_of_audio": round(report.music_seconds / 60, 1)}
    if report.wall_seconds and report.music_seconds:
        metadata["real_time_factor"] = round(report.music_seconds / report.wall_seconds, 1)
        metadata["cpu_seconds_a_minute"] = round(report.cpu_seconds / (report.music_seconds / 60), 3)
    if report.examples:
        metadata["failed_tracks"] = markdown_table(
            ["reason", "file", "detail"],
            [(reason, display(path), detail) for reason, path, detail in report.examples],
        )
    metadata |= _pictures(pipeline)
    return catalogue_result(pipeline, "audio_features", numbers, **metadata)


def _pictures(pipeline: Pipeline) -> dict[str, Any]:
    """Tempo and keys of the whole library."""
    from sqlalchemy import text

    from soniquebay_pipeline.defs.charts import key_bars, tempo_histogram

    with pipeline.engine.connect() as connection:
        tempi = list(connection.execute(text("SELECT bpm FROM audio_features WHERE bpm IS NOT NULL")).scalars())
        keys = {
            (row[0], row[1]): int(row[2])
            for row in connection.execute(
                text("SELECT key, scale, count(*) FROM audio_features WHERE key IS NOT NULL GROUP BY 1, 2")
            )
        }
    pictures: dict[str, Any] = {}
    if tempi:
        pictures["tempo"] = tempo_histogram(tempi)
    if keys:
        pictures["keys"] = key_bars(keys)
    return pictures
