"""Credits: who is named on a track or an album, in which role.

Here: cutting artist texts into names, pairing names with MusicBrainz ids, roles. The rule behind all
of it: a cut in the wrong place makes an artist that does not exist, so only what cannot be part of a
name separates. Not here: the normal form (``names``), which tag is used when one is missing
(``metadata``), one artist from many credits (``resolve``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from soniquebay_pipeline.catalog.model import Credit
from soniquebay_pipeline.catalog.names import (
    VARIOUS_ARTISTS_MBID,
    VARIOUS_ARTISTS_NAME,
    clean_text,
    is_various_artists,
    name_key,
)
from soniquebay_pipeline.catalog.numbers import parse_uuid

MAX_NAMES = 100
"""Names a field may give; an orchestra's players beyond that are not credits anyone looks up."""

_Named = tuple[str, bool, str | None]
"""Name, whether featured, MusicBrainz id."""

_WHOLE_NAMES = re.compile(
    r"(?<!\w)(?:"
    r"earth, wind,? (?:&|and) fire|crosby, stills,? (?:&|and) nash|crosby, stills, nash,? (?:&|and) young"
    r"|emerson, lake,? (?:&|and) (?:palmer|powell)|blood, sweat,? (?:&|and) tears"
    r"|peter, paul,? (?:&|and) mary"
    r"|beck, bogert,? (?:&|and) appice|medeski,? (?:scofield,? )?martin,? (?:&|and) wood"
    r"|lambert, hendricks,? (?:&|and) (?:ross|bavan)|stock,? aitken,? (?:&|and) waterman"
    r"|dave dee, dozy, beaky, mick,? (?:&|and) tich|the good, the bad,? (?:&|and) the queen"
    r"|bell,? book,? (?:&|and) candle|hamilton, joe frank,? (?:&|and) reynolds|souther, hillman, furay band"
    r"|tyler, the creator|now, now|loney, dear|oh, sleeper|lipps,? inc\.?|goodbye, mr\.? mackenzie"
    r"|well, well, well|love, inc\.?|little feat|ft[. ]island|yusuf / cat stevens"
    r")(?!\w)",
    re.IGNORECASE,
)
_FEATURE = r"(?:(?:featuring|feat|ft) |(?:feat|ft)\. ?)"
_BRACKETED = r"(?P<names>(?:[^()\[\]]|\([^()]*\)|\[[^\[\]]*\])+)(?:[)\]]|$)"
_BRACKET_IN_ARTIST = re.compile(rf" ?[(\[] ?(?:{_FEATURE}|with |w/ ?){_BRACKETED}", re.IGNORECASE)
_BRACKET_IN_TITLE = re.compile(rf"[(\[] ?{_FEATURE}{_BRACKETED}", re.IGNORECASE)
# Titles hold the bare words in ordinary speech, so there only the abbreviations with a dot count.
_INLINE_IN_TITLE = re.compile(r"(?<=\S) (?:feat|ft)\. ?(?P<names>[^()\[\]]+)", re.IGNORECASE)
_INLINE_IN_ARTIST = re.compile(rf"(?<=\S),? {_FEATURE}(?!(?:featuring|feat|ft)\b|and |[&+,;/)\]])(?=\S)", re.IGNORECASE)
_OPEN_ENDED = re.compile(r"(?:[&+,]| and| x| vs\.?)$", re.IGNORECASE)
_MAY_HOLD_MORE = re.compile(r"[;(\[]| / |f(?:ea)?t", re.IGNORECASE)
_SEPARATOR = re.compile(r" ?; ?| / ")
# "Tyler, The Creator", "Sammy Davis, Jr.": what follows belongs to the name before the comma.
_COMMA = re.compile(r", (?!(?:the|jr|sr|inc|ltd|esq|ii|iii|iv|md|m\.d|phd|ph\.d)\b)", re.IGNORECASE)
_CONJUNCTION = re.compile(r" (?:&|and) ", re.IGNORECASE)
_LEADING_CONJUNCTION = re.compile(r"^(?:&|and) (?=\S)", re.IGNORECASE)
_TITLE_TAIL = re.compile(r" [-\u2013\u2014] ")
_INSTRUMENT = re.compile(r" ?\([^()]*\)$")
_ID_SEPARATOR = re.compile(r"[;,/|\x00]|\s(?=[0-9a-f]{8}-)", re.IGNORECASE)


def artist_credits(
    artist: Sequence[str], artists: Sequence[str], mbids: Sequence[str], title: str = ""
) -> list[Credit]:
    """Main and featured credits of a track; empty where the tags name nobody.

    ``ARTISTS`` gives the names where it has as many entries as there are MusicBrainz ids, where all its
    entries occur in ``ARTIST``, or where ``ARTIST`` is missing; then ``ARTIST`` says who is featured.
    Otherwise ``ARTIST`` is cut: see ``split_artist``. Ids are paired by position, and only where there
    are as many as names. The title's ``(feat. B)`` adds a featured credit; a name is main or featured,
    never both.
    """
    ids = _ids(mbids)
    parsed = [part for value in _values(artist) for part in split_artist(value)]
    in_title = _featured_in_title(clean_text(title))
    listed = _listed_names(artists, ids, parsed)
    named = _named_by_list(listed, parsed, in_title) if listed else parsed
    with_title = named + [(name, True) for name in in_title if not _holds(named, name)]
    # Ids cover the list of names; or the artist text; or, as Picard's "feat. artists in title" moves the
    # name and not the id, artist and title together.
    covered = len(ids) if len(ids) in (len(listed), len(named), len(with_title)) else 0
    paired = _pair(with_title[:covered], ids) if covered else []
    paired += [(name, featured, None) for name, featured in with_title[covered:]]
    mains = [(name, mbid) for name, featured, mbid in paired if not featured]
    credits = _credits("main", mains)
    main_keys = {credit.name_key for credit in credits}
    guests = [(name, mbid) for name, featured, mbid in paired if featured and name_key(name) not in main_keys]
    return credits + _credits("featured", guests)


def album_credits(albumartist: Sequence[str], albumartists: Sequence[str], mbids: Sequence[str]) -> list[Credit]:
    """Album artists, the first of them the one the album is filed under.

    Every spelling of "various artists", and its MusicBrainz id whatever the name beside it, becomes the
    one special-purpose artist; a name of that spelling with another artist's id is that artist.
    """
    ids = _ids(mbids)
    various = (VARIOUS_ARTISTS_NAME, VARIOUS_ARTISTS_MBID)
    if ids == [VARIOUS_ARTISTS_MBID]:
        return _credits("album", [various])
    parsed: list[tuple[str, bool]] = []
    for value in _values(albumartist):
        # "V / A" is cut at its slash unless it is known before.
        parsed += [(value, False)] if is_various_artists(value) else split_artist(value)
    listed = _listed_names(albumartists, ids, parsed)
    named = [(name, False) for name in listed] if listed else parsed
    names: list[tuple[str, str | None]] = []
    for name, _, mbid in _pair(named, ids):
        by_name = mbid is None and is_various_artists(name)
        names.append(various if by_name or mbid == VARIOUS_ARTISTS_MBID else (name, mbid))
    return _credits("album", names)


def role_credits(role: str, values: Sequence[str]) -> list[Credit]:
    """Credits of any other role: values are cut at ``;`` only, as names are often "Last, First".

    A performer's instrument in brackets at the end is not part of the name.
    """
    names = [clean_text(part) for value in _values(values) for part in value.split(";")]
    if role == "performer":
        names = [_INSTRUMENT.sub("", name) or name for name in names]
    return _credits(role, [(name, None) for name in names])


@lru_cache(maxsize=16384)
def split_artist(text: str) -> tuple[tuple[str, bool], ...]:
    """The names in one artist text, each with whether it is featured.

    Between main artists only ``;`` and `` / `` separate: ``&``, ``,``, ``and``, ``x``, ``vs.``, ``+`` and
    ``/`` without spaces are parts of names (AC/DC, Simon & Garfunkel). ``feat``, ``ft`` (with or without
    dot) and ``featuring`` between two names, or with ``with`` and ``w/`` in brackets, start the featured
    part, which is cut by ``_split_featured``. Known names with commas are never cut.
    """
    if not _MAY_HOLD_MORE.search(text):
        return ((text, False),) if text else ()
    bracketed: list[str] = []
    rest = text
    for match in reversed(list(_BRACKET_IN_ARTIST.finditer(text))):
        if match.start() > 0:
            bracketed.insert(0, match["names"])
            rest = f"{rest[: match.start()]} {rest[match.end() :]}"
    main, *inline = _cut_at_features(" ".join(rest.split()))
    mains = [(name, False) for name in _cut(main, _SEPARATOR)]
    guests = [(name, True) for part in (*inline, *bracketed) for name in _split_featured(part)]
    return tuple(mains + guests) if mains else ((text, False),)


def _split_featured(text: str) -> list[str]:
    """Featured names: cut at ``;`` and `` / ``, and at commas that make a list.

    Commas make a list where there are two or more, or where there is no ``&`` or ``and``: "B, C" and
    "B, C, D & E" are lists ("D & E" stays one name), "B, C & D" may be one band and stays whole. Never at
    ``&`` or ``and`` alone.
    """
    names: list[str] = []
    for part in _cut(text, _SEPARATOR):
        pieces = _cut(part, _COMMA)
        if len(pieces) > 2 or (len(pieces) == 2 and not _CONJUNCTION.search(part)):
            names += [pieces[0], *(_LEADING_CONJUNCTION.sub("", piece, count=1) for piece in pieces[1:])]
        else:
            names.append(part)
    return names


def _cut_at_features(text: str) -> list[str]:
    parts, start = [], 0
    whole = [match.span() for match in _WHOLE_NAMES.finditer(text)]
    for match in _INLINE_IN_ARTIST.finditer(text):
        inside = any(first < match.end() - 1 and match.start() + 1 < last for first, last in whole)
        before = text[start : match.start()]
        if inside or not before.strip(" ,;") or _OPEN_ENDED.search(before):
            continue
        parts.append(before)
        start = match.end()
    return [*parts, text[start:]]


def _cut(text: str, separator: re.Pattern[str]) -> list[str]:
    """The non-empty parts between separators that are not inside a known whole name."""
    whole = [match.span() for match in _WHOLE_NAMES.finditer(text)]
    parts, start = [], 0
    for match in separator.finditer(text):
        if not any(first < match.end() and match.start() < last for first, last in whole):
            parts.append(text[start : match.start()])
            start = match.end()
    parts.append(text[start:])
    return [part for part in (part.strip(" ,;") for part in parts) if part]


def _featured_in_title(title: str) -> list[str]:
    if not _MAY_HOLD_MORE.search(title):
        return []
    match = _BRACKET_IN_TITLE.search(title) or _INLINE_IN_TITLE.search(title)
    return _split_featured(_TITLE_TAIL.split(match["names"])[0]) if match else []


def _listed_names(values: Sequence[str], ids: list[str | None], parsed: list[tuple[str, bool]]) -> list[str]:
    """The entries of a multi-value names tag, or none where it is not to be trusted."""
    entries = _values(values)
    if not entries or len(entries) == len(ids) or not parsed:
        return entries
    entries = [part for entry in entries for part in _cut(entry, _SEPARATOR)]
    if len(entries) == len(ids):
        return entries
    segments = [name_key(name) for name, _ in parsed]
    known = all(any(_occurs(name_key(entry), segment) for segment in segments) for entry in entries)
    return entries if known else []


def _named_by_list(listed: list[str], parsed: list[tuple[str, bool]], in_title: list[str]) -> list[tuple[str, bool]]:
    mains = [name_key(name) for name, featured in parsed if not featured]
    guests = [name_key(name) for name, featured in parsed if featured]
    title_guests = [name_key(name) for name in in_title]
    named = []
    for name in listed:
        key = name_key(name)
        is_main = any(_occurs(key, segment) for segment in mains)
        is_guest = any(_occurs(key, segment) for segment in (*guests, *title_guests))
        named.append((name, is_guest and not is_main))
    if all(featured for _, featured in named):
        named[0] = (named[0][0], False)
    keys = [name_key(name) for name in listed]
    # A list of the main artist alone beside "A feat. B" does not lose B.
    named += [
        (name, True) for name, featured in parsed if featured and not any(_occurs(key, name_key(name)) for key in keys)
    ]
    return named


def _occurs(key: str, text: str) -> bool:
    """Whether the key is in the text as whole words: Air is not in Fairground."""
    at = text.find(key)
    while at >= 0:
        end = at + len(key)
        if not (at and text[at - 1].isalnum()) and not (end < len(text) and text[end].isalnum()):
            return True
        at = text.find(key, at + 1)
    return False


def _holds(named: list[tuple[str, bool]], name: str) -> bool:
    key = name_key(name)
    return any(name_key(other) == key for other, _ in named)


def _pair(named: Sequence[tuple[str, bool]], ids: list[str | None]) -> list[_Named]:
    paired = ids if len(ids) == len(named) else [None] * len(named)
    return [(name, featured, mbid) for (name, featured), mbid in zip(named, paired, strict=True)]


def _ids(values: Sequence[str]) -> list[str | None]:
    """One entry an id; None for one that is no UUID, as it still takes its place in the order."""
    tokens = [token for value in values[:MAX_NAMES] for token in _ID_SEPARATOR.split(value)]
    return [parse_uuid(token) for token in tokens[:MAX_NAMES] if token.strip()]


def _values(values: Sequence[str]) -> list[str]:
    cleaned = (clean_text(part) for value in values[:MAX_NAMES] for part in value.split("\x00"))
    return [value for value in cleaned if value]


def _credits(role: str, names: Iterable[tuple[str, str | None]]) -> list[Credit]:
    """Credits in order, one a key; a later double only lends its id to a first without one."""
    found: dict[str, tuple[str, str | None]] = {}
    for name, mbid in names:
        key = name_key(name)
        if not key:
            continue
        if key not in found:
            found[key] = (name, mbid)
        elif found[key][1] is None:
            found[key] = (found[key][0], mbid)
    rows = list(found.items())[:MAX_NAMES]
    return [Credit(role, position, name, key, mbid) for position, (key, (name, mbid)) in enumerate(rows)]
