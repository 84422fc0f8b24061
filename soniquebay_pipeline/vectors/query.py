"""A query's words as a vector. The one place of the search side that needs the model."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.arrays import to_database


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A text's vector, or why there is none."""

    vector: str | None = None
    """As PostgreSQL's ``vector`` reads it; unit length."""
    model: str | None = None
    missing: str | None = None


def encode_query(connection: Connection, settings: Settings, words: str) -> QueryVector:
    """The vector of the words, by the model of the settings; loading it takes seconds.

    Not loaded where there are no text vectors to compare with. What is missing is said, not raised: search by
    words goes on without.
    """
    if not connection.execute(text("SELECT EXISTS (SELECT FROM embeddings WHERE kind = 'text')")).scalar():
        return QueryVector(missing="there are no text vectors yet; the asset embeddings makes them")
    from soniquebay_pipeline.vectors.model import ModelError, load_model

    try:
        model = load_model(settings)
    except ModelError as error:
        return QueryVector(missing=str(error))
    known = text("SELECT EXISTS (SELECT FROM embeddings WHERE kind = 'text' AND model = :model)")
    if not connection.execute(known, {"model": model.name}).scalar():
        return QueryVector(missing=f"no text vector was made by the model in use, {model.name}")
    [vector] = model.encode([words])
    return QueryVector(to_database(vector), model.name)
