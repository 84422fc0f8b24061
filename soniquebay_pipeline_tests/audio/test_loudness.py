"""The loudness meter against the tones of EBU Tech 3341 and 3342, and what must hold for any signal."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soniquebay_pipeline.audio.loudness import Loudness, LoudnessMeter, channel_weights, k_weighting

Samples = NDArray[np.float32]
RATES = (44_100, 48_000)


def tone(sample_rate: int, parts: list[tuple[float, float]], channels: int = 2) -> Samples:
    """A 1 kHz sine in every channel; ``parts`` are (peak level in dBFS, seconds), one after the other."""
    levels = np.concatenate([np.full(round(seconds * sample_rate), 10 ** (level / 20)) for level, seconds in parts])
    sine = levels * np.sin(2 * np.pi * 1000 * np.arange(len(levels)) / sample_rate)
    return np.repeat(sine[:, None], channels, axis=1).astype(np.float32)


def measure(samples: NDArray[np.floating], sample_rate: int, size: int = 65_536) -> Loudness:
    meter = LoudnessMeter(sample_rate, samples.shape[1])
    for start in range(0, len(samples), size):
        meter.add(samples[start : start + size])
    return meter.result()


@cache
def music(seconds: float = 12.0, sample_rate: int = 22_050, channels: int = 2) -> NDArray[np.float64]:
    """Noise and a tone that come and go."""
    rng = np.random.default_rng(3)
    frames = int(seconds * sample_rate)
    time = np.arange(frames) / sample_rate
    swell = 0.02 + 0.3 * np.abs(np.sin(2 * np.pi * time / 7))
    return swell[:, None] * (
        0.3 * rng.standard_normal((frames, channels)) + np.sin(2 * np.pi * 220 * time)[:, None]
    )  # fmt: skip


TECH_3341 = {
    1: [(-23, 20)],
    2: [(-33, 20)],
    3: [(-36, 10), (-23, 60), (-36, 10)],
    4: [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
    5: [(-26, 20), (-20, 20.1), (-26, 20)],
}


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize(("case", "lufs"), [(1, -23.0), (2, -33.0), (3, -23.0), (4, -23.0), (5, -23.0)])
def test_integrated_loudness_of_tech_3341(case: int, lufs: float, sample_rate: int) -> None:
    found = measure(tone(sample_rate, TECH_3341[case]), sample_rate)
    assert found.integrated_lufs == pytest.approx(lufs, abs=0.1)
    assert found.reason is None


@pytest.mark.parametrize("sample_rate", RATES)
def test_five_channels_of_tech_3341_case_6(sample_rate: int) -> None:
    levels = [-28.0, -28.0, -24.0, -math.inf, -30.0, -30.0]
    sine = tone(sample_rate, [(0, 20)], channels=1)
    samples = np.concatenate([sine * np.float32(10 ** (level / 20)) for level in levels], axis=1)
    assert measure(samples, sample_rate).integrated_lufs == pytest.approx(-23.0, abs=0.1)


TECH_3342 = {
    1: ([(-20, 20), (-30, 20)], 10),
    2: ([(-20, 20), (-15, 20)], 5),
    3: ([(-40, 20), (-20, 20)], 20),
    4: ([(-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)], 15),
}


@pytest.mark.parametrize("case", TECH_3342)
def test_loudness_range_of_tech_3342(case: int) -> None:
    parts, range_lu = TECH_3342[case]
    assert measure(tone(48_000, parts), 48_000).range_lu == pytest.approx(range_lu, abs=1)


def test_k_weighting_is_the_table_of_bs_1770_at_48_khz() -> None:
    shelf, high_pass = k_weighting(48_000)
    table = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    assert shelf == pytest.approx(table, abs=1e-8)
    assert high_pass == pytest.approx([1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-8)


@pytest.mark.parametrize("sample_rate", [11_025, 22_050, 32_000, 88_200, 96_000, 192_000])
def test_other_sample_rates_measure_the_same_tone_the_same(sample_rate: int) -> None:
    assert measure(tone(sample_rate, [(-23, 5)]), sample_rate).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_one_channel_is_3_lu_below_two_equal_ones() -> None:
    samples = tone(44_100, [(-20, 5)])
    two, one = measure(samples, 44_100), measure(samples[:, :1], 44_100)
    assert two.integrated_lufs is not None and one.integrated_lufs is not None
    assert two.integrated_lufs - one.integrated_lufs == pytest.approx(10 * math.log10(2), abs=1e-6)


def test_a_one_dimensional_block_is_mono() -> None:
    samples = tone(44_100, [(-20, 2)], channels=1)
    meter = LoudnessMeter(44_100, 1)
    meter.add(samples[:, 0])
    assert meter.result() == measure(samples, 44_100)


def test_the_low_frequency_channel_does_not_count_but_peaks() -> None:
    samples = np.zeros((48_000, 6), np.float32)
    samples[:, 3] = 0.9
    found = measure(samples, 48_000)
    assert (found.integrated_lufs, found.reason) == (None, "silent")
    assert found.sample_peak == pytest.approx(0.9)


def test_weights_may_be_given() -> None:
    samples = tone(48_000, [(-20, 2)])
    meter = LoudnessMeter(48_000, 2, weights=(1.0, 0.0))
    meter.add(samples)
    assert meter.result().integrated_lufs == pytest.approx(measure(samples[:, :1], 48_000).integrated_lufs, abs=1e-9)
    assert channel_weights(2) == (1.0, 1.0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 70_000), max_size=8))
def test_how_the_signal_is_cut_makes_no_difference(sizes: list[int]) -> None:
    samples = music()
    meter = LoudnessMeter(22_050, 2)
    start = 0
    for size in sizes:
        meter.add(samples[start : start + size])
        meter.result()
        start += size
    meter.add(samples[start:])
    assert meter.result() == measure(samples, 22_050, size=len(samples))


@settings(max_examples=15, deadline=None)
@given(st.floats(-25, 10))
def test_gain_shifts_the_loudness_by_exactly_the_gain(gain_db: float) -> None:
    before, after = measure(music(), 22_050), measure(music() * 10 ** (gain_db / 20), 22_050)
    assert before.integrated_lufs is not None and after.integrated_lufs is not None
    assert after.integrated_lufs - before.integrated_lufs == pytest.approx(gain_db, abs=1e-6)
    assert after.range_lu == pytest.approx(before.range_lu, abs=1e-6)
    assert before.sample_peak_dbfs is not None
    assert after.sample_peak_dbfs == pytest.approx(before.sample_peak_dbfs + gain_db, abs=1e-6)


def test_replaygain_is_the_way_to_minus_18_lufs() -> None:
    assert measure(tone(44_100, [(-23, 5)]), 44_100).replaygain_db == pytest.approx(5.0, abs=0.1)


def test_maxima_and_seconds() -> None:
    found = measure(tone(44_100, [(-30, 5), (-20, 1), (-30, 5)]), 44_100)
    assert found.momentary_max_lufs == pytest.approx(-20.0, abs=0.1)
    assert found.short_term_max_lufs == pytest.approx(-23.98, abs=0.1)
    assert found.seconds == pytest.approx(11.0)
    assert found.sample_peak_dbfs == pytest.approx(-20.0, abs=0.01)


def test_silence_is_nothing_measured() -> None:
    found = measure(np.zeros((44_100, 2), np.float32), 44_100)
    assert (found.integrated_lufs, found.range_lu, found.sample_peak_dbfs) == (None, None, None)
    assert (found.sample_peak, found.reason, found.replaygain_db) == (0.0, "silent", None)


def test_a_tone_below_the_absolute_gate_is_silence() -> None:
    found = measure(tone(44_100, [(-80, 5)]), 44_100)
    assert (found.integrated_lufs, found.reason) == (None, "silent")
    assert found.sample_peak_dbfs == pytest.approx(-80, abs=0.1)


def test_less_than_a_gating_block_is_too_short() -> None:
    found = measure(tone(44_100, [(-20, 0.2)]), 44_100)
    assert (found.integrated_lufs, found.reason) == (None, "too_short")
    assert found.sample_peak == pytest.approx(0.1, abs=1e-3)
    assert LoudnessMeter(44_100, 2).result().reason == "silent"


def test_less_than_three_seconds_have_no_range() -> None:
    found = measure(tone(44_100, [(-20, 2)]), 44_100)
    assert (found.range_lu, found.short_term_max_lufs, found.reason) == (None, None, None)
    assert found.integrated_lufs == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_samples_that_are_no_numbers_give_a_reason(bad: float) -> None:
    samples = tone(44_100, [(-20, 2)])
    samples[50_000, 1] = bad
    found = measure(samples, 44_100, size=10_000)
    assert found == Loudness(None, None, None, None, None, 2.0, "not_finite")


def test_samples_too_large_to_square_give_a_reason() -> None:
    samples = music() * 1e200
    assert measure(samples, 22_050).reason == "not_finite"


def test_a_rate_too_low_for_the_weighting_gives_a_reason() -> None:
    assert measure(tone(2_205, [(-20, 2)]), 2_205).reason == "sample_rate"


@pytest.mark.parametrize(("rate", "channels", "weights"), [(0, 2, None), (44_100, 0, None), (44_100, 2, (1.0,))])
def test_what_is_no_audio_is_refused(rate: int, channels: int, weights: tuple[float, ...] | None) -> None:
    with pytest.raises(ValueError, match="channels"):
        LoudnessMeter(rate, channels, weights)


def test_blocks_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        LoudnessMeter(44_100, 2).add(np.zeros((10, 3), np.float32))
