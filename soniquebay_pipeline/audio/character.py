"""The character of a track in four figures of 0..1: energy, danceability, acousticness, instrumentalness.

Here: what each figure means and the measured quantities that it is made of, each brought to 0..1 by a
straight line between two fixed ends. Nobody's opinion of any track went into them: they put tracks in an
order that the definitions explain, and are no probabilities (docs/decisions/0014).
Not here: the frames' descriptors (``timbre``), moods (``tag_values``). Valence is not here either: what
makes music sound glad is not to be had from a spectrum without tracks that people have labelled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soniquebay_pipeline.audio.timbre import BASS_HZ, NAMES, mel_frequencies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soniquebay_pipeline.audio.timbre import FrameDescriptors

    Floats = NDArray[np.float32]

SHORTEST_SECONDS = 4.0
"""Less than four beats of slow music have no pulse to be measured."""
PULSE_WINDOW_SECONDS = 12.0
QUIET_WINDOW = 0.25
"""A window with less than that share of the mean variance is measured against that share."""
PULSE_PERIODS_SECONDS = (0.3, 1.0)
"""60 to 200 beats a minute; slower and faster beats have a multiple or a division in there."""

VOICE_RANGE_HZ = (300.0, 2000.0)
"""First to about tenth partial of most singing, below where a vibrato smears a partial over many bins."""
VOICE_GLIDE_CENTS = (6.0, 80.0)
"""From frame to frame (23 ms): a vibrato of ±50 cents at 6 Hz moves up to 44; a piano's partial below 5."""
VOICE_JERK_CENTS = 30.0
"""A voice's glide changes by less from one frame to the next; noise does not."""
VOICE_COHERENCE = 0.8
"""All partials of a voice glide the same way at once: the least ratio of the mean step to the mean size of the
steps of a frame. Steps of noise cancel out."""
PARTIAL_DB = 25.0
"""Partials this far below the strongest of the frame are not followed."""


@dataclass(frozen=True, slots=True)
class Character:
    """Each 0..1, or None with the reason in ``reason``: ``silent``, ``too_short`` (under 4 s), ``no_loudness``
    (concerns ``energy`` alone)."""

    energy: float | None
    """How intense it sounds: half is how loud it is (−30 to −8 LUFS), a quarter how much happens (mean rise
    of the spectrum from frame to frame), a quarter how dense the spectrum is (spectral flatness)."""
    danceability: float | None
    """How clearly and steadily a beat of 60 to 200 BPM is marked, half over the whole spectrum and half in the
    bass. Not whether anyone would dance to it: a metronome has the most."""
    acousticness: float | None
    """How clean and dynamic the sound is, as of instruments that nothing distorts, compresses or adds noise to.
    It hears the sound, not the source: a soft synthesiser counts, a cymbal does not."""
    instrumentalness: float | None
    """How little of it moves like a voice: 1 less the share of partials whose pitch glides, as singing and speech
    do. A violin or guitar with vibrato counts as a voice; rap over loud drums is missed."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Ramp:
    """A straight line from 0 at ``low`` to 1 at ``high`` (which may be the smaller one), level beyond."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """0..1"""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


# The ends and what they are: docs/decisions/0014 has the percentiles they were taken from.
LOUDNESS_LUFS = Ramp(-30.0, -8.0)
ACTIVITY_DB = Ramp(0.3, 3.0)
DENSITY_DB = Ramp(-50.0, -15.0)
PULSE = Ramp(0.2, 0.9)
BASS_PULSE = Ramp(0.2, 0.9)
ATTACK_DB = Ramp(1.0, 4.0)
CLEANNESS_DB = Ramp(-15.0, -40.0)
CREST_DB = Ramp(8.0, 18.0)
DULLNESS = Ramp(0.3, 0.02)
GLIDING = Ramp(0.04, 0.16)


def measure_character(frames: FrameDescriptors | None, vector: Floats | None, lufs: float | None) -> Character:
    """The character of a track from its frames, its timbre vector and its integrated loudness.

    ``frames`` None is silence. Raises nothing that the frames did not.
    """
    if frames is None or vector is None:
        return Character(None, None, None, None, "silent")
    if frames.spectra.seconds < SHORTEST_SECONDS:
        return Character(None, None, None, None, "too_short")
    return Character(
        energy=None if lufs is None else energy(lufs, _value(vector, "flux_mean"), _value(vector, "flatness_mean")),
        danceability=danceability(frames),
        acousticness=acousticness(
            _value(vector, "flatness_mean"), _value(vector, "crest"), _value(vector, "brightness_mean")
        ),
        instrumentalness=1.0 - GLIDING(gliding_share(frames)),
        reason="no_loudness" if lufs is None else None,
    )


def energy(lufs: float, flux_db: float, flatness_db: float) -> float:
    """``Character.energy`` from integrated loudness, mean flux and mean flatness."""
    return 0.5 * LOUDNESS_LUFS(lufs) + 0.25 * ACTIVITY_DB(flux_db) + 0.25 * DENSITY_DB(flatness_db)


def acousticness(flatness_db: float, crest_db: float, brightness: float) -> float:
    """``Character.acousticness`` from mean flatness, crest factor and the share of power above 1500 Hz."""
    return 0.6 * CLEANNESS_DB(flatness_db) + 0.3 * CREST_DB(crest_db) + 0.1 * DULLNESS(brightness)


def danceability(frames: FrameDescriptors) -> float:
    """``Character.danceability``: pulse of all and of the bass, as far as there are attacks to be heard."""
    import numpy as np

    spectra = frames.spectra
    bands = int(np.searchsorted(mel_frequencies(spectra.sample_rate, frames.mel_db.shape[1]), BASS_HZ))
    bass = np.diff(frames.mel_db[:, :bands], axis=0, prepend=frames.mel_db[:1, :bands])
    bass_flux = np.maximum(bass, 0.0).mean(axis=1)
    bass_flux[list(spectra.starts)] = 0.0
    excerpts = spectra.excerpts
    pulse = 0.5 * PULSE(pulse_clarity(frames.flux_db, excerpts, spectra.frame_rate))
    pulse += 0.5 * BASS_PULSE(pulse_clarity(bass_flux, excerpts, spectra.frame_rate))
    return pulse * ATTACK_DB(float(np.percentile(frames.flux_db, 95)))


def pulse_clarity(envelope: Floats, excerpts: list[slice], frame_rate: float) -> float:
    """How alike an onset envelope is to itself a beat later: 1 for a metronome, about 0 for noise.

    The highest autocorrelation at a lag of PULSE_PERIODS_SECONDS (Lartillot et al. 2008), of the mean over
    windows of PULSE_WINDOW_SECONDS: a beat that drifts or pauses has less.
    """
    import numpy as np

    shortest, longest = (round(seconds * frame_rate) for seconds in PULSE_PERIODS_SECONDS)
    size = round(PULSE_WINDOW_SECONDS * frame_rate)
    correlations = []
    for excerpt in excerpts:
        part = envelope[excerpt]
        spare = max(0, len(part) - size)
        for start in np.linspace(0, spare, 1 + math.ceil(2 * spare / size)).astype(int):
            window = part[start : start + size] - part[start : start + size].mean(dtype=np.float64)
            count = len(window)
            if count <= 2 * longest:
                continue
            spectrum = np.fft.rfft(window, 2 * count)
            correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: longest + 1]
            correlations.append(correlation / (count - np.arange(longest + 1)))
    if not correlations:
        return 0.0
    table = np.array(correlations)
    # A window where nothing happens has no pulse, however regular the nothing is.
    quietest = max(QUIET_WINDOW * float(table[:, 0].mean()), 1e-9)
    return float((table / np.maximum(table[:, :1], quietest)).mean(axis=0)[shortest:].max())


def gliding_share(frames: FrameDescriptors) -> float:
    """Share of the partials, weighted by amplitude, whose pitch glides as a voice's does: 0..1.

    After the vibrato detection of Regnier and Peeters (2009): spectral peaks are followed over three frames;
    one glides if it moves by VOICE_GLIDE_CENTS, steadily (VOICE_JERK_CENTS), in one direction, and so do most
    others of its frame that move (VOICE_COHERENCE).
    """
    import numpy as np

    spectra = frames.spectra
    low, high = np.searchsorted(spectra.frequencies, VOICE_RANGE_HZ)
    level = np.float32(10) * np.log10(spectra.power[:, low - 1 : high + 1] + spectra.power.max() * np.float32(1e-12))
    left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    strongest = middle.max(axis=1, keepdims=True)
    peaks = (middle > left) & (middle >= right) & (middle > strongest - PARTIAL_DB) & frames.heard[:, None]
    frame, bin_ = np.nonzero(peaks)
    if not len(frame):
        return 0.0
    a, b, c = left[frame, bin_], middle[frame, bin_], right[frame, bin_]
    # The top of the parabola through three bins in dB (Smith and Serra 1987), in cents.
    cents = 1200 * np.log2(bin_ + low + 0.5 * (a - c) / (a - 2 * b + c))
    number = np.full((len(level) + 1, middle.shape[1] + 4), -1, np.int32)
    number[frame, bin_ + 2] = np.arange(len(frame))
    step = np.full(len(frame), np.inf)
    following = np.full(len(frame), -1)
    for offset in (0, 1, 2, 3, 4):
        other = number[frame + 1, bin_ + offset]
        move = np.where(other >= 0, cents[other] - cents, np.inf)
        nearer = np.abs(move) < np.abs(step)
        step[nearer], following[nearer] = move[nearer], other[nearer]
    slow, fast = VOICE_GLIDE_CENTS
    step[(np.abs(step) < slow) | (np.abs(step) > fast)] = 0.0
    after = np.where(following >= 0, step[following], 0.0)
    step[(step * after <= 0) | (np.abs(after - step) > VOICE_JERK_CENTS)] = 0.0
    weights = 10 ** ((b - b.max()) / 20)
    moved, moved_far = (np.bincount(frame, weights * steps, len(level)) for steps in (step, np.abs(step)))
    together = np.abs(moved) >= VOICE_COHERENCE * moved_far
    gliding = (step != 0) & together[frame]
    return float(weights[gliding].sum() / weights.sum())


def _value(vector: Floats, name: str) -> float:
    return float(vector[NAMES.index(name)])
