"""Asset checks: what must hold of the catalogue, and what a person should look at.

Blocking checks guard what a later asset builds on; the others warn.
"""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

REJECTED_SHARE_WARNING = 0.05
FALLBACK_SHARE_WARNING = 0.2


def _rows(pipeline: Pipeline, query: str) -> list[tuple[Any, ...]]:
    from sqlalchemy import text

    with pipeline.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


@dg.asset_check(asset="raw_files", description="The root is there, and most of the files in it can be read as music.")
def rejected_files(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    rows = _rows(
        pipeline,
        "SELECT coalesce(reject_reason, ''), count(*) FROM raw_files WHERE status <> 'missing' GROUP BY 1",
    )
    total = sum(count for _, count in rows)
    rejected = sorted(((r, n) for r, n in rows if r), key=lambda row: -row[1])
    share = _share(sum(n for _, n in rejected), total)
    return dg.AssetCheckResult(
        passed=share <= REJECTED_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{share:.1%} of {total} files are rejected; `soniquebay rejected` lists them.",
        metadata={"share": share, "by_reason": markdown_table(["reason", "files"], rejected)},
    )


@dg.asset_check(asset="raw_metadata", description="Most tracks have the tags they need; few rely on their path.")
def fallback_tags(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    [(with_fallbacks, total)] = _rows(
        pipeline, "SELECT count(*) FILTER (WHERE fallbacks <> '{}'), count(*) FROM raw_metadata"
    )
    share = _share(with_fallbacks, total)
    return dg.AssetCheckResult(
        passed=share <= FALLBACK_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{share:.1%} of {total} files take title, artist or album from their path.",
        metadata={"share": share, "files": with_fallbacks},
    )


def _no_rows(pipeline: Pipeline, query: str, what: str) -> dg.AssetCheckResult:
    rows = _rows(pipeline, query + " LIMIT 20")
    return dg.AssetCheckResult(
        passed=not rows,
        description=f"No {what}." if not rows else f"There are {what}.",
        metadata={"examples": markdown_table(["what", "rows"], rows)} if rows else {},
    )


@dg.asset_check(asset="artists", blocking=True, description="No two artists are the same by id or by name.")
def no_duplicate_artists(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    return _no_rows(
        pipeline,
        "SELECT coalesce(musicbrainz_artistid, name_key), count(*) FROM artists GROUP BY 1 HAVING count(*) > 1",
        "duplicate artists",
    )


@dg.asset_check(asset="albums", blocking=True, description="No two albums are the same.")
def no_duplicate_albums(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    return _no_rows(
        pipeline,
        """
        SELECT min(title), count(*) FROM albums
        GROUP BY coalesce(musicbrainz_albumid,
                          title_key || ' ' || album_artist_id || ' ' || coalesce(release_year, 0))
        HAVING count(*) > 1
        """,
        "duplicate albums",
    )


@dg.asset_check(asset="genres", blocking=True, description="No two genres differ only in letter case.")
def no_duplicate_genres(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    return _no_rows(
        pipeline, "SELECT name_key, count(*) FROM genres GROUP BY 1 HAVING count(*) > 1", "duplicate genres"
    )


@dg.asset_check(asset="tracks", description="Every reference of a track leads to a row.")
def no_orphan_references(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    return _no_rows(
        pipeline,
        """
        SELECT 'track ' || t.id || ' without its artist in track_artists', 1 FROM tracks t
        WHERE NOT EXISTS (SELECT FROM track_artists a
                          WHERE a.track_id = t.id AND a.artist_id = t.track_artist_id)
        UNION ALL
        SELECT 'artist ' || a.id || ' (' || a.name || ') that nothing refers to', 1 FROM artists a
        WHERE NOT EXISTS (SELECT FROM track_artists t WHERE t.artist_id = a.id)
          AND NOT EXISTS (SELECT FROM albums b WHERE b.album_artist_id = a.id)
          AND NOT EXISTS (SELECT FROM file_credits c WHERE c.artist_id = a.id)
          AND NOT EXISTS (SELECT FROM album_groups g WHERE g.artist_id = a.id)
        """,
        "orphans",
    )


@dg.asset_check(asset="tracks", description="The catalogue says what the files say: every readable file is a track.")
def catalogue_equals_files(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    [(files, without_track, stale)] = _rows(
        pipeline,
        """
        SELECT count(*), count(*) FILTER (WHERE t.id IS NULL),
               count(*) FILTER (WHERE t.revision IS DISTINCT FROM m.revision AND t.id IS NOT NULL)
        FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id LEFT JOIN tracks t ON t.file_id = f.id
        WHERE f.status = 'present'
        """,
    )
    return dg.AssetCheckResult(
        passed=not without_track and not stale,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{files} readable files, {without_track} without a track, {stale} with an outdated one"
        + ("; materialise the other shards." if without_track or stale else "."),
        metadata={"files": files, "without_track": without_track, "outdated": stale},
    )


CHECKS = [
    rejected_files,
    fallback_tags,
    no_duplicate_artists,
    no_duplicate_albums,
    no_duplicate_genres,
    no_orphan_references,
    catalogue_equals_files,
]
