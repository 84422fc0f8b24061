"""Making every vector that is due: sentences, text vectors, audio vectors, combined ones; and the report.

Here: the order of the steps and what is encoded when. Not here: the SQL of each kind (``text_store``,
``text_vectors``, ``sound_vectors``, ``combine``).

Each step is due by what the tables hold, and stored in transactions of its own: a killed run goes on at the
next. torch is imported only when there is a sentence to encode.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from soniquebay_pipeline.db.locks import LOCK_VECTORS, hold_for_transaction
from soniquebay_pipeline.progress import Progress, Silent
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors import combine, sound_vectors, text_store, text_vectors
from soniquebay_pipeline.vectors.model import ModelError, TextModel, load_model, model_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 1024
"""Sentences that are encoded, then stored: what a killed run loses. Of like length, so little is padding."""


@dataclass(slots=True)
class VectorReport:
    """What was made."""

    texts: int = 0
    """Tracks whose sentence or document was written."""
    encoded: int = 0
    """Sentences that went through the model."""
    reused: int = 0
    """Tracks that got the vector of a sentence which had one, or which another of them shares."""
    sounds: int = 0
    combined: int = 0
    model: str = ""
    model_changed: bool = False
    """The model of the settings came into force with this run."""
    scaler_version: int = 0
    encode_seconds: float = 0.0
    failed_by_reason: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Up to fifty (reason, what, detail)."""

    def fail(self, reason: str, what: str, detail: str) -> None:
        """Count one failure."""
        self.failed_by_reason[reason] = self.failed_by_reason.get(reason, 0) + 1
        if len(self.examples) < 50:
            self.examples.append((reason, what, detail))


@dataclass(frozen=True, slots=True)
class DueShards:
    """Shards in which there is something to do."""

    text: set[int]
    """Sentences to write or encode."""
    sound: set[int]
    """Only audio or combined vectors to make."""

    def __bool__(self) -> bool:
        return bool(self.text or self.sound)


def due_shards(connection: Connection, settings: Settings, shards: Sequence[int]) -> DueShards:
    """In which of the shards vectors are due; imports no torch. Raises ModelError."""
    model = model_files(settings).name
    words = text_store.shards_with_due_texts(connection, shards)
    words |= text_vectors.shards_with_due_vectors(connection, model, shards)
    sounds = sound_vectors.shards_with_due_sound(connection, shards)
    in_force = text_vectors.model_in_force(connection)
    if in_force is not None:
        shown = model if in_force == model else in_force
        sounds |= combine.shards_with_due_combinations(connection, shown, settings.text_share, shards)
    return DueShards(words, sounds - words)


def look_for_due(
    connection: Connection, settings: Settings, shards: Sequence[int], budget_seconds: float
) -> tuple[DueShards, int]:
    """``due_shards`` in parts while there is time; also at how many of the shards it looked, at least one.

    Each part is twice the last: a few questions where the shards are small, and about twice the time at most where
    they are large. A million tracks take half a minute of a free core, and more than a minute of a busy one.
    """
    deadline = time.monotonic() + budget_seconds
    due = DueShards(set(), set())
    looked_at, part = 0, 1
    while looked_at < len(shards) and (not looked_at or time.monotonic() < deadline):
        found = due_shards(connection, settings, shards[looked_at : looked_at + part])
        due.text.update(found.text)
        due.sound.update(found.sound)
        looked_at, part = min(looked_at + part, len(shards)), part * 2
    return due, looked_at


def make_due_vectors(
    engine: Engine,
    settings: Settings,
    shards: Sequence[int],
    *,
    progress: Progress | None = None,
    load: Callable[[Settings], TextModel] = load_model,
) -> VectorReport:
    """Make everything that is due in these shards. Raises ModelError where the model can't be used."""
    report = VectorReport(model=model_files(settings).name)
    progress = progress or Silent()
    report.texts = text_store.write_due_texts(engine, shards, progress)
    _encode(engine, settings, shards, report, progress, load)
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        _adopt(connection, settings, shards, report, progress)
    _make_sounds(engine, shards, report, progress)
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        in_force = text_vectors.model_in_force(connection)
        if in_force:
            report.combined += combine.combine(connection, in_force, settings.text_share, shards)
        report.scaler_version = sound_vectors.version_in_force(connection)
    return report


def refit(engine: Engine, settings: Settings, progress: Progress | None = None) -> VectorReport:
    """Fit the scaler on the whole library and write every audio and combined vector anew, in one transaction.

    Without a track that has features nothing is changed.
    """
    report = VectorReport()
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        report.sounds = sound_vectors.usable_tracks(connection)
        if not report.sounds:
            return report
        report.scaler_version = sound_vectors.refit(connection, progress).version
        report.model = text_vectors.model_in_force(connection) or ""
        if report.model:
            report.combined = combine.combine(connection, report.model, settings.text_share)
    return report


def refit_if_outgrown(engine: Engine, settings: Settings, progress: Progress | None = None) -> VectorReport | None:
    """``refit``, where the library has outgrown the scaler; None where it has not."""
    with engine.connect() as connection:
        if not sound_vectors.is_outgrown(connection):
            return None
    return refit(engine, settings, progress)


def _encode(
    engine: Engine,
    settings: Settings,
    shards: Sequence[int],
    report: VectorReport,
    progress: Progress,
    load: Callable[[Settings], TextModel],
) -> None:
    report.reused = text_vectors.reuse(engine, report.model, shards)
    sentences = text_vectors.due_sentences(engine, report.model, shards)
    if not sentences:
        return
    model = load(settings)
    with progress.stage("encoding texts", len(sentences)) as stage:
        for start in range(0, len(sentences), CHUNK):
            chunk = sentences[start : start + CHUNK]
            started = time.monotonic()
            vectors = encode_each(model, [sentence for _, sentence in chunk])
            report.encode_seconds += time.monotonic() - started
            made, failed = [], []
            for (key, sentence), vector in zip(chunk, vectors, strict=True):
                if isinstance(vector, str):
                    failed.append((key, vector))
                    report.fail("not_encoded", sentence, vector)
                else:
                    made.append((key, vector))
            tracks = text_vectors.write(engine, model.name, made, shards)
            report.encoded += len(made)
            report.reused += max(0, tracks - len(made))
            if failed:
                text_vectors.write_failures(engine, model.name, failed, shards)
            stage(len(chunk))


def encode_each(model: TextModel, sentences: Sequence[str]) -> list[NDArray[np.float32] | str]:
    """The vector of each sentence, or why it has none. Raises what the model raises where all of them fail."""
    import numpy as np

    try:
        vectors = list(model.encode(sentences))
    except (RuntimeError, ValueError, IndexError, KeyError, TypeError):
        # One sentence may be to blame: each alone. Where none works it is the model, which fails the run.
        alone = [_encode_one(model, sentence) for sentence in sentences]
        if all(isinstance(each, str) for each in alone):
            raise
        return alone
    return [vector if np.isfinite(vector).all() else "the model gave no finite vector" for vector in vectors]


def _encode_one(model: TextModel, sentence: str) -> NDArray[np.float32] | str:
    import numpy as np

    try:
        [vector] = model.encode([sentence])
    except (RuntimeError, ValueError, IndexError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return vector if np.isfinite(vector).all() else "the model gave no finite vector"


def _adopt(
    connection: Connection, settings: Settings, shards: Sequence[int], report: VectorReport, progress: Progress
) -> None:
    """Put a new model, layout, weight or the first scaler into force.

    Vectors of two of them are never in force together: all rows of the library change in this transaction.
    """
    text_vectors.forget_other_models(connection, report.model)
    report.model_changed = text_vectors.put_into_force(connection, report.model)
    sound_vectors.remove_other_layouts(connection)
    sound_vectors.remove_gone(connection, shards)
    fitted = sound_vectors.scaler_in_force(connection) is None and bool(
        sound_vectors.due_tracks(connection, shards, sound_vectors.version_in_force(connection))
    )
    if fitted:
        sound_vectors.refit(connection, progress)
        report.sounds = sound_vectors.usable_tracks(connection)
    in_force = text_vectors.model_in_force(connection)
    if in_force and (fitted or combine.is_weighted_otherwise(connection, in_force, settings.text_share)):
        report.combined += combine.combine(connection, in_force, settings.text_share)


def _make_sounds(engine: Engine, shards: Sequence[int], report: VectorReport, progress: Progress) -> None:
    """Audio vectors with the scaler in force."""
    with engine.connect() as connection:
        due = sound_vectors.due_tracks(connection, shards, sound_vectors.version_in_force(connection))
    if not due:
        return
    with progress.stage("making audio vectors", len(due)) as stage:
        for start in range(0, len(due), sound_vectors.BATCH):
            batch = due[start : start + sound_vectors.BATCH]
            with engine.begin() as connection:
                hold_for_transaction(connection, LOCK_VECTORS)
                # Read under the lock: the scaler may have been fitted anew since the last batch.
                scaler = sound_vectors.scaler_in_force(connection)
                if scaler is None:
                    return
                made, failed = sound_vectors.write(connection, scaler, batch)
            report.sounds += made
            for track_id in failed:
                report.fail("no_direction", f"track {track_id}", "no figure differs from the mean")
            stage(len(batch))


__all__ = [
    "DueShards",
    "ModelError",
    "VectorReport",
    "due_shards",
    "encode_each",
    "look_for_due",
    "make_due_vectors",
    "refit",
    "refit_if_outgrown",
]
