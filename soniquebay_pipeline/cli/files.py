"""`rejected`, `purge`: files that could not be read, and files that are gone."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import clear_errors, out, print_json, read_settings


def rejected(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the files that could not become tracks, and why."""
    from sqlalchemy import text

    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.paths import display

    with clear_errors():
        engine = open_catalogue(read_settings())
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT reject_reason, path, reject_detail FROM raw_files WHERE status = 'rejected'"
                    " ORDER BY reject_reason, path"
                )
            ).all()
    if as_json:
        print_json({"rejected": [{"reason": r, "path": p, "detail": d} for r, p, d in rows]})
        return
    if not rows:
        out.print("No file is rejected.")
        return
    table = Table("reason", "file", "detail", box=None, padding=(0, 2))
    for reason, path, detail in rows:
        table.add_row(reason, escape(display(path)), escape(display(detail or "")))
    out.print(table)


def purge(
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", help="Only files missing (or rejected) for so many days.")
    ] = 0.0,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Delete the tracks of files that became unreadable instead.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete missing files and their tracks from the catalogue, after showing them. Touches no file on disk.

    With --rejected: the tracks of files that were music once and can't be read any more.
    """
    from soniquebay_pipeline.catalog.store.albums import resolve_albums
    from soniquebay_pipeline.catalog.store.maintenance import purge as purge_tracks
    from soniquebay_pipeline.catalog.store.maintenance import purgeable
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.paths import display

    status = "rejected" if rejected else "missing"
    with clear_errors():
        engine = open_catalogue(read_settings())
        gone = purgeable(engine, older_than, status=status)
        if not gone:
            what = "No track's file is rejected" if rejected else "No file is missing"
            out.print(f"{what}; there is nothing to purge.")
            return
        table = Table(f"{status} since", "file", "track", box=None, padding=(0, 2))
        for entry in gone[:50]:
            track = " – ".join(part for part in (entry.artist, entry.title) if part)
            table.add_row(entry.since, escape(display(entry.path)), escape(display(track)))
        out.print(table)
        if len(gone) > 50:
            out.print(f"… and {len(gone) - 50} more.")
        these = f"the tracks of these {len(gone)} files" if rejected else f"these {len(gone)} files and their tracks"
        question = f"Delete {these} from the catalogue?"
        if not yes and not typer.confirm(question):
            raise typer.Exit(1)
        count = purge_tracks(engine, older_than, status=status)
        resolve_albums(engine)
    out.print(f"Purged {count} files. `soniquebay ingest` regroups what was in the same folders.")
