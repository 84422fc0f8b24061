"""The Camelot wheel: keys as the codes by which DJs mix; neighbours on the wheel go together.

Numbers count fifths, 8 is C major or A minor; B is major, A is minor (Mark Davis, Camelot Sound).
"""

from __future__ import annotations

from typing import Literal

TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def camelot_key(tonic: str, scale: Literal["major", "minor"]) -> str:
    """The code of a key: ``8B`` for C major, ``8A`` for A minor. ValueError for an unknown tonic."""
    pitch_class = TONICS.index(tonic)
    major = pitch_class if scale == "major" else (pitch_class + 3) % 12  # its relative major
    fifths = major * 7 % 12
    return f"{(fifths + 7) % 12 + 1}{'B' if scale == 'major' else 'A'}"


def is_camelot_key(code: str) -> bool:
    """Whether it is one of the 24 codes, ``1A`` to ``12B``."""
    return code[:-1] in {str(number) for number in range(1, 13)} and code[-1:] in {"A", "B"}


def key_name(key: tuple[str, str] | None) -> str | None:
    """(tonic, scale) as people write it: ``A minor``."""
    return None if key is None else f"{key[0]} {key[1]}"
