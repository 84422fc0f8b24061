"""What the catalogue believes about one file: plain data that the tables are filled from.

Here: the data classes. Not here: how they are derived (``metadata``) or stored (``resolve``).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class Credit:
    """One credited name in one role; ``position`` is the place of the credit within its role."""

    role: str
    """main, featured, remixer, composer, lyricist, conductor, arranger, performer; or ``album``
    (an album artist of the file's album)."""
    position: int
    name: str
    name_key: str
    musicbrainz_artistid: str | None = None


@dataclass(slots=True, frozen=True)
class Label:
    """A genre, genre tag or mood: the name as written and its key."""

    kind: str
    """genre, genre_tag, mood"""
    position: int
    name: str
    name_key: str


@dataclass(slots=True)
class FileMetadata:
    """Normalised metadata of one file; every text is NFC, without NUL, surrogates or control characters."""

    title: str
    album: str | None
    album_key: str | None
    """Normal form of the album title with a disc suffix removed; None where there is no album."""
    credits: list[Credit]
    labels: list[Label]
    track_number: int | None = None
    track_total: int | None = None
    disc_number: int | None = None
    disc_total: int | None = None
    release_date: str | None = None
    """As much of YYYY-MM-DD as the tag gives."""
    year: int | None = None
    is_compilation: bool = False
    bpm_tag: float | None = None
    key_tag: str | None = None
    replaygain_track_gain_db: float | None = None
    replaygain_track_peak: float | None = None
    replaygain_album_gain_db: float | None = None
    replaygain_album_peak: float | None = None
    musicbrainz_recordingid: str | None = None
    musicbrainz_trackid: str | None = None
    musicbrainz_albumid: str | None = None
    musicbrainz_releasegroupid: str | None = None
    musicbrainz_workid: str | None = None
    acoustid_id: str | None = None
    isrc: str | None = None
    fallbacks: list[str] = field(default_factory=list)
    """Which of title, artist, album were derived from the path because the tag was missing."""
    quality_score: float = 0.0
    """0..1: 0.4 title, artist, album; 0.3 duration, bitrate, file type; 0.3 genre, year, track number
    (each group in proportion to how many of its three fields the tags or the container give)."""
