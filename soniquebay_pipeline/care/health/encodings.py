"""Names that were decoded with the wrong character set.

Here: telling them, and what was probably meant. Not here: where the names come from (``report``).

ftfy knows UTF-8 that was read as a Western code page (``BjÃ¶rk``). What it leaves alone, because it can't be certain
in running text, is Cyrillic of Windows-1251 read as Western (``Ïåñíÿ``): no Western language has four letters with
accents in a row, so in a name that is certain enough for a hint.
"""

from __future__ import annotations

import re

_REPLACED = "\ufffd"
_ACCENTED_RUN = re.compile("[\u00c0-\u00ff]{4}")
_CYRILLIC_WORDS = re.compile("[\u0400-\u04ff\\W\\d_A-Za-z]+")
MAX_LENGTH = 1_000


def wrong_encoding(name: str) -> str | None:
    """What is wrong with the name, with what was probably meant; None where nothing is."""
    import ftfy
    from ftfy.badness import is_bad

    name = name[:MAX_LENGTH]
    if name.isascii():
        return None
    if _REPLACED in name:
        return "holds U+FFFD: characters were lost when the tag was written or read"
    if is_bad(name):
        fixed = ftfy.fix_encoding(name)
        return f"probably {fixed}" if fixed != name else "looks like text in the wrong encoding"
    if _ACCENTED_RUN.search(name):
        return _as_cyrillic(name)
    return None


def _as_cyrillic(name: str) -> str | None:
    try:
        read = name.encode("cp1252").decode("cp1251")
    except UnicodeError:
        return None
    return f"probably {read}" if _CYRILLIC_WORDS.fullmatch(read) else None
