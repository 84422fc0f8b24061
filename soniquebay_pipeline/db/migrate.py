"""Bringing the catalogue's tables to the version of this code.

Here: running Alembic under a lock, and reading the current version.
Not here: the migrations themselves (``migrations/versions``).
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from soniquebay_pipeline.db.locks import LOCK_MIGRATIONS

MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def head_revision() -> str | None:
    """The version that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(engine: Engine) -> str | None:
    """The version that the database has; None before the first migration."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> bool:
    """Upgrade to the newest version; True if anything was done. Safe to call from several processes at once."""
    head = head_revision()
    if current_revision(engine) == head:
        return False
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_MIGRATIONS})
        if MigrationContext.configure(connection).get_current_revision() == head:
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
