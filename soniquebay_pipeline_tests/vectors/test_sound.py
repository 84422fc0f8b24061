"""Figures and scaler: octaves, circles, missing values, small libraries; never a zero vector."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.audio.timbre import NAMES as TIMBRE_NAMES
from soniquebay_pipeline.vectors.layout import BLOCK_WEIGHTS, BLOCKS, DIMENSIONS, NAMES
from soniquebay_pipeline.vectors.priors import PRIORS
from soniquebay_pipeline.vectors.scaler import LEAST_SCALE, fit, prior_scaler
from soniquebay_pipeline.vectors.sound import Sound, figures
from soniquebay_pipeline_tests.vectors.catalogue import any_sound


def column(name: str) -> int:
    return NAMES.index(name)


def test_every_figure_of_the_timbre_has_one_place() -> None:
    assert sorted(name.partition(".")[2] for name in NAMES if name.partition(".")[2] in TIMBRE_NAMES) == sorted(
        TIMBRE_NAMES
    )
    assert len(set(NAMES)) == DIMENSIONS == len(PRIORS)
    assert set(PRIORS) == set(NAMES)


def test_blocks_cover_the_dimensions_in_order() -> None:
    places = [place for block in BLOCKS.values() for place in range(block.start, block.stop)]
    assert places == list(range(DIMENSIONS))
    for block, where in BLOCKS.items():
        assert all(name.startswith(f"{block}.") for name in NAMES[where])
    assert sum(BLOCK_WEIGHTS.values()) == pytest.approx(1)


def test_half_and_double_tempo_are_the_same() -> None:
    slow, fast, other = (figures([any_sound(1, bpm=bpm)])[0] for bpm in (70.0, 140.0, 100.0))
    tempo = [column("rhythm.tempo_cos"), column("rhythm.tempo_sin")]
    assert slow[tempo] == pytest.approx(fast[tempo])
    assert slow[tempo] != pytest.approx(other[tempo], abs=0.1)


def test_keys_lie_on_the_circle_of_fifths() -> None:
    def place(key: str, scale: str) -> np.ndarray:
        row = figures([any_sound(1, key=key, scale=scale, key_confidence=1.0)])[0]
        return row[[column("tonality.fifths_cos"), column("tonality.fifths_sin")]]

    assert place("C", "major") == pytest.approx(place("A", "minor"))
    near = np.linalg.norm(place("C", "major") - place("G", "major"))
    far = np.linalg.norm(place("C", "major") - place("F#", "major"))
    assert near < 0.6 and far == pytest.approx(2)


def test_an_unsure_key_is_near_the_middle() -> None:
    sure, unsure = (figures([any_sound(1, key_confidence=c)])[0] for c in (1.0, 0.1))
    scale = column("tonality.scale")
    assert abs(unsure[scale]) == pytest.approx(0.1 * abs(sure[scale]))


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_small_libraries_have_vectors_of_unit_length(count: int) -> None:
    table = figures([any_sound(seed) for seed in range(max(1, count))])
    vectors = fit(table[:count]).vectors(table)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(table)), abs=1e-5)
    assert np.count_nonzero(vectors[0]) > DIMENSIONS / 2


def test_missing_features_count_as_the_mean() -> None:
    gone = dict.fromkeys((field.name for field in dataclasses.fields(Sound) if field.name != "timbre"), None)
    table = figures([any_sound(1, **gone)])
    vector = fit(table).vectors(table)[0]
    assert np.isfinite(vector).all() and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    for name in ("rhythm.tempo_cos", "tonality.scale", "dynamics.loudness_range", "character.energy"):
        assert vector[column(name)] == 0


def test_figures_that_are_not_finite_count_as_missing() -> None:
    timbre = [*any_sound(1).timbre]
    timbre[3], timbre[4] = float("nan"), float("inf")
    table = figures([Sound(timbre=timbre)])
    assert np.isfinite(fit(table).vectors(table)).all()


def test_a_track_that_is_the_mean_has_no_direction() -> None:
    assert np.isnan(prior_scaler().vectors(prior_scaler().means[None])).all()


def test_a_constant_dimension_is_not_blown_up() -> None:
    table = figures([any_sound(seed, energy=0.5) for seed in range(400)])
    scaler = fit(table)
    place = column("character.energy")
    assert scaler.scales[place] >= LEAST_SCALE * prior_scaler().scales[place] > 0


def test_a_large_library_decides_alone() -> None:
    rng = np.random.default_rng(0)
    prior = prior_scaler()
    table = rng.normal(prior.means + 3 * prior.scales, 2 * prior.scales, (5000, DIMENSIONS))
    place = column("timbre.mfcc_1_mean")
    scaler = fit(table)
    assert scaler.means[place] == pytest.approx(table[:, place].mean(), rel=0.05)
    assert scaler.scales[place] == pytest.approx(table[:, place].std(), rel=0.1)


def test_one_odd_track_does_not_move_the_scale() -> None:
    table = figures([any_sound(seed) for seed in range(300)])
    place = column("timbre.mfcc_1_mean")
    before = fit(table).scales[place]
    table[0, place] = 1e6
    assert fit(table).scales[place] == pytest.approx(before, rel=0.1)


def test_a_timbre_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="77 figures"):
        figures([Sound(timbre=[1.0, 2.0])])


@given(st.lists(st.floats(-1e6, 1e6), min_size=DIMENSIONS, max_size=DIMENSIONS))
def test_any_figures_give_a_vector_of_unit_length_or_none(row: list[float]) -> None:
    vector = prior_scaler().vectors(np.array([row]))[0]
    assert np.isnan(vector).all() or np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
