"""Where the databases are, and engines for them.

Here: from settings to URLs, creation of missing databases, SQLAlchemy engines.
Not here: starting the embedded server (``server``), tables (``tables``), migrations (``migrate``).
"""

from __future__ import annotations

import functools

import psycopg
from psycopg import sql
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

from soniquebay_pipeline.db.errors import DatabaseUnavailable
from soniquebay_pipeline.db.server import ensure_server
from soniquebay_pipeline.settings import Settings, get_settings

CATALOGUE_DATABASE = "soniquebay"
DAGSTER_DATABASE = "dagster"


def catalogue_url(settings: Settings) -> URL:
    """URL of the catalogue's database as SQLAlchemy takes it (driver psycopg 3); created if missing."""
    if settings.database_url:
        return _normal(settings.database_url)
    url = make_url(ensure_server(settings.home)).set(database=CATALOGUE_DATABASE)
    create_database(url)
    return url.set(drivername="postgresql+psycopg")


def dagster_url(settings: Settings) -> URL:
    """URL of Dagster's storage; created if missing.

    The driver is named: with SQLAlchemy 2.1 a bare ``postgresql://`` means psycopg 3, whose server-side
    parameters break dagster-postgres (``NOTIFY run_events, $1``).
    """
    if settings.dagster_database_url:
        url = _normal(settings.dagster_database_url)
    elif settings.database_url:
        url = _normal(settings.database_url)
        url = url.set(database=f"{url.database}_{DAGSTER_DATABASE}")
    else:
        url = make_url(ensure_server(settings.home)).set(database=DAGSTER_DATABASE)
    create_database(url)
    return url.set(drivername="postgresql+psycopg2")


def libpq_url(url: URL) -> str:
    """The same URL as psql and ``psycopg.connect`` take it."""
    # libpq knows a space as %20 only; SQLAlchemy leaves it as it is, and in the query makes it a plus.
    address, mark, query = url.set(drivername="postgresql").render_as_string(hide_password=False).partition("?")
    return address.replace(" ", "%20") + mark + query.replace("+", "%20")


@functools.lru_cache(maxsize=4)
def engine_for(url: str) -> Engine:
    """One engine a URL in this process; few connections, checked before use."""
    return create_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True)


def get_engine(settings: Settings | None = None) -> Engine:
    """Engine for the catalogue of these settings."""
    url = catalogue_url(settings or get_settings())
    return engine_for(url.render_as_string(hide_password=False))


def _normal(text: str) -> URL:
    if text.startswith("postgres://"):
        text = "postgresql://" + text.removeprefix("postgres://")
    return make_url(text).set(drivername="postgresql+psycopg")


def create_database(url: URL) -> None:
    """CREATE DATABASE where it is missing; two processes may try at once."""
    name = url.database or ""
    try:
        psycopg.connect(libpq_url(url), connect_timeout=10).close()
        return
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise DatabaseUnavailable(
                f"PostgreSQL at {url.render_as_string(hide_password=True)} refused: {_first_line(error)}"
            ) from error
    try:
        with psycopg.connect(
            libpq_url(url.set(database="postgres")), autocommit=True, connect_timeout=10
        ) as connection:
            # Code point order and Unicode case rules that do not depend on the machine's locales.
            locale = (
                "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0"
                if connection.info.server_version >= 170000
                else "TEMPLATE template0"
            )
            connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' " + locale).format(sql.Identifier(name)))
            # What is lost in a power cut is the last half second, and the next run does it again;
            # waiting for the disk at each of Dagster's events costs more than the event.
            connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit TO off").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return
    except psycopg.Error as error:
        raise DatabaseUnavailable(
            f"The database {name!r} does not exist and could not be created: {_first_line(error)}. "
            f"Create it, or name another with SONIQUEBAY_DATABASE_URL or SONIQUEBAY_DAGSTER_DATABASE_URL."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
