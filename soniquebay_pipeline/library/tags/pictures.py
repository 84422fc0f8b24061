"""The pictures in one audio file: which there are, best first, and the bytes of one of them.

Here: the same readers as for tags, with a collector that looks at pictures instead of counting them.
Not here: what a picture shows and whether it can be decoded (see ``artwork``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from .collector import Picture, TagCollector
from .model import UnreadableFile
from .parsers import device_error, one_line
from .reader import read_tags

MAX_PICTURE_BYTES = 50 * 1024 * 1024
"""A picture of more bytes is not read."""
MAX_PICTURES = 20
"""Pictures of one file that are read, in the order of the file."""
MAX_TOTAL_BYTES = 100 * 1024 * 1024
KEPT_PICTURES = 4
"""Pictures of one file that are handed on, the best ones: more are only there in case those are refused."""

FRONT_COVER = 3
_ICONS = frozenset((1, 2))
_OTHER = 0


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """One picture in a file. ``reason`` and ``detail`` say why its content is not known."""

    picture_type: int | None
    """As ID3 numbers them; None where the format has no types."""
    size_bytes: int
    sha256: str | None = None
    reason: str | None = None
    detail: str | None = None

    @property
    def is_front(self) -> bool:
        """Whether it is the front cover as far as the tag can say; what has no type counts."""
        return self.picture_type in (None, FRONT_COVER)


def read_pictures(path: bytes | str) -> list[EmbeddedPicture]:
    """The pictures of an audio file: front covers first, then untyped ones, then others, icons last.

    Raises ``UnreadableFile`` as ``read_tags`` does.
    """
    collector = _Pictures()
    read_tags(path, collector)
    return sorted(collector.found, key=lambda picture: _rank(picture.picture_type))[:KEPT_PICTURES]


def read_picture(path: bytes | str, sha256: str) -> bytes | None:
    """The bytes of the picture in the file with this hash; None if it is not there (any more).

    Raises ``UnreadableFile`` as ``read_tags`` does.
    """
    collector = _Pictures(wanted=sha256)
    read_tags(path, collector)
    return collector.wanted_bytes


def _rank(picture_type: int | None) -> int:
    if picture_type in _ICONS:
        return 4
    return {FRONT_COVER: 0, None: 1, _OTHER: 2}.get(picture_type, 3)


class _Pictures(TagCollector):
    """Reads each picture, remembers its hash, and keeps the bytes of the wanted one only."""

    __slots__ = ("_read_bytes", "_wanted", "found", "wanted_bytes")

    def __init__(self, wanted: str | None = None) -> None:
        super().__init__()
        self.found: list[EmbeddedPicture] = []
        self.wanted_bytes: bytes | None = None
        self._wanted = wanted
        self._read_bytes = 0

    def add_picture(self, key: str, size: int, read: Callable[[], Picture]) -> None:
        super().add_picture(key, size, read)
        if len(self.found) >= MAX_PICTURES or self.wanted_bytes is not None:
            return
        if size > MAX_PICTURE_BYTES or self._read_bytes + size > MAX_TOTAL_BYTES:
            self.found.append(EmbeddedPicture(None, size, None, "too_large", f"{size} bytes are not read"))
            return
        self._read_bytes += size
        try:
            picture_type, data = read()
        except UnreadableFile as error:
            self.found.append(EmbeddedPicture(None, size, None, error.reason, error.detail))
        except Exception as error:
            refused = device_error(error)
            if refused is not None:
                raise refused from error
            self.found.append(EmbeddedPicture(None, size, None, "corrupt", one_line(error)))
        else:
            sha256 = hashlib.sha256(data).hexdigest()
            self.found.append(EmbeddedPicture(picture_type, len(data), sha256))
            if sha256 == self._wanted:
                self.wanted_bytes = data
