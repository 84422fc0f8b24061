"""web_covers: covers that web services have for albums without one."""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_result, docs
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline


@dg.asset(
    name="web_covers",
    deps=["covers", "lastfm_albums"],
    group_name="artwork",
    kinds={"python", "postgres"},
    owners=["team:soniquebay"],
    pool="web_covers",
    code_version="1",
    description="""
Covers from the Cover Art Archive (by MusicBrainz release, then release group) and from Last.fm, for albums that no
better source gives one; SONIQUEBAY_COVER_SOURCES says which services are asked and in which order. Each service is
asked at its own rate for at most SONIQUEBAY_COVER_RUN_SECONDS; one that is down holds up no other. "Nothing there"
is asked again after SONIQUEBAY_COVER_MAX_AGE_DAYS, or when the album has other ids.

They go into the same table as the other covers, and give way to a better source that appears.

```sql
SELECT b.title, c.source, c.url FROM covers c JOIN albums b ON b.id = c.entity_id
WHERE c.entity_type = 'album' AND c.url IS NOT NULL;
```
""".strip(),
    metadata={"dagster/table_name": "public.covers", "docs": docs("catalogue.md#covers")},
)
def web_covers(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.artwork.contact_sheet import contact_sheet
    from soniquebay_pipeline.artwork.model import CoverRules
    from soniquebay_pipeline.artwork.web import asked_sources, fetch_covers, services_of
    from soniquebay_pipeline.defs.charts import inline_picture
    from soniquebay_pipeline.enrichment.gateway import Gateway

    settings = pipeline.settings
    rules = CoverRules.of(settings)
    numbers: dict[str, int] = {}
    examples: list[tuple[str, str, str]] = []
    pictures: list[str] = []
    with Gateway(pipeline.engine) as gateway:
        services = services_of(settings, gateway, pipeline.pool)
        for source in asked_sources(rules):
            report, changes = fetch_covers(pipeline.engine, source, services, rules, pipeline.progress(context))
            if report.stopped:
                context.log.warning(f"{report.stopped}. {report.left} albums wait for the next run.")
            figures = {
                name: getattr(report, name) for name in ("asked", "found", "nothing", "refused", "failed", "left")
            }
            figures |= {"covers_added": changes.added, "covers_replaced": changes.replaced}
            numbers |= {f"{source}_{name}": count for name, count in figures.items()}
            examples += [(source, album, why) for album, why in report.examples]
            pictures += report.pictures
    metadata: dict[str, Any] = {}
    if examples:
        metadata["without_cover"] = markdown_table(["service", "album", "why"], examples)
    if sheet := contact_sheet(pipeline.engine, settings.home, pictures):
        metadata["new_pictures"] = inline_picture("new pictures", sheet, "image/png")
    return catalogue_result(pipeline, "covers", numbers, "web_covers", **metadata)
