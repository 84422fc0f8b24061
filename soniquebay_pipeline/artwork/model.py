"""What the room shares: the outcome of looking at a picture, the reasons for refusing one, the rules of choice.

Not here: how a picture is decoded (``decoding``), where it is kept (``files``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from soniquebay_pipeline.library.paths import picture_key
from soniquebay_pipeline.settings import Settings, listed

LOOK_VERSION: Final = 1
"""Raise it when files have to be looked through again for pictures."""

THUMBNAIL_SIDES: Final = (800, 500, 300, 150)
"""Longest sides in pixels, the largest first: each is made from the one before."""

CHOSEN: Final = "chosen"
EMBEDDED: Final = "embedded"
LOCAL: Final = "local"
WEB_SOURCES: Final = ("coverartarchive", "lastfm")
ENTITY_TYPES: Final = ("track", "album", "artist")

PASSING: Final = frozenset(("timeout", "crashed", "error", "io_error", "permission"))
"""Reasons that another attempt may not meet again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something is not used as a picture; ``reason`` is a code of docs/outcomes.md."""

    reason: str
    detail: str

    @property
    def is_passing(self) -> bool:
        """Whether to try again later."""
        return self.reason in PASSING


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that was decoded and is on disk; columns of ``pictures``."""

    sha256: str
    mime_type: str
    width: int
    height: int
    size_bytes: int
    path: str
    colours: list[str]
    thumbhash: str
    thumbnails: list[int]


@dataclass(frozen=True, slots=True)
class CoverRules:
    """Which picture becomes a cover: the order of the sources, and how cover files are named."""

    sources: tuple[str, ...]
    album_names: tuple[str, ...]
    """SQL LIKE patterns over ``folder_pictures.name_key``, the best first; ``{album}`` stands for the title."""
    artist_names: tuple[str, ...]
    refused: tuple[str, ...] = ()
    """SHA-256 of pictures that are no cover, whoever offers them."""

    TITLE = "{album}"

    @classmethod
    def of(cls, settings: Settings) -> CoverRules:
        """The rules that the settings say."""
        return cls(
            settings.cover_source_list,
            tuple(map(_pattern, listed(settings.cover_names))),
            tuple(map(_pattern, listed(settings.artist_picture_names))),
            tuple(each.lower() for each in listed(settings.cover_refused)),
        )


def _pattern(name: str) -> str:
    """``Front*`` as a LIKE pattern; keys hold neither punctuation nor symbols, so nothing has to be escaped."""
    if name == CoverRules.TITLE:
        return name
    return "%".join(picture_key(part) for part in name.split("*"))
