"""Rhythms and chord progressions whose tempo and key are known, as mono samples at the analysis rate.

Here: what the tests of tempo, key and decoding share. Not here: whole songs (``demo.synthesis``), single
sounds (``synthetic_sounds``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soniquebay_pipeline.audio.signal import ANALYSIS_RATE, AnalysisSignal
from soniquebay_pipeline.audio.spectra import Spectra, compute_spectra

Samples = NDArray[np.float32]

CADENCES = {
    "major": ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)),
    "minor": ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)),
}


def spectra_of(samples: NDArray[np.floating]) -> Spectra:
    return compute_spectra(AnalysisSignal(samples.astype(np.float32), (0,), len(samples) / ANALYSIS_RATE))


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(int(seconds * ANALYSIS_RATE))).astype(np.float32)


def drums(bpm: float, seconds: float = 30.0, hats: int = 2) -> Samples:
    """Kick on one and three, snare on two and four, ``hats`` hi-hats a beat."""
    sounds = {"kick": _kick(), "snare": _burst(0.12, 25, 1) * 0.6, "hat": _burst(0.04, 120, 2) * 0.2}
    out = np.zeros(int(seconds * ANALYSIS_RATE) + ANALYSIS_RATE, np.float32)
    for beat in range(int(seconds * bpm / 60)):
        _add(out, sounds["kick" if beat % 2 == 0 else "snare"], beat * 60 / bpm)
        for part in range(hats):
            _add(out, sounds["hat"], (beat + part / hats) * 60 / bpm)
    return out[: int(seconds * ANALYSIS_RATE)]


def clicks(bpm: float, seconds: float = 30.0) -> Samples:
    out = noise(seconds, 1e-4)
    click = _burst(0.02, 200, 3)
    for beat in range(int(seconds * bpm / 60)):
        _add(out, click[: len(out) - int(beat * 60 / bpm * ANALYSIS_RATE)], beat * 60 / bpm)
    return out


def progression(tonic: int, scale: str, *, cents: float = 0.0, bars: int = 8) -> Samples:
    """A cadence over and over: chords of six partials with the root in the bass, a second each."""
    chords = [CADENCES[scale][bar % 4] for bar in range(bars)]
    bar = ANALYSIS_RATE
    out = np.zeros(bars * bar, np.float32)
    for place, chord in enumerate(chords):
        for midi in (36 + tonic + chord[0], *(60 + tonic + note for note in chord)):
            out[place * bar : (place + 1) * bar] += _tone(midi + cents / 100, bar)
    return out / np.float32(np.abs(out).max() * 1.2)


def _tone(midi: float, length: int) -> Samples:
    time = np.arange(length) / ANALYSIS_RATE
    hertz = 440 * 2 ** ((midi - 69) / 12)
    sound = sum(np.sin(2 * np.pi * hertz * n * time) / n**1.5 for n in range(1, 7))
    return (sound * np.exp(-1.5 * time)).astype(np.float32)


def _kick() -> Samples:
    time = np.arange(int(0.2 * ANALYSIS_RATE)) / ANALYSIS_RATE
    return (np.sin(2 * np.pi * 55 * time) * np.exp(-time * 20)).astype(np.float32)


def _burst(seconds: float, decay: float, seed: int) -> Samples:
    time = np.arange(int(seconds * ANALYSIS_RATE)) / ANALYSIS_RATE
    return (np.random.default_rng(seed).standard_normal(len(time)) * 0.5 * np.exp(-time * decay)).astype(np.float32)


def _add(out: Samples, sound: Samples, seconds: float) -> None:
    start = round(seconds * ANALYSIS_RATE)
    out[start : start + len(sound)] += sound[: len(out) - start]
