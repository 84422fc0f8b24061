"""Reading a SoniqueBay database of any version: columns that are not there are NULL, every value comes as bounded text.

Here: the session and the rows. Not here: what the values mean (``values``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from soniquebay_pipeline.care.errors import SourceError

MAX_TEXT = 4_000
MAX_PICTURE_TEXT = 28_000_000
"""Base64 of 20 MB."""
ROWS = 2_000
PICTURES = 10
"""Rows fetched at once, of covers fewer: a page of them is in memory."""


class Source:
    """One snapshot of a SoniqueBay database."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._columns: dict[str, set[str]] = {}
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        )
        for table, column in found:
            self._columns.setdefault(table, set()).add(column)

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table is there with these columns."""
        return {*columns} <= self._columns.get(table, set()) and table in self._columns

    def rows(self, table: str, columns: Sequence[str], longest: int = MAX_TEXT) -> Iterator[tuple[str | None, ...]]:
        """The columns of all rows as text cut at ``longest``, ordered by the first one; none without the table."""
        if not self.has(table, columns[0]):
            return
        shown = [
            sql.SQL("left({}::text, {})").format(sql.Identifier(column), sql.Literal(longest))
            if self.has(table, column)
            else sql.SQL("NULL::text")
            for column in columns
        ]
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(shown), sql.Identifier(table), sql.Identifier(columns[0])
        )
        with self._connection.cursor(name=f"rows_of_{table}") as cursor:
            cursor.itersize = PICTURES if longest > MAX_TEXT else ROWS
            cursor.execute(query)
            yield from cursor


@contextmanager
def opened(url: str) -> Iterator[Source]:
    """A read-only snapshot of the database; SourceError says why there is none. The password is in no message."""
    try:
        if url.startswith("postgresql+"):
            url = "postgresql" + url[url.index(":") :]
        connection = psycopg.connect(
            url, connect_timeout=15, options="-c default_transaction_read_only=on", application_name="soniquebay import"
        )
    except (psycopg.Error, UnicodeError) as error:
        line = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise SourceError(f"SoniqueBay's database can't be opened: {line}. Nothing was changed.") from None
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        source = Source(connection)
        if not source.has("artists", "id", "name") or not source.has("tracks", "id", "path"):
            raise SourceError(
                "This is no SoniqueBay database: it lacks the tables artists and tracks. Nothing was changed."
            )
        try:
            yield source
        except psycopg.Error as error:
            if error.sqlstate is None and connection.broken:
                raise SourceError("The connection to SoniqueBay's database broke. Nothing was changed.") from error
            raise
