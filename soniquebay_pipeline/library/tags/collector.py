"""Gathering the tags of one file in storable, bounded form.

Here: cleaning of text, the bounds on number and size, and which of two tags wins a field.
Not here: the names of tags in any format (see the module of each family).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from .model import AudioProperties, TagSet
from .parsers import device_error, one_line

Picture = tuple[int | None, bytes]
"""The type of an embedded picture as ID3 numbers them (3: front cover; None: there are no types), and its bytes."""

MAX_VALUE_CHARACTERS = 10_000
MAX_VALUES_PER_KEY = 200
MAX_KEYS = 500
MAX_KEY_CHARACTERS = 200
MAX_TOTAL_BYTES = 256 * 1024
MAX_NOTES = 50

_SURROGATE = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """Text that PostgreSQL stores as jsonb: surrogates are replaced; NUL must be split off before."""
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text)


def binary_description(size: int) -> str:
    """How a value that is not text appears among the raw tags."""
    return f"<binary {size} bytes>"


class TagCollector:
    """Collects raw tags and canonical fields.

    One canonical field takes its values from one tag of the file: the tag of lowest ``rank``, the
    first one where ranks are equal. So a total written as TRACKTOTAL and as TOTALTRACKS appears
    once, and an ID3v1 title never joins an ID3v2 one.
    """

    __slots__ = ("_bytes", "_origin", "fields", "notes", "pictures", "raw")

    def __init__(self) -> None:
        self.raw: dict[str, list[str]] = {}
        self.fields: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.pictures = 0
        self._bytes = 0
        self._origin: dict[str, tuple[int, str]] = {}

    def note(self, text: str) -> None:
        """Record that something of the file was left out."""
        if len(self.notes) < MAX_NOTES:
            text = storable(text.replace("\0", " "))[:MAX_VALUE_CHARACTERS]
            if text not in self.notes:
                self.notes.append(text)
        elif len(self.notes) == MAX_NOTES:
            self.notes.append("more was left out")

    def damaged(self, what: str, error: Exception) -> None:
        """Go on without a damaged part; a failing disk is no damage and is raised."""
        refused = device_error(error)
        if refused is not None:
            raise refused
        self.note(f"{what}: unreadable ({one_line(error)})")

    def add(self, key: str, values: Sequence[str], name: str | None = None, rank: int = 0) -> None:
        """Add the values of one tag to ``raw``, and to the field ``name`` where there is one."""
        key = self._storable_key(key)
        kept = self._keep(key, values)
        if kept and name is not None:
            self.assign(name, kept, key, rank)

    def assign(self, name: str, values: Iterable[str], origin: str, rank: int = 0) -> None:
        """Give a field its values, if no better tag has; the values must be storable already."""
        source = (rank, origin)
        held = self._origin.get(name)
        if held is not None and held != source and held[0] <= rank:
            return
        texts = [text for text in map(str.strip, values) if text]
        if not texts:
            return
        if held == source:
            room = MAX_VALUES_PER_KEY - len(self.fields[name])
            self.fields[name].extend(texts[:room])
        else:
            self.fields[name] = texts[:MAX_VALUES_PER_KEY]
            self._origin[name] = source

    def add_binary(self, key: str, size: int) -> None:
        """Add the description of a value that is not text."""
        self._keep(self._storable_key(key), (binary_description(size),))

    def add_picture(self, key: str, size: int, read: Callable[[], Picture]) -> None:
        """Count an embedded picture of ``size`` bytes; ``read`` would read it, which is not done here."""
        self.pictures += 1
        self.add_binary(key, size)

    def finish(self, audio: AudioProperties) -> TagSet:
        return TagSet(self.raw, self.fields, audio, self.pictures, self.notes)

    def _storable_key(self, key: str) -> str:
        if len(key) > MAX_KEY_CHARACTERS:
            key = key[:MAX_KEY_CHARACTERS]
            self.note(f"{key}: name cut to {MAX_KEY_CHARACTERS} characters")
        if "\0" in key:
            key = key.replace("\0", "")
        return storable(key)

    def _keep(self, key: str, values: Sequence[str]) -> list[str]:
        """Add cleaned values to ``raw`` as far as the bounds allow; returns those added."""
        stored = self.raw.get(key)
        if stored is None and len(self.raw) >= MAX_KEYS:
            self.note(f"more than {MAX_KEYS} tags")
            return []
        room = MAX_VALUES_PER_KEY - (len(stored) if stored else 0)
        kept: list[str] = []
        for text in values if self._clean_already(values) else self._cleaned(key, values):
            if len(kept) >= room:
                self.note(f"{key}: more than {MAX_VALUES_PER_KEY} values")
                break
            size = len(text) if text.isascii() else len(text.encode())
            if not kept and stored is None:
                size += len(key.encode())
            if self._bytes + size > MAX_TOTAL_BYTES:
                self.note(f"{key}: left out, the tags exceed {MAX_TOTAL_BYTES} bytes")
                break
            self._bytes += size
            kept.append(text)
        if stored is not None:
            stored.extend(kept)
        elif kept:
            self.raw[key] = kept
            return kept[:]
        return kept

    @staticmethod
    def _clean_already(values: Sequence[str]) -> bool:
        """Whether it is one plain value, as nearly every tag has: not worth a walk over its parts."""
        if len(values) != 1:
            return False
        text = values[0]
        return 0 < len(text) <= MAX_VALUE_CHARACTERS and text.isascii() and "\0" not in text

    def _cleaned(self, key: str, values: Sequence[str]) -> Iterable[str]:
        for value in values:
            for text in value.split("\0") if "\0" in value else (value,):
                if not text:
                    continue
                if len(text) > MAX_VALUE_CHARACTERS:
                    self.note(f"{key}: cut to {MAX_VALUE_CHARACTERS} of {len(text)} characters")
                    text = text[:MAX_VALUE_CHARACTERS]
                yield storable(text)
