"""The figures of a track's sound, from ``audio_features`` to one row of numbers; what is not known is NaN.

Here: which features become which dimension. Not here: scaling and weighting (``scaler``).

Tempo is an angle: its logarithm modulo an octave, since 70 and 140 beats a minute are often the same music.
Key is a place on the circle of fifths, where C major and A minor share one, with the mode beside it. Both
are weighted by their confidence: an unsure key lies near the middle of its circle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soniquebay_pipeline.audio.camelot import TONICS
from soniquebay_pipeline.audio.timbre import NAMES as TIMBRE_NAMES
from soniquebay_pipeline.vectors.layout import NAMES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLACE = {name.partition(".")[2]: place for place, name in enumerate(NAMES)}
_TIMBRE_PLACES = [_PLACE[name] for name in TIMBRE_NAMES]


@dataclass(frozen=True, slots=True)
class Sound:
    """What was measured of one track; by the names and in the units of ``audio_features``."""

    timbre: Sequence[float]
    bpm: float | None = None
    bpm_confidence: float | None = None
    key: str | None = None
    scale: str | None = None
    key_confidence: float | None = None
    loudness_range_lu: float | None = None
    energy: float | None = None
    danceability: float | None = None
    acousticness: float | None = None
    instrumentalness: float | None = None


def figures(sounds: Sequence[Sound]) -> NDArray[np.float64]:
    """One row a track, shape (n, DIMENSIONS), in the features' own units; NaN where a feature is missing or not finite.

    Raises ValueError for a timbre vector of another length.
    """
    import numpy as np

    table = np.full((len(sounds), len(NAMES)), np.nan)
    if not sounds:
        return table
    timbre = np.array([sound.timbre for sound in sounds], dtype=np.float64)
    if timbre.shape[1:] != (len(TIMBRE_NAMES),):
        raise ValueError(f"a timbre vector has {len(TIMBRE_NAMES)} figures, not {timbre.shape[1:]}")
    table[:, _TIMBRE_PLACES] = timbre
    for row, sound in zip(table, sounds, strict=True):
        for name, value in _scalars(sound).items():
            row[_PLACE[name]] = math.nan if value is None else value
    table[~np.isfinite(table)] = np.nan
    return table


def _scalars(sound: Sound) -> dict[str, float | None]:
    tempo = _tempo(sound.bpm, sound.bpm_confidence)
    fifths = _fifths(sound)
    return {
        "tempo_cos": tempo and tempo[0],
        "tempo_sin": tempo and tempo[1],
        "fifths_cos": fifths and fifths[0],
        "fifths_sin": fifths and fifths[1],
        "scale": fifths and fifths[2],
        "danceability": sound.danceability,
        "loudness_range": sound.loudness_range_lu,
        "energy": sound.energy,
        "acousticness": sound.acousticness,
        "instrumentalness": sound.instrumentalness,
    }


def _tempo(bpm: float | None, confidence: float | None) -> tuple[float, float] | None:
    if bpm is None or not bpm > 0 or confidence is None:
        return None
    angle = 2 * math.pi * math.log2(bpm)
    return confidence * math.cos(angle), confidence * math.sin(angle)


def _fifths(sound: Sound) -> tuple[float, float, float] | None:
    """(cos, sin, mode) times the confidence; mode 1 for major, -1 for minor."""
    if sound.key not in TONICS or sound.scale not in ("major", "minor") or sound.key_confidence is None:
        return None
    tonic = TONICS.index(sound.key) + (3 if sound.scale == "minor" else 0)  # of the relative major
    angle = 2 * math.pi * (tonic * 7 % 12) / 12
    c = sound.key_confidence
    return c * math.cos(angle), c * math.sin(angle), c if sound.scale == "major" else -c
