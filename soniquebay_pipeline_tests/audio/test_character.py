"""Character: orders of sounds that the definitions promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soniquebay_pipeline.audio.character import Character, Ramp, gliding_share, measure_character, pulse_clarity
from soniquebay_pipeline.audio.loudness import LoudnessMeter
from soniquebay_pipeline.audio.signal import ANALYSIS_RATE
from soniquebay_pipeline.audio.timbre import timbre_vector
from soniquebay_pipeline.demo.synthesis import TIMBRES
from soniquebay_pipeline_tests.audio.synthetic_sounds import (
    chords,
    distorted_bass,
    drum_loop,
    frames_of,
    noise,
    pad,
    sine,
    song,
    vibrato,
    voice,
)

Samples = NDArray[np.float32]


def character(samples: Samples) -> Character:
    meter = LoudnessMeter(ANALYSIS_RATE, 1)
    meter.add(samples)
    frames = frames_of(samples)
    return measure_character(frames, timbre_vector(frames), meter.result().integrated_lufs)


def figure(samples: Samples, name: str) -> float:
    found = getattr(character(samples), name)
    assert isinstance(found, float)
    return found


FIGURES = ("energy", "danceability", "acousticness", "instrumentalness")
SOUNDS = [sine(), noise(), pad(), drum_loop(), voice(), distorted_bass(), chords("bowed strings"), song("saw synth")]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("samples", SOUNDS)
def test_every_figure_is_from_0_to_1(samples: Samples, name: str) -> None:
    assert 0.0 <= figure(samples, name) <= 1.0


@pytest.mark.parametrize(
    ("name", "more", "less"),
    [
        ("danceability", drum_loop(), pad()),
        ("danceability", drum_loop(), noise()),
        ("danceability", drum_loop(), voice()),
        ("danceability", song("saw synth"), chords("organ")),
        ("energy", drum_loop(), pad()),
        ("energy", distorted_bass(), pad()),
        ("energy", distorted_bass(), chords("plucked strings")),
        ("energy", song("saw synth"), song("plucked strings")),
        ("acousticness", sine(), distorted_bass()),
        ("acousticness", pad(), distorted_bass()),
        ("acousticness", chords("plucked strings"), distorted_bass()),
        ("acousticness", chords("plucked strings"), drum_loop()),
        ("acousticness", song("plucked strings"), song("saw synth")),
        ("instrumentalness", song("electric piano"), voice()),
        ("instrumentalness", drum_loop(), voice()),
        ("instrumentalness", noise(), voice()),
        ("instrumentalness", distorted_bass(), voice(1)),
    ],
)
def test_the_order_of_sounds(name: str, more: Samples, less: Samples) -> None:
    assert figure(more, name) > figure(less, name) + 0.1


@pytest.mark.parametrize("instruments", TIMBRES)
def test_the_demo_songs_have_no_voice(instruments: str) -> None:
    assert figure(song(instruments), "instrumentalness") > 0.9


def test_a_voice_over_instruments_is_less_of_a_voice_but_one() -> None:
    backing = song("electric piano")[: len(voice())]
    level = np.sqrt(np.mean(backing**2) / np.mean(voice() ** 2))
    mixed = gliding_share(frames_of(backing + level * voice()))
    assert gliding_share(frames_of(backing)) < mixed < gliding_share(frames_of(voice()))


def test_a_wide_vibrato_glides_and_a_narrow_one_does_not() -> None:
    assert gliding_share(frames_of(vibrato(40, 5.5))) > 0.2
    assert gliding_share(frames_of(vibrato(4, 5.5))) < 0.02
    assert gliding_share(frames_of(noise())) < 0.03


def test_a_loud_copy_has_more_energy_and_is_the_same_otherwise() -> None:
    loud, quiet = character(song("organ")), character(song("organ") * np.float32(0.1))
    assert loud.energy is not None and quiet.energy is not None and loud.energy > quiet.energy
    for name in FIGURES[1:]:
        assert getattr(loud, name) == pytest.approx(getattr(quiet, name), abs=0.01)


def test_pulse_clarity_of_what_repeats_and_what_does_not() -> None:
    rate = 43.0
    beats = np.zeros(int(30 * rate), np.float32)
    beats[(np.arange(60) * rate / 2).astype(int)] = 1.0
    whole = [slice(0, len(beats))]
    assert pulse_clarity(beats, whole, rate) > 0.4
    noisy = np.random.default_rng(2).random(len(beats)).astype(np.float32)
    assert pulse_clarity(noisy, whole, rate) < 0.15
    assert pulse_clarity(np.ones_like(beats), whole, rate) == pytest.approx(0.0, abs=1e-6)


def test_a_break_in_the_beat_takes_from_the_pulse() -> None:
    steady = frames_of(np.tile(drum_loop(), 2))
    broken = frames_of(np.concatenate([drum_loop(), pad()]))
    whole = [slice(0, len(steady.flux_db))]
    assert pulse_clarity(broken.flux_db, [slice(0, len(broken.flux_db))], 43.07) < pulse_clarity(
        steady.flux_db, whole, 43.07
    )


def test_silence_has_no_character() -> None:
    assert measure_character(None, None, None) == Character(None, None, None, None, "silent")


def test_a_second_is_too_short() -> None:
    frames = frames_of(sine(seconds=1.0))
    assert measure_character(frames, timbre_vector(frames), -20.0) == Character(None, None, None, None, "too_short")


def test_without_loudness_there_is_no_energy() -> None:
    frames = frames_of(sine())
    found = measure_character(frames, timbre_vector(frames), None)
    assert (found.energy, found.reason) == (None, "no_loudness")
    assert found.danceability is not None


@settings(max_examples=50)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_ramp_is_monotone(one: float, other: float) -> None:
    up, down = Ramp(-5.0, 10.0), Ramp(10.0, -5.0)
    low, high = sorted((one, other))
    assert 0.0 <= up(low) <= up(high) <= 1.0
    assert 1.0 >= down(low) >= down(high) >= 0.0
