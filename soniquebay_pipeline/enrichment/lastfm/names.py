"""Whom to ask about, and whether the answer is about them.

Here: names that mean nobody, and when a correction of Last.fm is believed.
Not here: the normal form of names (``catalog.names``).
"""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher

from soniquebay_pipeline.catalog.names import VARIOUS_ARTISTS_MBID, name_key, name_keys

SIMILAR_ENOUGH = 0.8
"""Share of letters in common (Ratcliff and Obershelp) from which a correction is one of spelling."""

NOBODY = name_keys(
    """
    Various Artists, Various, VA, V.A., Unknown Artist, <unknown>, Unknown, [unknown], [anonymous], [traditional],
    [no artist], [dialogue], [data], [silence], [soundtrack]
    """
)
"""Normal forms that are never asked for."""

NOBODY_IDS = frozenset(
    {
        VARIOUS_ARTISTS_MBID,
        "125ec42a-7229-4250-afc5-e057484327fe",  # [unknown]
        "f731ccc4-e22a-43af-a747-64213329e088",  # [anonymous]
        "9be7f096-97ec-4615-8957-8d40b5dcbc41",  # [traditional]
        "eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61",  # [no artist]
        "314e1c25-dde7-4e4d-b2f4-0a7b9f7c56dc",  # [dialogue]
        "33cf029c-63b0-41a0-9855-be2a3665fb3b",  # [data]
    }
)
"""MusicBrainz's ids for nobody in particular."""

_FILLERS = frozenset({"the", "and", "n", "y", "und", "et", "a"})


def is_same(ours: str, theirs: str) -> bool:
    """Whether two names may be spellings of one: The Beatles and Beatles, Guns and Roses and Guns N' Roses.

    RHCP and Red Hot Chili Peppers are not: without an id nobody can tell who an abbreviation means.
    """
    if name_key(ours) == name_key(theirs):
        return True
    left, right = _bare(ours), _bare(theirs)
    if not left or not right:
        return False
    # Digits tell names apart as letters do not: Volume 1 and Volume 2 differ in one of eight characters.
    if [c for c in left if c.isdigit()] != [c for c in right if c.isdigit()]:
        return False
    return left == right or SequenceMatcher(None, left, right, autojunk=False).ratio() >= SIMILAR_ENOUGH


def _bare(name: str) -> str:
    """The letters and digits of the normal form, without accents and words that come and go."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name_key(name)) if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in plain.replace("'", "")).split()
    return "".join(word for word in words if word not in _FILLERS) or "".join(words)
