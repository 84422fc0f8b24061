"""Labels: genres, genre tags and moods.

Here: cutting genre texts into names, the key that spellings of one genre share, what is no genre at
all. Not here: which genres an artist or album has (``resolve``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from soniquebay_pipeline.catalog.model import Label
from soniquebay_pipeline.catalog.names import clean_text, name_key, name_keys

MAX_LABELS = 64

_SEPARATOR = re.compile(r"[;,/|\\\x00\r\n\u3001\uff1b\uff0c]")
_WHOLE_NAMES = re.compile(
    r"(?<!\w)(?:singer ?/ ?songwriter|folk, world,? (?:&|and) country"
    r"|(?:film|movies?|soundtracks?), tv (?:&|and) \w+|ac/dc|n/a)(?!\w)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\((\d{1,3}|RX|CR)\)")
_LEADING_CONJUNCTION = re.compile(r"^(?:&|and) (?=\S)", re.IGNORECASE)
_CONJUNCTION = re.compile(r"(?<=[^ &]) ?& ?(?=[^ &])|(?<=\S) (?:and|'?n'?) (?=\S)|(?<=[^\W\d_])'n'(?=[^\W\d_])")
_ALIASES = {"rnb": "r&b", "r n b": "r&b", "dnb": "drum&bass", "d&b": "drum&bass"}

# What programs write where they know no genre; "Other" is number 12 of ID3v1's list.
_FILLERS = name_keys(
    """
    N/A, Unknown, Unknown Genre, <unknown>, [unknown], Other, Others, Genre, No Genre, None, Null, Misc,
    Misc., Miscellaneous, Undefined, Unclassified, Unclassifiable, Uncategorized, Untagged, Not set,
    Not specified, Default, Andere, Sonstige, Otros, Otro, Autre, Altro, Unbekannt, Desconocido, Inconnu
    """
)


def labels(fields: Mapping[str, Sequence[str]]) -> list[Label]:
    """All labels of one file, genres first; at most ``MAX_LABELS``."""
    found = genres(fields.get("genre", ()))
    found += genre_tags(fields.get("ab:genre", ()))
    computed = [value for name, values in fields.items() if name.startswith("ab:mood") for value in values]
    found += moods(fields.get("mood", ()), computed)
    return found[:MAX_LABELS]


def genres(values: Sequence[str]) -> list[Label]:
    """Genres: values cut at ``; , / | \\`` and line ends, fillers and bare numbers dropped.

    ``17`` and ``(17)`` are ID3v1 numbers. Genres whose names hold a separator stay whole
    (Singer/Songwriter; Folk, World, & Country).
    """
    return _labels("genre", (name for value in values for name in _genre_names(value[:2000])))


def genre_tags(values: Sequence[str]) -> list[Label]:
    """AcousticBrainz's genres, as written: computed from the sound, kept apart from what people tagged."""
    return _labels("genre_tag", map(clean_text, values))


def moods(values: Sequence[str], acousticbrainz: Sequence[str] = ()) -> list[Label]:
    """Moods: the tag's values cut like genres, AcousticBrainz's ("Not acoustic") as written."""
    tagged = [name for value in values for name in _cut(value[:2000])]
    return _labels("mood", [*tagged, *map(clean_text, acousticbrainz)])


@lru_cache(maxsize=8192)
def genre_key(name: str) -> str:
    """The key of a genre: ``name_key`` with dashes as spaces and every "and" as ``&``.

    Hip-Hop = hip hop; Drum and Bass = Drum & Bass = drum 'n' bass; R & B = R'n'B = RnB.
    """
    key = name_key(name)
    # A chain ("a and n and b") needs more than one pass: a match consumes its neighbour's space.
    for _ in range(8):
        before = key
        key = " ".join(key.replace("-", " ").split()) or key
        key = _CONJUNCTION.sub("&", key)
        key = _ALIASES.get(key, key)
        if key == before:
            break
    return key


@lru_cache(maxsize=8192)
def _genre_names(value: str) -> tuple[str, ...]:
    names: list[str] = []
    for part in _cut(value):
        # ID3v2.3 writes "(17)(13)" or "(17)Rock'n'Roll": numbers, then a text that refines the last.
        numbers = _NUMBERED.match(part)
        while numbers:
            part = part[numbers.end() :].strip()
            names.append("" if part and not part.startswith("(") else _numbered(numbers[1]))
            numbers = _NUMBERED.match(part)
        names.append(_numbered(part) if part.isascii() and part.isdigit() else part)
    return tuple(name for name in names if name and name_key(name) not in _FILLERS)


def _numbered(number: str) -> str:
    if number in {"RX", "CR"}:
        return "Remix" if number == "RX" else "Cover"
    # Rare, and the only use of the library here: not imported until it is needed.
    from mutagen.id3 import TCON

    at = int(number) if len(number) <= 3 else len(TCON.GENRES)
    return str(TCON.GENRES[at]) if at < len(TCON.GENRES) else ""


def _cut(value: str) -> list[str]:
    whole = [match.span() for match in _WHOLE_NAMES.finditer(value)]
    parts, start = [], 0
    for match in _SEPARATOR.finditer(value):
        if not any(first <= match.start() < last for first, last in whole):
            parts.append(value[start : match.start()])
            start = match.end()
    parts.append(value[start:])
    return [_LEADING_CONJUNCTION.sub("", part, count=1) for part in map(clean_text, parts) if part]


def _labels(kind: str, names: Iterable[str]) -> list[Label]:
    found: dict[str, str] = {}
    for name in names:
        # Without a letter it is a number, a rating or a dash, not a name.
        if any(map(str.isalpha, name)):
            found.setdefault(genre_key(name), name)
        if len(found) == MAX_LABELS:
            break
    return [Label(kind, position, name, key) for position, (key, name) in enumerate(found.items())]
