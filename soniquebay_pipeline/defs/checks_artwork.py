"""Asset checks of covers: how many there are, how good, and whether the files are as the rows say."""

import dagster as dg

from soniquebay_pipeline.defs.checks import _rows, _share
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

LACKING_SHARE_WARNING = 0.5
LOW_SHARE_WARNING = 0.25
LOW_SIDE = 300


@dg.asset_check(asset="covers", description="At least half of the albums have a cover.")
def cover_coverage(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    rows = _rows(
        pipeline,
        """
        SELECT coalesce(c.source, 'none'), count(*) FROM albums b
        LEFT JOIN covers c ON c.entity_type = 'album' AND c.entity_id = b.id GROUP BY 1 ORDER BY 2 DESC, 1
        """,
    )
    albums = sum(count for _, count in rows)
    lacking = dict(rows).get("none", 0)
    return dg.AssetCheckResult(
        passed=_share(lacking, albums) <= LACKING_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{lacking} of {albums} albums have no cover; `soniquebay cover missing` lists them.",
        metadata={"albums": albums, "without_cover": lacking, "by_source": markdown_table(["source", "albums"], rows)},
    )


@dg.asset_check(asset="covers", description=f"Fewer than a quarter of the album covers are below {LOW_SIDE} pixels.")
def low_resolution_covers(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    [(albums, low)] = _rows(
        pipeline,
        f"SELECT count(*), count(*) FILTER (WHERE greatest(width, height) < {LOW_SIDE}) FROM covers"
        " WHERE entity_type = 'album'",
    )
    examples = _rows(
        pipeline,
        f"""
        SELECT b.title, c.width || ' x ' || c.height, c.source FROM covers c JOIN albums b ON b.id = c.entity_id
        WHERE c.entity_type = 'album' AND greatest(c.width, c.height) < {LOW_SIDE} ORDER BY c.width, b.title LIMIT 20
        """,
    )
    return dg.AssetCheckResult(
        passed=_share(low, albums) < LOW_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{low} of {albums} album covers are smaller than {LOW_SIDE} pixels.",
        metadata={"low": low, "examples": markdown_table(["album", "size", "source"], examples)},
    )


@dg.asset_check(asset="covers", description="Every stored picture has its files.")
def missing_picture_files(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.artwork.maintenance import damaged_pictures

    damaged = damaged_pictures(pipeline.engine, pipeline.settings.home)
    return dg.AssetCheckResult(
        passed=not damaged,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(damaged)} pictures have files that are missing or damaged"
        + ("; the daily maintenance has them made again." if damaged else "."),
        metadata={"damaged": len(damaged), "examples": markdown_table(["file"], [(path,) for _, path in damaged[:20]])},
    )


@dg.asset_check(asset="covers", description="No file lies among the pictures for more than a day without a row.")
def stray_picture_files(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.artwork.maintenance import STRAY_SECONDS, stray_files

    stray = [path for path, age in stray_files(pipeline.engine, pipeline.settings.home) if age > STRAY_SECONDS]
    return dg.AssetCheckResult(
        passed=not stray,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(stray)} files are referred to by nothing"
        + ("; the daily maintenance removes them." if stray else "."),
        metadata={"stray": len(stray), "examples": markdown_table(["file"], [(path,) for path in stray[:20]])},
    )


CHECKS = [cover_coverage, low_resolution_covers, missing_picture_files, stray_picture_files]
