"""The tempo of a track in beats a minute, and how sure it is.

Here: candidates for the beat, what speaks for each, the choice. Not here: envelopes (``onset``), their periods
(``periodicity``), beat positions.

Finding the periods of a rhythm is easy; which of them people tap is not. So each period at which the onsets
repeat is a candidate, and a conditional logit model (McFadden 1974) with twelve weights chooses by what the
literature names: repetition at, below and above the beat (Gouyon & Dixon 2005), how many events fall on a beat
(the felt beat holds about two: McKinney & Moelants 2006; London 2012), whether the harmony changes with its
multiples (Goto 2001), and the resonance of tapping (van Noorden & Moelants 1999). docs/decisions/0010 shows
how the weights were fitted and what they reach on music they were not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soniquebay_pipeline.audio.onset import Envelopes, measure_envelopes, peaks_a_second
from soniquebay_pipeline.audio.periodicity import WINDOW, Periodicity, find_periodicity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soniquebay_pipeline.audio.spectra import Spectra

    Doubles = NDArray[np.float64]

SHORTEST_SECONDS = 4.0
"""Less holds too few beats of a slow song for a repetition to show."""
SLOWEST, FASTEST = 40.0, 230.0
CANDIDATES = 20
STEPS_AN_OCTAVE = 48
RESONANCE_BPM, RESONANCE_OCTAVES = 110.0, 0.8
"""Preferred tempo, and the width of the preference in octaves: broad, so that it only breaks ties."""
LEAST_REPETITION, LEAST_REPETITION_OF_ONE_WINDOW = 0.04, 0.15
"""Autocorrelation of the best candidate below which nothing repeats. In noise chance makes 0.09 to 0.13 of one window
and 0.02 of seventeen, so the bound falls with the root of their number."""
LEAST_ONSETS_A_SECOND = 0.5
"""Fewer than one event every two seconds is no rhythm; of 286 pieces of music the sparsest has 1.2."""
ALTERNATIVE_RATIOS = (2.0, 0.5, 1.5, 2 / 3, 3.0, 1 / 3)
TOLERANCE = 0.04
SMOOTH_ONSETS_SECONDS, SMOOTH_HARMONY_SECONDS = 1.0, 3.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """The tempo; ``bpm`` is None where the music has no beat that could be measured."""

    bpm: float | None
    """SLOWEST..FASTEST"""
    confidence: float | None
    """0..1: the model's probability that this is the tempo that people tap."""
    alternative: float | None
    """The most probable other reading: double, half, 3/2, 2/3, three times, a third."""
    repetition: float | None
    """0..1: autocorrelation of the onsets at their strongest period; how clear the pulse is."""


NO_TEMPO = Tempo(None, None, None, None)

# Fitted weights (docs/decisions/0010), by what is measured. A: autocorrelation of the onsets at so many beats.
# F: magnitude of their spectrum at so many times the beat's frequency. H: autocorrelation of the harmony's
# changes at so many beats. The last two: squared distance in octaves from two onsets and from one change a beat.
WEIGHTS = {
    "A1/4": -0.77, "A1/2": 3.30, "A1": 7.65, "A2": 0.74, "A4": -5.00,
    "F1": 3.83, "F2": 2.08,
    "H1": -2.76, "H2": 0.21, "H4": 10.39,
    "onsets": -2.49, "changes": 0.35,
}  # fmt: skip


def analyse_rhythm(spectra: Spectra) -> Tempo:
    """The tempo of a track; NO_TEMPO for under SHORTEST_SECONDS, noise and what has no pulse."""
    import numpy as np

    if spectra.seconds < SHORTEST_SECONDS:
        return NO_TEMPO
    envelopes = measure_envelopes(spectra)
    rate = spectra.frame_rate
    if peaks_a_second(envelopes.onset, rate, above=0.5, reach=1) < LEAST_ONSETS_A_SECOND:
        return NO_TEMPO
    onsets = find_periodicity(envelopes.onset, spectra.excerpts, round(SMOOTH_ONSETS_SECONDS * rate))
    if onsets is None:
        return NO_TEMPO
    bpm = find_candidates(onsets, rate)
    if not len(bpm):
        return NO_TEMPO
    harmony = find_periodicity(envelopes.harmony, spectra.excerpts, round(SMOOTH_HARMONY_SECONDS * rate))
    evidence = weigh_evidence(bpm, envelopes, onsets, harmony, rate)
    weights = np.array([WEIGHTS[name] for name in evidence])
    score = np.stack(list(evidence.values()), axis=1) @ weights + log_resonance(bpm)
    probability = np.exp(score - score.max())
    probability /= probability.sum()
    best = int(np.argmax(probability))
    repetition = float(evidence["A1"].max())
    if repetition < max(LEAST_REPETITION, LEAST_REPETITION_OF_ONE_WINDOW / onsets.windows**0.5):
        return NO_TEMPO
    same = np.abs(bpm / bpm[best] - 1) < TOLERANCE
    other = _alternative(bpm, probability, best)
    return Tempo(
        bpm=round(_refined(float(bpm[best]), onsets, rate), 2),
        confidence=round(float(probability[same].sum()), 4),
        alternative=None if other is None else round(_refined(other, onsets, rate), 2),
        repetition=round(min(1.0, repetition), 4),
    )


def find_candidates(onsets: Periodicity, rate: float) -> Doubles:
    """Tempi at which the onsets repeat, strongest first, shape (≤ CANDIDATES,): maxima of the autocorrelation
    alone and of its sum with the Fourier magnitude."""
    import numpy as np

    grid = SLOWEST * 2 ** (np.arange(-3, STEPS_AN_OCTAVE * np.log2(FASTEST / SLOWEST) + 3) / STEPS_AN_OCTAVE)
    repeats = onsets.at_lags(60 * rate / grid)
    salience = np.maximum(repeats, 0) + onsets.at_frequencies(grid / 60 / rate)
    peak = np.zeros(len(grid), bool)
    for curve in (repeats, salience):
        peak[1:-1] |= (curve[1:-1] >= curve[:-2]) & (curve[1:-1] > curve[2:])
    peak &= (grid >= SLOWEST) & (grid <= FASTEST)
    places = np.nonzero(peak)[0]
    places = places[np.argsort(-salience[places], kind="stable")][:CANDIDATES]
    # Within 2 % of the grid's value: where the autocorrelation is highest.
    lags = (60 * rate / grid[places])[:, None] * np.linspace(0.98, 1.02, 41)
    best = np.argmax(onsets.at_lags(lags.ravel()).reshape(lags.shape), axis=1)
    bpm: Doubles = 60 * rate / lags[np.arange(len(places)), best]
    return bpm


def weigh_evidence(
    bpm: Doubles, envelopes: Envelopes, onsets: Periodicity, harmony: Periodicity | None, rate: float
) -> dict[str, Doubles]:
    """What speaks for each candidate, by the names in WEIGHTS; arrays of the shape of ``bpm``."""
    import numpy as np

    lag = 60 * rate / bpm
    flat = np.zeros(len(bpm))
    onsets_a_second = peaks_a_second(envelopes.onset, rate, above=0.5, reach=1)
    changes_a_second = peaks_a_second(envelopes.harmony, rate, above=1.0, reach=10)
    return {
        "A1/4": onsets.at_lags(lag / 4),
        "A1/2": onsets.at_lags(lag / 2),
        "A1": onsets.at_lags(lag),
        "A2": onsets.at_lags(lag * 2),
        "A4": onsets.at_lags(lag * 4),
        "F1": onsets.at_frequencies(1 / lag),
        "F2": onsets.at_frequencies(2 / lag),
        "H1": flat if harmony is None else harmony.at_lags(lag),
        "H2": flat if harmony is None else harmony.at_lags(lag * 2),
        "H4": flat if harmony is None else harmony.at_lags(lag * 4),
        "onsets": (np.log2(max(onsets_a_second, 0.1) * 60 / bpm) - 1) ** 2,
        "changes": np.log2(max(changes_a_second, 0.1) * 60 / bpm) ** 2,
    }


def log_resonance(bpm: Doubles) -> Doubles:
    """Log of the preference for tempi near RESONANCE_BPM, a Gaussian over octaves (Parncutt 1994)."""
    import numpy as np

    preference: Doubles = -0.5 * (np.log2(bpm / RESONANCE_BPM) / RESONANCE_OCTAVES) ** 2
    return preference


def _alternative(bpm: Doubles, probability: Doubles, best: int) -> float | None:
    """The most probable candidate in one of ALTERNATIVE_RATIOS to the best one."""
    import numpy as np

    related = np.zeros(len(bpm), bool)
    for ratio in ALTERNATIVE_RATIOS:
        related |= np.abs(bpm / (bpm[best] * ratio) - 1) < TOLERANCE
    if not related.any():
        return None
    return float(bpm[np.argmax(np.where(related, probability, -1))])


def _refined(bpm: float, onsets: Periodicity, rate: float) -> float:
    """``bpm`` to a fraction of a per cent: many beats later the same small error is many times as large."""
    import numpy as np

    tempi = bpm * np.linspace(0.97, 1.03, 121)
    lags = 60 * rate / tempi
    most = max(1, min(16, int(0.75 * WINDOW / lags.max())))
    agreement = sum(onsets.at_lags(lags * beats) for beats in range(1, most + 1))
    return float(tempi[np.argmax(agreement)])
