"""Combined vectors in SQL: text and audio beside each other, made by the database itself.

Here: the rows of kind ``combined``. What the parts mean: ``layout``.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from soniquebay_pipeline.vectors.layout import DIMENSIONS, combined_model
from soniquebay_pipeline.vectors.sound_vectors import MODEL
from soniquebay_pipeline.vectors.text_vectors import REPLACE

_SOURCE = "x.source_hash || coalesce(' ' || a.source_hash, '')"
_DUE = f"""
    FROM embeddings x JOIN tracks t ON t.id = x.track_id JOIN raw_files f ON f.id = t.file_id
    LEFT JOIN embeddings a ON a.track_id = x.track_id AND a.kind = 'audio'
    LEFT JOIN embeddings c ON c.track_id = x.track_id AND c.kind = 'combined'
    WHERE x.kind = 'text' AND (c.track_id IS NULL OR (c.source_hash, c.model, c.version)
                               <> ({_SOURCE}, :model, coalesce(a.version, 0)))
"""


def shards_with_due_combinations(
    connection: Connection, text_model: str, text_share: float, shards: Sequence[int]
) -> set[int]:
    """Those of the shards where a combined vector is missing or made of other parts or with other weights."""
    query = f"SELECT DISTINCT f.shard {_DUE} AND f.shard = ANY(:shards)"
    parameters = {"model": combined_model(text_model, MODEL, text_share), "shards": list(shards)}
    return set(connection.execute(text(query), parameters).scalars())


def is_weighted_otherwise(connection: Connection, text_model: str, text_share: float) -> bool:
    """Whether combined vectors of another weight or model are in force."""
    query = "SELECT EXISTS (SELECT FROM embeddings WHERE kind = 'combined' AND model <> :model)"
    model = combined_model(text_model, MODEL, text_share)
    return bool(connection.execute(text(query), {"model": model}).scalar_one())


def combine(connection: Connection, text_model: str, text_share: float, shards: Sequence[int] | None = None) -> int:
    """Write the combined vectors that are due in the shards, or everywhere; returns their number.

    The caller holds LOCK_VECTORS.
    """
    within = "" if shards is None else "AND f.shard = ANY(:shards)"
    result = connection.execute(
        text(
            f"""
            INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)
            SELECT x.track_id, 'combined',
                   l2_normalize(x.vector * array_fill(sqrt(:share)::real, ARRAY[vector_dims(x.vector)])::vector
                                || coalesce(a.vector * array_fill(sqrt(1 - :share)::real, ARRAY[:size]::int[])::vector,
                                            array_fill(0::real, ARRAY[:size]::int[])::vector)),
                   :model, coalesce(a.version, 0), {_SOURCE}, a.track_id IS NOT NULL
            {_DUE} {within}
            ORDER BY x.track_id {REPLACE}
            """
        ),
        {
            "share": text_share,
            "size": DIMENSIONS,
            "model": combined_model(text_model, MODEL, text_share),
            **({} if shards is None else {"shards": list(shards)}),
        },
    )
    return result.rowcount
