"""Numbers, dates, identifiers and flags as tags write them, and disc numbers in names.

Here: one parser a kind of value; each takes any text and answers None for what it cannot read or
what cannot be true. Nothing is guessed. Not here: which tag a value comes from (``metadata``).
"""

from __future__ import annotations

import math
import re
import unicodedata
from calendar import monthrange

from soniquebay_pipeline.catalog.names import clean_text

MAX_POSITION = 9999
MIN_YEAR, MAX_YEAR = 1000, 2100

_POSITION = re.compile(
    r"(?:(?P<side>[A-Pa-p])[ -]?)?0*(?P<number>\d{1,9})(?:\.0*)?"
    r"(?: ?(?:/|\\| of | ?, ?) ?0*(?P<total>\d{1,9})?)?"
)
_TOTAL_ONLY = re.compile(r" ?/ ?0*(?P<total>\d{1,9})")
_SIDE_ALONE = re.compile(r"[A-Ha-h]")
_DATE = re.compile(
    r"(?P<year>\d{4})(?:[-./](?P<month>\d{1,2})(?!\d)(?:[-./](?P<day>\d{1,2})(?!\d))?|(?P<compact>\d{4}))?(?!\d)"
)
_YEAR_ANYWHERE = re.compile(r"(?<!\d)(?:1\d{3}|20\d\d|2100)(?!\d)")
_NUMBER = re.compile(
    r"([+-]?(?:\d{1,12}(?:[.,]\d{0,20})?|[.,]\d{1,20})(?:e[+-]?\d{1,3})?)(?: ?(?:db|bpm))?", re.IGNORECASE
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NIL_UUID = "00000000-0000-0000-0000-000000000000"
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
_NUMERALS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_DISC = rf"(?:cd|dis[ck]) ?[-.#:_]? ?(?P<disc>\d{{1,2}}|{'|'.join(_NUMERALS)})"
_DISC_HINT = re.compile(r"\b(?:cd|dis[ck])", re.IGNORECASE)
_DISC_OF = rf"{_DISC}(?: ?(?:of|/) ?\d+)?"
_DISC_BRACKETED = re.compile(rf" ?[(\[{{] ?{_DISC_OF}(?: ?[-:\u2013,] ?[^()\[\]]*)? ?[)\]}}]$", re.IGNORECASE)
_DISC_AT_END = re.compile(rf"(?: ?[-\u2013\u2014:,;] ?| ){_DISC_OF}$", re.IGNORECASE)
_DISC_FOLDER = re.compile(rf"{_DISC}(?:(?: ?[-:.\u2013\u2014_] ?| ?\(| ?\[).*)?", re.IGNORECASE)
_TRUE = frozenset({"1", "1.0", "true", "yes", "y", "t", "on"})


def parse_position(text: str) -> tuple[int | None, int | None]:
    """Track or disc number and total: ``3/12``, ``03``, ``3 of 12``, ``A1``.

    A vinyl position gives the digits; which side it is says ``parse_side``. 0, negative numbers and
    numbers above ``MAX_POSITION`` are None.
    """
    text = _plain(text)
    if match := _POSITION.fullmatch(text):
        return _within(match["number"]), _within(match["total"])
    if match := _TOTAL_ONLY.fullmatch(text):
        return None, _within(match["total"])
    return (1, None) if _SIDE_ALONE.fullmatch(text) else (None, None)


def parse_side(text: str) -> int | None:
    """The side a vinyl position is on, counted from 1: ``A1`` → 1, ``B`` → 2, ``C3`` → 3.

    The catalogue uses it as the disc number where the file has none, so that A1 and B1 of one record
    differ and sort as on the record.
    """
    text = _plain(text)
    match = _POSITION.fullmatch(text)
    letter = match["side"] if match else text if _SIDE_ALONE.fullmatch(text) else None
    return ord(letter.upper()) - ord("A") + 1 if letter else None


def split_disc_suffix(title: str) -> tuple[str, int | None]:
    """The album title without ``(Disc 2)``, ``[CD1]``, ``CD 2``, ``- Disc 1``, and the disc's number.

    A title that is nothing else stays.
    """
    title = clean_text(title)
    disc: int | None = None
    while _DISC_HINT.search(title):
        match = _DISC_BRACKETED.search(title) or _DISC_AT_END.search(title)
        if match is None or not any(map(str.isalnum, title[: match.start()])):
            break
        disc = disc or _disc_number(match)
        title = title[: match.start()].strip()
    return title, disc


def parse_disc_folder(name: str) -> int | None:
    """The disc a folder holds: ``CD1``, ``Disc 2``, ``CD 1 - Name``; None for any other folder."""
    match = _DISC_FOLDER.fullmatch(name)
    return _disc_number(match) if match else None


def parse_date(text: str) -> tuple[str | None, int | None]:
    """As much of ``YYYY-MM-DD`` as the text gives, and the year.

    A month or day that does not exist is dropped. Dates that do not start with the year (05/01/2003,
    May 2003) give the year alone: day and month cannot be told apart.
    """
    text = _plain(text)
    match = _DATE.match(text)
    if match is None:
        found = _YEAR_ANYWHERE.search(text)
        return (found[0], int(found[0])) if found else (None, None)
    year = int(match["year"])
    if not MIN_YEAR <= year <= MAX_YEAR:
        return None, None
    month, day = int(match["month"] or 0), int(match["day"] or 0)
    if match["compact"]:
        month, day = divmod(int(match["compact"]), 100)
    if not 1 <= month <= 12:
        return f"{year:04}", year
    if not 1 <= day <= monthrange(year, month)[1]:
        return f"{year:04}-{month:02}", year
    return f"{year:04}-{month:02}-{day:02}", year


def parse_gain(text: str) -> float | None:
    """A gain in dB, as ReplayGain writes it."""
    return _number(text, -100.0, 100.0)


def parse_peak(text: str) -> float | None:
    """A sample peak, 1.0 being full scale."""
    return _number(text, 0.0, 1000.0)


def parse_bpm(text: str) -> float | None:
    """A tempo from 10 to 999 beats a minute."""
    return _number(text, 10.0, 999.0)


def parse_uuid(text: str) -> str | None:
    """A MusicBrainz or AcoustID identifier in lower case."""
    text = text.strip().lower()
    return text if _UUID.fullmatch(text) and text != _NIL_UUID else None


def parse_isrc(text: str) -> str | None:
    """An International Standard Recording Code without its hyphens."""
    text = text.replace("-", "").replace(" ", "").upper()
    return text if text.isascii() and _ISRC.fullmatch(text) else None


def parse_flag(text: str) -> bool:
    """Whether a yes/no tag says yes."""
    return text.strip().casefold() in _TRUE


def _disc_number(match: re.Match[str]) -> int | None:
    text = match["disc"].lower()
    return _NUMERALS.get(text) or int(text) or None


def _plain(text: str) -> str:
    text = text[:100]
    if not text.isascii():
        # Full-width digits of Japanese taggers; other scripts' digits stay and are not read.
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.replace("\x00", " ").split()) if text.isascii() else ""


def _within(digits: str | None) -> int | None:
    value = int(digits) if digits else 0
    return value if 1 <= value <= MAX_POSITION else None


def _number(text: str, lowest: float, highest: float) -> float | None:
    match = _NUMBER.fullmatch(_plain(text))
    if match is None:
        return None
    value = float(match[1].replace(",", "."))
    return value if math.isfinite(value) and lowest <= value <= highest else None
