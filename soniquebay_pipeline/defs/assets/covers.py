"""covers: what the albums, artists and tracks look like."""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_result, shard_asset
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.partitions import shard_numbers
from soniquebay_pipeline.defs.resources import Pipeline


@shard_asset(
    table="covers",
    group="artwork",
    deps=["tracks"],
    kinds={"python", "filesystem", "postgres"},
    pool="cover",
    code_version="1",
    page="catalogue.md#covers",
    description="""
The cover of every album and artist, and of the tracks that differ from their album: chosen by a person,
embedded in the files, or beside them. Files and pictures that did not change are not opened. Each picture is
checked in a worker process and stored once by its content below SONIQUEBAY_HOME, with thumbnails.

A better source that appears takes the place of a worse one, and when it disappears the next best one does.
The view `track_covers` gives every track its own cover or its album's.

```sql
SELECT source, count(*) FROM covers WHERE entity_type = 'album' GROUP BY source;
```
""",
)
def covers(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.artwork.contact_sheet import contact_sheet
    from soniquebay_pipeline.artwork.model import CoverRules
    from soniquebay_pipeline.artwork.run import cover_shards
    from soniquebay_pipeline.defs.charts import inline_picture
    from soniquebay_pipeline.library.paths import display

    settings = pipeline.settings
    report = cover_shards(
        pipeline.engine,
        pipeline.library.root,
        shard_numbers(context),
        home=settings.home,
        rules=CoverRules.of(settings),
        max_bytes=settings.cover_max_bytes,
        pool=pipeline.pool,
        progress=pipeline.progress(context),
    )
    numbers = {
        "looked_at": report.places,
        "pictures_found": report.pictures_found,
        "pictures_stored": report.stored,
        "refused": report.refused,
        "covers_added": report.covers.added,
        "covers_replaced": report.covers.replaced,
        "covers_removed": report.covers.removed,
    }
    numbers |= {f"refused_{reason}": count for reason, count in sorted(report.refused_by_reason.items())}
    metadata: dict[str, Any] = {}
    if report.examples:
        metadata["refused_pictures"] = markdown_table(
            ["reason", "file", "detail"],
            [(reason, display(path), detail) for reason, path, detail in report.examples],
        )
    sheet = contact_sheet(pipeline.engine, settings.home, report.new_pictures)
    if sheet:
        metadata["new_pictures"] = inline_picture("new pictures", sheet, "image/png")
    return catalogue_result(pipeline, "covers", numbers, **metadata)
