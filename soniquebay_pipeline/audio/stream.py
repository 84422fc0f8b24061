"""What is said of a decoded stream, whoever decodes it: its format, the sizes of blocks, why it cannot be analysed.

Not here: decoding (``decode``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "vanished", "permission", "io_error", "no_audio", "no_codec", "corrupt", "too_short", "silent", "not_finite"
]
REASONS: dict[Reason, str] = {
    "vanished": "the file is not there",
    "permission": "the system does not let the file be read",
    "io_error": "the disk or the network failed while the file was read",
    "no_audio": "no audio stream of a known format is in the file",
    "no_codec": "the stream's codec is not in this build of the decoders",
    "corrupt": "the stream is damaged from the start: nothing of it could be decoded",
    "too_short": "less audio than a measurement needs",
    "silent": "no sample is above the noise floor of 16 bits",
    "not_finite": "samples are NaN, infinite or absurdly large",
}
Decoder = Literal["soundfile", "pyav"]

BLOCK_FRAMES = 65_536
"""Frames a block at most; half a megabyte in stereo."""
HIGHEST_RATE = 192_000
"""Faster streams (DSD: 352,800 Hz and more of noise above 25 kHz) are brought down to ``DSD_RATE``."""
DSD_RATE = 44_100


class AnalysisFailure(Exception):
    """A file that cannot be analysed: ``reason`` is one of REASONS, ``detail`` says more to a person."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[AnalysisFailure], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the decoder says of the stream."""

    sample_rate: int
    """Frames a second of the blocks."""
    channels: int
    codec: str
    decoder: Decoder
    announced_seconds: float | None
    """Length by the header, where it has one; an estimate for MPEG and AAC without an index."""
