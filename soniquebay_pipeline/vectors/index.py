"""The HNSW indexes over the vectors: one for each kind and model, where there are too many to compare one by one.

Here: which indexes there should be, building them without blocking writers, removing those of other models.
Not here: using them (the function ``nearest_tracks`` does, once they are complete), and measuring them (``recall``).

An index belongs to one kind, one model and one length: PostgreSQL keeps rows of another out of it, so a change of
model neither breaks it nor mixes vectors that can't be compared. Vectors are indexed in half precision: half the
memory and time, and what is found is compared again in full.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from soniquebay_pipeline.db.locks import LOCK_VECTOR_INDEX
from soniquebay_pipeline.progress import Progress, Silent

EXACT_UP_TO = 5_000
"""Up to so many vectors all of them are compared: 25 ms of one core, and the result is exact (docs/search.md)."""
INDEXED_KINDS = ("combined", "text")
MAX_DIMENSIONS = 4_000
"""What pgvector indexes in half precision."""
PREFIX = "ix_embeddings_hnsw_"

M, EF_CONSTRUCTION = 16, 100
MEMORY_SHARE = 0.25
"""Of the memory that is available now, for the build; an index that does not fit takes several times as long."""
MIN_MEMORY_MB = 64
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Group:
    """Vectors that can be compared with each other."""

    kind: str
    model: str
    dimensions: int
    vectors: int
    index: str
    """Name of its index, be it there or not."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What became of the index of one group."""

    kind: str
    model: str
    dimensions: int
    vectors: int
    action: str
    """built, kept, or exact: compared one by one, without an index."""
    seconds: float = 0.0
    size_bytes: int = 0


def rebuild(
    engine: Engine,
    *,
    exact_up_to: int = EXACT_UP_TO,
    only_missing: bool = False,
    progress: Progress | None = None,
) -> list[IndexReport]:
    """Build the index of every group of more than ``exact_up_to`` vectors; drop all others.

    ``only_missing`` keeps those that are there. Vectors can be read and written meanwhile. Killed at any point it
    leaves the old index in use, and the next call removes or completes what was begun. One process at a time does this;
    another waits for it.
    """
    reports = []
    with _one_at_a_time(engine) as connection:
        groups = _groups(connection)
        large = [group for group in groups if group.vectors > exact_up_to and group.dimensions <= MAX_DIMENSIONS]
        valid = _existing(connection)
        for name, is_valid in valid.items():
            if not is_valid or name not in {group.index for group in large}:
                _execute(connection, f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
        for group in groups:
            if group not in large:
                reports.append(_report(connection, group, "exact"))
            elif only_missing and valid.get(group.index):
                reports.append(_report(connection, group, "kept"))
            else:
                started = time.monotonic()
                again = bool(valid.get(group.index))
                _build(engine, connection, group, again=again, progress=progress or Silent())
                reports.append(_report(connection, group, "built", time.monotonic() - started))
    return reports


def memory_mb(group: Group, available_mb: float) -> int:
    """What the build of a group's index may take, in MB: what it needs, within a share of what there is.

    The graph in memory takes 2 bytes a dimension and about 800 bytes of neighbours a vector.
    """
    needed = group.vectors * (2 * group.dimensions + 800) * 1.2 / 2**20
    return int(max(MIN_MEMORY_MB, min(needed, available_mb * MEMORY_SHARE)))


def _groups(connection: Connection) -> list[Group]:
    rows = connection.execute(
        text(
            """
            SELECT kind, model, vector_dims(vector), count(*),
                   embeddings_index_name(kind, vector_dims(vector), model)
            FROM embeddings WHERE kind = ANY(:kinds) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """
        ),
        {"kinds": list(INDEXED_KINDS)},
    )
    return [Group(*row) for row in rows]


def _existing(connection: Connection) -> dict[str, bool]:
    """Name → complete. PostgreSQL leaves an incomplete one behind when a build was killed."""
    rows = connection.execute(
        text(
            """
            SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = 'embeddings'::regclass AND starts_with(c.relname, :prefix)
            """
        ),
        {"prefix": PREFIX},
    )
    return {row[0]: row[1] for row in rows}


def _report(connection: Connection, group: Group, action: str, seconds: float = 0.0) -> IndexReport:
    size = connection.execute(
        text("SELECT coalesce(pg_relation_size(to_regclass(:name)), 0)"), {"name": group.index}
    ).scalar_one()
    return IndexReport(group.kind, group.model, group.dimensions, group.vectors, action, round(seconds, 1), size)


def _build(engine: Engine, connection: Connection, group: Group, *, again: bool, progress: Progress) -> None:
    """Build on the connection, in a thread; this one watches."""
    statement = f'REINDEX INDEX CONCURRENTLY "{group.index}"' if again else _create(group)
    with (
        ThreadPoolExecutor(1) as pool,
        _autocommit(engine) as watching,
        progress.stage(f"indexing {group.kind}", group.vectors) as stage,
    ):
        building = pool.submit(_run_build, connection, group, statement)
        done = 0
        while wait_for([building], POLL_SECONDS).not_done:
            now = watching.execute(
                text(
                    "SELECT tuples_done FROM pg_stat_progress_create_index"
                    " WHERE relid = 'embeddings'::regclass AND datname = current_database()"
                )
            ).scalar()
            if now is not None and done < now <= group.vectors:
                stage(now - done)
                done = now
        building.result()
        stage(group.vectors - done)


def _create(group: Group) -> str:
    from psycopg import sql

    # Only digits and names of this module; the model, which is anybody's text, is quoted as a literal.
    model = sql.Literal(group.model).as_string(None)
    return (
        f'CREATE INDEX CONCURRENTLY "{group.index}" ON embeddings'
        f" USING hnsw ((vector::halfvec({group.dimensions})) halfvec_ip_ops)"
        f" WITH (m = {M}, ef_construction = {EF_CONSTRUCTION})"
        f" WHERE kind = '{group.kind}' AND model = {model} AND vector_dims(vector) = {group.dimensions}"
    )


def _run_build(connection: Connection, group: Group, statement: str) -> None:
    import psutil

    available = psutil.virtual_memory().available / 2**20
    _execute(connection, f"SET maintenance_work_mem = '{memory_mb(group, available)}MB'")
    try:
        _execute(connection, statement)
    except OperationalError as error:
        # Workers share memory through /dev/shm, of which containers have 64 MB.
        if getattr(error.orig, "sqlstate", None) not in ("53100", "53200"):
            raise
        for name, is_valid in _existing(connection).items():
            if not is_valid:
                _execute(connection, f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
        _execute(connection, "SET max_parallel_maintenance_workers = 0")
        _execute(connection, statement)
    finally:
        _execute(connection, "RESET maintenance_work_mem")
        _execute(connection, "RESET max_parallel_maintenance_workers")


def _execute(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


@contextmanager
def _autocommit(engine: Engine) -> Iterator[Connection]:
    """A connection outside transactions, in which PostgreSQL builds no index concurrently."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[Connection]:
    """The connection to build on. The lock belongs to its session: PostgreSQL goes on with the build of a process
    that was killed, and frees the lock only then; dropping that index meanwhile would be a deadlock."""
    with _autocommit(engine) as connection:
        # Asked again and again: a statement that waits holds a snapshot, which a concurrent build waits for in turn.
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_VECTOR_INDEX}).scalar():
            time.sleep(POLL_SECONDS)
        try:
            yield connection
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_VECTOR_INDEX})
