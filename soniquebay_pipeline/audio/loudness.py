"""Loudness of a track after EBU R128: how loud it is, how far its loudness ranges, its highest sample.

Here: a meter that takes blocks of samples as they are decoded. Sources: ITU-R BS.1770-4 (K-weighting,
channel weights, gating), EBU Tech 3341 (meters), EBU Tech 3342 (loudness range), EBU R 128.
Not here: decoding, and the gains that tags state (``tag_values``).
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEP_SECONDS = 0.1
"""Gating blocks start every 100 ms: 400 ms with 75 % overlap."""
STEPS_IN_MOMENTARY = 4
STEPS_IN_SHORT_TERM = 30
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
RANGE_GATE_LU = -20.0
RANGE_PERCENTILES = (10, 95)
REPLAYGAIN_REFERENCE_LUFS = -18.0
"""ReplayGain 2.0 plays everything at this loudness."""
LOWEST_SAMPLE_RATE_HZ = 4000
"""Below twice the shelf's 1682 Hz the weighting does not exist."""

_OFFSET_LUFS = -0.691  # BS.1770-4: cancels the K-weighting's gain at 1 kHz.
_STEPS_IN_PIECE = 10

# The analogue prototypes behind the 48 kHz tables of BS.1770-4, as derived by De Man, "Evaluation of
# implementations of the EBU R128 loudness measurement", AES 145 (2018); libebur128 uses the same.
_SHELF_HZ, _SHELF_DB, _SHELF_Q, _SHELF_EXPONENT = (
    1681.974450955533,
    3.999843853973347,
    0.7071752369554196,
    0.4996667741545416,
)
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773
_TABLE_RATE_HZ = 48_000

_SURROUND = 1.41
# By number of channels in the order of WAVE and FFmpeg. The low-frequency channel does not count;
# +1.5 dB is for loudspeakers 60° to 120° from the front (BS.1770-4, annex 3).
_CHANNEL_WEIGHTS: dict[int, tuple[float, ...]] = {
    4: (1, 1, _SURROUND, _SURROUND),
    5: (1, 1, 1, _SURROUND, _SURROUND),
    6: (1, 1, 1, 0, _SURROUND, _SURROUND),
    7: (1, 1, 1, 0, 1, _SURROUND, _SURROUND),
    8: (1, 1, 1, 0, 1, 1, _SURROUND, _SURROUND),
}


@dataclass(frozen=True, slots=True)
class Loudness:
    """What the meter found. What could not be measured is None; ``reason`` says why.

    Reasons: ``silent`` (no gating block above −70 LUFS), ``too_short`` (less than 400 ms),
    ``not_finite`` (NaN, infinity, or samples too large to square), ``sample_rate`` (below 4 kHz).
    """

    integrated_lufs: float | None
    """Programme loudness in LUFS, gated."""
    range_lu: float | None
    """Loudness range (LRA) in LU, 0 or more; None also where there are less than 3 s of sound."""
    sample_peak: float | None
    """Largest absolute sample of any channel, 1.0 being full scale. Not the true peak between samples."""
    momentary_max_lufs: float | None
    """The loudest 400 ms."""
    short_term_max_lufs: float | None
    """The loudest 3 s."""
    seconds: float
    """Length of what was added."""
    reason: str | None = None

    @property
    def sample_peak_dbfs(self) -> float | None:
        """The sample peak in dB relative to full scale; None for digital silence."""
        return 20 * math.log10(self.sample_peak) if self.sample_peak else None

    @property
    def replaygain_db(self) -> float | None:
        """The gain in dB that ReplayGain 2.0 applies to the track: −18 LUFS less its loudness."""
        return None if self.integrated_lufs is None else REPLAYGAIN_REFERENCE_LUFS - self.integrated_lufs


class LoudnessMeter:
    """Measures a stream of blocks; how the stream is cut makes no difference, not even in the last bit.

    Memory: a second of samples, and 8 bytes for each 100 ms.
    """

    def __init__(self, sample_rate: int, channels: int, weights: tuple[float, ...] | None = None) -> None:
        """``weights`` are the channels' energy weights where the usual layout of so many channels is wrong.

        Raises ValueError for less than one channel, a rate below 1 or weights of another number.
        """
        import numpy as np

        if sample_rate < 1 or channels < 1:
            raise ValueError(f"{sample_rate} Hz with {channels} channels is not audio")
        weights = weights if weights is not None else channel_weights(channels)
        if len(weights) != channels:
            raise ValueError(f"{len(weights)} weights for {channels} channels")
        self._rate = sample_rate
        self._channels = channels
        self._heard = [number for number, weight in enumerate(weights) if weight]
        self._weights = np.array([weights[number] for number in self._heard])
        self._step = max(1, round(sample_rate * STEP_SECONDS))
        self._piece = np.empty((len(self._heard), self._step * _STEPS_IN_PIECE))
        self._filled = 0
        self._sections = k_weighting(sample_rate) if sample_rate >= LOWEST_SAMPLE_RATE_HZ else None
        self._state = np.zeros((2, len(self._heard), 2))
        self._energies = array("d")
        self._frames = 0
        self._peak = 0.0

    def add(self, block: NDArray[np.floating[Any]]) -> None:
        """Take the next samples: shape (frames, channels), or (frames,) for mono; ±1.0 is full scale.

        Raises ValueError for another number of channels.
        """
        if block.ndim == 1:
            block = block[:, None]
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"a block of shape {block.shape} for {self._channels} channels")
        frames = len(block)
        self._frames += frames
        if not frames or not math.isfinite(self._peak):
            return
        # A NaN or an infinity anywhere ends up in the largest or the smallest sample.
        highest, lowest = float(block.max()), float(block.min())
        self._peak = max(self._peak, highest, -lowest) if math.isfinite(highest - lowest) else math.nan
        if not math.isfinite(self._peak) or self._sections is None:
            return
        columns = block.T if len(self._heard) == self._channels else block.T[self._heard]
        size = self._piece.shape[1]
        taken = 0
        while taken < frames:
            count = min(frames - taken, size - self._filled)
            self._piece[:, self._filled : self._filled + count] = columns[:, taken : taken + count]
            taken += count
            self._filled += count
            if self._filled == size:
                energies, self._state = self._weigh(self._piece)
                self._energies.frombytes(energies.tobytes())
                self._filled = 0

    def result(self) -> Loudness:
        """What was measured so far; more may be added afterwards."""
        import numpy as np

        seconds = self._frames / self._rate
        if not math.isfinite(self._peak):
            return Loudness(None, None, None, None, None, seconds, "not_finite")
        if self._sections is None:
            return Loudness(None, None, self._peak, None, None, seconds, "sample_rate")
        whole = self._filled // self._step * self._step
        rest = self._weigh(self._piece[:, :whole])[0] if whole else np.empty(0)
        energies = np.concatenate([np.frombuffer(self._energies), rest])
        momentary = _means(energies, STEPS_IN_MOMENTARY)
        if not len(momentary):
            return Loudness(None, None, self._peak, None, None, seconds, "too_short" if self._peak else "silent")
        if not np.isfinite(momentary).all():
            return Loudness(None, None, None, None, None, seconds, "not_finite")
        integrated = integrated_lufs(momentary)
        if integrated is None:
            return Loudness(None, None, self._peak, None, None, seconds, "silent")
        short_term = _means(energies, STEPS_IN_SHORT_TERM)
        return Loudness(
            integrated_lufs=integrated,
            range_lu=loudness_range_lu(short_term),
            sample_peak=self._peak,
            momentary_max_lufs=_lufs(float(momentary.max())),
            short_term_max_lufs=_lufs(float(short_term.max())) if len(short_term) and short_term.max() > 0 else None,
            seconds=seconds,
        )

    def _weigh(self, piece: Floats) -> tuple[Floats, Floats]:
        """The weighted mean square of each step of a piece, and the filters' state after it."""
        import numpy as np
        from scipy.signal import sosfilt

        weighted, state = sosfilt(self._sections, piece, zi=self._state)
        # What is left of a sound after seconds of digital silence would slow the filter down (subnormals).
        state[np.abs(state) < 1e-40] = 0.0
        steps = weighted.reshape(len(piece), -1, self._step)
        with np.errstate(over="ignore"):
            return self._weights @ (np.einsum("cst,cst->cs", steps, steps) / self._step), state


def channel_weights(channels: int) -> tuple[float, ...]:
    """The energy weights of the usual layout with that many channels: 1, 1.41 for surrounds, 0 for LFE."""
    return _CHANNEL_WEIGHTS.get(channels, (1.0,) * channels)


def k_weighting(sample_rate: int) -> Floats:
    """The K-weighting as two second-order sections, shape (2, 6), for ``scipy.signal.sosfilt``.

    The bilinear transform of the analogue prototypes gives the tables of BS.1770-4 at 48 kHz and the
    same response at other rates. The tables' high-pass has a gain of 0.04 dB, which is kept as it is.
    """
    import numpy as np

    k = math.tan(math.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    middle = high**_SHELF_EXPONENT
    scale = 1 + k / _SHELF_Q + k * k
    shelf = [
        (high + middle * k / _SHELF_Q + k * k) / scale,
        2 * (k * k - high) / scale,
        (high - middle * k / _SHELF_Q + k * k) / scale,
        *(1.0, 2 * (k * k - 1) / scale, (1 - k / _SHELF_Q + k * k) / scale),
    ]
    k = math.tan(math.pi * _HIGH_PASS_HZ / sample_rate)
    scale = 1 + k / _HIGH_PASS_Q + k * k
    at_table_rate = math.tan(math.pi * _HIGH_PASS_HZ / _TABLE_RATE_HZ)
    gain = (1 + at_table_rate / _HIGH_PASS_Q + at_table_rate * at_table_rate) / scale
    high_pass = [gain, -2 * gain, gain, 1.0, 2 * (k * k - 1) / scale, (1 - k / _HIGH_PASS_Q + k * k) / scale]
    return np.array([shelf, high_pass])


def integrated_lufs(momentary: Floats) -> float | None:
    """Integrated loudness of the mean squares of 400 ms blocks, shape (blocks,); None if all are gated out."""
    loud = momentary[momentary > _mean_square(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    gate = float(loud.mean()) * 10 ** (RELATIVE_GATE_LU / 10)
    return _lufs(float(loud[loud > gate].mean()))


def loudness_range_lu(short_term: Floats) -> float | None:
    """Loudness range of the mean squares of 3 s blocks, shape (blocks,); None if all are gated out.

    The nearest-rank percentiles of the reference code in EBU Tech 3342.
    """
    import numpy as np

    loud = short_term[short_term > _mean_square(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    loud = np.sort(loud[loud > float(loud.mean()) * 10 ** (RANGE_GATE_LU / 10)])
    low, high = (float(loud[int((len(loud) - 1) * percentile / 100 + 0.5)]) for percentile in RANGE_PERCENTILES)
    return _lufs(high) - _lufs(low)


def _means(energies: Floats, steps: int) -> Floats:
    """The mean of every ``steps`` neighbours, shape (n − steps + 1,); empty where there are fewer."""
    import numpy as np

    if len(energies) < steps:
        return np.empty(0)
    means: Floats = np.lib.stride_tricks.sliding_window_view(energies, steps).mean(axis=1)
    return means


def _lufs(mean_square: float) -> float:
    return _OFFSET_LUFS + 10 * math.log10(mean_square)


def _mean_square(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LUFS) / 10))
