"""Names: the text that is shown, and the normal form that names are matched by.

Here: cleaning any text from a tag or a path, the key two spellings of one name share, and the
spellings of "Various Artists". Not here: cutting a text into several names (``credits``, ``labels``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from hashlib import sha256

VARIOUS_ARTISTS_NAME = "Various Artists"
VARIOUS_ARTISTS_MBID = "89ad4ac3-39f7-470e-963a-56509c546377"
UNKNOWN_ARTIST_NAME = "Unknown Artist"

MAX_TEXT_CHARS = 1000
MAX_TEXT_BYTES = 2000
"""PostgreSQL refuses a btree row above about 2,700 bytes."""
MAX_KEY_CHARS = 500
_CACHED_CHARS = 200
_HASH_CHARS = 16

# Removed from what is shown: controls that are not white space, directional controls (they can
# reverse the text around them), zero-width space, word joiner, byte order mark, annotation marks.
_HARMFUL = re.compile(
    "[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
# Removed from keys as well: what a reader cannot see (Unicode's default ignorable code points).
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# The katakana long vowel mark looks like a dash and is a letter: it is not folded.
_DASHES = (
    "\u02d7\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u2212\u2e3a\u2e3b\ufe31\ufe32\ufe58\ufe63\uff0d"
)
_SINGLE_QUOTES = (
    "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u055a\u05f3\u2018\u2019\u201a\u201b\u2032\u2035"
    "\u2039\u203a\ua78c\uff07\uff40"
)
_DOUBLE_QUOTES = "\u00ab\u00bb\u02ba\u02dd\u05f4\u201c\u201d\u201e\u201f\u2033\u2036\u301d\u301e\u301f\uff02"
_FOLD = str.maketrans(
    dict.fromkeys(_DASHES, "-") | dict.fromkeys(_SINGLE_QUOTES, "'") | dict.fromkeys(_DOUBLE_QUOTES, '"')
)


def clean_text(text: str) -> str:
    """The text as it is shown and stored: NFC, one line, single spaces, bounded; "" if nothing remains.

    NUL and every white space become one space, undecodable bytes (surrogates) become U+FFFD, controls
    go. At most ``MAX_TEXT_CHARS`` characters and ``MAX_TEXT_BYTES`` bytes of UTF-8.
    """
    return _clean_cached(text) if len(text) <= _CACHED_CHARS else _bounded(_scrub(text))


def name_key(name: str) -> str:
    """The normal form: equal for two spellings of one name, itself its own normal form.

    NFKC, case-folded, dashes and quotes of every kind folded to their ASCII ones, invisible characters
    removed, white space collapsed. Letters, dots, slashes, accents and articles stay: ``R.E.M.`` is not
    ``REM``, ``The Beatles`` is not ``Beatles``. Empty only where ``clean_text`` is. Above
    ``MAX_KEY_CHARS`` characters the end is replaced by a hash of the whole.
    """
    return _key_cached(name) if len(name) <= _CACHED_CHARS else _key(name)


def name_keys(names: str) -> frozenset[str]:
    """The keys of names listed with commas between them."""
    return frozenset(map(_key, names.split(",")))


def is_various_artists(name: str) -> bool:
    """Whether an *album* artist of this name means "several artists" rather than one."""
    return name_key(name) in _VARIOUS_ARTISTS_KEYS


def _scrub(text: str) -> str:
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = _SURROGATES.sub("\ufffd", text).replace("\x00", " ")
    text = " ".join(unicodedata.normalize("NFC", _HARMFUL.sub("", text)).split())
    if not _INVISIBLE.sub("", text).strip():
        return ""
    return text


def _bounded(text: str) -> str:
    if len(text) * 4 <= MAX_TEXT_BYTES:
        return text
    text = text[:MAX_TEXT_CHARS]
    data = text.encode("utf-8")
    if len(data) > MAX_TEXT_BYTES:
        text = data[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    return text.rstrip() if _INVISIBLE.sub("", text).strip() else ""


def _key(name: str) -> str:
    text = _scrub(name)
    if text.isascii():
        key = text.lower().replace("`", "'")
    else:
        key = _fold(text)
        # One pass is not stable: case folding can undo a composition and composing can give a capital.
        for _ in range(8):
            again = _fold(key)
            if again == key:
                break
            key = again
    if len(key) > MAX_KEY_CHARS:
        digest = sha256(key.encode("utf-8")).hexdigest()[:_HASH_CHARS]
        key = f"{key[: MAX_KEY_CHARS - _HASH_CHARS - 1]}#{digest}"
    return key


def _fold(text: str) -> str:
    # Quotes first: NFKC turns an acute accent used as an apostrophe into a space and a combining mark.
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_FOLD)).casefold()
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text).translate(_FOLD)).split())


@lru_cache(maxsize=32768)
def _clean_cached(text: str) -> str:
    return _bounded(_scrub(text))


@lru_cache(maxsize=32768)
def _key_cached(name: str) -> str:
    return _key(name)


_VARIOUS_ARTISTS_KEYS = name_keys(
    """
    Various Artists, Various Artist, Various, [Various Artists], (Various Artists), <Various Artists>,
    VA, V.A., V.A, V/A, V / A, Various Interprets, Various Performers, Various Composers,
    Verschiedene, Verschiedene Interpreten, Verschiedene Künstler, Diverse, Diverse Interpreten,
    Diverse Künstler, Diverse Artister, Diverse Artiesten, Diverse Kunstnere, Diversen,
    Varios, Varios Artistas, Varios Intérpretes, Vários, Vários Artistas, Vários Intérpretes,
    Artistes divers, Artistes variés, Divers, Divers artistes, Artisti vari, Vari Artisti, AA.VV., AAVV,
    AA. VV., Blandade artister, Olika artister, Eri esittäjiä, Różni wykonawcy, Různí umělci,
    Různí interpreti, Разные исполнители, Сборник, ヴァリアス・アーティスト, 群星
    """
)
