"""Technical properties of a stream, checked.

Here: the rules that make numbers of a container believable, the same for every format.
Not here: where a format keeps them.
"""

from __future__ import annotations

import math

from .model import AudioProperties, UnreadableFile

MAX_DURATION_SECONDS = 100 * 24 * 3600.0
_MAX_BITRATE_KBPS = 10_000_000
_MAX_SAMPLE_RATE_HZ = 100_000_000
_MAX_CHANNELS = 255
_MAX_BITS = 64


def _within(value: float | None, maximum: int) -> int | None:
    """A positive number of believable size, else None: an unknown is never stored as zero."""
    if value is None or not 0 < value <= maximum:
        return None
    return round(value) or None


def checked_properties(
    *,
    file_type: str,
    codec: str,
    duration: float,
    file_size: int,
    bitrate: float | None = None,
    sample_rate: float | None = None,
    channels: float | None = None,
    bits: float | None = None,
) -> AudioProperties:
    """The properties, or why the file cannot become a track; ``bitrate`` in bits a second."""
    if not math.isfinite(duration) or duration < 0 or duration > MAX_DURATION_SECONDS:
        raise UnreadableFile("corrupt", f"the container states a duration of {duration} seconds")
    if duration == 0:
        raise UnreadableFile("no_audio", "the container states no duration")
    if not bitrate or not math.isfinite(bitrate) or bitrate < 0:
        bitrate = file_size * 8 / duration
    return AudioProperties(
        file_type=file_type,
        codec=codec,
        duration_seconds=float(duration),
        bitrate_kbps=_within(bitrate / 1000, _MAX_BITRATE_KBPS),
        sample_rate_hz=_within(sample_rate, _MAX_SAMPLE_RATE_HZ),
        channels=_within(channels, _MAX_CHANNELS),
        bits_per_sample=_within(bits, _MAX_BITS),
    )
