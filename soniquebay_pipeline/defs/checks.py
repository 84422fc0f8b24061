"""Asset checks: what must hold of the catalogue, and what a person should look at.

Blocking checks guard what a later asset builds on; the others warn.
"""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

REJECTED_SHARE_WARNING = 0.05
FALLBACK_SHARE_WARNING = 0.2
FAILED_SHARE_WARNING = 0.05


def _rows(pipeline: Pipeline, query: str) -> list[tuple[Any, ...]]:
    from sqlalchemy import text

    with pipeline.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


@dg.asset_check(asset="raw_metadata", description="Most of the files can be read as music.")
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
        pipeline,
        # Not grouped by the column itself: its index, which may be what is damaged, would answer.
        "SELECT min(name_key), count(*) FROM genres GROUP BY name_key || '' HAVING count(*) > 1",
        "duplicate genres",
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


@dg.asset_check(asset="audio_features", description="Fewer than 5 % of the tracks could not be analysed.")
def failed_analyses(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    rows = _rows(pipeline, "SELECT coalesce(failure_reason, ''), count(*) FROM audio_features GROUP BY 1")
    total = sum(count for _, count in rows)
    failed = sorted(((reason, n) for reason, n in rows if reason), key=lambda row: -row[1])
    share = _share(sum(n for _, n in failed), total)
    return dg.AssetCheckResult(
        passed=share < FAILED_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{share:.1%} of {total} tracks could not be analysed.",
        metadata={"share": share, "by_reason": markdown_table(["reason", "tracks"], failed)},
    )


MEASURED = ("bpm_measured", "key_measured", "loudness_lufs", "energy", "danceability", "acousticness", "timbre")
NULL_SHARE_WARNING = 0.1


@dg.asset_check(asset="audio_features", description="Analysed tracks have nearly all values.")
def missing_values(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    shares = ", ".join(f"count(*) FILTER (WHERE {name} IS NULL)" for name in MEASURED)
    [(total, *missing)] = _rows(pipeline, f"SELECT count(*), {shares} FROM audio_features WHERE failure_reason IS NULL")
    by_column = {name: _share(count, total) for name, count in zip(MEASURED, missing, strict=True)}
    worst = max(by_column, key=lambda name: by_column[name])
    return dg.AssetCheckResult(
        passed=by_column[worst] <= NULL_SHARE_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Most often missing: {worst}, in {by_column[worst]:.1%} of {total} analysed tracks.",
        metadata=by_column,
    )


@dg.asset_check(asset="audio_features", description="Every value is within its range.")
def values_in_range(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    unit = ("bpm_confidence", "key_confidence", "energy", "danceability", "acousticness", "instrumentalness")
    outside = " OR ".join(f"{name} NOT BETWEEN 0 AND 1" for name in unit)
    return _no_rows(
        pipeline,
        f"""
        SELECT 'track ' || track_id, 1 FROM audio_features
        WHERE {outside} OR bpm_measured NOT BETWEEN 20 AND 400 OR loudness_lufs NOT BETWEEN -70 AND 20
           OR loudness_range_lu < 0 OR sample_peak < 0 OR (key IS NULL) <> (scale IS NULL)
        """,
        "values out of range",
    )


@dg.asset_check(asset="audio_features", description="All features are of the current version.")
def analysis_version_drift(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.audio.model import ANALYSIS_VERSION

    rows = _rows(pipeline, "SELECT analysis_version, count(*) FROM audio_features GROUP BY 1 ORDER BY 1")
    old = sum(count for version, count in rows if version != ANALYSIS_VERSION)
    return dg.AssetCheckResult(
        passed=old == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{old} tracks were analysed by another version than {ANALYSIS_VERSION}.",
        metadata={"by_version": markdown_table(["version", "tracks"], rows)},
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

SOUND_CHECKS = [
    failed_analyses,
    missing_values,
    values_in_range,
    analysis_version_drift,
]
