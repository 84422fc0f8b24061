"""Migrations make exactly the tables of ``tables.py``, once, whoever calls them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.db.migrate import MIGRATIONS, current_revision, head_revision, migrate
from soniquebay_pipeline.db.tables import metadata
from soniquebay_pipeline_tests.database_server import DatabaseServer


@pytest.fixture
def empty(server: DatabaseServer) -> Iterator[Engine]:
    """A database without tables."""
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        yield engine
        engine.dispose()


def test_migrations_make_exactly_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []


def test_comments_checks_and_partial_indexes_are_those_of_the_tables(engine: Engine, empty: Engine) -> None:
    """What Alembic does not compare: the same made without migrations has the same definitions."""
    with empty.begin() as connection:
        connection.execute(text("CREATE EXTENSION vector"))
    metadata.create_all(empty)
    query = text(
        """
        SELECT c.relname, coalesce(pg_get_indexdef(i.indexrelid), '') FROM pg_class c
        LEFT JOIN pg_index i ON i.indexrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'alembic%' AND c.relkind <> 'v'
        UNION SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
        UNION SELECT table_name || '.' || column_name,
               concat_ws(' ', data_type, is_nullable, column_default, identity_generation,
                         col_description(format('%I', table_name)::regclass, ordinal_position::int))
        FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%' AND table_type = 'BASE TABLE'
        """
    )
    with engine.begin() as connection:
        connection.execute(text("DROP VIEW track_overview"))  # written in SQL, there is no second definition
    with engine.connect() as one, empty.connect() as other:
        migrated = {tuple(row) for row in one.execute(query)}
        made = {tuple(row) for row in other.execute(query)}
    assert migrated == made


def test_migrate_does_something_once(empty: Engine) -> None:
    assert current_revision(empty) is None
    assert migrate(empty)
    assert current_revision(empty) == head_revision()
    assert not migrate(empty)


def test_migrations_go_down_and_up_again(empty: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    migrate(empty)
    with empty.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with empty.connect() as connection:
        left = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    assert left == ["alembic_version"]
    assert migrate(empty)


def test_migrating_from_several_processes_at_once(empty: Engine) -> None:
    code = (
        "import sys; from sqlalchemy import create_engine; from soniquebay_pipeline.db.migrate import migrate;"
        "print(migrate(create_engine(sys.argv[1])))"
    )
    url = empty.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = sorted(process.communicate(timeout=120)[0].strip() for process in processes)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert answers == ["False", "False", "True"]
