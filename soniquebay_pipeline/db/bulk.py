"""Bulk writes: COPY of rows into a table, and temporary tables for set-based statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below a SQLAlchemy connection, in the same transaction."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """COPY the rows into the table, in the transaction of the connection; returns their number."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def temporary_table(connection: Connection, name: str, definition: str) -> None:
    """A table of this transaction only; replaces one of the same name left by an earlier step of it."""
    connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{name}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {name} ({definition}) ON COMMIT DROP"))


def temporary_like(
    connection: Connection, name: str, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """A temporary table of these rows, its columns typed as in the table but not constrained; returns their number."""
    connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{name}"))
    typed = f"SELECT {', '.join(columns)} FROM {table} LIMIT 0"
    connection.execute(text(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {typed}"))
    return copy_rows(connection, name, columns, rows)


def temporary_select(connection: Connection, name: str, query: str, **parameters: Any) -> int:
    """A temporary table filled by a query and analysed for the planner; returns its number of rows."""
    connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{name}"))
    result = connection.execute(text(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}"), parameters)
    connection.execute(text(f"ANALYZE {name}"))
    return result.rowcount
