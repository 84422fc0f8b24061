"""Audio vectors in SQL: which tracks are due, the scaler in force, writing vectors, and fitting the scaler anew.

Here: the rows of kind ``audio`` and the table ``audio_scalers``. Not here: the arithmetic (``sound``, ``scaler``).

All audio rows are of one scaler, the newest. Fitting another rewrites all of them in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from soniquebay_pipeline.audio.model import ANALYSIS_VERSION
from soniquebay_pipeline.audio.timbre import NAMES as TIMBRE_NAMES
from soniquebay_pipeline.audio.timbre import TIMBRE_VERSION
from soniquebay_pipeline.db.bulk import copy_rows, temporary_table
from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures, note_successes
from soniquebay_pipeline.progress import Progress, Silent
from soniquebay_pipeline.vectors.layout import NAMES, audio_model
from soniquebay_pipeline.vectors.scaler import Scaler, fit
from soniquebay_pipeline.vectors.sound import Sound, figures
from soniquebay_pipeline.vectors.text_vectors import QUEUE, REPLACE, as_text

ENTITY = "track_sound"
MODEL = audio_model(TIMBRE_VERSION)
BATCH = 2000
FITTED_ON_AT_MOST = 50_000
"""Tracks that a scaler is fitted on: a sample in the order of a hash, 35 MB of figures."""
OUTGROWN = 4.0
"""A scaler is to be fitted anew when the library has so many times the tracks it was fitted on."""

# What the vector depends on: the audio and the version of the measurement, no tag.
_SOURCE = "concat_ws('/', a.audio_hash, a.analysis_version, a.timbre_version)"
_USABLE = f"""a.failure_reason IS NULL AND a.timbre_version = {TIMBRE_VERSION}
    AND cardinality(a.timbre) = {len(TIMBRE_NAMES)}"""
_FEATURES = """a.timbre, a.bpm_measured, a.bpm_confidence, a.key_measured, a.scale_measured, a.key_confidence,
    a.loudness_range_lu, a.energy, a.danceability, a.acousticness, a.instrumentalness"""
_DUE = f"""
    FROM audio_features a JOIN tracks t ON t.id = a.track_id JOIN raw_files f ON f.id = t.file_id
    LEFT JOIN embeddings e ON e.track_id = a.track_id AND e.kind = 'audio'
    LEFT JOIN deferred_tasks d ON d.queue = '{QUEUE}' AND d.entity_type = '{ENTITY}' AND d.entity_id = a.track_id
         AND d.about = {_SOURCE}
    WHERE {_USABLE} AND (d.entity_id IS NULL OR d.state = 'waiting' AND d.next_attempt_at <= now())
      AND (e.track_id IS NULL OR (e.source_hash, e.model, e.version) <> ({_SOURCE}, '{MODEL}', :version))
"""
_GONE = f"""
    FROM embeddings e JOIN tracks t ON t.id = e.track_id JOIN raw_files f ON f.id = t.file_id
    LEFT JOIN audio_features a ON a.track_id = e.track_id AND {_USABLE}
    WHERE e.kind = 'audio' AND a.track_id IS NULL
"""


def scaler_in_force(connection: Connection) -> Scaler | None:
    """The newest scaler; None before the first, and where its dimensions are not those of this program."""
    import numpy as np

    row = connection.execute(text("SELECT * FROM audio_scalers ORDER BY version DESC LIMIT 1")).one_or_none()
    if row is None or tuple(row.names) != NAMES or row.timbre_version != TIMBRE_VERSION:
        return None
    return Scaler(np.array(row.means), np.array(row.scales), row.track_count, row.version)


def version_in_force(connection: Connection) -> int:
    """Version of the newest scaler, 0 before the first."""
    return int(connection.execute(text("SELECT coalesce(max(version), 0) FROM audio_scalers")).scalar_one())


def shards_with_due_sound(connection: Connection, shards: Sequence[int]) -> set[int]:
    """Those of the shards with features that have no audio vector, or another one; or a vector whose features are
    gone."""
    within = "AND f.shard = ANY(:shards)"
    query = f"SELECT DISTINCT f.shard {_DUE} {within} UNION SELECT DISTINCT f.shard {_GONE} {within}"
    parameters = {"version": version_in_force(connection), "shards": list(shards)}
    return set(connection.execute(text(query), parameters).scalars())


def due_tracks(connection: Connection, shards: Sequence[int], version: int) -> list[int]:
    """Tracks whose audio vector is to be made."""
    query = f"SELECT a.track_id {_DUE} AND f.shard = ANY(:shards) ORDER BY 1"
    return list(connection.execute(text(query), {"shards": list(shards), "version": version}).scalars())


def remove_other_layouts(connection: Connection) -> int:
    """Remove the vectors, of all shards, whose dimensions are not those of this program."""
    query = f"DELETE FROM embeddings WHERE kind = 'audio' AND model <> '{MODEL}'"
    return connection.execute(text(query)).rowcount


def remove_gone(connection: Connection, shards: Sequence[int]) -> int:
    """Remove the vectors of tracks that have no usable features any more."""
    result = connection.execute(
        text(
            f"DELETE FROM embeddings WHERE kind = 'audio' AND track_id IN (SELECT e.track_id {_GONE}"
            " AND f.shard = ANY(:shards))"
        ),
        {"shards": list(shards)},
    )
    return result.rowcount


def write(connection: Connection, scaler: Scaler, track_ids: Sequence[int]) -> tuple[int, list[int]]:
    """Make and store the vectors of these tracks; returns how many, and the tracks that have no direction."""
    sources, sounds = _sounds(connection, track_ids)
    vectors = scaler.vectors(figures([sound for _, sound in sounds]))
    failed: list[int] = []

    def rows() -> Iterator[tuple[Any, ...]]:
        for (track_id, _), vector in zip(sounds, vectors, strict=True):
            if vector[0] != vector[0]:  # NaN: every figure is exactly the mean, or missing
                failed.append(track_id)
            else:
                yield track_id, as_text(vector), sources[track_id]

    temporary_table(connection, "made_sounds", "track_id bigint, vector vector, source_hash text")
    copy_rows(connection, "made_sounds", ("track_id", "vector", "source_hash"), rows())
    result = connection.execute(
        text(
            f"""
            INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)
            SELECT track_id, 'audio', vector, :model, :version, source_hash, true FROM made_sounds ORDER BY track_id
            {REPLACE}
            """
        ),
        {"model": MODEL, "version": scaler.version},
    )
    attempts = [FailedAttempt(i, sources[i], "no figure differs from the mean") for i in failed]
    note_failures(connection, QUEUE, ENTITY, attempts)
    note_successes(connection, QUEUE, ENTITY, set(sources) - set(failed))
    return result.rowcount, failed


def _sounds(connection: Connection, track_ids: Sequence[int]) -> tuple[dict[int, str], list[tuple[int, Sound]]]:
    """({track: its source}, [(track, what was measured)]) in the order of the ids."""
    rows = connection.execute(
        text(
            f"""
            SELECT a.track_id, {_SOURCE} AS source, {_FEATURES}
            FROM audio_features a WHERE a.track_id = ANY(:ids) AND {_USABLE} ORDER BY a.track_id
            """
        ),
        {"ids": list(track_ids)},
    ).all()
    return {row[0]: row[1] for row in rows}, [(row[0], Sound(*row[2:])) for row in rows]


def usable_tracks(connection: Connection) -> int:
    """Tracks with features that an audio vector can be made of."""
    return int(connection.execute(text(f"SELECT count(*) FROM audio_features a WHERE {_USABLE}")).scalar_one())


def refit(connection: Connection, progress: Progress | None = None) -> Scaler:
    """Fit a scaler on the library, put it into force and write every audio vector anew.

    The caller holds LOCK_VECTORS and writes the combined rows anew in the same transaction.
    """
    import numpy as np

    sample = connection.execute(
        text(f"SELECT a.track_id FROM audio_features a WHERE {_USABLE} ORDER BY hashint8(a.track_id) LIMIT :most"),
        {"most": FITTED_ON_AT_MOST},
    ).scalars()
    parts = [figures([sound for _, sound in _sounds(connection, ids)[1]]) for ids in _batches(list(sample))]
    scaler = fit(np.concatenate(parts) if parts else np.empty((0, len(NAMES))))
    version = connection.execute(
        text(
            "INSERT INTO audio_scalers (timbre_version, analysis_version, track_count, names, means, scales)"
            " VALUES (:timbre, :analysis, :tracks, :names, :means, :scales) RETURNING version"
        ),
        {
            "timbre": TIMBRE_VERSION,
            "analysis": ANALYSIS_VERSION,
            "tracks": usable_tracks(connection),
            "names": list(NAMES),
            "means": scaler.means.tolist(),
            "scales": scaler.scales.tolist(),
        },
    ).scalar_one()
    stored = Scaler(scaler.means, scaler.scales, scaler.track_count, version)
    everything = connection.execute(text(f"SELECT a.track_id FROM audio_features a WHERE {_USABLE} ORDER BY 1"))
    track_ids = list(everything.scalars())
    connection.execute(text("DELETE FROM embeddings WHERE kind = 'audio'"))
    with (progress or Silent()).stage("writing audio vectors", len(track_ids)) as stage:
        for batch in _batches(track_ids):
            write(connection, stored, batch)
            stage(len(batch))
    return stored


def is_outgrown(connection: Connection) -> bool:
    """Whether the scaler was fitted on far fewer tracks than there are now, or on another analysis."""
    row = connection.execute(
        text("SELECT track_count, analysis_version FROM audio_scalers ORDER BY version DESC LIMIT 1")
    ).one_or_none()
    usable = usable_tracks(connection)
    if row is None or not usable:
        return False
    return bool(usable >= OUTGROWN * max(1, row.track_count) or row.analysis_version != ANALYSIS_VERSION)


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
