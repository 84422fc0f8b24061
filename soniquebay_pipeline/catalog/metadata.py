"""The normalised metadata of one file: its tags, and what its path says where they are silent.

Here: which tag each value comes from, fallbacks from file and folder names, the quality
score. Not here: cutting names (``credits``, ``labels``), single values
(``numbers``), which files make one album (``albums``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from soniquebay_pipeline.catalog.credits import album_credits, artist_credits, role_credits
from soniquebay_pipeline.catalog.labels import labels
from soniquebay_pipeline.catalog.model import Credit, FileMetadata
from soniquebay_pipeline.catalog.names import (
    UNKNOWN_ARTIST_NAME,
    VARIOUS_ARTISTS_MBID,
    clean_text,
    is_various_artists,
    name_key,
    name_keys,
)
from soniquebay_pipeline.catalog.numbers import (
    parse_bpm,
    parse_date,
    parse_disc_folder,
    parse_flag,
    parse_gain,
    parse_isrc,
    parse_peak,
    parse_position,
    parse_side,
    parse_uuid,
    split_disc_suffix,
)
from soniquebay_pipeline.library.tags.model import TagSet

T = TypeVar("T")
_Fields = Mapping[str, Sequence[str]]

OTHER_ROLES = ("remixer", "composer", "lyricist", "conductor", "arranger", "performer")


def describe(tags: TagSet, path: str) -> FileMetadata:
    """What the catalogue believes about the file at ``path`` (POSIX, relative to the library root).

    Never raises, whatever the tags and the path hold.
    """
    fields = tags.fields
    folder, _, file_name = path.rpartition("/")
    place = _read_folder(folder)
    fallbacks: list[str] = []

    title_tag = _text(fields, "title")
    artist_tags = _named(fields, "artist", _NO_ARTIST)
    artists_tags = _named(fields, "artists", _NO_ARTIST)
    has_artist = bool(artist_tags or artists_tags)
    credits = artist_credits(
        artist_tags, artists_tags, fields.get("musicbrainz_artistid", ()) if has_artist else (), title_tag
    )
    album_artists = album_credits(
        _named(fields, "albumartist", _NO_ARTIST),
        _named(fields, "albumartists", _NO_ARTIST),
        fields.get("musicbrainz_albumartistid", ()),
    )
    by_various = any(credit.musicbrainz_artistid == VARIOUS_ARTISTS_MBID for credit in album_artists)
    known = {credit.name_key for credit in (*credits, *album_artists) if credit.role != "featured"}
    folder_artist, folder_album = place.read_as(known)

    if not any(credit.role == "main" for credit in credits):
        if album_artists and not by_various:
            mains = [Credit("main", c.position, c.name, c.name_key, c.musicbrainz_artistid) for c in album_artists]
        else:
            fallbacks.append("artist")
            mains = role_credits("main", [folder_artist or ""]) or role_credits("main", [UNKNOWN_ARTIST_NAME])
        keys = {credit.name_key for credit in mains}
        credits = mains + [credit for credit in credits if credit.name_key not in keys]
    for role in OTHER_ROLES:
        if role in fields:
            credits += role_credits(role, fields[role])
    credits += album_artists

    artist_keys = {credit.name_key for credit in credits if credit.role in ("main", "album")}
    album_tag = next(iter(_named(fields, "album", _NO_ALBUM)), "")
    album, suffix_disc = split_disc_suffix(album_tag) if album_tag else (None, None)
    if not album_tag and folder_album:
        # The artist's own folder is no album, unless the folder above is the artist's: Blink-182/Blink-182.
        key = name_key(folder_album)
        if key not in artist_keys or key == name_key(folder_artist or ""):
            album = folder_album
            fallbacks.append("album")

    track_number, track_total = _position(fields, "tracknumber", "totaltracks")
    disc_number, disc_total = _position(fields, "discnumber", "totaldiscs")
    has_track = track_number is not None
    disc_number = disc_number or suffix_disc or _first(fields, "tracknumber", parse_side) or place.disc_number
    if not title_tag or not has_track:
        drop = artist_keys | {name_key(folder_artist or "")}
        named = read_file_name(file_name, frozenset(drop), name_key(album or ""), track_number)
        if not has_track:
            track_number, disc_number = named.track_number, disc_number or named.disc_number
    if not title_tag:
        fallbacks.insert(0, "title")

    release_date, year = _release(fields)
    found_labels = labels(fields)
    audio = tags.audio
    return FileMetadata(
        title=title_tag or named.title,
        album=album,
        album_key=name_key(album) if album else None,
        credits=credits,
        labels=found_labels,
        track_number=track_number,
        track_total=track_total,
        disc_number=disc_number,
        disc_total=disc_total,
        release_date=release_date,
        year=year or (place.year if "album" in fallbacks else None),
        is_compilation=by_various or _first(fields, "compilation", parse_flag) is True,
        bpm_tag=_first(fields, "bpm", parse_bpm),
        key_tag=_text(fields, "key")[:40].strip() or None,
        replaygain_track_gain_db=_first(fields, "replaygain_track_gain", parse_gain),
        replaygain_track_peak=_first(fields, "replaygain_track_peak", parse_peak),
        replaygain_album_gain_db=_first(fields, "replaygain_album_gain", parse_gain),
        replaygain_album_peak=_first(fields, "replaygain_album_peak", parse_peak),
        musicbrainz_recordingid=_first(fields, "musicbrainz_recordingid", parse_uuid),
        musicbrainz_trackid=_first(fields, "musicbrainz_trackid", parse_uuid),
        musicbrainz_albumid=_first(fields, "musicbrainz_albumid", parse_uuid),
        musicbrainz_releasegroupid=_first(fields, "musicbrainz_releasegroupid", parse_uuid),
        musicbrainz_workid=_first(fields, "musicbrainz_workid", parse_uuid),
        acoustid_id=_first(fields, "acoustid_id", parse_uuid),
        isrc=_first(fields, "isrc", parse_isrc),
        fallbacks=fallbacks,
        quality_score=quality_score(
            (bool(title_tag), has_artist, bool(album_tag)),
            (audio.duration_seconds > 0, bool(audio.bitrate_kbps), bool(audio.file_type)),
            (any(label.kind == "genre" for label in found_labels), year is not None, has_track),
        ),
    )


def quality_score(names: Sequence[bool], audio: Sequence[bool], details: Sequence[bool]) -> float:
    """0.4 title, artist, album; 0.3 duration, bitrate, file type; 0.3 genre, year, track number."""
    return round((0.4 * sum(names) + 0.3 * sum(audio) + 0.3 * sum(details)) / 3, 2)


# --- tags -----------------------------------------------------------------------------------------

# What rippers write for "nobody knows"; as good as no tag. "Unknown" alone is a name that artists have.
_NO_ARTIST = name_keys(
    """
    unknown artist, <unknown>, <unknown artist>, unbekannter künstler, unbekannter interpret,
    artiste inconnu, artista desconocido, artista sconosciuto, onbekende artiest
    """
)
_NO_ALBUM = name_keys(
    """
    unknown album, <unknown>, <unknown album>, unbekanntes album, album inconnu, álbum desconocido,
    album sconosciuto, onbekend album
    """
)


def _text(fields: _Fields, name: str) -> str:
    return next((text for value in fields.get(name, ()) if (text := clean_text(value))), "")


def _named(fields: _Fields, name: str, placeholders: frozenset[str]) -> list[str]:
    values = fields.get(name, ())
    return [v for v in values if (key := name_key(v)) and key not in placeholders and clean_text(v)]


def _first(fields: _Fields, name: str, parse: Callable[[str], T | None]) -> T | None:
    for value in fields.get(name, ()):
        parsed = parse(value)
        if parsed is not None:
            return parsed
    return None


def _position(fields: _Fields, name: str, total_name: str) -> tuple[int | None, int | None]:
    number = total = None
    for value in fields.get(name, ()):
        number, total = parse_position(value)
        if number is not None:
            break
    return number, total or _first(fields, total_name, lambda text: parse_position(text)[0])


def _release(fields: _Fields) -> tuple[str | None, int | None]:
    """The release's own date; the original release's only where the tags know no other."""
    for name in ("date", "originaldate", "originalyear"):
        for value in fields.get(name, ()):
            date, year = parse_date(value)
            if year is not None:
                return date, year
    return None, None


# --- folders ----------------------------------------------------------------------------------------

_FOLDER_YEAR = re.compile(
    r"[(\[{](?P<a>(?:19|20)\d\d)(?:[-.]\d\d){0,2}[)\]}](?: ?[-\u2013.] ?| |(?=\S))"
    r"|(?P<b>(?:19|20)\d\d)(?:[-.]\d\d){0,2}(?: [-\u2013] |\. |_-_)"
)
_FOLDER_YEAR_AT_END = re.compile(r" ?[(\[{](?P<a>(?:19|20)\d\d)[)\]}]$")
_FORMAT_AT_END = re.compile(
    r" ?[(\[{](?:flac|mp3|aac|alac|ogg|wav|v0|v2|320|256|192|128|web|24bit)\b[^()\[\]{}]*[)\]}]$",
    re.IGNORECASE,
)
_NUMBERED_COPY = re.compile(r" ?\(\d+\)$")
# Folders that hold music without saying whose or which.
_SAYS_NOTHING = name_keys(
    """
    music, my music, mp3, mp3s, flac, flacs, m4a, aac, ogg, wav, lossless, lossy, audio, songs, tracks,
    download, downloads, downloaded, torrents, unsorted, to sort, sort, various, va, various artists,
    compilations, compilation, new folder, untitled folder, new, misc, miscellaneous, mixed, other, others,
    media, library, collection, inbox, incoming, import, imports, temp, tmp, test, desktop, documents, home,
    data, share, shared, public, itunes, itunes media, itunes music, artists, albums, soundtracks, musik,
    sound, sounds, musics, soundtrack, assets, theme, themes, default, dist, usr, games,
    neuer ordner, musique, música, musica, nueva carpeta, nouveau dossier, muziek, unknown, unknown artist,
    unknown album
    """
)
# Folders above an album that sort artists rather than name one.
_SORTS_ARTISTS = name_keys(
    """
    rock, pop, jazz, metal, classical, electronic, hip-hop, hip hop, rap, blues, country, folk, reggae, soul,
    r&b, punk, techno, house, ambient, dance, world, latin, indie, alternative, klassik, ost, live, singles,
    eps, 0-9, #
    """
)
_LETTERS = re.compile(r"[a-z](?:-[a-z])?")


@dataclass(frozen=True, slots=True)
class Place:
    """What a folder's path says about the files in it."""

    artist: str | None = None
    album: str | None = None
    joined: tuple[str, str] | None = None
    """Artist and album, where the folder's name reads ``Artist - Album``."""
    year: int | None = None
    disc_number: int | None = None

    def read_as(self, artist_keys: Iterable[str]) -> tuple[str | None, str | None]:
        """Artist and album, given the artists that the tags name.

        ``Artist - Album`` is believed where the tags or the folder above name the same artist, or where
        neither names any: ``Coil/Live - Tokyo`` is an album of Coil's.
        """
        if self.joined is None:
            return self.artist, self.album
        first, second = self.joined
        known = set(artist_keys)
        if is_various_artists(first):
            return self.artist, second
        if self.artist and name_key(first) == name_key(self.artist):
            return self.artist, second
        if name_key(first) in known or (not known and self.artist is None):
            return first, second
        return self.artist, self.album


@lru_cache(maxsize=4096)
def _read_folder(folder: str) -> Place:
    """``Artist/Album``, ``Artist - Album``, ``Artist/Album/CD1``, ``1999 - Album``; dots belong to names."""
    parts = [text for part in folder.split("/") if part != "." and (text := clean_text(part))]
    disc: int | None = None
    while parts and (number := parse_disc_folder(parts[-1])):
        disc = disc or number
        parts.pop()
    if not parts:
        return Place(disc_number=disc)
    above = parts[-2] if len(parts) > 1 else None
    artist = None if above is None or _says_nothing(above) or _only_sorts(above) else above
    if _says_nothing(parts[-1]):
        return Place(artist=artist, disc_number=disc)
    # "Album (1999) CD1" and "Album CD1 (1999)" are both seen.
    album, outer_disc = split_disc_suffix(parts[-1])
    album, year = _without_year(album)
    album, inner_disc = split_disc_suffix(album)
    first, separator, second = album.partition(" - ")
    joined: tuple[str, str] | None = None
    if separator and clean_text(first) and clean_text(second):
        second, second_year = _without_year(clean_text(second))
        joined, year = (clean_text(first), second), year or second_year
    return Place(artist, album, joined, year, disc or outer_disc or inner_disc)


def _without_year(name: str) -> tuple[str, int | None]:
    name = _strip_unless_all(name, _FORMAT_AT_END.search(name))
    match = _FOLDER_YEAR.match(name) or _FOLDER_YEAR_AT_END.search(name)
    rest = _strip_unless_all(name, match)
    if match is None or rest == name:
        return name, None
    return rest, int(next(group for group in match.groups() if group))


def _strip_unless_all(name: str, match: re.Match[str] | None) -> str:
    if match is None:
        return name
    return (name[: match.start()] + name[match.end() :]).strip() or name


def _says_nothing(name: str) -> bool:
    return name_key(_NUMBERED_COPY.sub("", name)) in _SAYS_NOTHING


def _only_sorts(name: str) -> bool:
    key = name_key(name)
    return key in _SORTS_ARTISTS or _LETTERS.fullmatch(key) is not None


# --- file names ---------------------------------------------------------------------------------------

_EXTENSION = re.compile(r"(?<=.)\.[A-Za-z0-9+]{1,5}$", re.DOTALL)
_MARKED_NUMBER = re.compile(
    r"(?:(?P<disc>\d)[-.](?P<of>\d\d)|(?P<side>[A-H])(?P<place>\d)|(?P<number>\d{1,3}))"
    r"(?: ?[-\u2013\u2014] (?=\S)|[.)\]](?: (?=\S)|(?=[^\W\d]|[\"'(\[]))|_-_)"
)
_BARE_DISC_NUMBER = re.compile(r"(?P<disc>\d)[-.](?P<of>\d\d) (?=\S)")
_BARE_NUMBER = re.compile(r"(?P<number>\d{1,3})[ _-](?=\S)")


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file's name says."""

    title: str
    track_number: int | None = None
    disc_number: int | None = None


def read_file_name(
    file_name: str, artist_keys: frozenset[str], album_key: str = "", track_number: int | None = None
) -> FileName:
    """Title and number: ``03 - Title``, ``03. Title``, ``1-03 Title``, ``Artist - 03 - Title``.

    A number without a mark after it, or of three digits, counts with a leading zero (``03 Title``) or
    where the tag gives the same one; else it belongs to a name (``99 Luftballons``, ``311 - Down``).
    ``Artist - Title`` is cut only at an artist known from the tags or the folder.
    """
    text = clean_text(file_name)
    text = _EXTENSION.sub("", text).strip() or text
    if text.isascii() and text.isdigit() and len(text) <= 3:
        return FileName(text, int(text) or None)
    number = disc = None
    # An artist called D12 or 311 is no track number, so known artists come first.
    starts_with_artist = name_key(text.partition(" - ")[0]) in artist_keys
    match = None if starts_with_artist else _leading_number(text, track_number)
    if match:
        number, disc = _number_and_disc(match)
        text = text[match.end() :].strip()
    first, separator, rest = text.partition(" - ")
    if separator and name_key(first) in artist_keys and rest.strip():
        text = rest.strip()
        first, separator, rest = text.partition(" - ")
        if separator and album_key and name_key(first) == album_key and rest.strip():
            text = rest.strip()
        match = _leading_number(text, track_number) if number is None else None
        if match:
            number, disc = _number_and_disc(match)
            text = text[match.end() :].strip()
    return FileName(text or clean_text(file_name) or "Untitled", number, disc)


def _leading_number(text: str, expected: int | None) -> re.Match[str] | None:
    match = _MARKED_NUMBER.match(text) or _BARE_DISC_NUMBER.match(text)
    if match and len(match.groupdict().get("number") or "") < 3:
        return match
    match = match or _BARE_NUMBER.match(text)
    if match is None:
        return None
    digits = match["number"]
    leading_zero = len(digits) > 1 and digits.startswith("0")
    return match if leading_zero or int(digits) == expected else None


def _number_and_disc(match: re.Match[str]) -> tuple[int | None, int | None]:
    groups = match.groupdict()
    side = groups.get("side")
    disc = int(groups.get("disc") or 0) or (ord(side) - ord("A") + 1 if side else None)
    return int(groups.get("of") or groups.get("place") or groups.get("number") or 0) or None, disc
