"""The plan of the large library: every file's place, tags and what they mean.

What an album is like is decided by its number, so that each kind is there in a known share and in
small libraries too. Here: the plan. Not here: what a catalogue must make of it (``large_truth``),
audio and files (``large``).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

from soniquebay_pipeline.demo.tagging import Tags
from soniquebay_pipeline_tests.corpus import names

VARIOUS = "Various Artists"
VARIOUS_ID = "89ad4ac3-39f7-470e-963a-56509c546377"
"""The id that MusicBrainz gives to Various Artists."""
TRACKS_AN_ALBUM = 12
ALBUMS_AN_ARTIST = 3
FORMATS = ("mp3", "flac", "mp3", "ogg", "mp3", "m4a", "mp3", "flac")


@dataclass(frozen=True, slots=True)
class Credit:
    """A name as it is known, and its MusicBrainz id where the tags of this file give it."""

    name: str
    musicbrainz_id: str = ""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to make, and the meaning of its tags (and path) before names are matched."""

    index: int
    path: str
    file_format: str
    tags: Tags
    cover_seed: int | None
    title: str
    main: tuple[Credit, ...]
    featured: tuple[Credit, ...]
    album_title: str
    album_artist: Credit
    year: int | None
    release_id: str
    disc: int | None
    track: int | None
    genres: tuple[str, ...]
    """As tagged."""
    from_path: tuple[str, ...] = ()
    """Which of title, artist, album only the path tells."""


@dataclass(frozen=True, slots=True)
class _Artist:
    name: str
    musicbrainz_id: str
    namesake: bool
    """There is another artist of this name, so no credit may go without the id."""

    def credit(self, identified: bool) -> Credit:
        return Credit(self.name, self.musicbrainz_id if identified else "")


@dataclass(frozen=True, slots=True)
class _Album:
    """One album as decided, before its tracks."""

    number: int
    kind: str
    """plain, compilation, discs, featuring, duo, untagged, titleless"""
    artist: _Artist
    title: str
    year: int | None
    identified: bool
    file_format: str
    id3_version: int
    genres: tuple[str, ...]
    release_id: str

    @property
    def rng(self) -> random.Random:
        return random.Random(f"tracks-{self.release_id}")


class _Cast:
    """The artists, made when first asked for; every fiftieth shares the name of the one before."""

    def __init__(self, seed: int, expected: int) -> None:
        self._seed = seed
        self._names = names.NameMaker(seed)
        self._artists: list[_Artist] = []
        self.expected = max(6, expected)

    def artist(self, number: int) -> _Artist:
        while len(self._artists) <= number:
            place = len(self._artists)
            second = place % 50 == 3
            name = self._artists[-1].name if second else self._names.artist()
            identifier = _identifier(self._seed, "artist", place)
            self._artists.append(_Artist(name, identifier, namesake=place % 50 in (2, 3)))
        return self._artists[number]

    def guest(self, rng: random.Random, *others: _Artist) -> _Artist:
        """Any artist whose name stands for itself, other than those given."""
        while True:
            artist = self.artist(rng.randrange(self.expected))
            if not artist.namesake and artist not in others:
                return artist


def plan_library(files: int, seed: int) -> list[PlannedFile]:
    """The first ``files`` files of the library of that seed."""
    cast = _Cast(seed, files // (TRACKS_AN_ALBUM * ALBUMS_AN_ARTIST) + 1)
    titles: set[tuple[str, str]] = set()
    planned: list[PlannedFile] = []
    number = 0
    while len(planned) < files:
        album = _decide_album(number, seed, cast, titles)
        for file in _files(album, cast):
            planned.append(replace(file, index=len(planned)))
        number += 1
    return planned[:files]


def _identifier(seed: int, kind: str, number: int | str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"soniquebay-large/{seed}/{kind}/{number}"))


def _kind(number: int) -> str:
    for kind, every, place in (
        ("compilation", 25, 7),
        ("discs", 33, 11),
        ("untagged", 50, 12),
        ("titleless", 60, 16),
        ("featuring", 20, 9),
        ("featuring", 20, 13),
        ("duo", 20, 14),
        ("duo", 40, 23),
    ):
        if number % every == place:
            return kind
    return "plain"


def _decide_album(number: int, seed: int, cast: _Cast, titles: set[tuple[str, str]]) -> _Album:
    rng = random.Random(f"album-{seed}-{number}")
    kind = _kind(number)
    artist = cast.artist(number // ALBUMS_AN_ARTIST)
    if kind == "compilation":
        artist = _Artist(VARIOUS, VARIOUS_ID, False)
    elif artist.namesake or (kind == "untagged" and names.file_name(artist.name) != artist.name):
        kind = "plain"
    identified = artist.namesake or number % 10 == 3 or (kind == "compilation" and number // 25 % 3 == 1)
    # Several values in one frame need ID3v2.4; v2.3 has no separator that names cannot hold.
    id3_version = 4 if kind in ("duo", "featuring") and identified else 3 + number // 2 % 2
    if kind == "duo":
        id3_version = 4
    file_format = FORMATS[number % len(FORMATS)]
    several_values = file_format != "mp3" or id3_version == 4
    return _Album(
        number=number,
        kind=kind,
        artist=artist,
        title=_free_title(artist, rng, titles, number),
        year=None if kind == "untagged" or number % 30 == 19 else rng.randint(1965, 2024),
        identified=identified,
        file_format=file_format,
        id3_version=id3_version,
        genres=() if kind == "untagged" or number % 30 == 19 else names.genre_values(rng, several_values),
        release_id=_identifier(seed, "release", number),
    )


def _free_title(artist: _Artist, rng: random.Random, titles: set[tuple[str, str]], number: int) -> str:
    """A title this artist has not used; now and then the one that every band has."""
    title = "Greatest Hits" if number % 12 == 4 and artist.name != VARIOUS else names.album_title(rng)
    while (names.looks(artist.name), names.looks(title)) in titles:
        title = f"{names.album_title(rng)} {rng.randint(2, 99)}"
    titles.add((names.looks(artist.name), names.looks(title)))
    return title


def _folder(album: _Album) -> str:
    # Namesakes have folders of their own, as a person would keep them apart.
    mark = f" [{album.artist.musicbrainz_id[:4]}]" if album.artist.namesake else ""
    year = f" ({album.year})" if album.year and album.number % 3 == 0 else ""
    return f"{names.file_name(album.artist.name)}{mark}/{names.file_name(album.title)}{year}"


def _files(album: _Album, cast: _Cast) -> Iterator[PlannedFile]:
    rng = album.rng
    discs = 2 if album.kind == "discs" else 1
    for disc in range(1, discs + 1):
        for track in range(1, TRACKS_AN_ALBUM + 1):
            yield _file(album, cast, rng, disc if discs > 1 else None, track)


def _file(album: _Album, cast: _Cast, rng: random.Random, disc: int | None, track: int) -> PlannedFile:
    title = names.track_title(rng)
    main, featured = _credits(album, cast, rng, track)
    stem = names.file_name(title)
    if album.kind == "untagged" or (album.kind == "titleless" and track % 4 == 0):
        title = stem  # the path is all there is, and it cannot hold every character
    from_path: tuple[str, ...] = ()
    if album.kind == "untagged":
        from_path = ("title", "artist", "album")
    elif album.kind == "titleless" and track % 4 == 0:
        from_path = ("title",)
    planned = PlannedFile(
        index=0,
        path=f"{_folder(album)}/{f'CD{disc}/' if disc else ''}{track:02d} - {stem}.{album.file_format}",
        file_format=album.file_format,
        tags=Tags(),
        cover_seed=album.number if album.number % 8 == 2 and album.kind != "untagged" else None,
        title=title,
        main=main,
        featured=featured,
        album_title=names.file_name(album.title) if album.kind == "untagged" else album.title,
        album_artist=album.artist.credit(album.identified),
        year=album.year,
        release_id=album.release_id if album.identified else "",
        disc=disc,
        track=track,
        genres=album.genres,
        from_path=from_path,
    )
    if album.kind == "untagged":
        return planned
    return replace(planned, tags=_tags(album, planned, rng))


def _credits(
    album: _Album, cast: _Cast, rng: random.Random, track: int
) -> tuple[tuple[Credit, ...], tuple[Credit, ...]]:
    """(main, featured) of a track."""
    own = album.artist.credit(album.identified)
    if album.kind == "compilation":
        return (cast.guest(rng).credit(album.identified),), ()
    if album.kind == "featuring" and track % 2 == 0:
        return (own,), (cast.guest(rng, album.artist).credit(album.identified),)
    if album.kind == "duo" and track % 3 == 0:
        return (own, cast.guest(rng, album.artist).credit(album.identified)), ()
    return (own,), ()


def _tags(album: _Album, file: PlannedFile, rng: random.Random) -> Tags:
    main = [credit.name for credit in file.main]
    if album.number % 12 == 5 and album.kind == "plain" and (file.track or 0) % 2:
        main[0] = names.other_spelling(main[0], rng)
    if file.featured:
        word = rng.choice(("feat.", "ft.", "featuring")) if not album.identified else "feat."
        artist: tuple[str, ...] = (f"{main[0]} {word} {file.featured[0].name}",)
    else:
        artist = tuple(main)
    everyone = (*file.main, *file.featured)
    # Half of the compilations have no album artist, only the flag; some albums have none either.
    nameless = (album.kind == "compilation" and not album.identified and album.number // 25 % 2 == 0) or (
        album.kind == "plain" and not album.identified and album.number % 30 == 26
    )
    date = str(file.year or "")
    if file.year and album.number % 7 == 1:
        date = f"{file.year}-{1 + album.number % 12:02d}-{1 + album.number % 28:02d}"
    return Tags(
        title="" if "title" in file.from_path else file.title,
        artist=artist,
        artists=tuple(credit.name for credit in everyone) if album.identified and len(everyone) > 1 else (),
        album=album.title,
        album_artist="" if nameless else album.artist.name,
        date=date,
        track=file.track or 0,
        track_total=TRACKS_AN_ALBUM,
        disc=file.disc or 0,
        disc_total=2 if file.disc else 0,
        genres=file.genres,
        compilation=album.kind == "compilation",
        recording_id=str(uuid.uuid5(uuid.NAMESPACE_URL, file.path)) if album.identified else "",
        release_id=file.release_id,
        artist_ids=tuple(credit.musicbrainz_id for credit in everyone) if album.identified else (),
        album_artist_ids=(album.artist.musicbrainz_id,) if album.identified else (),
        id3_version=album.id3_version,
        id3v1=album.number % 6 == 0,
    )
