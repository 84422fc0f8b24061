"""The words of a track: the form in which full-text search compares them.

Here: pure functions of plain data. Not here: where the data comes from.
"""

from __future__ import annotations

import re
import unicodedata

from soniquebay_pipeline.catalog.names import name_key

# Accents of Latin, Greek and Cyrillic. The marks of other scripts are letters: Japanese voicing, Thai vowels.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
# Letters with a stroke or a ligature, which Unicode does not decompose.
_LETTERS = str.maketrans(
    {"ø": "o", "œ": "oe", "æ": "ae", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŋ": "n", "ŧ": "t", "þ": "th"}
)
_INSIDE_WORDS = re.compile(r"(?<=\w)['’](?=\w)")
_INITIALS = re.compile(r"\b(?:\w\.){2,}")
_BETWEEN_WORDS = re.compile(r"[^\w]+|_+")


def folded(text: str) -> str:
    """The text as full-text search compares it: lower case, without accents, words with single spaces between.

    ``Björk`` → ``bjork``, ``R.E.M.`` → ``rem``, ``AC/DC`` → ``ac dc``, ``Don't`` → ``dont``. Queries and
    documents go through it alike. Empty where there is neither letter nor digit.
    """
    text = unicodedata.normalize("NFKD", name_key(text))
    text = unicodedata.normalize("NFC", _ACCENTS.sub("", text)).translate(_LETTERS)
    text = _INITIALS.sub(lambda found: found.group().replace(".", "") + " ", _INSIDE_WORDS.sub("", text))
    return _BETWEEN_WORDS.sub(" ", text).strip()
