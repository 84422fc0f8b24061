"""With which periods an envelope repeats: one spectrum and one autocorrelation of the whole track.

Here: the mathematics of periods. Not here: which period is the beat (``tempo``).

Both come from one power spectrum, averaged over windows of 12 s: long enough for four bars of a slow song,
short enough that a drifting tempo stays in one bin. Autocorrelation and Fourier transform err differently (the
one finds multiples of the period, the other fractions), so they are used together (Peeters 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

WINDOW = 512
"""Frames: 11.9 s."""
PADDED = 2048
COMPRESSION = 0.5
"""Exponent on the power spectrum before the autocorrelation: sharper peaks (Tolonen & Karjalainen 2000;
used for tempo by Percival & Tzanetakis 2014)."""


@dataclass(frozen=True, slots=True)
class Periodicity:
    """How strongly an envelope repeats, by period and by frequency."""

    autocorrelation: Doubles
    """By lag in frames, shape (PADDED // 2,), 1.0 at lag 0."""
    magnitude: Doubles
    """By frequency in 1 / PADDED of the frame rate, shape (PADDED // 2 + 1,), its maximum is 1."""
    windows: int
    """Number of windows that they are the mean of."""

    def at_lags(self, lags: Doubles) -> Doubles:
        """The autocorrelation at those lags in frames, interpolated."""
        import numpy as np

        last = len(self.autocorrelation) - 1
        values: Doubles = np.interp(np.minimum(lags, last), np.arange(last + 1), self.autocorrelation)
        return values

    def at_frequencies(self, cycles_per_frame: Doubles) -> Doubles:
        """The magnitude at those frequencies, interpolated."""
        import numpy as np

        values: Doubles = np.interp(cycles_per_frame * PADDED, np.arange(len(self.magnitude)), self.magnitude)
        return values


def find_periodicity(envelope: Floats, excerpts: Sequence[slice], smooth: int) -> Periodicity | None:
    """The periodicity of an envelope after its mean over ``smooth`` frames is taken away; None if it is flat."""
    import numpy as np
    from scipy.fft import irfft, rfft
    from scipy.ndimage import uniform_filter1d

    window = np.hanning(WINDOW)
    power = np.zeros(PADDED // 2 + 1)
    windows = 0
    for part in excerpts:
        values = envelope[part].astype(np.float64)
        values -= uniform_filter1d(values, smooth, mode="constant")
        values = np.pad(values, (0, max(0, WINDOW - len(values))))
        frames = np.lib.stride_tricks.sliding_window_view(values, WINDOW)[:: WINDOW // 4]
        frames = (frames - frames.mean(axis=1, keepdims=True)) * window
        spectrum = np.abs(rfft(frames, PADDED, axis=1, workers=1)) ** 2
        # The square root of the energy: a loud passage counts more than a quiet one, but not in proportion.
        energy = spectrum.sum(axis=1, keepdims=True)
        windows += len(frames)
        power += (spectrum / np.sqrt(np.maximum(energy, 1e-20))).sum(axis=0)
    if not power.max() > 1e-9:
        return None
    correlation = irfft(power**COMPRESSION)[: PADDED // 2]
    return Periodicity(correlation / correlation[0], np.sqrt(power / power.max()), windows)
