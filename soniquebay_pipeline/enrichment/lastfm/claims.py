"""Two workers never ask about the same row: who asks holds an advisory lock on it.

The locks belong to a connection of their own, so a killed worker frees them, and they hold up nobody else
who writes the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine, text


@contextmanager
def claimed(engine: Engine, kind: str, ids: Sequence[int]) -> Iterator[list[int]]:
    """Those of the ids that no other worker is at, in their order, and ours until the block ends."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mine = connection.execute(
            text(
                """
                SELECT id FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS u (id, place)
                WHERE pg_try_advisory_lock(hashtextextended('lastfm ' || :kind, id)) ORDER BY place
                """
            ),
            {"ids": list(ids), "kind": kind},
        )
        try:
            yield [int(row.id) for row in mine]
        finally:
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
