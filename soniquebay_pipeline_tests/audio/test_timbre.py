"""The timbre vector: what its dimensions are, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soniquebay_pipeline.audio.signal import ANALYSIS_RATE, AnalysisSignal
from soniquebay_pipeline.audio.spectra import compute_spectra
from soniquebay_pipeline.audio.timbre import NAMES, FrameDescriptors, describe_frames, timbre_vector
from soniquebay_pipeline.demo.synthesis import TIMBRES
from soniquebay_pipeline_tests.audio.synthetic_sounds import (
    SECONDS,
    chords,
    drum_loop,
    frames_of,
    noise,
    pad,
    sine,
    song,
    time,
    voice,
)


def vector_of(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    return timbre_vector(frames_of(samples))


def value(samples: NDArray[np.floating], name: str) -> float:
    return float(vector_of(samples)[NAMES.index(name)])


def test_every_dimension_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(vector_of(sine()))
    assert vector_of(sine()).dtype == np.float32


@pytest.mark.parametrize("sound", [sine(), noise(), pad(), drum_loop(), voice(), chords("plucked strings")])
def test_the_same_samples_have_the_same_vector(sound: NDArray[np.float32]) -> None:
    first = vector_of(sound)
    assert np.isfinite(first).all()
    assert np.array_equal(first, vector_of(sound.copy()))


@settings(max_examples=12, deadline=None)
@given(st.floats(-40, 12))
def test_gain_does_not_change_the_vector(gain_db: float) -> None:
    sound = song("electric piano")[: 6 * ANALYSIS_RATE]
    quieter = vector_of(sound * np.float32(10 ** (gain_db / 20)))
    assert quieter == pytest.approx(vector_of(sound), abs=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3 * ANALYSIS_RATE), st.integers(0, 2**32 - 1), st.floats(-90, 20))
def test_any_noise_of_any_length_and_level_has_a_finite_vector(count: int, seed: int, level_db: float) -> None:
    rng = np.random.default_rng(seed)
    sound = rng.standard_normal(count) * 10 ** (level_db / 20) * (rng.random(count) < rng.random())
    frames = describe_frames(compute_spectra(AnalysisSignal(sound.astype(np.float32), (0,), count / ANALYSIS_RATE)))
    assert frames is None or np.isfinite(timbre_vector(frames)).all()


def test_silence_has_no_frames() -> None:
    silent = AnalysisSignal(np.zeros(ANALYSIS_RATE, np.float32), (0,), 1.0)
    assert describe_frames(compute_spectra(silent)) is None


def test_silence_around_the_music_does_not_count() -> None:
    sound = song("organ")[: 8 * ANALYSIS_RATE]
    padded = np.concatenate([np.zeros(4 * ANALYSIS_RATE, np.float32), sound, np.zeros(4 * ANALYSIS_RATE, np.float32)])
    alone, within = vector_of(sound), vector_of(padded)
    about_time = {"onset_rate", "crest"}
    for name, before, after in zip(NAMES, alone, within, strict=True):
        if name not in about_time:
            assert after == pytest.approx(before, rel=0.15, abs=0.6), name


def test_excerpts_one_after_the_other_count_as_frames_of_one_track() -> None:
    sound = song("saw synth")[: 8 * ANALYSIS_RATE]
    twice = AnalysisSignal(np.concatenate([sound, sound]), (0, len(sound)), 600.0)
    frames = describe_frames(compute_spectra(twice))
    assert frames is not None
    assert frames.flux_db[frames.spectra.starts[1]] == 0.0
    assert timbre_vector(frames) == pytest.approx(vector_of(sound), rel=0.02, abs=0.3)


def test_the_spectrum_of_a_sine() -> None:
    assert value(sine(1000.0), "centroid_mean") == pytest.approx(0.0, abs=0.05)
    assert value(sine(4000.0), "centroid_mean") == pytest.approx(2.0, abs=0.05)
    assert value(sine(4000.0), "brightness_mean") == pytest.approx(1.0, abs=0.01)
    assert value(sine(80.0), "bass_mean") == pytest.approx(1.0, abs=0.05)
    assert value(sine(2000.0), "rolloff_mean") == pytest.approx(1.0, abs=0.1)
    assert value(sine(1000.0), "zero_crossings_mean") == pytest.approx(2000 / ANALYSIS_RATE, abs=0.001)
    assert value(sine(440.0), "chroma_9_mean") > 0.7
    assert value(sine(1000.0), "crest") == pytest.approx(3.01, abs=0.05)


def test_noise_is_flat_and_a_sine_is_not() -> None:
    assert value(noise(), "flatness_mean") == pytest.approx(-2.5, abs=0.2)
    assert value(sine(), "flatness_mean") < -60
    assert value(sine(), "contrast_3_mean") > value(noise(), "contrast_3_mean") + 10


def test_onsets_are_counted() -> None:
    clicks = np.zeros(len(time()))
    clicks[ANALYSIS_RATE // 4 :: ANALYSIS_RATE // 2] = 0.9
    assert value(clicks, "onset_rate") == pytest.approx(2.0, abs=0.1)
    assert value(pad(), "onset_rate") < 0.2


def test_transposing_turns_the_chroma_and_leaves_the_harmony() -> None:
    low, high = vector_of(song("organ", tonic=2)), vector_of(song("organ", tonic=4))
    chroma = [NAMES.index(f"chroma_{n}_mean") for n in range(12)]
    harmony = [NAMES.index(f"harmony_{n}") for n in range(1, 7)]
    assert np.corrcoef(np.roll(low[chroma], 2), high[chroma])[0, 1] > 0.9
    assert low[harmony] == pytest.approx(high[harmony], abs=0.1)
    assert low[chroma].sum() == pytest.approx(1.0, abs=1e-3)


def test_excerpts_of_one_track_are_nearer_to_each_other_than_to_other_instruments() -> None:
    half = SECONDS * ANALYSIS_RATE
    halves = [(name, vector_of(part)) for name in TIMBRES for part in (song(name)[:half], song(name)[half : 2 * half])]
    vectors = np.array([vector for _, vector in halves])
    scaled = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-6)
    for number, (name, _) in enumerate(halves):
        apart = np.linalg.norm(scaled - scaled[number], axis=1)
        apart[number] = np.inf
        assert halves[int(apart.argmin())][0] == name


def test_frames_fit_their_spectra() -> None:
    frames: FrameDescriptors = frames_of(sine(seconds=1.0))
    count = len(frames.spectra.power)
    assert frames.level_db.shape == frames.centroid_hz.shape == frames.flux_db.shape == (count,)
    assert frames.contrast_db.shape == ((count + 1) // 2, 7)
    assert frames.power_shares[:, -1] == pytest.approx(1.0, abs=1e-5)
