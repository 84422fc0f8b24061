"""Asset checks of what Last.fm knows: how much of the library, what failed, how old it is."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

KNOWN_SHARE_WARNING = 0.5
FAILED_SHARE_WARNING = 0.05
OVERDUE = 2.0
"""Times SONIQUEBAY_LASTFM_MAX_AGE_DAYS."""


@dg.asset_check(asset="lastfm_artists", description="Last.fm knows most of the artists that it was asked about.")
def lastfm_coverage(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.enrichment.lastfm.status import coverage

    found = coverage(pipeline.engine, "artist", pipeline.settings.lastfm_max_age_days)
    share = round(found.known / found.asked, 4) if found.asked else 1.0
    return dg.AssetCheckResult(
        passed=share >= KNOWN_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Last.fm knows {found.known} of {found.asked} artists that it was asked about, of {found.total}; "
        f"{found.not_believed} it took for others.",
        metadata={"known_share": share, "asked": found.asked, "total": found.total, "due": found.due},
    )


@dg.asset_check(asset="lastfm_artists", description="Few questions have failed for good or wait for another attempt.")
def lastfm_failures(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.enrichment.lastfm.due import SOURCES
    from soniquebay_pipeline.enrichment.lastfm.status import coverage, last_errors

    kinds = [coverage(pipeline.engine, kind, pipeline.settings.lastfm_max_age_days) for kind in SOURCES]
    failed = sum(kind.failed + kind.waiting for kind in kinds)
    total = failed + sum(kind.asked for kind in kinds)
    share = round(failed / total, 4) if total else 0.0
    errors = [(row["kind"], row["about"], row["error"]) for row in last_errors(pipeline.engine, 20)]
    return dg.AssetCheckResult(
        passed=share < FAILED_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{failed} of {total} questions failed; `soniquebay lastfm status` lists the last errors.",
        metadata={"share": share} | ({"last": markdown_table(["kind", "about", "error"], errors)} if errors else {}),
    )


@dg.asset_check(asset="lastfm_artists", description="No answer is much older than it may become.")
def lastfm_freshness(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.enrichment.lastfm.status import coverage

    days = pipeline.settings.lastfm_max_age_days
    oldest = coverage(pipeline.engine, "artist", days).oldest
    fresh = oldest is None or oldest > datetime.now(UTC) - timedelta(days=OVERDUE * days)
    return dg.AssetCheckResult(
        passed=fresh,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"The oldest answer is of {oldest:%Y-%m-%d}; answers are renewed after {days:g} days."
        if oldest
        else "Nothing was asked yet.",
        metadata={"oldest": oldest.isoformat() if oldest else "none"},
    )


LASTFM_CHECKS = [lastfm_coverage, lastfm_failures, lastfm_freshness]
