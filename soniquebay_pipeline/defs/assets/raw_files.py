"""raw_files: what is on disk."""

from datetime import timedelta
from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result, failing_clearly
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.partitions import shard_numbers
from soniquebay_pipeline.defs.resources import Pipeline


class ScanConfig(dg.Config):
    """What a person may decide for one run."""

    allow_missing: bool = False
    """Believe the disk even when a large share of the known files is gone."""


@catalogue_asset(
    table="raw_files",
    kinds={"filesystem", "postgres"},
    pool="disk",
    code_version="1",
    # nightly_scan materialises it even when nothing changes; the second night without is a failure.
    freshness=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)),
    page="catalogue.md#a-file-is-its-audio",
    description="""
Every music file below the library root: path, size, modification time, identity of its audio.

A run walks the folders of its shards and writes down only what changed; unchanged files are not
opened. A moved file keeps its row (its audio is recognised without its tags), a vanished one is marked
`missing` and keeps all that hangs on it. A library that is unmounted, empty or has lost a large share of
its files changes nothing and fails the run. Picture files beside the music are written down too
(`folder_pictures`).

A row: `Fred again../USB/01 Kyle.flac`, 31,204,118 bytes, `present`. Those that could not be read:

```sql
SELECT path, reject_reason, reject_detail FROM raw_files WHERE status = 'rejected';
```
""",
)
def raw_files(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline], config: ScanConfig
) -> dg.MaterializeResult:
    from soniquebay_pipeline.library.paths import display
    from soniquebay_pipeline.library.scan import scan

    with failing_clearly():
        report = scan(
            pipeline.engine,
            pipeline.library.root,
            shard_numbers(context),
            pipeline.library.shards,
            max_missing_share=1.0 if config.allow_missing else pipeline.settings.max_missing_share,
            pool=pipeline.pool,
            progress=pipeline.progress(context),
        )
    changes = ("added", "retagged", "replaced", "moved", "returned", "missing", "rejected")
    numbers = {"files_seen": report.files_seen, "unchanged": report.unchanged} | {
        name: getattr(report, name) for name in changes
    }
    numbers |= {"pictures_seen": report.pictures_seen, "pictures_changed": report.pictures_changed}
    metadata: dict[str, Any] = {}
    examples = [(kind, display(path)) for kind, paths in report.examples.items() for path in paths]
    if examples:
        metadata["examples"] = markdown_table(["change", "file"], examples)
    if report.folder_errors:
        context.log.warning("Folders that could not be read: %s", "; ".join(report.folder_errors[:20]))
        metadata["folder_errors"] = markdown_table(["folder"], [(e,) for e in report.folder_errors[:50]])
    if report.refused_links:
        metadata["refused_links"] = markdown_table(["link"], [(e,) for e in report.refused_links[:50]])
    return catalogue_result(pipeline, "raw_files", numbers, **metadata)
