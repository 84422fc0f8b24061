"""What a catalogue must hold after reading the large library.

The rules, which the generator keeps clear of every case where they could be disputed:

- An artist is its MusicBrainz id, else the normal form of its name: NFKC, case, white space and the
  variants of the dash do not count. A credit without an id is that of the one artist with an id who
  has the name (no credit goes without an id where two have it).
- An album is its release id, else its title, album artist and year. The album artist is the tag's,
  else Various Artists for a compilation, else the main artist.
- Genres are what stands between ``;``, ``,`` and ``/``; case does not count.
- "A feat. B" credits A as main artist and B as featured. Several values of the artist field are several
  main artists. There are no other roles.
- A file without a title takes it from its name, ``NN - Title``; a file without any tags takes artist,
  album and track number from ``Artist/Album/NN - Title`` too and has neither year nor genre.

Here: counting by these rules, and the listing. Not here: which files there are (``large_plan``).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soniquebay_pipeline_tests.corpus.large_plan import Credit, PlannedFile
from soniquebay_pipeline_tests.corpus.names import genre_keys, normal_form

LARGE_VERSION = 2


@dataclass(frozen=True, slots=True)
class FileTruth:
    """One file; artists by their keys (see ``LibraryTruth.artists``)."""

    title: str
    main: tuple[str, ...]
    featured: tuple[str, ...]
    album_title: str
    album_artist: str
    year: int | None
    release_id: str
    disc: int | None
    """None where no tag tells."""
    track: int | None
    genres: tuple[str, ...]
    """Keys, sorted."""
    from_path: tuple[str, ...]
    """Which of title, artist, album only the path tells."""

    @property
    def album_key(self) -> tuple[str, ...]:
        """Release id, or (normal title, album artist, year)."""
        if self.release_id:
            return (self.release_id,)
        return (normal_form(self.album_title), self.album_artist, str(self.year or ""))


@dataclass(frozen=True, slots=True)
class LibraryTruth:
    """The counts of rows, and what is true of each file (path relative to the library, with ``/``)."""

    version: int
    seed: int
    files: int
    tracks: int
    artists: int
    albums: int
    genres: int
    main_credits: int
    """Rows of track_artists with the role main."""
    featured_credits: int
    artist_names: dict[str, str]
    """Artist key → normal form of the name; the key is the MusicBrainz id, else that normal form."""
    listing: dict[str, FileTruth]

    @property
    def credits(self) -> dict[str, int]:
        """Rows of track_artists by role."""
        return {"main": self.main_credits, "featured": self.featured_credits}

    @property
    def genre_keys(self) -> set[str]:
        return {genre for file in self.listing.values() for genre in file.genres}

    @property
    def album_keys(self) -> set[tuple[str, ...]]:
        return {file.album_key for file in self.listing.values()}

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> LibraryTruth:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        data["listing"] = {path: FileTruth(**_tuples(entry)) for path, entry in data["listing"].items()}
        return cls(**data)


def truth_of(planned: list[PlannedFile], seed: int) -> LibraryTruth:
    """Apply the rules to the plan."""
    ids = _ids_of_names(planned)
    artist_names: dict[str, str] = {}

    def key(credit: Credit) -> str:
        name = normal_form(credit.name)
        known = ids.get(name, set())
        if not credit.musicbrainz_id and len(known) > 1:
            raise AssertionError(f"the generator made an ambiguous credit: {credit.name}")
        found = credit.musicbrainz_id or (next(iter(known)) if known else name)
        artist_names[found] = name
        return found

    listing = {
        file.path: FileTruth(
            title=file.title,
            main=tuple(key(credit) for credit in file.main),
            featured=tuple(key(credit) for credit in file.featured),
            album_title=file.album_title,
            album_artist=key(file.album_artist),
            year=file.year,
            release_id=file.release_id,
            disc=file.disc,
            track=file.track,
            genres=genre_keys(file.genres),
            from_path=file.from_path,
        )
        for file in planned
    }
    if len(listing) != len(planned):
        raise AssertionError("the generator made two files of one path")
    files = listing.values()
    return LibraryTruth(
        version=LARGE_VERSION,
        seed=seed,
        files=len(planned),
        tracks=len(planned),
        artists=len(artist_names),
        albums=len({file.album_key for file in files}),
        genres=len({genre for file in files for genre in file.genres}),
        main_credits=sum(len(file.main) for file in files),
        featured_credits=sum(len(file.featured) for file in files),
        artist_names=artist_names,
        listing=listing,
    )


def _ids_of_names(planned: list[PlannedFile]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = defaultdict(set)
    for file in planned:
        for credit in (*file.main, *file.featured, file.album_artist):
            if credit.musicbrainz_id:
                ids[normal_form(credit.name)].add(credit.musicbrainz_id)
    return ids


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
