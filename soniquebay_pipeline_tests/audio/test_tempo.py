"""Tempo of rhythms whose tempo is known, and of sounds that have none."""

from __future__ import annotations

import numpy as np
import pytest

from soniquebay_pipeline.audio.signal import ANALYSIS_RATE, AnalysisSignal
from soniquebay_pipeline.audio.spectra import compute_spectra
from soniquebay_pipeline.audio.tempo import NO_TEMPO, WEIGHTS, analyse_rhythm
from soniquebay_pipeline.demo.synthesis import Song, render
from soniquebay_pipeline_tests.audio.signals import clicks, drums, noise, spectra_of

OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)


def off_by(measured: float | None, truth: float, ratios: tuple[float, ...] = (1.0,)) -> float:
    """Relative error, to the nearest of the allowed multiples."""
    assert measured is not None
    return min(abs(measured / (truth * ratio) - 1) for ratio in ratios)


@pytest.mark.parametrize("bpm", range(60, 181, 12))
def test_drums_within_two_per_cent_of_a_multiple(bpm: int) -> None:
    assert off_by(analyse_rhythm(spectra_of(drums(bpm))).bpm, bpm, OCTAVES) < 0.02


@pytest.mark.parametrize("bpm", [61.7, 87.3, 113.9, 144.4, 178.6])
def test_clicks_within_two_per_cent_of_a_multiple(bpm: float) -> None:
    assert off_by(analyse_rhythm(spectra_of(clicks(bpm))).bpm, bpm, OCTAVES) < 0.02


@pytest.mark.parametrize("bpm", [90, 104, 118, 132])
def test_plain_drums_at_common_tempi_have_the_right_octave(bpm: int) -> None:
    assert off_by(analyse_rhythm(spectra_of(drums(bpm))).bpm, bpm) < 0.02


def test_songs_of_many_tempi_are_mostly_right_and_always_a_multiple() -> None:
    tempi = (72, 84, 96, 108, 120, 132, 150, 168)
    right = 0
    for seed, bpm in enumerate(tempi):
        song = Song(bpm, seed, "major", "electric piano", 25, ANALYSIS_RATE, 1, seed)
        measured = analyse_rhythm(spectra_of(render(song)[:, 0])).bpm
        assert off_by(measured, bpm, OCTAVES) < 0.02
        right += off_by(measured, bpm) < 0.02
    assert right >= 6


def test_loudness_does_not_change_the_tempo() -> None:
    rhythm = drums(101)
    quiet, loud = analyse_rhythm(spectra_of(rhythm * 0.01)), analyse_rhythm(spectra_of(rhythm))
    assert quiet.bpm == pytest.approx(loud.bpm, rel=0.005)


def test_excerpts_agree_with_the_whole() -> None:
    rhythm = drums(95, 80)
    third = len(rhythm) // 3
    parts = AnalysisSignal(rhythm, (0, third, 2 * third), 600.0)
    assert off_by(analyse_rhythm(compute_spectra(parts)).bpm, 95, OCTAVES) < 0.02


def test_the_alternative_is_another_reading_of_the_same_rhythm() -> None:
    tempo = analyse_rhythm(spectra_of(drums(100)))
    assert tempo.bpm is not None and tempo.alternative is not None
    assert off_by(tempo.alternative, tempo.bpm, (2, 0.5, 1.5, 2 / 3, 3, 1 / 3)) < 0.05
    assert tempo.confidence is not None and 0 < tempo.confidence <= 1


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(noise(60), id="noise"),
        pytest.param(noise(8), id="little noise"),
        pytest.param(noise(3), id="too short"),
        pytest.param(np.full(20 * ANALYSIS_RATE, 0.2), id="constant"),
        pytest.param(np.sin(np.arange(20 * ANALYSIS_RATE) * 0.1) * 0.3, id="drone"),
        pytest.param(np.zeros(20 * ANALYSIS_RATE), id="silence"),
        pytest.param(np.eye(1, 20 * ANALYSIS_RATE, ANALYSIS_RATE)[0], id="one click"),
    ],
)
def test_no_beat_no_tempo(samples: np.ndarray) -> None:
    assert analyse_rhythm(spectra_of(samples)) == NO_TEMPO


def test_every_weight_is_finite() -> None:
    assert all(np.isfinite(list(WEIGHTS.values())))
