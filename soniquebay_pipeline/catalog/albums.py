"""Which files of one folder make one album.

Here: grouping by release id, artist and year, as pure functions of the folder's files; the answer does
not depend on their order. Not here: the album's key (``metadata``), finding the album's row in the
database (``resolve``).

Within the files of one album key, in this order:

1. Files with a MusicBrainz release id group by it.
2. Files with an album artist group by the first of them, are divided by year where two records share a
   title (Weezer), and join the one release group of that artist.
3. Files with neither join the group whose artist they name, or as strays the only group there is.
4. What is left is one artist's album, an album for each artist, or a compilation (``_by_inference``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from soniquebay_pipeline.catalog.model import Credit
from soniquebay_pipeline.catalog.names import (
    UNKNOWN_ARTIST_NAME,
    VARIOUS_ARTISTS_MBID,
    VARIOUS_ARTISTS_NAME,
    name_key,
)

VARIOUS_ARTISTS = Credit("album", 0, VARIOUS_ARTISTS_NAME, name_key(VARIOUS_ARTISTS_NAME), VARIOUS_ARTISTS_MBID)
_UNKNOWN_ARTIST = Credit("main", 0, UNKNOWN_ARTIST_NAME, name_key(UNKNOWN_ARTIST_NAME))

_Position = tuple[int, int]
_T = TypeVar("_T", bound=Hashable)
_C = TypeVar("_C", str, int, tuple[str, str])


@dataclass(frozen=True, slots=True)
class AlbumFile:
    """What one file says about the album it is on."""

    file_id: int
    album: str | None
    album_key: str | None
    main: tuple[Credit, ...]
    album_credits: tuple[Credit, ...] = ()
    musicbrainz_albumid: str | None = None
    musicbrainz_releasegroupid: str | None = None
    year: int | None = None
    release_date: str | None = None
    is_compilation: bool = False
    disc_number: int | None = None
    track_number: int | None = None


@dataclass(frozen=True, slots=True)
class AlbumGroup:
    """The files of one album, and what the album is."""

    title: str
    title_key: str
    artist: Credit
    musicbrainz_albumid: str | None
    musicbrainz_releasegroupid: str | None
    year: int | None
    is_compilation: bool
    file_ids: tuple[int, ...]


@dataclass(slots=True)
class _Group:
    artist: str
    """Identity of the album artist, see ``_Artists``."""
    files: list[AlbumFile]
    release_id: str | None = None
    strays: list[AlbumFile] = field(default_factory=list)
    """Files that joined; what the group is was decided without them, so that their order is nothing."""
    year: int | None = field(init=False)
    positions: set[_Position] = field(init=False)

    def __post_init__(self) -> None:
        self.year = _year(self.files)
        self.positions = _positions(self.files)


def group_albums(files: Iterable[AlbumFile]) -> list[AlbumGroup]:
    """The albums of one folder; each file with an album key is in exactly one, the others in none."""
    buckets: dict[str, list[AlbumFile]] = defaultdict(list)
    for file in sorted(files, key=_order):
        if file.album_key:
            buckets[file.album_key].append(file)
    groups = [group for key, members in buckets.items() for group in _group_bucket(key, members)]
    return sorted(groups, key=lambda group: (group.title_key, group.file_ids))


def _group_bucket(album_key: str, files: list[AlbumFile]) -> list[AlbumGroup]:
    artists = _Artists(files)
    by_release: dict[str, list[AlbumFile]] = defaultdict(list)
    by_artist: dict[str, list[AlbumFile]] = defaultdict(list)
    loose: list[AlbumFile] = []
    for file in files:
        if file.musicbrainz_albumid:
            by_release[file.musicbrainz_albumid].append(file)
        elif file.album_credits:
            by_artist[artists.of(file.album_credits[0])].append(file)
        else:
            loose.append(file)

    groups = [_Group(_one_artist(members, artists), members, id_) for id_, members in by_release.items()]
    releases = _only_by_artist(groups)
    for artist, members in by_artist.items():
        groups += _join_or_new(artist, members, releases)
    left = _join_strays(loose, groups, artists)
    releases = _only_by_artist([group for group in groups if group.release_id])
    for artist, members in _by_inference(left, artists):
        groups += _join_or_new(artist, members, releases)
    return [_finished(album_key, group, artists) for group in _merged(groups)]


# --- artists --------------------------------------------------------------------------------------------


class _Artists:
    """Identities of the artists credited in one bucket.

    An artist is its MusicBrainz id; without one it is its name, unless exactly one id in the bucket goes
    by that name.
    """

    def __init__(self, files: Iterable[AlbumFile]) -> None:
        ids: dict[str, set[str]] = defaultdict(set)
        ids[VARIOUS_ARTISTS.name_key].add(VARIOUS_ARTISTS_MBID)
        for file in files:
            for credit in (*file.main, *file.album_credits):
                if credit.musicbrainz_artistid:
                    ids[credit.name_key].add(credit.musicbrainz_artistid)
        self._only_id = {key: next(iter(found)) for key, found in ids.items() if len(found) == 1}

    def of(self, credit: Credit) -> str:
        return credit.musicbrainz_artistid or self._only_id.get(credit.name_key) or f"name:{credit.name_key}"

    def first(self, file: AlbumFile) -> str:
        return self.of(file.main[0] if file.main else _UNKNOWN_ARTIST)

    def mains(self, file: AlbumFile) -> list[str]:
        return [self.of(credit) for credit in file.main or (_UNKNOWN_ARTIST,)]

    def credit(self, artist: str, files: Iterable[AlbumFile]) -> Credit:
        """The album credit: the most common spelling, of album credits first, else of main credits."""
        files = list(files)
        if artist == VARIOUS_ARTISTS_MBID:
            return VARIOUS_ARTISTS
        as_album_artist = [c for file in files for c in file.album_credits if self.of(c) == artist]
        as_main = (c for file in files for c in file.main or (_UNKNOWN_ARTIST,) if self.of(c) == artist)
        spellings = Counter((credit.name, credit.name_key) for credit in as_album_artist or as_main)
        name, key = _most_common(spellings)
        return Credit("album", 0, name, key, None if artist.startswith("name:") else artist)


def _one_artist(files: list[AlbumFile], artists: _Artists) -> str:
    """The artist of files that are known to be one album."""
    explicit = Counter(artists.of(file.album_credits[0]) for file in files if file.album_credits)
    if explicit:
        return _most_common(explicit)
    if any(file.is_compilation for file in files):
        return VARIOUS_ARTISTS_MBID
    return _shared_main(files, artists) or _dominant(files, artists) or VARIOUS_ARTISTS_MBID


def _shared_main(files: Sequence[AlbumFile], artists: _Artists) -> str | None:
    """The artist who is a main credit of every file; of several, the one named earliest."""
    shared: Counter[str] | None = None
    for file in files:
        places: dict[str, int] = {}
        for place, artist in enumerate(artists.mains(file)):
            places.setdefault(artist, place)
        if shared is None:
            shared = Counter(places)
        else:
            shared = Counter({a: total + places[a] for a, total in shared.items() if a in places})
        if not shared:
            return None
    return min(shared, key=lambda artist: (shared[artist], artist)) if shared else None


def _dominant(files: Sequence[AlbumFile], artists: _Artists) -> str | None:
    """The artist who is main on at least three quarters of at least four files."""
    counts = Counter(artist for file in files for artist in set(artists.mains(file)))
    artist = _most_common(counts)
    return artist if len(files) >= 4 and counts[artist] * 4 >= len(files) * 3 else None


# --- joining -----------------------------------------------------------------------------------------------


def _only_by_artist(groups: Iterable[_Group]) -> dict[str, _Group]:
    """The group of each artist that has exactly one."""
    found: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        found[group.artist].append(group)
    return {artist: members[0] for artist, members in found.items() if len(members) == 1}


def _join_or_new(artist: str, files: list[AlbumFile], releases: Mapping[str, _Group]) -> list[_Group]:
    """New groups for one artist's files, by year; those that belong to its release group go there."""
    release = releases.get(artist)
    new = []
    joining: list[AlbumFile] = []
    for members in _by_year(files):
        if release is None or _is_other_record(members, release):
            new.append(_Group(artist, members))
        else:
            joining += members
    if release is not None:
        release.strays += joining
    return new


def _merged(groups: list[_Group]) -> list[_Group]:
    """Groups without a release id that came about on different ways and are the same artist and year."""
    kept: dict[Hashable, _Group] = {}
    for at, group in enumerate(groups):
        identity = at if group.release_id else (group.artist, _year(group.files + group.strays))
        if identity in kept:
            kept[identity].strays += group.files + group.strays
        else:
            kept[identity] = group
    return list(kept.values())


def _is_other_record(files: list[AlbumFile], group: _Group) -> bool:
    """Same title, other year, same track numbers: another record, not the rest of this one."""
    year = _year(files)
    if year is None or group.year is None or year == group.year:
        return False
    return not _positions(files).isdisjoint(group.positions)


def _join_strays(loose: list[AlbumFile], groups: list[_Group], artists: _Artists) -> list[AlbumFile]:
    """Files without album artist go to the group of an artist they name; the rest comes back.

    Where the folder has one group only, a minority of others joins it as well if their track numbers are
    free in it, as guests and half-tagged tracks do.
    """
    by_artist = _only_by_artist(groups)
    various = by_artist.get(VARIOUS_ARTISTS_MBID)
    left = []
    for file in loose:
        named = next((by_artist[artist] for artist in artists.mains(file) if artist in by_artist), None)
        if named is not None and not _is_other_record([file], named):
            named.strays.append(file)
        elif various is not None and (file.is_compilation or len(groups) == 1):
            various.strays.append(file)
        else:
            left.append(file)
    if len(groups) != 1 or not left:
        return left
    only = groups[0]
    own = len(only.files) + len(only.strays)
    taken = _positions([*only.files, *only.strays])
    if len(left) < own and taken.isdisjoint(_positions(left)):
        only.strays += left
        return []
    return left


def _by_inference(files: list[AlbumFile], artists: _Artists) -> list[tuple[str, list[AlbumFile]]]:
    """Albums, each with its artist, of files that name no album artist.

    A compilation flag makes one compilation. One artist on all makes that artist's album. Artists who
    each have their own track 1, 2, 3 make an album each ("Greatest Hits" in a flat folder). One artist on
    three quarters makes that artist's album with guests, less the tracks whose number it has itself.
    All else is a compilation.
    """
    if not files:
        return []
    if any(file.is_compilation for file in files):
        return [(VARIOUS_ARTISTS_MBID, files)]
    shared = _shared_main(files, artists)
    if shared is not None:
        return [(shared, files)]
    if _collide(files, artists.first):
        return list(_classes(files, artists.first).items())
    dominant = _dominant(files, artists)
    if dominant is None:
        return [(VARIOUS_ARTISTS_MBID, files)]
    own = [file for file in files if dominant in artists.mains(file)]
    taken = _positions(own)
    guests = [file for file in files if dominant not in artists.mains(file)]
    found = [(dominant, own + [file for file in guests if _position(file) not in taken])]
    return found + list(_classes([f for f in guests if _position(f) in taken], artists.first).items())


def _by_year(files: list[AlbumFile]) -> list[list[AlbumFile]]:
    """One list, or one a year where the years are records of their own; no year goes to the most common."""
    if not _collide([file for file in files if file.year is not None], lambda file: file.year):
        return [files]
    common = _year(files)
    return list(_classes(files, lambda file: file.year or common).values())


def _collide(files: Sequence[AlbumFile], class_of: Callable[[AlbumFile], Hashable]) -> bool:
    """Whether the classes number their tracks independently, that is, are albums of their own.

    A quarter of the numbered files share their place with another class, and some place is taken by half
    of the classes. A doubled number by mistake fails the first; the two discs of a compilation without
    disc numbers fail the second.
    """
    holders: dict[_Position, set[Hashable]] = defaultdict(set)
    numbered: Counter[_Position] = Counter()
    classes = set()
    for file in files:
        classes.add(class_of(file))
        place = _position(file)
        if place is not None:
            holders[place].add(class_of(file))
            numbered[place] += 1
    if len(classes) < 2 or not holders:
        return False
    colliding = sum(numbered[place] for place, held in holders.items() if len(held) > 1)
    most = max(map(len, holders.values()))
    return most > 1 and colliding * 4 >= numbered.total() and most * 2 >= len(classes)


# --- results -----------------------------------------------------------------------------------------------


def _finished(album_key: str, group: _Group, artists: _Artists) -> AlbumGroup:
    files = group.files + group.strays
    titles = Counter(file.album for file in files if file.album)
    release_groups = Counter(f.musicbrainz_releasegroupid for f in files if f.musicbrainz_releasegroupid)
    return AlbumGroup(
        title=_most_common(titles) if titles else album_key,
        title_key=album_key,
        artist=artists.credit(group.artist, files),
        musicbrainz_albumid=group.release_id,
        musicbrainz_releasegroupid=_most_common(release_groups) if release_groups else None,
        year=_year(files),
        is_compilation=group.artist == VARIOUS_ARTISTS_MBID or any(file.is_compilation for file in files),
        file_ids=tuple(sorted(file.file_id for file in files)),
    )


def _most_common(counts: Counter[_C]) -> _C:
    return min(counts, key=lambda value: (-counts[value], value))


def _year(files: Iterable[AlbumFile]) -> int | None:
    years = Counter(file.year for file in files if file.year is not None)
    return _most_common(years) if years else None


def _classes(files: Iterable[AlbumFile], class_of: Callable[[AlbumFile], _T]) -> dict[_T, list[AlbumFile]]:
    found: dict[_T, list[AlbumFile]] = defaultdict(list)
    for file in files:
        found[class_of(file)].append(file)
    return found


def _position(file: AlbumFile) -> _Position | None:
    return None if file.track_number is None else (file.disc_number or 1, file.track_number)


def _positions(files: Iterable[AlbumFile]) -> set[_Position]:
    return {place for file in files if (place := _position(file)) is not None}


def _order(file: AlbumFile) -> tuple[int, int, int]:
    return (file.disc_number or 0, file.track_number or 0, file.file_id)
