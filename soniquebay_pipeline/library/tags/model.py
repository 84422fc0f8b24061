"""What reading one audio file yields: plain data, no interpretation.

Here: the data classes and the error that the readers of every format share.
Not here: splitting credits or genres, fallbacks from folders, normal forms (see ``catalog``).
"""

from __future__ import annotations

from dataclasses import dataclass, field


class UnreadableFile(Exception):
    """The file cannot become a track; ``reason`` is a stable code, ``detail`` is for people.

    Codes: ``empty`` (no bytes), ``not_audio`` (no known audio signature), ``corrupt`` (signature
    known, structure broken), ``no_audio`` (container without an audio stream or with no duration),
    ``permission`` and ``io_error`` (the operating system refused), ``too_large`` (a declared size is
    beyond what is read), ``timeout`` and ``crashed`` (set by the worker pool).
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[UnreadableFile], tuple[str, str]]:
        return (UnreadableFile, (self.reason, self.detail))


@dataclass(slots=True)
class AudioProperties:
    """Technical properties as the container states them; None where it does not."""

    file_type: str
    """Container or stream type: mp3, flac, mp4, ogg, opus, speex, wav, aiff, asf, wavpack, ape, mpc,
    dsf, dff, tta, aac."""
    codec: str
    """mp3, mp2, flac, aac, alac, vorbis, opus, speex, pcm, wma, wavpack, ape, musepack, dsd, tta, …"""
    duration_seconds: float
    bitrate_kbps: int | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    bits_per_sample: int | None = None


@dataclass(slots=True)
class TagSet:
    """The tags of one file.

    ``raw`` maps the format's own key (``TPE1``, ``TXXX:MusicBrainz Album Id``, ``©nam``,
    ``artist`` …) to its values as text: every value valid UTF-8 without NUL or surrogates, so that
    it can be stored as jsonb; bounded in number and size (what was cut is named in ``truncated``).

    ``fields`` maps canonical names to values in the order in the file. Canonical names are those of
    MusicBrainz Picard's tag mapping (https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html):
    ``title artist artists album albumartist albumartists composer lyricist conductor remixer
    arranger performer tracknumber totaltracks discnumber totaldiscs discsubtitle date originaldate
    originalyear genre mood compilation bpm key comment isrc label barcode catalognumber
    media language lyrics acoustid_id acoustid_fingerprint
    replaygain_track_gain replaygain_track_peak replaygain_album_gain replaygain_album_peak
    musicbrainz_recordingid musicbrainz_trackid musicbrainz_albumid musicbrainz_artistid
    musicbrainz_albumartistid musicbrainz_releasegroupid musicbrainz_workid musicbrainz_discid``,
    and AcousticBrainz's as ``ab:genre ab:mood ab:lo:…`` with the prefix kept.
    """

    raw: dict[str, list[str]]
    fields: dict[str, list[str]]
    audio: AudioProperties
    picture_count: int = 0
    truncated: list[str] = field(default_factory=list)
