"""What the analysis of one track yields, and what can't be analysed: plain data.

Every value is None where it could not be measured; nothing is invented.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

ANALYSIS_VERSION = 1
"""Raise it when a measured value would come out differently: every track is then analysed again."""

PASSING_REASONS = frozenset({"timeout", "crashed", "io_error", "permission", "vanished", "memory"})
"""Failures that may be gone at another time; others stay until the file or the version changes."""


@dataclass(frozen=True, slots=True)
class DueTrack:
    """A track to be analysed; ``path`` is relative to the library root, as text."""

    track_id: int
    path: str
    audio_hash: str | None
    duration_seconds: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a track has no features. Reasons: silent, too_short, not_finite, no_audio, no_codec, corrupt; and
    the passing ones."""

    reason: str
    detail: str
    seconds_spent: float | None = None

    @property
    def is_passing(self) -> bool:
        """Worth another attempt."""
        return self.reason in PASSING_REASONS


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    """The features of one track, by the names of the columns of ``audio_features``."""

    bpm_measured: float | None
    """Tempo, beats a minute."""
    bpm_confidence: float | None
    """0..1"""
    bpm_alternative: float | None
    """The best other reading of the tempo: half, double or 2/3."""
    key_measured: str | None
    """Tonic with sharps: C, C#, D … B."""
    scale_measured: str | None
    """major or minor"""
    key_confidence: float | None
    """0..1"""
    key_runner_up: str | None
    """The second best key, as ``A minor``."""
    loudness_lufs: float | None
    """Integrated loudness after EBU R128, LUFS; ReplayGain 2.0 is -18 minus this, in dB."""
    loudness_range_lu: float | None
    """Loudness range after EBU Tech 3342, LU."""
    sample_peak: float | None
    """Largest absolute sample, 1.0 is full scale."""
    energy: float | None
    """0..1; see ``character``"""
    danceability: float | None
    """0..1"""
    acousticness: float | None
    """0..1"""
    instrumentalness: float | None
    """0..1"""
    timbre: list[float] | None
    """Fixed-length summary of the sound; see ``timbre``"""
    timbre_version: int | None
    acoustid_fingerprint: str | None
    """Chromaprint of the first two minutes, where fpcalc is installed"""
    seconds_analysed: float
    """Seconds of music that tempo, key and timbre were taken from"""
    seconds_spent: float
    """CPU seconds"""


MEASURED_COLUMNS = tuple(field.name for field in fields(AudioFeatures))
