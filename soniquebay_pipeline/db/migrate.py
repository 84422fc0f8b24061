"""Bringing the catalogue's tables to the version of this code.

Here: running Alembic under a lock, and reading the current version.
Not here: the migrations themselves (``migrations/versions``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.engine import get_engine
from soniquebay_pipeline.db.locks import LOCK_MIGRATIONS
from soniquebay_pipeline.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def head_revision() -> str:
    """The version that this code expects: migrations are numbered, and named by their number."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def current_revision(engine: Engine) -> str | None:
    """The version that the database has; None before the first migration."""
    with engine.connect() as connection:
        return _current(connection)


def _current(connection: Connection) -> str | None:
    # Asked in SQL, because every command asks it and importing Alembic takes longer than the rest of most.
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def open_catalogue(settings: Settings) -> Engine:
    """Engine of the catalogue of these settings, with its tables at this code's version."""
    engine = get_engine(settings)
    migrate(engine)
    return engine


def migrate(engine: Engine) -> bool:
    """Upgrade to the newest version; True if anything was done. Safe to call from several processes at once."""
    head = head_revision()
    if current_revision(engine) == head:
        return False
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_MIGRATIONS})
        if _current(connection) == head:
            return False
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
