"""Sounds that the tests of timbre and character know everything about.

Here: single sounds as mono float32 at the analysis rate. Not here: songs (``demo.synthesis``) and files.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from soniquebay_pipeline.audio.signal import ANALYSIS_RATE, AnalysisSignal
from soniquebay_pipeline.audio.spectra import compute_spectra
from soniquebay_pipeline.audio.timbre import FrameDescriptors, describe_frames
from soniquebay_pipeline.demo import synthesis
from soniquebay_pipeline.demo.synthesis import Song, render

Samples = NDArray[np.float32]

SECONDS = 12
_VOWELS_HZ = ((700, 1200, 2600), (300, 2300, 3000), (500, 900, 2500), (400, 2000, 2600))


def frames_of(samples: NDArray[np.floating]) -> FrameDescriptors:
    """The frames of mono samples at the analysis rate, which must hold a sound."""
    signal = AnalysisSignal(samples.astype(np.float32), (0,), len(samples) / ANALYSIS_RATE)
    frames = describe_frames(compute_spectra(signal))
    assert frames is not None
    return frames


def time(seconds: float = SECONDS) -> NDArray[np.float64]:
    return np.arange(int(seconds * ANALYSIS_RATE)) / ANALYSIS_RATE


def sine(hertz: float = 440.0, seconds: float = SECONDS) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hertz * time(seconds))).astype(np.float32)


def noise(seed: int = 1) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(len(time()))).astype(np.float32)


def pad() -> Samples:
    """Six sines that swell over seconds."""
    partials = [
        np.sin(2 * np.pi * hertz * time() + number) * (0.6 + 0.4 * np.sin(2 * np.pi * time() / (7 + number)))
        for number, hertz in enumerate((110, 164.8, 220, 277.2, 330, 440))
    ]
    return (0.08 * np.sum(partials, axis=0)).astype(np.float32)


def distorted_bass() -> Samples:
    """A low note with noise, driven far into a limiter."""
    low = 8 * np.sin(2 * np.pi * 55 * time()) + 30 * noise()
    return (0.4 * np.tanh(low)).astype(np.float32)


@cache
def drum_loop(bpm: float = 124.0) -> Samples:
    """The demo library's drums alone."""
    stage = synthesis._Stage(Song(bpm, 0, "major", "saw synth", SECONDS, ANALYSIS_RATE, 1, 0))
    synthesis._play_drums(stage, np.random.default_rng(1))
    return stage.left_and_right()[:, 0]


@cache
def chords(instruments: str) -> Samples:
    """A song of the demo library's chords without drums, bass and melody."""
    song = Song(100, 0, "major", instruments, SECONDS, ANALYSIS_RATE, 1, 1)
    stage = synthesis._Stage(song)
    for bar in range(song.bars):
        synthesis._play_chord(stage, bar, synthesis.PROGRESSIONS["major"][0][bar % 8])
    return stage.left_and_right()[:, 0]


@cache
def song(instruments: str, *, bpm: float = 110.0, tonic: int = 2, scale: str = "major", seed: int = 4) -> Samples:
    return render(Song(bpm, tonic, scale, instruments, 24, ANALYSIS_RATE, 1, seed))[:, 0]


def vibrato(cents: float, rate_hz: float) -> Samples:
    """Eleven partials of one note that goes up and down by so many cents."""
    phase = 2 * np.pi * np.cumsum(440 * 2 ** (cents / 1200 * np.sin(2 * np.pi * rate_hz * time()))) / ANALYSIS_RATE
    return (0.2 * np.sum([np.sin(n * phase) / n for n in range(1, 12)], axis=0)).astype(np.float32)


@cache
def voice(seed: int = 0) -> Samples:
    """What sings: notes that glide into each other, with vibrato, through the formants of changing vowels."""
    rng = np.random.default_rng(seed)
    seconds = time()
    notes = np.repeat(rng.choice([57, 60, 62, 64, 65, 67, 69], SECONDS * 2), ANALYSIS_RATE // 2).astype(float)
    glide = np.hanning(int(0.12 * ANALYSIS_RATE))
    pitch = np.convolve(np.pad(notes, len(glide), mode="edge"), glide / glide.sum(), "same")[len(glide) : -len(glide)]
    pitch += 0.4 * np.sin(2 * np.pi * 5.5 * seconds) * np.sin(2 * np.pi * seconds) ** 2
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / ANALYSIS_RATE
    vowels = np.array(_VOWELS_HZ)[rng.integers(0, len(_VOWELS_HZ), SECONDS * 3)]
    formants = np.repeat(vowels, ANALYSIS_RATE // 3, axis=0)
    sound = np.zeros_like(seconds)
    for partial in range(1, 25):
        level = np.zeros_like(seconds)
        for place, (width, strength) in enumerate(((80, 1.0), (120, 0.6), (160, 0.3))):
            level += strength / (1 + ((partial * hertz - formants[:, place]) / width) ** 2)
        sound += np.where(partial * hertz < 9000, level * partial**-0.5 * np.sin(partial * phase), 0.0)
    syllables = np.clip(1.5 * np.abs(np.sin(2 * np.pi * 1.5 * seconds)), 0, 1)
    return (0.2 * syllables * sound / np.abs(sound).max()).astype(np.float32)
