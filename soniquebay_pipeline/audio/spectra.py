"""The spectrum that all features share: one short-time Fourier transform of the analysis signal.

Here: framing, windows, power, mel bands. Not here: what a feature makes of it (``tempo``, ``key``, ``timbre``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soniquebay_pipeline.audio.signal import AnalysisSignal

    Floats = NDArray[np.float32]

FRAME = 2048
"""Samples a frame: 93 ms at 22,050 Hz."""
HOP = 512
"""Samples from a frame to the next: 43.07 frames a second."""
MEL_BANDS = 128
CHUNK = 256
"""Frames transformed at once; bounds the memory for the complex values to 4 MB."""


@dataclass(frozen=True)
class Spectra:
    """The power spectrum of a track, frame by frame.

    Frame ``t`` is centred on sample ``t * hop`` of its excerpt's signal (zeros beyond the ends), so
    frame ``starts[n]`` is centred on the first sample of excerpt ``n``.
    """

    samples: Floats = field(repr=False)
    """The analysis signal, shape (n,)."""
    power: Floats = field(repr=False)
    """|STFT|², shape (frames, FRAME // 2 + 1), Hann window of peak 1: a full-scale sine gives (FRAME / 4)²."""
    starts: tuple[int, ...]
    """Index of the first frame of each excerpt; (0,) for a track analysed whole."""
    sample_rate: int
    hop: int = HOP
    frame: int = FRAME

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    @property
    def seconds(self) -> float:
        """Seconds analysed."""
        return len(self.samples) / self.sample_rate

    @cached_property
    def frequencies(self) -> Floats:
        """Hz of each bin, shape (bins,)."""
        import numpy as np

        return (np.arange(self.frame // 2 + 1) * (self.sample_rate / self.frame)).astype(np.float32)

    @cached_property
    def mel(self) -> Floats:
        """Power in MEL_BANDS mel bands (Slaney's scale and area, as librosa's), shape (frames, MEL_BANDS)."""
        filters = mel_filters(self.sample_rate, self.frame, MEL_BANDS)
        bands: Floats = self.power @ filters
        return bands

    @property
    def excerpts(self) -> list[slice]:
        """The frames of each excerpt."""
        ends = (*self.starts[1:], len(self.power))
        return [slice(start, end) for start, end in zip(self.starts, ends, strict=True)]


def compute_spectra(signal: AnalysisSignal) -> Spectra:
    """The one STFT of a track. Memory: 10.6 MB a minute of analysed audio, and 8 MB while working."""
    import numpy as np

    ends = (*signal.starts[1:], len(signal.samples))
    pieces = [signal.samples[start:end] for start, end in zip(signal.starts, ends, strict=True)]
    counts = [1 + len(piece) // HOP for piece in pieces]
    power = np.empty((sum(counts), FRAME // 2 + 1), np.float32)
    starts = tuple(int(n) for n in np.cumsum([0, *counts[:-1]]))
    for piece, start, count in zip(pieces, starts, counts, strict=True):
        _fill_power(piece, power[start : start + count])
    return Spectra(samples=signal.samples, power=power, starts=starts, sample_rate=signal.sample_rate)


def _fill_power(samples: Floats, power: Floats) -> None:
    """|STFT|² of ``samples`` into ``power``, a chunk of frames at a time."""
    import numpy as np
    from scipy.fft import rfft

    padded = np.pad(samples, FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = hann(FRAME)
    for start in range(0, len(power), CHUNK):
        chunk: Any = rfft(frames[start : start + CHUNK] * window, axis=1, workers=1)
        out = power[start : start + CHUNK]
        np.multiply(chunk.real, chunk.real, out=out)
        out += chunk.imag * chunk.imag


@lru_cache(maxsize=4)
def hann(length: int) -> Floats:
    """The periodic Hann window, float32."""
    import numpy as np

    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@lru_cache(maxsize=4)
def mel_filters(sample_rate: int, frame: int, bands: int) -> Floats:
    """Slaney's mel filter bank from librosa, transposed: shape (bins, bands)."""
    import numpy as np
    from librosa.filters import mel

    filters = mel(sr=sample_rate, n_fft=frame, n_mels=bands, dtype=np.float32)
    return np.ascontiguousarray(filters.T)
