"""Words of tracks in the form that full-text search compares.

Here: folding. Not here: sentences for the model.
"""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """The text without case, compatibility forms and accents: ``Björk`` becomes ``bjork``."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))
