"""The signal that is analysed: mono, one sample rate for all files, of a long track in excerpts.

Here: downmix, resampling, which parts of a long track are analysed. Not here: decoding, features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline.audio.stream import AnalysisFailure, AudioFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

ANALYSIS_RATE = 22_050
"""Hz. Keeps all up to 11 kHz: every pitch, and the attack of cymbals; the rate librosa analyses at."""
WHOLE_UP_TO = 360.0
"""Seconds; shorter tracks are analysed whole. Nine of ten songs are shorter."""
EXCERPTS = 5
EXCERPT_SECONDS = 60.0
"""Of longer tracks: that many excerpts of that length, evenly spread from the start to the end."""
SHORTEST = 1.0
"""Seconds; less is not analysed at all."""
SILENCE_PEAK = 10 ** (-80 / 20)
"""Peak of the mono signal below which there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class AnalysisSignal:
    """Mono float32 at ANALYSIS_RATE: one or more excerpts, one after the other."""

    samples: Samples
    """Shape (n,)."""
    starts: tuple[int, ...]
    """Index in ``samples`` where each excerpt starts; (0,) for a track analysed whole."""
    track_seconds: float
    """Length of the whole track as decoded."""
    sample_rate: int = ANALYSIS_RATE

    @property
    def seconds(self) -> float:
        """Seconds analysed."""
        return len(self.samples) / self.sample_rate


def excerpt_windows(announced_seconds: float | None) -> list[tuple[float, float]]:
    """(from, to) in seconds of the parts to analyse of a track of that length; to is inf for "the rest".

    Without an announced length the first WHOLE_UP_TO seconds are taken.
    """
    if announced_seconds is None:
        return [(0.0, WHOLE_UP_TO)]
    if announced_seconds <= WHOLE_UP_TO:
        return [(0.0, WHOLE_UP_TO)]  # the header may be wrong; memory stays bounded all the same
    step = (announced_seconds - EXCERPT_SECONDS) / (EXCERPTS - 1)
    return [(n * step, n * step + EXCERPT_SECONDS) for n in range(EXCERPTS)]


class SignalCollector:
    """Takes a file's blocks as they are decoded and keeps what is to be analysed.

    Memory is bounded by WHOLE_UP_TO, however long the file is.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        self._rate = audio_format.sample_rate
        self._windows = [
            (round(start * self._rate), round(stop * self._rate))
            for start, stop in excerpt_windows(audio_format.announced_seconds)
        ]
        self._parts: list[Samples] = []
        self._starts: list[int] = []
        self._length = 0
        self._position = 0
        self._window = 0
        self._resampler: Any = None

    def add(self, block: Samples) -> None:
        """``block``: float32, shape (frames, channels), following the one before."""
        begin, end = self._position, self._position + len(block)
        self._position = end
        while self._window < len(self._windows):
            start, stop = self._windows[self._window]
            if end <= start:
                return
            part = block[max(start - begin, 0) : stop - begin]
            self._take(part, last=end >= stop)
            if end < stop:
                return
            self._window += 1

    def finish(self) -> AnalysisSignal:
        """The signal. Raises AnalysisFailure: too_short (under SHORTEST), silent."""
        import numpy as np

        if self._resampler is not None:
            self._keep(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
            self._resampler = None
        samples = np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)
        self._parts = []
        if len(samples) < SHORTEST * ANALYSIS_RATE:
            raise AnalysisFailure("too_short", f"{len(samples) / ANALYSIS_RATE:.2f} s of audio")
        if float(np.max(np.abs(samples))) < SILENCE_PEAK:
            raise AnalysisFailure("silent", "the mono signal stays below -80 dBFS")
        return AnalysisSignal(samples, tuple(self._starts), self._position / self._rate)

    def _take(self, part: Samples, *, last: bool) -> None:
        if self._resampler is None:
            import soxr

            self._resampler = soxr.ResampleStream(self._rate, ANALYSIS_RATE, 1, dtype="float32", quality="HQ")
            self._starts.append(self._length)
        self._keep(self._resampler.resample_chunk(_downmix(part), last=last))
        if last:
            self._resampler = None

    def _keep(self, samples: Samples) -> None:
        self._parts.append(samples)
        self._length += len(samples)


def _downmix(block: Samples) -> Samples:
    """The mean of the channels."""
    import numpy as np

    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    if channels == 2:  # a tenth of the time of mean(axis=1)
        mixed: Samples = (block[:, 0] + block[:, 1]) * np.float32(0.5)
        return mixed
    mean: Samples = block.mean(axis=1, dtype=np.float32)
    return mean
