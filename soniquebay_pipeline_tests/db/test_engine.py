"""From settings to URLs and engines; databases that are made; errors that say what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from soniquebay_pipeline.db.engine import catalogue_url, dagster_url, engine_for, get_engine, libpq_url
from soniquebay_pipeline.db.errors import DatabaseUnavailable
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer

PASSWORD = "p@ss/w:rd %?#é"


def settings_for(url: str | None, home: Path, **more: str) -> Settings:
    return Settings(home=home, database_url=url, **more)  # type: ignore[arg-type]


@pytest.fixture
def role(server: DatabaseServer, database: str) -> Iterator[str]:
    """A role with a password full of what URLs are made of."""
    name = "some one"
    owned = f"{make_url(database).database}_dagster"
    with psycopg.connect(libpq_url(server.url), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(sql.Identifier(name), sql.Literal(PASSWORD))
        )
        yield name
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(owned)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_spelling_of_the_scheme_works(database: str, tmp_path: Path, scheme: str) -> None:
    url = catalogue_url(settings_for(database.replace("postgresql", scheme, 1), tmp_path))
    assert url.drivername == "postgresql+psycopg"
    with engine_for(url.render_as_string(hide_password=False)).connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_password_with_special_characters(database: str, role: str, tmp_path: Path) -> None:
    given = make_url(database).set(username=role, password=PASSWORD).render_as_string(hide_password=False)
    settings = settings_for(given, tmp_path)
    with get_engine(settings).connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == role
    with psycopg.connect(libpq_url(catalogue_url(settings))) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role,)
    assert dagster_url(settings).password == PASSWORD


def test_dagster_has_a_database_beside_it_with_its_own_driver(database: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    url = dagster_url(settings)
    assert url.drivername == "postgresql+psycopg2"
    assert url.database == f"{make_url(database).database}_dagster"
    psycopg.connect(libpq_url(url)).close()
    assert dagster_url(settings) == url, "once made, it is found"


def test_a_made_database_is_utf8_and_sorts_by_code_point(database: str, tmp_path: Path) -> None:
    with psycopg.connect(libpq_url(dagster_url(settings_for(database, tmp_path)))) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT 'Z' < 'a', lower('Ä') = 'ä'").fetchone() == (True, True)


def test_a_database_that_several_make_at_once(database: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    errors: list[BaseException] = []

    def make() -> None:
        try:
            dagster_url(settings)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_unreachable_server_is_one_line_without_the_password(closed_port: int, tmp_path: Path) -> None:
    settings = settings_for(f"postgresql://me:secret@127.0.0.1:{closed_port}/music", tmp_path)
    with pytest.raises(DatabaseUnavailable) as caught:
        dagster_url(settings)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value) and str(closed_port) in str(caught.value)


@pytest.mark.parametrize("arguments", [("status",), ("ingest",), ("db", "migrate")])
def test_the_command_says_in_one_line_that_the_server_is_away(
    closed_port: int, tmp_path: Path, music: Path, arguments: tuple[str, ...]
) -> None:
    done = soniquebay(
        *arguments,
        settings={
            "home": tmp_path / "home",
            "music_dir": music,
            "database_url": f"postgresql://me:secret@127.0.0.1:{closed_port}/music",
        },
    )
    assert done.code == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("error:"), done.stderr
    assert "secret" not in done.stderr


def test_a_database_that_does_not_exist_is_named(server: DatabaseServer, tmp_path: Path) -> None:
    url = libpq_url(server.url.set(database="nowhere"))
    done = soniquebay("status", settings={"home": tmp_path / "home", "database_url": url})
    assert done.code == 1
    assert "nowhere" in done.stderr and "Traceback" not in done.stderr
