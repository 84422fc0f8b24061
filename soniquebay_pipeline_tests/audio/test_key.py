"""Keys of progressions whose key is known, properties of the comparison, and sounds without a key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soniquebay_pipeline.audio.camelot import TONICS
from soniquebay_pipeline.audio.key import (
    NO_KEY,
    analyse_key,
    choose_key,
    correlate_with_keys,
    estimate_tuning,
    find_peaks,
)
from soniquebay_pipeline.audio.signal import ANALYSIS_RATE
from soniquebay_pipeline_tests.audio.signals import drums, noise, progression, spectra_of

ALL_KEYS = [(tonic, scale) for scale in ("major", "minor") for tonic in range(12)]


@pytest.mark.parametrize(("tonic", "scale"), ALL_KEYS)
def test_a_cadence_in_every_key(tonic: int, scale: str) -> None:
    key = analyse_key(spectra_of(progression(tonic, scale)))
    assert (key.key, key.scale) == (TONICS[tonic], scale)
    assert key.confidence is not None and key.confidence > 0.3
    assert key.runner_up not in (None, (key.key, key.scale))


@pytest.mark.parametrize("cents", [-40, -30, 30, 40])
@pytest.mark.parametrize(("tonic", "scale"), [(0, "major"), (9, "minor"), (6, "major"), (1, "minor")])
def test_detuned_instruments(tonic: int, scale: str, cents: int) -> None:
    key = analyse_key(spectra_of(progression(tonic, scale, cents=cents)))
    assert (key.key, key.scale) == (TONICS[tonic], scale)
    assert key.tuning_cents == pytest.approx(cents, abs=8)


def test_drums_do_not_hide_the_key() -> None:
    chords = progression(4, "minor")
    key = analyse_key(spectra_of(chords * 0.5 + drums(110, 8) * 0.3))
    assert (key.key, key.scale) == ("E", "minor")


@given(arrays(np.float64, 12, elements=st.floats(0, 1)), st.integers(0, 11))
def test_transposing_the_profile_transposes_the_key(profile: np.ndarray, by: int) -> None:
    moved = correlate_with_keys(np.roll(profile, by))
    assert np.allclose(moved, np.roll(correlate_with_keys(profile), by, axis=1), atol=1e-9)


@given(arrays(np.float64, 12, elements=st.floats(0.01, 1)), st.floats(0.001, 1000))
def test_level_does_not_matter(profile: np.ndarray, gain: float) -> None:
    assert np.allclose(correlate_with_keys(profile * gain), correlate_with_keys(profile), atol=1e-6)


def test_tuning_of_a_single_tone() -> None:
    hertz = 440 * 2 ** (0.2 / 12)
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(5 * ANALYSIS_RATE) / ANALYSIS_RATE)
    assert estimate_tuning(find_peaks(spectra_of(tone))) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(noise(30), id="noise"),
        pytest.param(np.zeros(10 * ANALYSIS_RATE), id="silence"),
        pytest.param(progression(0, "major")[:ANALYSIS_RATE], id="too short"),
        pytest.param(np.sin(np.arange(10 * ANALYSIS_RATE) * 0.1) * 0.3, id="one tone"),
    ],
)
def test_no_harmony_no_key(samples: np.ndarray) -> None:
    assert analyse_key(spectra_of(samples)) == NO_KEY


def test_brown_noise_has_at_most_a_doubtful_key() -> None:
    brown = np.cumsum(noise(30))
    key = analyse_key(spectra_of(brown / np.abs(brown).max()))
    assert key.key is None or (key.confidence or 0) < 0.3


def test_a_flat_profile_has_no_key() -> None:
    assert choose_key(np.ones(12), 0.0) == NO_KEY
