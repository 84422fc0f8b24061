"""lastfm_artists, artist_similar, lastfm_albums, lastfm_tracks: what Last.fm knows.

Not over shards: an artist is in many folders, and what limits the work is the service's rate.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_result, docs
from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline
from soniquebay_pipeline.defs.runs import KEY_REFUSED_TAG


class LastfmConfig(dg.Config):
    """What a run asks about."""

    artist: str | None = None
    """Only this artist, whether due or not."""


def _asked(
    context: dg.AssetExecutionContext, pipeline: Pipeline, config: LastfmConfig, kind: str, setting: str, table: str
) -> Iterator[dg.MaterializeResult]:
    """Ask about what is due; yields nothing where Last.fm is not to be asked."""
    from pydantic import SecretStr

    from soniquebay_pipeline.enrichment.gateway import CredentialsRefused, Gateway, Provider
    from soniquebay_pipeline.enrichment.lastfm.client import PROVIDER, LastFm
    from soniquebay_pipeline.enrichment.lastfm.run import Options, enrich
    from soniquebay_pipeline.enrichment.lastfm.status import coverage

    settings = pipeline.settings
    if settings.lastfm_api_key is None:
        context.log.warning("Last.fm is not asked: set SONIQUEBAY_LASTFM_API_KEY. Nothing was changed.")
        return
    if setting not in settings.lastfm_kind_list:
        context.log.info(f"{setting} is not among SONIQUEBAY_LASTFM_KINDS ({settings.lastfm_kinds}); nothing to do.")
        return
    key: SecretStr = settings.lastfm_api_key
    provider = Provider(PROVIDER, settings.lastfm_calls_per_second)
    client = LastFm(Gateway(pipeline.engine), provider, key.get_secret_value(), settings.lastfm_url)
    options = Options(
        max_age_days=settings.lastfm_max_age_days,
        run_seconds=settings.lastfm_run_seconds,
        similar_limit=settings.lastfm_similar_limit,
        artist=config.artist,
    )
    try:
        report = enrich(pipeline.engine, kind, client, options, pipeline.progress(context))
    except CredentialsRefused as error:
        context.instance.add_run_tags(context.run_id, {KEY_REFUSED_TAG: "true"})
        raise dg.Failure(str(error), allow_retries=False) from None
    finally:
        client.close()
    if report.stopped:
        context.log.warning(f"{report.stopped}. {report.left} rows wait for the next run.")
    now = coverage(pipeline.engine, kind, options.max_age_days)
    figures = {
        "asked": report.asked,
        "found": report.found,
        "nothing": report.nothing,
        "not_believed": report.not_believed,
        "failed": report.failed,
        "left": report.left,
        "due": now.due,
    }
    if kind == "similar":
        figures["linked"] = report.linked
    more: dict[str, Any] = {
        "coverage": round(now.asked / now.total, 4) if now.total else 1.0,
        "seconds": round(report.seconds, 2),
    }
    if report.failures:
        more["failures"] = markdown_table(["name", "error"], report.failures)
    if report.corrections:
        more["corrections_not_believed"] = markdown_table(["name", "Last.fm took it for"], report.corrections)
    yield catalogue_result(pipeline, table, figures, context.asset_key.to_user_string(), **more)


_BEHAVIOUR = """
Asks about what was never asked for, is older than SONIQUEBAY_LASTFM_MAX_AGE_DAYS or has another name now, the most
tracks first, for at most SONIQUEBAY_LASTFM_RUN_SECONDS. What failed is tried again later. Without
SONIQUEBAY_LASTFM_API_KEY it does nothing.
"""


def _lastfm_asset(
    name: str, description: str, example: str, *, dep: str, table: str, kind: str, setting: str
) -> dg.AssetsDefinition:
    """The asset that asks about one kind, which SONIQUEBAY_LASTFM_KINDS names by ``setting``."""

    @dg.asset(
        name=name,
        deps=[dep],
        group_name="lastfm",
        kinds={"python", "postgres"},
        owners=["team:soniquebay"],
        pool="lastfm",
        code_version="1",
        output_required=False,
        description=f"{description}{_BEHAVIOUR}\n```sql\n{example}\n```\n",
        metadata={"dagster/table_name": f"public.{table}", "docs": docs("lastfm.md")},
    )
    def asset(
        context: dg.AssetExecutionContext, config: LastfmConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult]:
        yield from _asked(context, pipeline, config, kind, setting, table)

    return asset


ASSETS = [
    _lastfm_asset(
        "lastfm_artists",
        "Address, listeners, plays, weighted tags and biography of every artist; genres and moods of their tracks.",
        "SELECT name, lastfm_listeners FROM artists WHERE lastfm_listeners > 0\n"
        "ORDER BY lastfm_listeners DESC LIMIT 10;",
        dep="artists",
        table="artists",
        kind="artist",
        setting="artists",
    ),
    _lastfm_asset(
        "artist_similar",
        "Artists whom the same people listen to, with Last.fm's match as weight (0..1), linked where the library has"
        " them.",
        "SELECT a.name, s.similar_name, s.weight FROM artist_similar s JOIN artists a ON a.id = s.artist_id\n"
        "WHERE s.similar_artist_id IS NOT NULL ORDER BY s.weight DESC LIMIT 10;",
        dep="artists",
        table="artist_similar",
        kind="similar",
        setting="similar",
    ),
    _lastfm_asset(
        "lastfm_albums",
        "Address, listeners, plays, tags and picture of every album; genres and moods of their tracks.",
        "SELECT title, lastfm_listeners, lastfm_tags FROM albums ORDER BY lastfm_listeners DESC NULLS LAST LIMIT 10;",
        dep="albums",
        table="albums",
        kind="album",
        setting="albums",
    ),
    _lastfm_asset(
        "lastfm_tracks",
        "Address, listeners, plays and tags of every track. Only where SONIQUEBAY_LASTFM_KINDS names tracks.",
        "SELECT title, lastfm_playcount FROM tracks ORDER BY lastfm_playcount DESC NULLS LAST LIMIT 10;",
        dep="tracks",
        table="tracks",
        kind="track",
        setting="tracks",
    ),
]
