"""What a track's sound is like, as one vector of fixed length: spectrum, harmony, rhythm, dynamics.

Here: descriptors of every frame out of the shared spectrum, and their summary over the track.
Not here: the spectrum itself (``spectra``), tempo and key, how similar two vectors are (``vectors``).

Every figure is relative to the track's own level, so a track and a louder copy have the same vector.
Only frames that are heard count: within 60 dB of the track's loud ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soniquebay_pipeline.audio.spectra import Spectra

    Floats = NDArray[np.float32]

TIMBRE_VERSION = 1
"""Raise it when a dimension would come out differently or means another thing."""

MFCC_COUNT = 13
CONTRAST_EDGES_HZ = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0)
"""Lower edges of the octave bands of spectral contrast (Jiang et al. 2002); the last one reaches to the top."""
CONTRAST_SHARE = 0.1
"""Share of a band's bins that makes its peak and its valley; Jiang et al. found 0.02 to 0.2 equally good."""
DYNAMIC_RANGE_DB = 80.0
"""What lies that far below the loudest mel band of the track is taken as just that far below (as librosa does)."""
HEARD_DB = 60.0
ROLLOFF_SHARE = 0.85
BRIGHT_HZ = 1500.0
"""MIRtoolbox's cut-off of brightness (Juslin 2000)."""
BASS_HZ = 150.0
CHROMA_RANGE_HZ = (220.0, 2500.0)
"""Where a semitone is wider than a bin, up to where partials of chords give way to those of noise."""
ONSET_SECONDS, ONSET_AVERAGE_SECONDS = 0.05, 0.25
"""An onset is the greatest rise within 50 ms either side and stands out from 250 ms (Böck et al. 2012)."""
ONSET_RISE_DB = 1.0
"""How far it stands out: decibels, mean over the mel bands."""

_CHUNK = 256
_REFERENCE_HZ = 1000.0
_TINY = 1.2e-38
"""The smallest normal float32."""

NAMES: tuple[str, ...] = (
    *(f"mfcc_{n}_mean" for n in range(1, MFCC_COUNT + 1)),  # dB; cepstrum of the mel spectrum in dB
    *(f"mfcc_{n}_deviation" for n in range(1, MFCC_COUNT + 1)),  # dB
    *(f"contrast_{n}_mean" for n in range(1, len(CONTRAST_EDGES_HZ) + 1)),  # dB from valley to peak, per band
    *(f"contrast_{n}_deviation" for n in range(1, len(CONTRAST_EDGES_HZ) + 1)),  # dB
    *(f"chroma_{n}_mean" for n in range(12)),  # share of C, C#, … B; they add up to 1
    *(f"harmony_{n}" for n in range(1, 7)),  # 0..1: |DFT| of the mean chroma, the same in every key; 5: diatonic
    *("centroid_mean", "centroid_deviation"),  # octaves from 1 kHz
    *("bandwidth_mean", "bandwidth_deviation"),  # octaves from 1 kHz
    *("rolloff_mean", "rolloff_deviation"),  # octaves from 1 kHz; 85 % of the power lies below
    *("flatness_mean", "flatness_deviation"),  # dB: geometric over arithmetic mean of the power; 0 is noise
    "brightness_mean",  # 0..1: share of the power above 1500 Hz
    "bass_mean",  # 0..1: share of the power below 150 Hz
    *("zero_crossings_mean", "zero_crossings_deviation"),  # 0..1: share of the samples where the sign changes
    *("flux_mean", "flux_deviation"),  # dB: rise from frame to frame, mean over the mel bands
    "onset_rate",  # onsets a second
    "level_deviation",  # dB: half the way from the 16th to the 84th percentile of the frames' level
    "level_range",  # dB from the 10th to the 95th percentile of the frames' level
    "crest",  # dB from the root mean square to the largest sample
    "low_energy",  # 0..1: share of frames below the mean amplitude (Tzanetakis and Cook 2002)
)
"""What each dimension is; the comments give the unit."""


@dataclass(frozen=True)
class FrameDescriptors:
    """What every frame of a track is like; arrays over the n frames of its ``Spectra``."""

    spectra: Spectra = field(repr=False)
    level_db: Floats = field(repr=False)
    """Power of the frame in dB, to an arbitrary reference; shape (n,)."""
    heard: NDArray[np.bool_] = field(repr=False)
    """Frames within HEARD_DB of the 95th percentile of the level; shape (n,)."""
    mel_db: Floats = field(repr=False)
    """The mel spectrum in dB, no lower than DYNAMIC_RANGE_DB below its maximum; shape (n, bands)."""
    centroid_hz: Floats = field(repr=False)
    """Mean frequency, weighted by amplitude; shape (n,)."""
    bandwidth_hz: Floats = field(repr=False)
    """Deviation of the frequency, weighted by amplitude; shape (n,)."""
    chroma: Floats = field(repr=False)
    """Amplitude by pitch class from C, each frame's sum 1 (0 where there is none); shape (n, 12)."""
    flatness_db: Floats = field(repr=False)
    """Spectral flatness of every second frame, 0 dB for noise; shape (ceil(n / 2),)."""
    contrast_db: Floats = field(repr=False)
    """Spectral contrast of every second frame; shape (ceil(n / 2), bands)."""

    @cached_property
    def flux_db(self) -> Floats:
        """Rise of the mel spectrum since the frame before, dB, mean over the bands; 0 at an excerpt's start."""
        import numpy as np

        rise = np.diff(self.mel_db, axis=0)
        np.maximum(rise, 0.0, out=rise)
        flux = np.zeros(len(self.mel_db), np.float32)
        flux[1:] = rise.mean(axis=1)
        flux[list(self.spectra.starts)] = 0.0
        return flux

    @cached_property
    def power_shares(self) -> Floats:
        """Cumulative share of the power up to each mel band, 0..1, shape (n, bands)."""
        import numpy as np

        bands = self.spectra.mel * _mel_widths(self.spectra.sample_rate, self.spectra.frame, self.mel_db.shape[1])
        sums = np.cumsum(bands, axis=1, dtype=np.float32)
        shares: Floats = np.divide(sums, np.maximum(sums[:, -1:], _TINY))
        return shares

    @cached_property
    def onsets(self) -> NDArray[np.intp]:
        """Frames where something starts: peaks of the flux that stand out from their surroundings."""
        import numpy as np
        from scipy.ndimage import maximum_filter1d, uniform_filter1d

        flux, rate = self.flux_db, self.spectra.frame_rate
        near = maximum_filter1d(flux, 2 * max(1, round(ONSET_SECONDS * rate)) + 1, mode="constant")
        around = uniform_filter1d(flux, 2 * max(1, round(ONSET_AVERAGE_SECONDS * rate)) + 1, mode="nearest")
        onsets: NDArray[np.intp] = np.flatnonzero((flux == near) & (flux > around + ONSET_RISE_DB) & self.heard)
        return onsets


def describe_frames(spectra: Spectra) -> FrameDescriptors | None:
    """The frames' descriptors; None for a track without a sound in it."""
    import numpy as np

    power = spectra.power
    count, bins = power.shape
    loudest = float(power.max(initial=0.0))
    if not count or loudest <= 0.0 or not np.isfinite(loudest):
        return None
    # Far below what any recording holds, and relative, so that it does not depend on the gain.
    floor = np.float32(loudest * 1e-12)
    frequencies = spectra.frequencies
    weights = _amplitude_weights(spectra.sample_rate, spectra.frame)
    edges = [int(np.searchsorted(frequencies, hertz)) for hertz in CONTRAST_EDGES_HZ] + [bins]
    total = np.empty(count, np.float32)
    sums = np.empty((count, weights.shape[1]), np.float32)
    flatness = np.empty((count + 1) // 2, np.float32)
    contrast = np.empty((len(flatness), len(edges) - 1), np.float32)
    for start in range(0, count, _CHUNK):
        chunk = power[start : start + _CHUNK]
        total[start : start + _CHUNK] = chunk.sum(axis=1)
        sums[start : start + _CHUNK] = np.sqrt(chunk) @ weights
        half = chunk[::2] + floor
        rows = slice(start // 2, start // 2 + len(half))
        flatness[rows] = _decibels(half).mean(axis=1) - _decibels(half.mean(axis=1))
        for band, (low, high) in enumerate(pairwise(edges)):
            contrast[rows, band] = _contrast(half[:, low:high])
    amplitude = np.maximum(sums[:, 0], _TINY)
    centroid: Floats = np.divide(sums[:, 1], amplitude)
    bandwidth: Floats = np.sqrt(np.maximum(sums[:, 2] / amplitude - centroid * centroid, 0.0))
    level = _decibels(np.maximum(total, floor))
    mel = spectra.mel
    pitch = sums[:, 3:]
    return FrameDescriptors(
        spectra=spectra,
        level_db=level,
        heard=level > np.percentile(level, 95) - HEARD_DB,
        mel_db=_decibels(np.maximum(mel, mel.max() * 10 ** (-DYNAMIC_RANGE_DB / 10))),
        centroid_hz=centroid * _REFERENCE_HZ,
        bandwidth_hz=bandwidth * _REFERENCE_HZ,
        chroma=pitch / np.maximum(pitch.sum(axis=1, keepdims=True), _TINY),
        flatness_db=flatness,
        contrast_db=contrast,
    )


def timbre_vector(frames: FrameDescriptors) -> Floats:
    """The track's vector, shape (len(NAMES),), always finite: means and deviations over the frames heard."""
    import numpy as np

    heard, every_second = frames.heard, frames.heard[::2]
    if not every_second.any():
        every_second = np.ones_like(every_second)
    chroma = frames.chroma[heard].mean(axis=0)
    shares = frames.power_shares[heard]
    centers = mel_frequencies(frames.spectra.sample_rate, frames.spectra.mel.shape[1])
    rolloff = centers[np.minimum((shares < ROLLOFF_SHARE).sum(axis=1), len(centers) - 1)]
    level = frames.level_db[heard]
    amplitude = 10 ** ((level - level.max()) / 20)
    parts = [
        *_mean_and_deviation(_mfcc(frames.mel_db[heard])),
        *_mean_and_deviation(frames.contrast_db[every_second]),
        chroma,
        np.abs(np.fft.rfft(chroma))[1:7],
        *_mean_and_deviation(_octaves(frames.centroid_hz[heard])),
        *_mean_and_deviation(_octaves(frames.bandwidth_hz[heard])),
        *_mean_and_deviation(_octaves(rolloff)),
        *_mean_and_deviation(frames.flatness_db[every_second]),
        1.0 - shares[:, np.searchsorted(centers, BRIGHT_HZ)].mean(),
        shares[:, np.searchsorted(centers, BASS_HZ)].mean(),
        *_mean_and_deviation(_zero_crossings(frames)),
        *_mean_and_deviation(frames.flux_db[heard]),
        len(frames.onsets) / frames.spectra.seconds,
        (np.percentile(level, 84) - np.percentile(level, 16)) / 2,
        np.percentile(level, 95) - np.percentile(level, 10),
        _crest_db(frames.spectra.samples),
        (amplitude < amplitude.mean()).mean(),
    ]
    vector = np.concatenate([np.atleast_1d(part) for part in parts]).astype(np.float32)
    return np.nan_to_num(vector, posinf=0.0, neginf=0.0)


def _contrast(band: Floats) -> Floats:
    """dB from the mean of the quietest to the mean of the loudest bins, shape (frames,)."""
    import numpy as np

    count = max(1, round(CONTRAST_SHARE * band.shape[1]))
    ordered = np.sort(band, axis=1)
    return _decibels(ordered[:, -count:].mean(axis=1)) - _decibels(ordered[:, :count].mean(axis=1))


def _mfcc(mel_db: Floats) -> Floats:
    """Cepstral coefficients 1 to MFCC_COUNT (orthonormal DCT-II), shape (frames, MFCC_COUNT)."""
    return mel_db @ _cosines(mel_db.shape[1])


def _zero_crossings(frames: FrameDescriptors) -> Floats:
    """Share of the samples that change sign, of each hop that is heard, shape (hops,).

    Hop n is taken for frame n: exact in the first excerpt, and off by one frame more in each further one.
    """
    import numpy as np

    hop = frames.spectra.hop
    negative = np.signbit(frames.spectra.samples)
    hops = len(negative) // hop
    if not hops:
        return np.zeros(1, np.float32)
    changes = negative[1 : hops * hop] != negative[: hops * hop - 1]
    counts = np.add.reduceat(changes, np.arange(0, hops * hop - 1, hop), dtype=np.int32)
    shares = (counts / hop).astype(np.float32)
    heard = frames.heard[:hops]
    return shares[heard] if heard.any() else shares


def _crest_db(samples: Floats) -> float:
    import numpy as np

    peak = np.abs(samples).max()
    return float(-10 * np.log10(np.mean(np.square(samples / peak)))) if peak else 0.0


def _mean_and_deviation(values: Floats) -> tuple[Floats, Floats]:
    return values.mean(axis=0), values.std(axis=0)


def _octaves(hertz: Floats) -> Floats:
    import numpy as np

    octaves: Floats = np.log2(np.maximum(hertz, 20.0) / _REFERENCE_HZ)
    return octaves


def _decibels(power: Floats) -> Floats:
    import numpy as np

    decibels: Floats = np.float32(10) * np.log10(power)
    return decibels


@lru_cache(maxsize=4)
def _amplitude_weights(sample_rate: int, frame: int) -> Floats:
    """Per bin: 1, kHz, kHz², and how much of it counts for each pitch class; shape (bins, 15)."""
    import numpy as np

    hertz = np.arange(frame // 2 + 1) * (sample_rate / frame)
    relative = hertz / _REFERENCE_HZ
    semitones = 12 * np.log2(np.maximum(hertz, 1.0) / 440.0) + 9
    apart = np.abs((semitones[:, None] - np.arange(12) + 6) % 12 - 6)
    inside = (hertz >= CHROMA_RANGE_HZ[0]) & (hertz <= CHROMA_RANGE_HZ[1])
    pitch = np.maximum(1 - apart, 0.0) * inside[:, None]
    return np.column_stack([np.ones_like(hertz), relative, relative**2, pitch]).astype(np.float32)


@lru_cache(maxsize=4)
def mel_frequencies(sample_rate: int, bands: int) -> Floats:
    """Centre of each mel band in Hz, shape (bands,)."""
    import librosa

    centers: Floats = librosa.mel_frequencies(n_mels=bands + 2, fmin=0.0, fmax=sample_rate / 2)[1:-1]
    return centers


@lru_cache(maxsize=4)
def _mel_widths(sample_rate: int, frame: int, bands: int) -> Floats:
    """What a mel band's power is to be multiplied with to be the power in its bins, shape (bands,)."""
    import numpy as np

    from soniquebay_pipeline.audio.spectra import mel_filters

    widths: Floats = np.reciprocal(mel_filters(sample_rate, frame, bands).sum(axis=0))
    return widths


@lru_cache(maxsize=4)
def _cosines(bands: int) -> Floats:
    """Rows 1 to MFCC_COUNT of the orthonormal DCT-II, transposed: shape (bands, MFCC_COUNT)."""
    import numpy as np

    phases = np.pi * (np.arange(bands)[:, None] + 0.5) * np.arange(1, MFCC_COUNT + 1) / bands
    cosines: Floats = (np.sqrt(2 / bands) * np.cos(phases)).astype(np.float32)
    return cosines
