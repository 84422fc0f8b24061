"""The words of a track: the sentence that its text vector is made from, and the words that full-text search finds.

Here: pure functions of plain data. Not here: where the data comes from (``text_store``), encoding (``model``).

The sentence depends on the set of genres, moods and tags, not on their order, and is bounded: a model reads
the first 256 tokens anyway.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from soniquebay_pipeline.catalog.names import clean_text, name_key

SENTENCE_VERSION = 1
"""Raise it when a sentence or document would come out differently: all are then made again. Vectors are made
again where the sentence differs."""

MAX_TITLE_CHARS = 200
MAX_NAME_CHARS = 100
MAX_ARTISTS, MAX_LABELS, MAX_TAGS = 8, 8, 5

# Accents of Latin, Greek and Cyrillic. The marks of other scripts are letters: Japanese voicing, Thai vowels.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
# Letters with a stroke or a ligature, which Unicode does not decompose.
_LETTERS = str.maketrans(
    {"ø": "o", "œ": "oe", "æ": "ae", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŋ": "n", "ŧ": "t", "þ": "th"}
)
_INSIDE_WORDS = re.compile(r"(?<=\w)['’](?=\w)")
_INITIALS = re.compile(r"\b(?:\w\.){2,}")
_BETWEEN_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class TrackWords:
    """What the catalogue says of a track, as far as words go."""

    title: str
    artists: Sequence[str] = ()
    """Credited names, the main ones first."""
    album: str | None = None
    album_artist: str | None = None
    genres: Sequence[str] = ()
    moods: Sequence[str] = ()
    tags: Sequence[str] = ()
    """Last.fm's tags, the track's before the album's before the artist's, the heaviest first."""
    year: int | None = None


@dataclass(frozen=True, slots=True)
class TrackText:
    """The sentence, and the words of the document by their weight in full-text search."""

    sentence: str
    title_words: str
    """Weight A."""
    artist_words: str
    """Weight B."""
    album_words: str
    """Weight C."""

    @property
    def sentence_hash(self) -> str:
        """Equal for equal sentences."""
        return sha256(self.sentence.encode()).hexdigest()[:32]


def folded(text: str) -> str:
    """The text as full-text search compares it: lower case, without accents, words with single spaces between.

    ``Björk`` → ``bjork``, ``R.E.M.`` → ``rem``, ``AC/DC`` → ``ac dc``, ``Don't`` → ``dont``. Queries and
    documents go through it alike. Empty where there is neither letter nor digit.
    """
    text = unicodedata.normalize("NFKD", name_key(text))
    text = unicodedata.normalize("NFC", _ACCENTS.sub("", text)).translate(_LETTERS)
    text = _INITIALS.sub(lambda found: found.group().replace(".", "") + " ", _INSIDE_WORDS.sub("", text))
    return _BETWEEN_WORDS.sub(" ", text).strip()


def track_text(words: TrackWords) -> TrackText:
    """Sentence and document of a track; without NUL, and never empty."""
    artists = _distinct(words.artists, MAX_ARTISTS)
    return TrackText(
        sentence=_sentence(words, artists),
        title_words=_both_forms([words.title]),
        artist_words=_both_forms([*artists, *filter(None, [words.album_artist])]),
        album_words=_both_forms(filter(None, [words.album])),
    )


def _sentence(words: TrackWords, artists: Sequence[str]) -> str:
    """``Electronic, Techno music by A.R.C. on Voltage Gardens (2019, 2010s): Ohm. Mood: cold. Tags: synth.``

    The title, which says least of what the music is like, comes late (docs/decisions/0015-text-vectors.md).
    """
    genres = sorted(_distinct(sorted(words.genres), MAX_LABELS), key=name_key)
    moods = sorted(_distinct(sorted(words.moods), MAX_LABELS), key=name_key)
    known = {name_key(name) for name in (*genres, *moods)}
    tags = _distinct((tag for tag in words.tags if name_key(tag) not in known), MAX_TAGS)
    title = clean_text(words.title)[:MAX_TITLE_CHARS] or "Untitled"
    album = clean_text(words.album or "")[:MAX_TITLE_CHARS]
    opening = f"{', '.join(genres)} music" if genres else "Music"
    if artists:
        opening += f" by {', '.join(artists)}"
    if album:
        opening += f" on {album}"
    if words.year:
        opening += f" ({words.year}, {words.year // 10 * 10}s)"
    parts = [f"{opening}: {title}"]
    parts += [f"{label}: {', '.join(names)}" for label, names in (("Mood", moods), ("Tags", tags)) if names]
    return ". ".join(parts) + "."


def _distinct(names: Iterable[str], limit: int) -> list[str]:
    """The first ``limit`` names that differ by more than their spelling, cleaned and bounded."""
    found: dict[str, str] = {}
    for name in names:
        shown = clean_text(name)[:MAX_NAME_CHARS].strip()
        if shown and len(found) < limit:
            found.setdefault(name_key(shown), shown)
    return list(found.values())


def _both_forms(texts: Iterable[str]) -> str:
    """Each text's normal form, and the folded one where that differs."""
    forms = [form for text in texts for form in (name_key(text), folded(text))]
    return " ".join(dict.fromkeys(filter(None, forms)))
