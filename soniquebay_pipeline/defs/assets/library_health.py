"""library_health: what is wrong with the library."""

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_result, docs
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

EXAMPLES_A_KIND = 5


@dg.asset(
    deps=["tracks", "audio_features", "covers"],
    group_name="care",
    kinds={"python", "postgres"},
    owners=["team:soniquebay"],
    pool="database",
    code_version="1",
    description="""
What is wrong with the library, and what to do: broken and cut files, albums torn apart, duplicates, gaps,
missing ids, tags that disagree with what was measured, names in the wrong encoding. Over the whole library,
since duplicates and torn albums know no shards. `soniquebay health` shows all of it.

```sql
SELECT kind, severity, subject, detail FROM library_health ORDER BY severity, kind LIMIT 10;
```
""".strip(),
    metadata={"dagster/table_name": "public.library_health", "docs": docs("health.md")},
)
def library_health(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.care.health.kinds import KIND_BY_NAME
    from soniquebay_pipeline.care.health.report import findings, make_report
    from soniquebay_pipeline.defs.charts import count_bars
    from soniquebay_pipeline.library.paths import display

    counts = make_report(pipeline.engine, pipeline.progress(context))
    worst = [
        (f.severity, KIND_BY_NAME[f.kind].title, display(f.subject), display(f.detail), _files(f.paths))
        for f in findings(pipeline.engine, limit_a_kind=EXAMPLES_A_KIND)
    ]
    found = {KIND_BY_NAME[name].title: count for name, count in counts.items() if count}
    more: dict[str, dg.MetadataValue] = {}
    if worst:
        more["worst"] = markdown_table(["severity", "what", "about", "detail", "file"], worst)
        more["findings_by_kind"] = count_bars("findings", found)
    return catalogue_result(pipeline, "library_health", {"findings": sum(counts.values()), **counts}, **more)


def _files(paths: tuple[str, ...]) -> str:
    from soniquebay_pipeline.library.paths import display

    return (display(paths[0]) + (" …" if len(paths) > 1 else "")) if paths else ""
