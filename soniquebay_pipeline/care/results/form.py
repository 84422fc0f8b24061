"""The columns of a file of results, and what a row has to be like to be believed.

Here: the schema, the format's version, checks of a row. Not here: SQL.

One file holds two kinds of rows, told apart by ``record``: ``features``, what one audio was measured to be, known by
its ``audio_hash``; and ``text``, the vector of one sentence, known by its ``sentence_hash`` and the model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline.audio.model import MEASURED_COLUMNS, AudioFeatures

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
METADATA_KEY = b"soniquebay_results"
FEATURES, TEXT = "features", "text"
FEATURE_COLUMNS = ("audio_hash", "musicbrainz_recordingid", "duration_seconds", "analysis_version", *MEASURED_COLUMNS)
TEXT_COLUMNS = ("sentence_hash", "model", "model_version", "vector")
TONICS = frozenset(("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"))
MAX_TEXT = 10_000
MAX_DIMENSIONS = 4_096
_RANGES = {
    "bpm_measured": (20.0, 400.0),
    "bpm_alternative": (5.0, 1_000.0),
    "loudness_lufs": (-70.0, 20.0),
    "loudness_range_lu": (0.0, 200.0),
    "sample_peak": (0.0, 1_000.0),
    "seconds_analysed": (0.0, 1e7),
    "seconds_spent": (0.0, 1e7),
    "duration_seconds": (0.0, 1e7),
    **dict.fromkeys(
        ("bpm_confidence", "key_confidence", "energy", "danceability", "acousticness", "instrumentalness"), (0.0, 1.0)
    ),
}


def schema() -> pa.Schema:
    """The columns with their types; the file's metadata name the format's version."""
    import pyarrow as pa

    types = {"float": pa.float64(), "str": pa.string(), "int": pa.int32(), "list[float]": pa.list_(pa.float32())}
    hints = {field.name: str(field.type).removesuffix(" | None") for field in fields(AudioFeatures)}
    measured = [(name, types[hints[name]]) for name in MEASURED_COLUMNS]
    return pa.schema(
        [
            ("record", pa.string()),
            ("audio_hash", pa.string()),
            ("musicbrainz_recordingid", pa.string()),
            ("duration_seconds", pa.float64()),
            ("analysis_version", pa.int32()),
            *measured,
            ("sentence_hash", pa.string()),
            ("model", pa.string()),
            ("model_version", pa.int32()),
            ("vector", pa.list_(pa.float32())),
        ],
        metadata={METADATA_KEY: json.dumps({"format": FORMAT}).encode()},
    )


def is_believable_features(row: Mapping[str, Any], timbre_size: int) -> bool:
    """Whether every value of a row of features is of the kind and in the range that the analysis gives."""
    if not row["audio_hash"] or row["seconds_analysed"] is None:
        return False
    for name, (low, high) in _RANGES.items():
        value = row[name]
        if value is not None and not low <= value <= high:  # NaN is in no range
            return False
    if (row["key_measured"] is None) != (row["scale_measured"] is None):
        return False
    if row["key_measured"] is not None and (
        row["key_measured"] not in TONICS or row["scale_measured"] not in ("major", "minor")
    ):
        return False
    if row["timbre"] is not None and (len(row["timbre"]) != timbre_size or not _finite(row["timbre"])):
        return False
    return all(_is_text(row[name]) for name in ("audio_hash", "musicbrainz_recordingid", "key_runner_up")) and _is_text(
        row["acoustid_fingerprint"], MAX_TEXT
    )


def is_believable_vector(row: Mapping[str, Any]) -> bool:
    """Whether a row of text is a unit vector with a hash and a model."""
    vector = row["vector"]
    if not row["sentence_hash"] or not row["model"] or row["model_version"] is None or not vector:
        return False
    if not _is_text(row["sentence_hash"]) or not _is_text(row["model"]):
        return False
    if len(vector) > MAX_DIMENSIONS or not _finite(vector):
        return False
    return abs(math.sqrt(sum(value * value for value in vector)) - 1.0) < 1e-3


def _finite(values: list[float | None]) -> bool:
    return all(value is not None and math.isfinite(value) for value in values)


def _is_text(value: str | None, most: int = 500) -> bool:
    return value is None or (len(value) <= most and "\0" not in value)
