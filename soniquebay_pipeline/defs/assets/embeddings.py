"""embeddings: vectors that find what reads and sounds alike."""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_result, shard_asset
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.partitions import shard_numbers
from soniquebay_pipeline.defs.resources import Pipeline


@shard_asset(
    table="embeddings",
    group="vectors",
    deps=["audio_features"],
    kinds={"python", "postgres"},
    pool="vector",
    code_version="1",
    page="architecture.md#vectors",
    description="""
Three vectors of every track, each of unit length: of its words (title, artists, album, genres, moods, year,
Last.fm's tags, through a sentence model), of its sound (timbre, rhythm, tonality, dynamics, character), and both
combined. A track without features has text and combined only.

A sentence is encoded once, however many tracks have it, and again only when it changes. Another model, weight
or scaler changes all rows in one transaction, so vectors that can't be compared are never in force together.

```sql
SELECT kind, model, count(*) FROM embeddings GROUP BY kind, model;
```
""",
)
def embeddings(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.vectors.model import ModelError
    from soniquebay_pipeline.vectors.run import make_due_vectors
    from soniquebay_pipeline.vectors.validate import coverage

    try:
        report = make_due_vectors(
            pipeline.engine, pipeline.settings, shard_numbers(context), progress=pipeline.progress(context)
        )
    except ModelError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    numbers = {
        "texts": report.texts,
        "unique_sentences": report.encoded,
        "encoded": report.encoded,
        "reused": report.reused,
        "audio": report.sounds,
        "combined": report.combined,
        "failed": sum(report.failed_by_reason.values()),
    }
    numbers |= {f"failed_{reason}": count for reason, count in report.failed_by_reason.items()}
    library = coverage(pipeline.engine)
    metadata: dict[str, Any] = {
        "coverage": dg.MetadataValue.float(library.share),
        "has_audio": dg.MetadataValue.float(library.audio_share),
        "model": report.model,
        "scaler_version": dg.MetadataValue.text(str(report.scaler_version)),
    }
    if report.encode_seconds > 0:
        metadata["encoded_per_second"] = round(report.encoded / report.encode_seconds, 1)
    if report.model_changed:
        metadata["model_changed"] = f"{report.model} came into force"
    if report.examples:
        metadata["failures"] = markdown_table(["reason", "what", "detail"], report.examples)
    return catalogue_result(pipeline, "embeddings", numbers, **metadata)
