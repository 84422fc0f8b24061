"""Where something begins: onset strength, and how much the harmony changes.

Here: envelopes, one value a frame of the shared spectrum. Not here: their periods (``periodicity``), the tempo.

Onset strength is the mean rise of mel bands in decibels (spectral flux: Dixon 2006), each band compared with
the loudest of itself and its neighbours a frame before, which ignores vibrato (SuperFlux: Böck & Widmer 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soniquebay_pipeline.audio.spectra import Spectra

    Floats = NDArray[np.float32]

BANDS = 40
"""Mel bands; more make the same envelope at more cost."""
RANGE_DB = 60.0
"""What lies further below the loudest band of the track does not count as sound."""
CHROMA_HZ = (80.0, 2200.0)
CHROMA_WIDTH = 0.6
"""Standard deviation in semitones of the weight of a bin for a pitch class."""
CHROMA_RANGE = 100.0
SMOOTH_SECONDS = 0.25
"""Chroma is averaged over that long, so that a single melody note is not a change of harmony ..."""
CHANGE_SECONDS = 0.28
"""... and compared with itself so much earlier."""


@dataclass(frozen=True, slots=True)
class Envelopes:
    """Shape (frames,) each, zero at the start of each excerpt."""

    onset: Floats
    """Mean rise in dB of all bands."""
    harmony: Floats
    """1 - cosine similarity of the smoothed chroma before and after the frame: 0 the same chord."""


def measure_envelopes(spectra: Spectra) -> Envelopes:
    """Both envelopes of a track."""
    return Envelopes(_onset_strength(spectra), _harmonic_change(spectra))


def peaks_a_second(envelope: Floats, frame_rate: float, *, above: float, reach: int) -> float:
    """Local maxima (over 2 * reach + 1 frames) higher than mean + above * deviation, a second."""
    from scipy.ndimage import maximum_filter1d

    highest = maximum_filter1d(envelope, 2 * reach + 1)
    floor = float(envelope.mean()) + above * float(envelope.std())
    return float(((envelope == highest) & (envelope > floor)).sum()) / len(envelope) * frame_rate


def _onset_strength(spectra: Spectra) -> Floats:
    import numpy as np

    from soniquebay_pipeline.audio.spectra import mel_filters

    mel = spectra.power @ mel_filters(spectra.sample_rate, spectra.frame, BANDS)
    decibels = 10 * np.log10(np.maximum(mel, mel.max() * np.float32(10 ** (-RANGE_DB / 10)) + np.float32(1e-20)))
    before = decibels[:-1].copy()
    np.maximum(before[:, 1:], decibels[:-1, :-1], out=before[:, 1:])
    np.maximum(before[:, :-1], decibels[:-1, 1:], out=before[:, :-1])
    rise = np.maximum(decibels[1:] - before, 0)
    onset = np.zeros(len(mel), np.float32)
    onset[1:] = rise.mean(axis=1)
    onset[list(spectra.starts)] = 0
    return onset


def _harmonic_change(spectra: Spectra) -> Floats:
    import numpy as np
    from scipy.ndimage import uniform_filter1d

    low, top = np.searchsorted(spectra.frequencies, CHROMA_HZ)
    weights = _pitch_class_weights(spectra.sample_rate, spectra.frame, int(low), int(top))
    chroma = np.sqrt(spectra.power[:, low:top]) @ weights
    chroma = np.log1p(chroma * np.float32(CHROMA_RANGE / max(float(chroma.max()), 1e-20)))
    smooth, lag = (round(s * spectra.frame_rate) for s in (SMOOTH_SECONDS, CHANGE_SECONDS))
    change = np.zeros(len(chroma), np.float32)
    for part in spectra.excerpts:
        smoothed = uniform_filter1d(chroma[part], smooth, axis=0, mode="constant")
        smoothed /= np.linalg.norm(smoothed, axis=1, keepdims=True) + np.float32(1e-6)
        if len(smoothed) > lag:
            similar = np.einsum("ij,ij->i", smoothed[lag:], smoothed[:-lag])
            begin = part.start + lag // 2
            change[begin : begin + len(similar)] = 1 - similar
    return change


@lru_cache(maxsize=2)
def _pitch_class_weights(sample_rate: int, frame: int, low: int, top: int) -> Floats:
    """Shape (bins, 12): how much a bin's magnitude counts for each pitch class, A4 = 440 Hz."""
    import numpy as np

    pitch = 12 * np.log2(np.arange(low, top) * (sample_rate / frame) / 440) + 69
    distance = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    return np.exp(-0.5 * (distance / CHROMA_WIDTH) ** 2).astype(np.float32)
