"""Advisory locks of PostgreSQL that keep concurrent processes from doing the same thing at once.

They belong to a transaction (those of web answers to a session), so a killed process frees them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

# Any distinct 64-bit numbers; the high part spells "SQB".
_BASE = 0x53514200 << 16
LOCK_MIGRATIONS = _BASE + 1
LOCK_FILES = _BASE + 2
LOCK_CATALOG = _BASE + 3
LOCK_DAGSTER = _BASE + 4
LOCK_COVERS = _BASE + 5
LOCK_PICTURE_FILES = _BASE + 6
LOCK_VECTORS = _BASE + 7
LOCK_VECTOR_INDEX = _BASE + 8
LOCK_HEALTH = _BASE + 9

# First of two 32-bit numbers; the second is a hash: of a key of web_answers, of a queue of deferred_tasks.
LOCKS_OF_ANSWERS = 0x53514201
LOCKS_OF_QUEUES = 0x53514202


def hold_for_transaction(connection: Connection, key: int) -> None:
    """Wait for the lock; it is freed when the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
