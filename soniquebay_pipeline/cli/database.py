"""`db`: the database's URL, migrations, the embedded server, the number of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soniquebay_pipeline.cli.instance import upgrade_dagster
from soniquebay_pipeline.cli.output import Bars, clear_errors, fail, out, read_settings

app = typer.Typer(help="The catalogue's database.", no_args_is_help=True)


@app.command()
def url() -> None:
    """Print a URL that psql and psycopg take; starts the embedded server if it has to."""
    from soniquebay_pipeline.db.engine import catalogue_url, libpq_url

    with clear_errors():
        typer.echo(libpq_url(catalogue_url(read_settings())))


@app.command()
def migrate(
    with_dagster: Annotated[
        bool, typer.Option("--with-dagster", help="Dagster's own storage too, and the limits of its pools.")
    ] = False,
) -> None:
    """Create the tables, or bring them to the version of this program."""
    from soniquebay_pipeline.db.engine import get_engine
    from soniquebay_pipeline.db.migrate import current_revision
    from soniquebay_pipeline.db.migrate import migrate as upgrade

    with clear_errors():
        engine = get_engine(read_settings())
        changed = upgrade(engine)
        version = current_revision(engine)
        if with_dagster:
            upgrade_dagster(read_settings())
    out.print(f"The tables are at version {version}" + (" now." if changed else " already."))
    if with_dagster:
        out.print("Dagster's storage is at the version of this program.")


@app.command()
def stop() -> None:
    """Stop the embedded server; the next command starts it again."""
    from soniquebay_pipeline.db.server import stop_server

    settings = read_settings()
    if settings.database_url:
        fail("SONIQUEBAY_DATABASE_URL names a server of yours; it is not stopped from here.", code=2)
    out.print("Stopped." if stop_server(settings.home) else "It was not running.")


@app.command()
def reshard(
    shards: Annotated[int, typer.Argument(min=1, max=1024, help="The new number of partitions.")],
) -> None:
    """Divide the catalogue into another number of partitions; set SONIQUEBAY_SHARDS to the same."""
    from soniquebay_pipeline.db.engine import get_engine
    from soniquebay_pipeline.db.migrate import migrate as upgrade
    from soniquebay_pipeline.library import record

    with clear_errors():
        engine = get_engine(read_settings())
        upgrade(engine)
        record.reshard(engine, shards)
    out.print(f"Done. Set SONIQUEBAY_SHARDS={shards} (in .env) before the next run, and restart the UI.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    pictures: Annotated[bool, typer.Option("--pictures", help="Save the stored covers as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace the file if it is there.")] = False,
) -> None:
    """Save the catalogue and Dagster's database in one file. May run while the pipeline works."""
    from soniquebay_pipeline.care.backup import back_up
    from soniquebay_pipeline.db.migrate import open_catalogue

    if file.exists() and not yes:
        fail(f"{file} is there already. Nothing was written; name another file, or use --yes.")
    settings = read_settings()
    with clear_errors(), Bars() as bars:
        open_catalogue(settings)
        manifest = back_up(settings, file, pictures=pictures, progress=bars)
    size = file.stat().st_size / 1e6
    more = f", {manifest.pictures:,} pictures" if pictures else ""
    out.print(f"Saved {manifest.tracks:,} tracks{more} in {file} ({size:,.1f} MB).", soft_wrap=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `db backup` wrote. Take only files of your own.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the catalogue holds without asking.")] = False,
) -> None:
    """Replace the catalogue and Dagster's database by those of a backup; stop the UI before."""
    from sqlalchemy import text

    from soniquebay_pipeline.care.backup import read_manifest
    from soniquebay_pipeline.care.backup import restore as put_back
    from soniquebay_pipeline.db.migrate import open_catalogue

    settings = read_settings()
    with clear_errors():
        manifest = read_manifest(file)
        with open_catalogue(settings).connect() as connection:
            tracks = connection.execute(text("SELECT count(*) FROM tracks")).scalar_one()
        held = f"the catalogue's {tracks:,} tracks" if tracks else "the empty catalogue"
        question = f"Replace {held} by the {manifest.tracks:,} of {manifest.created_at[:16]} UTC?"
        if tracks and not yes and not typer.confirm(question):
            fail("Nothing was changed.")
        with Bars() as bars:
            put_back(settings, file, progress=bars)
        open_catalogue(settings)
    out.print(f"Restored {manifest.tracks:,} tracks of {manifest.library or 'no library'}.", soft_wrap=True)
