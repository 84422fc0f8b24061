"""Which assets after the catalogue have something to do in these shards, whatever changed before them.

A run in which nothing changed and nothing is due ends at raw_metadata: what stands after it still stands.
Here: one question for each such asset. Not here: the answers, which the domain's rooms give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soniquebay_pipeline.defs.resources import Pipeline


def _analysis(pipeline: Pipeline, shards: Sequence[int]) -> bool:
    from soniquebay_pipeline.audio.store import count_due

    return count_due(pipeline.engine, shards)[0] > 0


def _covers(pipeline: Pipeline, shards: Sequence[int]) -> bool:
    from soniquebay_pipeline.artwork.model import CoverRules
    from soniquebay_pipeline.artwork.run import is_due

    return is_due(pipeline.engine, shards, CoverRules.of(pipeline.settings))


def _vectors(pipeline: Pipeline, shards: Sequence[int]) -> bool:
    from soniquebay_pipeline.vectors.model import ModelError
    from soniquebay_pipeline.vectors.run import due_shards

    try:
        with pipeline.engine.connect() as connection:
            return bool(due_shards(connection, pipeline.settings, shards))
    except ModelError:
        return True  # embeddings says so to the person


IS_DUE: dict[str, Callable[[Pipeline, Sequence[int]], bool]] = {
    "audio_features": _analysis,
    "covers": _covers,
    "embeddings": _vectors,
}
"""By the name of the asset."""
