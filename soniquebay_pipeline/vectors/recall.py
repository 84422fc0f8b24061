"""Whether the index finds what comparing everything finds.

Here: recall on sampled tracks. Not here: building the index (``index``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import mean, median

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.vectors.index import PREFIX


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the tracks that are really nearest, the share that the index found; by sampled track."""

    kind: str
    model: str
    shares: tuple[float, ...]
    index_ms: float
    exact_ms: float
    """Medians of a search with and without the index."""

    @property
    def mean(self) -> float:
        """0..1"""
        return mean(self.shares) if self.shares else 1.0


def measure_recall(engine: Engine, *, samples: int = 50, n: int = 10) -> list[Recall]:
    """Recall at ``n`` of each index in use, on tracks spread over the library; without an index, nothing."""
    with engine.connect() as connection:
        indexes = connection.execute(
            text(
                """
                SELECT g.kind, g.model, g.dimensions FROM (
                    SELECT kind, model, vector_dims(vector) AS dimensions FROM embeddings GROUP BY 1, 2, 3
                ) g JOIN pg_index i ON i.indexrelid = to_regclass(embeddings_index_name(g.kind, g.dimensions, g.model))
                WHERE i.indisvalid ORDER BY 1, 2, 3
                """
            )
            if _any_index(connection)
            else text("SELECT '', '', 0 WHERE false")
        ).all()
        return [_of_index(connection, kind, model, dimensions, samples, n) for kind, model, dimensions in indexes]


def _any_index(connection: Connection) -> bool:
    # Grouping hundreds of thousands of wide rows takes a second; most libraries need not.
    return bool(
        connection.execute(
            text("SELECT EXISTS (SELECT FROM pg_class WHERE relkind = 'i' AND starts_with(relname, :prefix))"),
            {"prefix": PREFIX},
        ).scalar()
    )


def _of_index(connection: Connection, kind: str, model: str, dimensions: int, samples: int, n: int) -> Recall:
    # In the order of a hash: spread over the library, and the same ones each time.
    sampled = connection.execute(
        text(
            """
            SELECT track_id FROM embeddings WHERE kind = :kind AND model = :model AND vector_dims(vector) = :dimensions
            ORDER BY md5(track_id::text) LIMIT :samples
            """
        ),
        {"kind": kind, "model": model, "dimensions": dimensions, "samples": samples},
    ).scalars()
    shares, seconds = [], {False: [0.0], True: [0.0]}
    for track in list(sampled):
        found = {}
        for without_index in (False, True):
            started = time.perf_counter()
            found[without_index] = set(
                connection.execute(
                    text(
                        """
                        SELECT track_id FROM similar_tracks(:track, n => :n, kind => :kind, max_per_artist => NULL,
                            max_per_album => NULL, without_index => :without_index)
                        """
                    ),
                    {"track": track, "n": n, "kind": kind, "without_index": without_index},
                ).scalars()
            )
            seconds[without_index].append(time.perf_counter() - started)
        shares.append(len(found[True] & found[False]) / max(1, len(found[True])))
    index_ms, exact_ms = (round(median(seconds[way][1:] or [0.0]) * 1000, 1) for way in (False, True))
    return Recall(kind, model, tuple(shares), index_ms, exact_ms)
