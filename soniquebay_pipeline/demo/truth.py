"""What is true of the demo library: the figures that a correct catalogue of it must show.

Here: the data, and how it is kept as JSON. Not here: where it comes from (``plan``).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TRUTH_NAME = "demo-truth.json"


@dataclass(frozen=True, slots=True)
class DemoTrack:
    """One track; names are the spelling that the catalogue should show, not always that of the tag."""

    path: str
    """Relative to the library, with ``/``."""
    title: str
    artists: tuple[str, ...]
    featured: tuple[str, ...]
    album: str
    album_artist: str
    year: int | None
    track_number: int | None
    disc_number: int | None
    genres: tuple[str, ...]
    bpm: float
    key: str
    """The tonic with sharps: C, C#, … B."""
    scale: str
    """major or minor"""
    instruments: str
    seconds: float
    cover: str | None
    """``embedded``, ``folder`` (a picture file beside it) or None."""
    musicbrainz_recordingid: str | None = None


@dataclass(frozen=True, slots=True)
class DemoReject:
    """A file that looks like audio by its name and is none; ``reasons`` are the codes it may get."""

    path: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoCounts:
    """How many rows a correct catalogue of the library holds."""

    tracks: int
    artists: int
    """Main, featured and album artists, with Various Artists."""
    albums: int
    genres: int
    rejected: int


@dataclass(frozen=True, slots=True)
class DemoTruth:
    version: int
    tracks_limit: int | None
    tracks: tuple[DemoTrack, ...]
    rejected: tuple[DemoReject, ...]
    other_files: tuple[str, ...]
    """Files of the library that are neither tracks nor rejects: pictures, good and bad."""
    counts: DemoCounts

    def all_paths(self) -> set[str]:
        paths = {track.path for track in self.tracks} | {reject.path for reject in self.rejected}
        return paths | set(self.other_files)

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> DemoTruth:
        """Read what ``save`` wrote; raises ValueError, KeyError or TypeError for anything else."""
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(
            version=data["version"],
            tracks_limit=data["tracks_limit"],
            tracks=tuple(DemoTrack(**_tuples(track)) for track in data["tracks"]),
            rejected=tuple(DemoReject(**_tuples(reject)) for reject in data["rejected"]),
            other_files=tuple(data["other_files"]),
            counts=DemoCounts(**data["counts"]),
        )


def count_rows(tracks: tuple[DemoTrack, ...], rejected: tuple[DemoReject, ...]) -> DemoCounts:
    """The counts that follow from the listing."""
    artists = {name for track in tracks for name in (*track.artists, *track.featured, track.album_artist)}
    return DemoCounts(
        tracks=len(tracks),
        artists=len(artists),
        albums=len({(track.album, track.album_artist) for track in tracks}),
        genres=len({genre.casefold() for track in tracks for genre in track.genres}),
        rejected=len(rejected),
    )


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
