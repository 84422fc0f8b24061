"""What of SoniqueBay's values is believed: pure functions from text; what is not believed is None.

Here: bounds and forms. Not here: reading and storing.

Its analysis had defaults and errors that can't be told from measurements (its workers' code, release of 2025): the
scale was the parity of the key's number, the second Camelot table was wrong, and the tempo was 120 where it found
none. So scale and Camelot key are not taken at all, nor a tempo of exactly 120.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

MAX_TAGS = 50
MAX_PICTURE_BYTES = 20 << 20
DEFAULT_BPM = 120.0
PLACEHOLDER = "2a96cbd8b46e442fc41c2b86b821562f"
"""Last.fm's star, which it gives for artists without a picture."""
_SHARPS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}
_TONIC = re.compile(r"([CDFGA]#|[DEGAB]b|[A-G])(?:maj|min|m)?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def number(text: str | None, low: float, high: float) -> float | None:
    """A finite number within the bounds."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and low <= value <= high else None


def count(text: str | None) -> int | None:
    """A whole number of listeners or plays."""
    value = number(text, 0, 1e15)
    return int(value) if value is not None else None


def tempo(text: str | None) -> float | None:
    """Beats a minute; never 120, which was the default."""
    value = number(text, 20, 400)
    return None if value == DEFAULT_BPM else value


def tonic(text: str | None) -> str | None:
    """The tonic with sharps; a scale behind it is dropped."""
    match = _TONIC.fullmatch((text or "").partition(" ")[0])
    return _SHARPS.get(match[1], match[1]) if match else None


def uuid(text: str | None) -> str | None:
    """A MusicBrainz id."""
    value = (text or "").strip().lower()
    return value if _UUID.fullmatch(value) else None


def lastfm_url(text: str | None) -> str | None:
    """A page of Last.fm."""
    if text is None or len(text) > 1_000 or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return None
    known = host == "last.fm" or host.endswith((".last.fm", ".lastfm.de", ".lastfm.fr"))
    return text if parts.scheme in ("http", "https") and known else None


def tags(text: str | None) -> list[dict[str, Any]] | None:
    """The tags as ``lastfm_tags`` holds them; weights only where there are some."""
    try:
        values = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list):
        return None
    found = []
    for value in values[:MAX_TAGS]:
        name = value.get("name") if isinstance(value, dict) else value
        if not isinstance(name, str) or not name.strip() or len(name) > 100 or "\0" in name:
            continue
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            continue
        weight = (value.get("weight", value.get("count")) if isinstance(value, dict) else None) or None
        believed = number(str(weight), 0, 100) if weight is not None else None
        found.append({"name": name.strip(), "weight": int(believed) if believed is not None else None})
    return found or None


def moment(text: str | None) -> str | None:
    """A time in the past, ISO 8601; without a zone it is UTC."""
    try:
        value = datetime.fromisoformat(text or "")
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        return value.isoformat() if datetime(2002, 1, 1, tzinfo=UTC) <= value <= datetime.now(UTC) else None
    except (ValueError, OverflowError):
        return None


def picture(text: str | None) -> bytes | None:
    """The bytes of a picture in base64, with or without ``data:…;base64,`` in front."""
    if not text:
        return None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return None
    return data if 0 < len(data) <= MAX_PICTURE_BYTES else None


def picture_source(url: str | None) -> str:
    """Which service a picture came from, by its URL; else ``soniquebay``."""
    for part, source in (("coverartarchive.org", "coverartarchive"), ("lastfm", "lastfm"), ("last.fm", "lastfm")):
        if url and part in url:
            return source
    return "soniquebay"
