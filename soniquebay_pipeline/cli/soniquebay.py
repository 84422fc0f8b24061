"""`import`: taking over an existing SoniqueBay database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from soniquebay_pipeline.cli.output import Bars, clear_errors, out, print_json, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from soniquebay_pipeline.care.soniquebay.take import OfferPictures, Picture, TakenOver
    from soniquebay_pipeline.settings import Settings


def import_soniquebay(
    url: Annotated[str, typer.Argument(help="SoniqueBay's database: postgresql://user@host/name (PGPASSWORD works).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken over.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take it over without asking.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; asks nothing, so --dry-run or --yes belongs to it.")
    ] = False,
) -> None:
    """Take over from a SoniqueBay database what would cost time or calls again. Nothing there is changed."""
    from soniquebay_pipeline.care.soniquebay.take import take_over
    from soniquebay_pipeline.db.migrate import open_catalogue

    settings = read_settings()
    with clear_errors():
        engine = open_catalogue(settings)
        with Bars() as bars:
            found = take_over(
                engine, url, dry_run=dry_run or not yes, offer_pictures=picture_store(engine, settings), progress=bars
            )
        if as_json:
            print_json(asdict(found))
            return
        _show(found, would=dry_run or not yes)
        if dry_run or yes:
            return
        if not (found.lastfm_taken or found.similar_taken or found.features_taken or found.pictures):
            out.print("There is nothing to take over.")
            return
        if not typer.confirm("Take this over?"):
            raise typer.Exit(1)
        with Bars() as bars:
            found = take_over(engine, url, dry_run=False, offer_pictures=picture_store(engine, settings), progress=bars)
        _show(found, would=False)


def picture_store(engine: Engine, settings: Settings) -> OfferPictures:
    """Checks pictures as those of web services are, stores them, and lets the covers be chosen again."""
    from soniquebay_pipeline.artwork.choice import derive
    from soniquebay_pipeline.artwork.model import CoverRules, StoredPicture
    from soniquebay_pipeline.artwork.offers import Offer, offer
    from soniquebay_pipeline.library.workers import PoolOptions

    def store(pictures: Sequence[Picture]) -> int:
        answers = offer(
            engine,
            [Offer(p.entity_type, p.entity_id, p.source, p.origin, p.about, p.data) for p in pictures],
            home=settings.home,
            max_bytes=settings.cover_max_bytes,
            pool=PoolOptions.for_readers(settings),
        )
        derive(engine, CoverRules.of(settings))
        return sum(isinstance(answer, StoredPicture) for answer in answers)

    return store


def _show(found: TakenOver, *, would: bool) -> None:
    out.print(
        f"Matched {found.artists_matched:,} of {found.artists:,} artists, {found.albums_matched:,} of {found.albums:,} "
        f"albums, {found.tracks_matched:,} of {found.tracks:,} tracks"
        + (f" (below {escape(found.music_folder)})." if found.music_folder else "."),
        soft_wrap=True,
    )
    verb = "Would take over" if would else "Took over"
    out.print(
        f"{verb}: Last.fm's data of {found.lastfm_taken:,} artists, {found.similar_taken:,} similar artists, stand-ins "
        f"for the features of {found.features_taken:,} tracks, {found.pictures if would else found.pictures_taken:,} "
        "pictures.",
        soft_wrap=True,
    )
    if not would and found.pictures > found.pictures_taken:
        out.print(f"{found.pictures - found.pictures_taken:,} pictures were not stored.")
    if found.pictures_unreadable:
        out.print(f"{found.pictures_unreadable:,} pictures can't be read.")
