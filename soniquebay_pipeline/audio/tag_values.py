"""What the tags of a track say about its sound, and whether that is what was measured.

Here: tempo, key, moods and loudness out of the canonical fields that reading the tags gave (the file's own
``bpm`` and ``key``, AcousticBrainz's ``ab:*``), and the comparison with a measurement. Every function takes
any text and answers None for what it cannot read; nothing is guessed.
Not here: reading tags from files (``library.tags``), which of two values wins (``store``).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from soniquebay_pipeline.audio.camelot import TONICS

Scale = Literal["major", "minor"]
TempoDisagreement = Literal["octave", "tempo"]
KeyDisagreement = Literal["relative", "parallel", "fifth", "other"]

MOODS = ("happy", "aggressive", "party", "relaxed")
TEMPO_TOLERANCE = 0.04
"""Tempi within 4 % are the same, as in the evaluation of tempo estimation since Gouyon et al. (2006)."""
LOWEST_BPM, HIGHEST_BPM = 10.0, 999.0

_PITCH_CLASSES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SOLFEGE = {"do": 0, "ut": 0, "re": 2, "mi": 4, "fa": 5, "sol": 7, "la": 9, "si": 11}
_GERMAN_SHARP = {"cis": 1, "dis": 3, "eis": 5, "fis": 6, "gis": 8, "ais": 10, "his": 0}
_GERMAN_FLAT = {"ces": 11, "des": 1, "es": 3, "fes": 4, "ges": 6, "as": 8}
_GERMAN = {**_PITCH_CLASSES, **_GERMAN_SHARP, **_GERMAN_FLAT, "b": 10, "h": 11}
_MINOR_WORDS = {"minor", "min", "moll", "mineur", "menor", "minore"}
_MAJOR_WORDS = {"major", "maj", "dur", "majeur", "mayor", "maggiore"}

_LETTER_KEY = re.compile(r"([A-Ga-g])([#b]?) ?-?_? ?([A-Za-z]*)")
_SOLFEGE_KEY = re.compile(r"(do|ut|re|mi|fa|sol|la|si)([#b]?)[ _-]([a-z]+)")
_GERMAN_KEY = re.compile(r"([a-h](?:is|es|s)?)[ _-]?(dur|moll)")
_CAMELOT_KEY = re.compile(r"0?(1[0-2]|[1-9])([ab])", re.IGNORECASE)
_OPEN_KEY = re.compile(r"0?(1[0-2]|[1-9])([dm])", re.IGNORECASE)
_SECOND_NOTATION = re.compile(r" - .*| ?\([^()]*\)$")
_NUMBER = re.compile(r"[+-]?\d{1,4}(?:[.,]\d{0,20})?(?:e-?\d{1,2})?", re.IGNORECASE)
_LABEL_SEPARATOR = re.compile(r"[;,/|\\\x00\r\n]")


class MusicalKey(NamedTuple):
    """A key: its tonic with sharps (C, C#, … B) and its scale."""

    tonic: str
    scale: Scale

    def __str__(self) -> str:
        return f"{self.tonic} {self.scale}"


@dataclass(frozen=True, slots=True)
class TagValues:
    """What the tags of one track say; None where they say nothing that can be read."""

    bpm: float | None = None
    """Beats a minute, of the file's own tag (TBPM, tmpo, BPM)."""
    key: MusicalKey | None = None
    """Of the file's own tag (TKEY, INITIALKEY)."""
    acousticbrainz_bpm: float | None = None
    acousticbrainz_key: MusicalKey | None = None
    moods: dict[str, float | bool] = field(default_factory=dict)
    """Of ``MOODS``, those that tags name: AcousticBrainz's probability in 0..1 where there is one; else
    True or False, as the tag names the mood ("Happy") or denies it ("Not happy")."""
    replaygain_lufs: float | None = None
    """The integrated loudness that the track's gain implies: −18 less the gain. A rough figure where the
    gain was written by ReplayGain 1, whose loudness is another."""


def read_tag_values(fields: Mapping[str, Sequence[str]]) -> TagValues:
    """The values in the canonical fields of a track (``raw_metadata.fields``)."""
    gain = _first_number(fields, "replaygain_track_gain", -100.0, 100.0)
    return TagValues(
        bpm=_first_number(fields, "bpm", LOWEST_BPM, HIGHEST_BPM),
        key=next((key for text in fields.get("key", ()) if (key := parse_key(text))), None),
        acousticbrainz_bpm=_first_number(fields, "ab:lo:rhythm:bpm", LOWEST_BPM, HIGHEST_BPM),
        acousticbrainz_key=_acousticbrainz_key(fields),
        moods=read_moods(fields),
        replaygain_lufs=None if gain is None else -18.0 - gain,
    )


def parse_key(text: str) -> MusicalKey | None:
    """A key as taggers and DJ programs write it; None for anything else, and for ``o`` (off key).

    Letters with an accidental and a scale (``C#``, ``Am``, ``A minor``, ``Dbmaj``, ``F♯-Min``; without a
    scale it is major, as ID3 says of TKEY), Camelot (``8A`` is A minor), Open Key (``1m`` is A minor),
    German (``h-Moll``, ``B-Dur``, ``fis moll``), solfège (``La mineur``). What follows " - " or stands in
    brackets is the key in another notation, or an energy, and is not read.
    """
    text = _plain(text)
    text = _SECOND_NOTATION.sub("", text, count=1).strip()
    return _wheel_key(text) or _german_key(text) or _letter_key(text) or _solfege_key(text)


def parse_bpm(text: str) -> float | None:
    """A tempo from 10 to 999 beats a minute: ``128``, ``127.98``, ``128 BPM``; None for anything else."""
    return _number(text, LOWEST_BPM, HIGHEST_BPM)


def read_moods(fields: Mapping[str, Sequence[str]]) -> dict[str, float | bool]:
    """The ``MOODS`` that the fields name, as ``TagValues.moods``; what they do not name is not there."""
    labels = [*fields.get("mood", ())]
    labels += [value for name, values in fields.items() if name.startswith("ab:mood") for value in values]
    moods: dict[str, float | bool] = {}
    for mood in MOODS:
        verdict = f"ab:hi:mood_{mood}"
        probability = _first_number(fields, f"{verdict}:{mood}", 0.0, 1.0)
        if probability is None:
            denied = _first_number(fields, f"{verdict}:not {mood}", 0.0, 1.0)
            probability = None if denied is None else 1.0 - denied
        named = _named([*labels, *fields.get(verdict, ())], mood)
        if probability is not None:
            moods[mood] = probability
        elif named is not None:
            moods[mood] = named
    return moods


def disagrees(measured_bpm: float | None, tag_bpm: float | None) -> TempoDisagreement | None:
    """How a tag's tempo differs from the measured one: ``octave`` for half or double, else ``tempo``.

    None where they are within ``TEMPO_TOLERANCE`` of the tag's, or one is missing.
    """
    if measured_bpm is None or tag_bpm is None or tag_bpm <= 0:
        return None
    if _is_near(measured_bpm, tag_bpm):
        return None
    return "octave" if _is_near(measured_bpm, tag_bpm * 2) or _is_near(measured_bpm, tag_bpm / 2) else "tempo"


def key_disagrees(measured: MusicalKey | None, tagged: MusicalKey | None) -> KeyDisagreement | None:
    """How a tag's key differs from the measured one, by the classes of MIREX's key detection task.

    ``fifth`` (a perfect fifth up or down in the same scale), ``relative`` (the same notes: C major and
    A minor), ``parallel`` (the same tonic in the other scale), else ``other``. None where they are the same
    or one is missing.
    """
    if measured is None or tagged is None or measured == tagged:
        return None
    interval = (TONICS.index(measured.tonic) - TONICS.index(tagged.tonic)) % 12
    if measured.scale == tagged.scale:
        return "fifth" if interval in (5, 7) else "other"
    if interval == 0:
        return "parallel"
    return "relative" if interval == (9 if tagged.scale == "major" else 3) else "other"


def _wheel_key(text: str) -> MusicalKey | None:
    """Camelot (8B is C major) and Open Key (1d is C major): both go round by fifths."""
    if match := _CAMELOT_KEY.fullmatch(text):
        fifths, minor = int(match[1]) - 8, match[2].lower() == "a"
    elif match := _OPEN_KEY.fullmatch(text):
        fifths, minor = int(match[1]) - 1, match[2].lower() == "m"
    else:
        return None
    return _key(fifths * 7 + (9 if minor else 0), "minor" if minor else "major")


def _german_key(text: str) -> MusicalKey | None:
    match = _GERMAN_KEY.fullmatch(text.lower())
    if match is None or match[1] not in _GERMAN:
        return None
    return _key(_GERMAN[match[1]], "minor" if match[2] == "moll" else "major")


def _letter_key(text: str) -> MusicalKey | None:
    match = _LETTER_KEY.fullmatch(text)
    if match is None:
        return None
    word = match[3]
    if word in ("", "M"):
        # A lower-case letter alone is minor to some and a careless capital to others.
        scale: Scale | None = "major" if match[1].isupper() or word else None
    else:
        scale = "minor" if word == "m" else _scale(word)
    return _key(_PITCH_CLASSES[match[1].lower()] + _accidental(match[2]), scale) if scale else None


def _solfege_key(text: str) -> MusicalKey | None:
    match = _SOLFEGE_KEY.fullmatch(text.lower())
    scale = _scale(match[3]) if match else None
    return _key(_SOLFEGE[match[1]] + _accidental(match[2]), scale) if match and scale else None


def _scale(word: str) -> Scale | None:
    word = word.lower()
    return "minor" if word in _MINOR_WORDS else "major" if word in _MAJOR_WORDS else None


def _accidental(sign: str) -> int:
    return {"#": 1, "b": -1}.get(sign, 0)


def _key(pitch_class: int, scale: Scale) -> MusicalKey:
    return MusicalKey(TONICS[pitch_class % 12], scale)


def _acousticbrainz_key(fields: Mapping[str, Sequence[str]]) -> MusicalKey | None:
    """The key of ``ab:lo:tonal:key_key`` and ``ab:lo:tonal:key_scale``; None unless both can be read."""
    tonic = parse_key(next(iter(fields.get("ab:lo:tonal:key_key", ())), ""))
    scale = _scale(_plain(next(iter(fields.get("ab:lo:tonal:key_scale", ())), "")))
    return MusicalKey(tonic.tonic, scale) if tonic and scale else None


def _named(labels: Sequence[str], mood: str) -> bool | None:
    """Whether labels name the mood or deny it; None where they do neither, or both."""
    found = {
        " ".join(_plain(label).lower().replace("_", " ").split())
        for value in labels
        for label in _LABEL_SEPARATOR.split(value[:2000])
    }
    named, denied = mood in found, f"not {mood}" in found
    return named if named != denied else None


def _is_near(bpm: float, other: float) -> bool:
    return abs(bpm - other) <= TEMPO_TOLERANCE * other


def _first_number(fields: Mapping[str, Sequence[str]], name: str, lowest: float, highest: float) -> float | None:
    return next((v for text in fields.get(name, ()) if (v := _number(text, lowest, highest)) is not None), None)


def _number(text: str, lowest: float, highest: float) -> float | None:
    text = _plain(text)
    if text[-3:].lower() == "bpm":
        text = text[:-3].rstrip()
    elif text[-2:].lower() == "db":
        text = text[:-2].rstrip()
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) and lowest <= value <= highest else None


def _plain(text: str) -> str:
    """Bounded ASCII with single spaces: ``♯`` and ``♭`` as ``#`` and ``b``, letters without their accents."""
    text = unicodedata.normalize("NFKD", text[:100].replace("♯", "#").replace("♭", "b").replace("\x00", " "))
    text = "".join(character for character in text if not unicodedata.combining(character))
    return " ".join(text.split()) if text.isascii() else ""
