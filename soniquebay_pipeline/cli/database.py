"""`db`: the database's URL, migrations, the embedded server, the number of shards."""

from __future__ import annotations

from typing import Annotated

import typer

from soniquebay_pipeline.cli.instance import upgrade_dagster
from soniquebay_pipeline.cli.output import clear_errors, fail, out, read_settings

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
