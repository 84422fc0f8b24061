"""APEv2 tags: Monkey's Audio, Musepack, WavPack, and behind the audio of MP3.

Here: the names that only APEv2 uses and the reading of a tag at the end of a file.
Not here: the streams of these formats (see ``streams``).
"""

from __future__ import annotations

from functools import partial

from .collector import Picture, TagCollector
from .id3 import read_id3v1
from .names import canonical_name
from .parsers import parser
from .source import Source

NAMES: dict[str, str] = {
    "track": "tracknumber",
    "disc": "discnumber",
    "year": "date",
    "mixartist": "remixer",
    "weblink": "website",
}

RANK_BEHIND_ID3V2 = 20
_COVER_PREFIX = "cover art"
_FRONT = 3
_TAIL_SIZE = 160
_BINARY = 1


def read_tail_tags(source: Source, tags: TagCollector, rank: int = 0) -> None:
    """Collect the APEv2 and ID3v1 tags at the end of the file; damaged ones are noted."""
    source.seek(max(0, source.file_size - _TAIL_SIZE))
    tail = source.read(_TAIL_SIZE)
    if b"APETAGEX" in tail or b"LYRICS200" in tail:
        read_apev2(source, tags, rank)
    if tail[-128:-125] == b"TAG":
        read_id3v1(tail, tags)


def _picture(key: str, value: bytes) -> Picture:
    """The item holds a file name, a NUL, and the picture; its key says which it is."""
    name, _, data = value.partition(b"\0")
    is_front = key.lower().removeprefix(_COVER_PREFIX).strip() in ("", "(front)")
    return _FRONT if is_front else None, data or name


def read_apev2(source: Source, tags: TagCollector, rank: int = 0) -> None:
    apev2 = parser("apev2")
    source.seek(0)
    try:
        items = list(apev2.APEv2(source).items())
    except apev2.APENoHeaderError:
        return
    except Exception as error:
        tags.damaged("APEv2", error)
        return
    for key, value in items:
        if value.kind == _BINARY:
            if key.lower().startswith(_COVER_PREFIX):
                tags.add_picture(key, len(value.value), partial(_picture, key, value.value))
            else:
                tags.add_binary(key, len(value.value))
            continue
        found = canonical_name(key, NAMES)
        if found is None:
            tags.add(key, (value.value,))
        else:
            tags.add(key, (value.value,), found[0], rank + found[1])
