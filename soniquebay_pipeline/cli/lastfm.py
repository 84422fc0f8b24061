"""`lastfm status`, `lastfm enrich`: what Last.fm knows of the library, and asking it now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from soniquebay_pipeline.cli.output import Bars, clear_errors, err, fail, out, print_json, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(help="What Last.fm knows of the library.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]


@app.command()
def status(as_json: Json = False) -> None:
    """Say what was asked, what Last.fm knows, what waits, and the last errors."""
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.enrichment.lastfm.status import numbers
    from soniquebay_pipeline.enrichment.report import resting_until

    settings = read_settings()
    with clear_errors():
        engine = open_catalogue(settings)
        found = numbers(engine, settings.lastfm_max_age_days)
        until = resting_until(engine, "lastfm")
    found |= {"has_key": settings.lastfm_api_key is not None, "kinds_asked": settings.lastfm_kind_list}
    found["resting_until"] = until.isoformat() if until else None
    if as_json:
        print_json(found)
        return
    columns = ("total", "asked", "known", "not_believed", "due", "waiting", "failed")
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for kind, figures in found["kinds"].items():
        table.add_row(kind, *(f"{figures[column]:,}" for column in columns))
    out.print(table)
    out.print(
        f"{found['similar_artists']:,} similar artists, {found['similar_artists_in_the_library']:,} of them in the "
        f"library. Tracks with genres of Last.fm: {found['tracks_with_genres']:,}, "
        f"with moods: {found['tracks_with_moods']:,}.",
        soft_wrap=True,
    )
    for row in found["last_errors"]:
        out.print(
            f"{row['kind']} {row['about']}: {row['error']} (attempt {row['attempts']}, {row['state']})",
            markup=False,
            soft_wrap=True,
        )
    if not found["has_key"]:
        err.print("Last.fm is not asked: SONIQUEBAY_LASTFM_API_KEY is not set.")
    if until:
        err.print(f"Last.fm does not answer as it should; nothing is asked until {until:%H:%M:%S}.")


@app.command()
def enrich(
    artist: Annotated[
        str | None, typer.Argument(help="Only this artist and what is theirs, due or not; without it, what is due.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask Last.fm now, for at most SONIQUEBAY_LASTFM_RUN_SECONDS an asset."""
    from soniquebay_pipeline.cli.instance import execute_unpartitioned, prepare_dagster_home
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.progress import shown_by

    settings = read_settings()
    if settings.lastfm_api_key is None:
        fail("Last.fm is not asked: set SONIQUEBAY_LASTFM_API_KEY (https://www.last.fm/api/account/create).")
    with clear_errors():
        engine = open_catalogue(settings)
        if artist is not None:
            _must_know(engine, artist)
        prepare_dagster_home(settings)
        config = {"config": {"artist": artist}} if artist is not None else {}
        assets = ("lastfm_artists", "artist_similar", "lastfm_albums", "lastfm_tracks")
        with Bars() as bars, shown_by(bars):
            outcome = execute_unpartitioned("lastfm", dict.fromkeys(assets, config))
    if as_json:
        print_json(
            {
                "ok": outcome.error is None,
                "error": outcome.error,
                "run_ids": outcome.run_ids,
                "assets": outcome.numbers,
                "failed_checks": outcome.failed_checks,
            }
        )
    if outcome.error:
        fail(outcome.error)
    if as_json:
        return
    for asset, figures in outcome.numbers.items():
        shown = ("asked", "found", "nothing", "not_believed", "failed", "left")
        out.print(f"{asset}: " + ", ".join(f"{figures.get(name, 0):,.0f} {name.replace('_', ' ')}" for name in shown))
    for check in outcome.failed_checks:
        err.print(f"check: {check}", markup=False, soft_wrap=True)


def _must_know(engine: Engine, artist: str) -> None:
    from soniquebay_pipeline.catalog.names import name_key
    from soniquebay_pipeline.enrichment.lastfm.due import ids_of_artist

    if not ids_of_artist(engine, "artist", name_key(artist)):
        fail(f"The catalogue has no artist {artist!r} that Last.fm could be asked about.")
