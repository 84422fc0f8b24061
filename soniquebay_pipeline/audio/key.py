"""The key of a track: tonic and scale, and how sure it is.

Here: spectral peaks, tuning, the pitch class profile, its comparison with the 24 keys. Not here: the spectrum
(``spectra``), the wheel of keys (``camelot``), keys from tags.

Peaks of the shared spectrum, their frequencies interpolated, make a pitch class profile (HPCP: Gómez 2006) that
is tuned to the recording; the mean over the track is correlated (Krumhansl 1990) with the 24 rotations of the
profiles that Albrecht & Shanahan (2013) counted in 982 pieces. No weight here was fitted; docs/decisions/0011
has the comparison with other profiles, windows and weightings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from soniquebay_pipeline.audio.camelot import TONICS, camelot_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soniquebay_pipeline.audio.spectra import Spectra

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

Scale = Literal["major", "minor"]

EVERY = 4
"""Every fourth frame, so one follows on the other without overlap; a chord lasts longer than 93 ms."""
PITCH_HZ = (60.0, 2000.0)
"""From the lowest bass note to where overtones outnumber fundamentals."""
PEAK_RANGE_DB = 60.0
"""Peaks further below the loudest one of the track are noise."""
SHORTEST_SECONDS = 3.0
LEAST_CORRELATION, CLEAR_CORRELATION = 0.45, 0.75
"""With the best key: none below the first, no doubt about there being one above the second. Of 355 pieces of music
distorted guitars have the lowest (0.53), all with a known key lie above 0.74; brown noise has 0.54."""
LEAST_PITCH_CLASSES, HEARD_SHARE = 3, 0.1
"""Fewer pitch classes than a chord, with that share of the strongest one's magnitude, are a sound and no key."""
LEAST_TONAL_SHARE = 0.05
"""Share of frames with any pitch below which there is nothing to name a key of."""
SHARPNESS = 12.0
"""How fast the confidence falls with the correlation of the other keys; a share of a softmax over 24 keys."""

# Albrecht & Shanahan 2013, "The use of large corpora to train a new type of key-finding algorithm", table 1.
MAJOR_PROFILE = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
MINOR_PROFILE = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
SCALES: tuple[Scale, Scale] = ("major", "minor")


@dataclass(frozen=True, slots=True)
class Key:
    """The key; ``key``, ``scale`` and what follows from them are None where the music has none to measure."""

    key: str | None
    """The tonic with sharps: C, C#, … B."""
    scale: Scale | None
    confidence: float | None
    """0..1: share of the best key in a softmax over the correlations of all 24, less where there is hardly a key."""
    runner_up: tuple[str, Scale] | None
    camelot: str | None
    """8B is C major, 8A is A minor."""
    correlation: float | None
    """-1..1, of the track's pitch classes with the profile of the key."""
    tuning_cents: float | None
    """Above (+) or below A4 = 440 Hz, -50..50."""


NO_KEY = Key(None, None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Peaks:
    """Maxima of the spectrum, all of shape (n,)."""

    frame: NDArray[np.int64]
    hertz: Floats
    magnitude: Floats
    frames: int
    """Frames that were looked at."""


def analyse_key(spectra: Spectra) -> Key:
    """The key of a track; NO_KEY for under SHORTEST_SECONDS, noise and what has no pitch."""
    if spectra.seconds < SHORTEST_SECONDS:
        return NO_KEY
    peaks = find_peaks(spectra)
    if not len(peaks.frame):
        return NO_KEY
    tuning = estimate_tuning(peaks)
    profile = pitch_class_profile(peaks, tuning)
    return NO_KEY if profile is None else choose_key(profile, tuning)


def find_peaks(spectra: Spectra) -> Peaks:
    """Local maxima of every EVERY-th frame within PITCH_HZ, placed by a parabola through the log spectrum.

    Smith & Serra 1987; with a Hann window the error is at most about 0.05 bins, 0.5 Hz.
    """
    import numpy as np

    low, top = (int(np.searchsorted(spectra.frequencies, hertz)) for hertz in PITCH_HZ)
    power = spectra.power[::EVERY, low - 1 : top + 1]
    loudest = float(power.max())
    if loudest <= 0:
        return Peaks(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32), len(power))
    floor = np.float32(loudest * 10 ** (-PEAK_RANGE_DB / 10))
    middle = power[:, 1:-1]
    found = (middle > power[:, :-2]) & (middle >= power[:, 2:]) & (middle > floor)
    frame, place = np.nonzero(found)
    tiny = np.float32(loudest * 1e-12)
    # Half the log of power is the log of magnitude.
    before, at, after = (np.log(power[frame, place + n] + tiny) * np.float32(0.5) for n in range(3))
    offset = 0.5 * (before - after) / np.minimum(before - 2 * at + after, np.float32(-1e-9))
    hertz = (place + low + offset) * np.float32(spectra.sample_rate / spectra.frame)
    magnitude = np.exp(at - 0.25 * (before - after) * offset)
    return Peaks(frame, hertz.astype(np.float32), magnitude.astype(np.float32), len(power))


def estimate_tuning(peaks: Peaks) -> float:
    """Semitones, -0.5..0.5, by which the track is tuned above A4 = 440 Hz: circular mean of the peaks'
    deviations, weighted by magnitude (Dressler & Streich 2007)."""
    import numpy as np

    angle = 2 * np.pi * 12 * np.log2(peaks.hertz.astype(np.float64) / 440)
    mean = np.sum(peaks.magnitude * np.exp(1j * angle))
    return float(np.angle(mean) / (2 * np.pi))


def pitch_class_profile(peaks: Peaks, tuning: float) -> Doubles | None:
    """Mean over the frames of the magnitude in each pitch class, shape (12,), C first; each frame counts the
    same, however loud. None if hardly a frame has pitch."""
    import numpy as np

    pitch = 12 * np.log2(peaks.hertz.astype(np.float64) / 440) + 69 - tuning
    nearest = np.rint(pitch)
    # A peak between two pitches belongs to neither.
    weight = peaks.magnitude * np.cos(np.pi / 2 * 2 * np.abs(pitch - nearest)) ** 2
    cell = peaks.frame * 12 + nearest.astype(np.int64) % 12
    classes = np.bincount(cell, weights=weight, minlength=peaks.frames * 12).reshape(-1, 12)
    norm = np.linalg.norm(classes, axis=1)
    tonal = norm > 0
    if tonal.mean() < LEAST_TONAL_SHARE:
        return None
    profile: Doubles = (classes[tonal] / norm[tonal, None]).mean(axis=0)
    return profile


def correlate_with_keys(profile: Doubles) -> Doubles:
    """Pearson's correlation with each key, shape (2, 12): major and minor, tonic C first."""
    import numpy as np

    def standard(values: Doubles) -> Doubles:
        centred = values - values.mean(axis=-1, keepdims=True)
        length: Doubles = np.linalg.norm(centred, axis=-1, keepdims=True)
        scaled: Doubles = centred / np.maximum(length, 1e-12)
        return scaled

    keys = np.array([[np.roll(scale, tonic) for tonic in range(12)] for scale in (MAJOR_PROFILE, MINOR_PROFILE)])
    correlation: Doubles = standard(keys) @ standard(profile)
    return correlation


def choose_key(profile: Doubles, tuning: float) -> Key:
    """The key whose profile is most like ``profile`` (shape (12,)); NO_KEY if none is."""
    import numpy as np

    correlation = correlate_with_keys(profile).ravel()
    order = np.argsort(-correlation, kind="stable")
    best = int(order[0])
    pitch_classes = int((profile > HEARD_SHARE * profile.max()).sum())
    if correlation[best] < LEAST_CORRELATION or pitch_classes < LEAST_PITCH_CLASSES:
        return NO_KEY
    clarity = (correlation[best] - LEAST_CORRELATION) / (CLEAR_CORRELATION - LEAST_CORRELATION)
    share = np.exp(SHARPNESS * (correlation - correlation[best]))
    tonic, scale = _named(best)
    return Key(
        key=tonic,
        scale=scale,
        confidence=round(float(min(1.0, clarity) / share.sum()), 4),
        runner_up=_named(int(order[1])),
        camelot=camelot_key(tonic, scale),
        correlation=round(float(correlation[best]), 4),
        tuning_cents=round(100 * tuning, 1),
    )


def _named(index: int) -> tuple[str, Scale]:
    return TONICS[index % 12], SCALES[index // 12]
