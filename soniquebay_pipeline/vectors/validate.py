"""Whether the vectors are what they should be: complete, of unit length, of one model, of the scaler in force.

Here: what is looked at, as figures and findings. Not here: how they are shown (``cli``, ``defs``), and whether an
index finds what exact search finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors import sound_vectors, text_vectors
from soniquebay_pipeline.vectors.layout import DIMENSIONS, combined_model
from soniquebay_pipeline.vectors.model import ModelError, model_files

COVERAGE_WARNING = 0.99


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the library has vectors."""

    tracks: int
    with_vectors: int
    """Tracks with a combined vector."""
    with_audio: int

    @property
    def share(self) -> float:
        """Of the tracks, those with vectors; 1 for an empty library."""
        return round(self.with_vectors / self.tracks, 4) if self.tracks else 1.0

    @property
    def audio_share(self) -> float:
        """Of the tracks, those with sound in their vector."""
        return round(self.with_audio / self.tracks, 4) if self.tracks else 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one look."""

    name: str
    ok: bool
    text: str
    serious: bool = False
    """Not only something that more work mends."""
    numbers: dict[str, Any] = field(default_factory=dict)


def coverage(engine: Engine) -> Coverage:
    """How many tracks have vectors, and how many with sound."""
    with engine.connect() as connection:
        return _coverage(connection)


def validate(engine: Engine, settings: Settings) -> list[Finding]:
    """Every look, in the order of ``LOOKS``."""
    with engine.connect() as connection:
        return [look(connection, settings) for look in LOOKS.values()]


def look_at(engine: Engine, settings: Settings, name: str) -> Finding:
    """One look by its name."""
    with engine.connect() as connection:
        return LOOKS[name](connection, settings)


def _coverage(connection: Connection) -> Coverage:
    row = connection.execute(
        text(
            """
            SELECT count(*), count(c.track_id), count(*) FILTER (WHERE c.has_audio)
            FROM tracks t LEFT JOIN embeddings c ON c.track_id = t.id AND c.kind = 'combined'
            """
        )
    ).one()
    return Coverage(*row)


def _vector_coverage(connection: Connection, settings: Settings) -> Finding:
    found = _coverage(connection)
    failed = connection.execute(
        text("SELECT count(*) FROM deferred_tasks WHERE queue = :queue"), {"queue": text_vectors.QUEUE}
    ).scalar_one()
    said = f"{found.with_vectors} of {found.tracks} tracks have vectors, {found.with_audio} with sound"
    return Finding(
        "vector_coverage",
        found.share >= COVERAGE_WARNING,
        said + (f"; {failed} could not be made yet." if failed else "."),
        numbers={"coverage": found.share, "has_audio": found.audio_share, "failed": failed},
    )


def _vector_dimensions(connection: Connection, settings: Settings) -> Finding:
    try:
        text_size = model_files(settings).dimensions
    except ModelError as error:
        return Finding("vector_dimensions", False, str(error), serious=True)
    rows = connection.execute(
        text("SELECT kind, model, vector_dims(vector), count(*) FROM embeddings GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
    ).all()
    right = {"text": text_size, "audio": DIMENSIONS, "combined": text_size + DIMENSIONS}
    name = model_files(settings).name
    # While another model is being prepared, the rows in force have the dimensions of the old one.
    wrong = sum(n for kind, model, size, n in rows if _is_current(kind, model, name) and size != right[kind])
    mixed = len({(kind, size) for kind, _, size, _ in rows}) - len({kind for kind, *_ in rows})
    numbers: dict[str, Any] = {f"{kind}_dimensions": size for kind, _, size, _ in rows}
    return Finding(
        "vector_dimensions",
        not wrong and not mixed,
        "Every vector has the dimensions of its kind."
        if not wrong and not mixed
        else f"{wrong} vectors have other dimensions than their model; {mixed} kinds have several.",
        serious=True,
        numbers=numbers,
    )


def _is_current(kind: str, model: str, name: str) -> bool:
    return kind == "audio" or model.startswith(name)


def _vector_lengths(connection: Connection, settings: Settings) -> Finding:
    # pgvector takes no NaN, and a CHECK holds the length; this finds what was written around them.
    bad = connection.execute(
        text("SELECT count(*) FROM embeddings WHERE NOT vector_norm(vector) BETWEEN 0.999 AND 1.001")
    ).scalar_one()
    return Finding(
        "vector_lengths",
        bad == 0,
        "Every vector has unit length." if not bad else f"{bad} vectors have not unit length.",
        serious=True,
        numbers={"wrong": bad},
    )


def _vector_models(connection: Connection, settings: Settings) -> Finding:
    rows = connection.execute(
        text("SELECT kind, model, version, count(*) FROM embeddings GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
    ).all()
    models: dict[str, set[str]] = {}
    for kind, model, _, _ in rows:
        models.setdefault(kind, set()).add(model)
    mixed = sorted(kind for kind, names in models.items() if len(names) > 1)
    newest = sound_vectors.version_in_force(connection)
    old = sum(n for kind, _, version, n in rows if kind == "audio" and version != newest)
    waiting = connection.execute(text("SELECT count(*) FROM next_text_vectors")).scalar_one()
    try:
        wanted = combined_model(model_files(settings).name, sound_vectors.MODEL, settings.text_share)
    except ModelError:
        wanted = ""
    other = sum(n for kind, model, _, n in rows if kind == "combined" and model != wanted)
    problems = [
        *([f"several models among the vectors of kind {', '.join(mixed)}"] if mixed else []),
        *([f"{old} audio vectors are not of scaler {newest}"] if old else []),
        *([f"{other} vectors are of another model or weight than the settings name ({wanted})"] if other else []),
    ]
    said = "; ".join(problems) + "." if problems else "One model, one weight and one scaler."
    if waiting:
        said += f" {waiting} sentences are encoded for the next model."
    return Finding(
        "vector_models",
        not problems,
        said,
        serious=bool(mixed or old),
        numbers={"other_model": other, "other_scaler": old, "encoded_for_next_model": waiting},
    )


def _vector_orphans(connection: Connection, settings: Settings) -> Finding:
    row = connection.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE t.id IS NULL),
                   count(*) FILTER (WHERE e.kind <> 'text' AND x.track_id IS NULL AND NOT
                       (e.kind = 'audio' AND EXISTS (SELECT FROM deferred_tasks d WHERE d.queue = 'vectors'
                                                     AND d.entity_id = e.track_id))),
                   count(*) FILTER (WHERE e.kind = 'combined' AND e.has_audio <> (a.track_id IS NOT NULL))
            FROM embeddings e LEFT JOIN tracks t ON t.id = e.track_id
            LEFT JOIN embeddings x ON x.track_id = e.track_id AND x.kind = 'text'
            LEFT JOIN embeddings a ON a.track_id = e.track_id AND a.kind = 'audio'
            """
        )
    ).one()
    problems = dict(zip(("without_track", "without_text", "audio_not_combined"), row, strict=True))
    bad = sum(problems.values())
    named = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in problems.items() if n)
    return Finding(
        "vector_orphans",
        bad == 0,
        "Every vector has its track and its parts." if not bad else f"Vectors without what they belong to: {named}.",
        numbers=problems,
    )


def _scaler_fits(connection: Connection, settings: Settings) -> Finding:
    row = connection.execute(
        text("SELECT version, track_count FROM audio_scalers ORDER BY version DESC LIMIT 1")
    ).one_or_none()
    usable = sound_vectors.usable_tracks(connection)
    if row is None:
        return Finding("scaler_fits", True, "There is no scaler yet.")
    outgrown = sound_vectors.is_outgrown(connection)
    said = f"Scaler {row.version} was fitted on {row.track_count} tracks; {usable} have features now"
    return Finding(
        "scaler_fits",
        not outgrown,
        said + ("; the nightly maintenance or `soniquebay vectors refit` fits it anew." if outgrown else "."),
        numbers={"scaler_version": row.version, "fitted_on": row.track_count, "tracks": usable},
    )


LOOKS: dict[str, Callable[[Connection, Settings], Finding]] = {
    "vector_coverage": _vector_coverage,
    "vector_dimensions": _vector_dimensions,
    "vector_lengths": _vector_lengths,
    "vector_models": _vector_models,
    "vector_orphans": _vector_orphans,
    "scaler_fits": _scaler_fits,
}
