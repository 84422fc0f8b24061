"""Text vectors in SQL: which sentences are due, storing their vectors, and changing the model of all at once.

Here: the rows of kind ``text``. Not here: the sentences (``text_store``), encoding (``model``, ``run``).

All text rows are of one model, the model in force. When the settings name another one, its vectors are collected
in ``next_text_vectors`` while searches go on with the old ones; when every sentence has one, one transaction puts
them in the place of the old.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.bulk import copy_rows, temporary_table
from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures
from soniquebay_pipeline.db.locks import LOCK_VECTORS, hold_for_transaction
from soniquebay_pipeline.vectors.texts import SENTENCE_VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUEUE = "vectors"
ENTITY = "track_text"
REPLACE = """
    ON CONFLICT (track_id, kind) DO UPDATE SET vector = excluded.vector, model = excluded.model,
        version = excluded.version, source_hash = excluded.source_hash, has_audio = excluded.has_audio,
        created_at = now()
"""
"""Ends an INSERT of whole rows of ``embeddings``."""

# A sentence that could not be encoded is due again when the ledger says so.
_LEDGER = f"""
    LEFT JOIN deferred_tasks d ON d.queue = '{QUEUE}' AND d.entity_type = '{ENTITY}' AND d.entity_id = x.track_id
         AND d.about = x.sentence_hash || ' ' || :model
"""
_MAY_BE_TRIED = "(d.entity_id IS NULL OR d.state = 'waiting' AND d.next_attempt_at <= now())"
_DUE = f"""
    FROM track_texts x JOIN tracks t ON t.id = x.track_id JOIN raw_files f ON f.id = t.file_id
    LEFT JOIN embeddings e ON e.track_id = x.track_id AND e.kind = 'text'
    {_LEDGER}
    WHERE e.source_hash IS DISTINCT FROM x.sentence_hash AND {_MAY_BE_TRIED}
"""
_DUE_OF_NEXT = f"""
    FROM track_texts x JOIN tracks t ON t.id = x.track_id JOIN raw_files f ON f.id = t.file_id
    LEFT JOIN next_text_vectors n ON n.model = :model AND n.sentence_hash = x.sentence_hash
    {_LEDGER}
    WHERE n.sentence_hash IS NULL AND {_MAY_BE_TRIED}
"""


def model_in_force(connection: Connection) -> str | None:
    """The model of the text rows; None where there are none."""
    return connection.execute(text("SELECT model FROM embeddings WHERE kind = 'text' LIMIT 1")).scalar_one_or_none()


def _due(connection: Connection, model: str) -> str:
    return _DUE if model_in_force(connection) in (None, model) else _DUE_OF_NEXT


def shards_with_due_vectors(connection: Connection, model: str, shards: Sequence[int]) -> set[int]:
    """Those of the shards with sentences to encode; all with tracks where only the change of the model is left."""
    due = _due(connection, model)
    parameters = {"model": model, "shards": list(shards)}
    found = set(
        connection.execute(text(f"SELECT DISTINCT f.shard {due} AND f.shard = ANY(:shards)"), parameters).scalars()
    )
    if found or model_in_force(connection) in (None, model):
        return found
    if connection.execute(text(f"SELECT EXISTS (SELECT {due})"), {"model": model}).scalar_one():
        return set()
    query = "SELECT DISTINCT f.shard FROM raw_files f JOIN tracks t ON t.file_id = f.id WHERE f.shard = ANY(:shards)"
    return set(connection.execute(text(query), {"shards": list(shards)}).scalars())


def due_sentences(engine: Engine, model: str, shards: Sequence[int]) -> list[tuple[str, str]]:
    """(hash, sentence) of each sentence of the shards that has no vector of this model yet, the longest first."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                f"""
                SELECT x.sentence_hash, min(x.sentence) AS sentence {_due(connection, model)}
                  AND f.shard = ANY(:shards) GROUP BY 1 ORDER BY length(min(x.sentence)) DESC, 1
                """
            ),
            {"model": model, "shards": list(shards)},
        ).all()
    return [(row[0], row[1]) for row in rows]


def reuse(engine: Engine, model: str, shards: Sequence[int]) -> int:
    """Give due tracks the vector that another track has for the same sentence; returns their number."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        if model_in_force(connection) != model:
            return 0
        result = connection.execute(
            text(
                f"""
                INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)
                SELECT q.track_id, 'text', s.vector, s.model, s.version, s.source_hash, false
                FROM (SELECT x.track_id, x.sentence_hash {_DUE} AND f.shard = ANY(:shards)) q
                CROSS JOIN LATERAL (SELECT * FROM embeddings o WHERE o.kind = 'text' AND o.model = :model
                                    AND o.source_hash = q.sentence_hash LIMIT 1) s
                ORDER BY q.track_id {REPLACE}
                """
            ),
            {"model": model, "shards": list(shards)},
        )
    return result.rowcount


def as_text(vector: NDArray[np.float32]) -> str:
    """The vector as pgvector reads it."""
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def write(engine: Engine, model: str, encoded: Iterable[tuple[str, NDArray[np.float32]]], shards: Sequence[int]) -> int:
    """Store the vectors of sentences (by their hash) in one transaction; returns how many tracks got one."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        temporary_table(connection, "encoded", "sentence_hash text, vector vector")
        copy_rows(connection, "encoded", ("sentence_hash", "vector"), ((h, as_text(v)) for h, v in encoded))
        # Asked under the lock: another process may have put a model into force since.
        if model_in_force(connection) not in (None, model):
            connection.execute(
                text(
                    "INSERT INTO next_text_vectors (model, sentence_hash, vector)"
                    " SELECT :model, sentence_hash, vector FROM encoded ORDER BY sentence_hash ON CONFLICT DO NOTHING"
                ),
                {"model": model},
            )
            return 0
        result = connection.execute(
            text(
                f"""
                INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)
                SELECT x.track_id, 'text', n.vector, :model, :version, n.sentence_hash, false
                FROM encoded n JOIN track_texts x USING (sentence_hash)
                JOIN tracks t ON t.id = x.track_id JOIN raw_files f ON f.id = t.file_id AND f.shard = ANY(:shards)
                ORDER BY x.track_id {REPLACE}
                """
            ),
            {"model": model, "version": SENTENCE_VERSION, "shards": list(shards)},
        )
        connection.execute(
            text(
                f"DELETE FROM deferred_tasks d USING track_texts x JOIN encoded n USING (sentence_hash)"
                f" WHERE d.queue = '{QUEUE}' AND d.entity_type = '{ENTITY}' AND d.entity_id = x.track_id"
            )
        )
        return result.rowcount


def write_failures(engine: Engine, model: str, failed: Sequence[tuple[str, str]], shards: Sequence[int]) -> None:
    """Note (hash, error) of sentences that could not be encoded, for each of their tracks."""
    errors = dict(failed)
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT x.track_id, x.sentence_hash FROM track_texts x JOIN tracks t ON t.id = x.track_id"
                " JOIN raw_files f ON f.id = t.file_id"
                " WHERE x.sentence_hash = ANY(:hashes) AND f.shard = ANY(:shards)"
            ),
            {"hashes": list(errors), "shards": list(shards)},
        ).all()
        attempts = [FailedAttempt(row[0], f"{row[1]} {model}", errors[row[1]]) for row in rows]
        note_failures(connection, QUEUE, ENTITY, attempts)


def put_into_force(connection: Connection, model: str) -> bool:
    """Replace the text rows by those of the next model, if every sentence that can be encoded has one.

    The caller holds LOCK_VECTORS and writes the combined rows anew in the same transaction.
    """
    if model_in_force(connection) in (None, model):
        return False
    missing = f"""
        SELECT EXISTS (SELECT FROM track_texts x LEFT JOIN next_text_vectors n
                       ON n.model = :model AND n.sentence_hash = x.sentence_hash {_LEDGER}
                       WHERE n.sentence_hash IS NULL AND d.entity_id IS NULL)
    """
    if connection.execute(text(missing), {"model": model}).scalar_one():
        return False
    connection.execute(text("DELETE FROM embeddings WHERE kind = 'text'"))
    connection.execute(
        text(
            """
            INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)
            SELECT x.track_id, 'text', n.vector, n.model, :version, x.sentence_hash, false
            FROM track_texts x JOIN next_text_vectors n ON n.model = :model AND n.sentence_hash = x.sentence_hash
            ORDER BY x.track_id
            """
        ),
        {"model": model, "version": SENTENCE_VERSION},
    )
    connection.execute(text("DELETE FROM next_text_vectors"))
    return True


def forget_other_models(connection: Connection, model: str) -> int:
    """Drop what was collected for a model that the settings no longer name; returns the number of vectors."""
    return connection.execute(text("DELETE FROM next_text_vectors WHERE model <> :model"), {"model": model}).rowcount
