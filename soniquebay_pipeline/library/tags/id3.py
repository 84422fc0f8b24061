"""ID3v1 and ID3v2: MP3, AAC, TTA, DSF, and chunks of WAV, AIFF and DFF.

Here: the table of frames and the reading of frames whose value is more than a text.
Not here: finding frames in the bytes (see ``id3_frames``), the names inside TXXX (see ``names``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .collector import TagCollector
from .id3_frames import parse_frames
from .names import canonical_name
from .parsers import parser
from .source import Source

FRAMES: dict[str, str] = {
    "TIT2": "title",
    "TPE1": "artist",
    "TALB": "album",
    "TPE2": "albumartist",
    "TCOM": "composer",
    "TEXT": "lyricist",
    "TPE3": "conductor",
    "TPE4": "remixer",
    "TRCK": "tracknumber",
    "TPOS": "discnumber",
    "TSST": "discsubtitle",
    "TDRC": "date",
    "TDOR": "originaldate",
    "TDRL": "releasedate",
    "TOAL": "originalalbum",
    "TOPE": "originalartist",
    "TMOO": "mood",
    "TCMP": "compilation",
    "TBPM": "bpm",
    "TKEY": "key",
    "TSRC": "isrc",
    "TPUB": "label",
    "TMED": "media",
    "TLAN": "language",
    "TIT1": "grouping",
    "GRP1": "grouping",
    "TIT3": "subtitle",
    "MVNM": "movement",
    "MVIN": "movementnumber",
    "TCOP": "copyright",
    "TENC": "encodedby",
    "TSSE": "encodersettings",
    "TSOT": "titlesort",
    "TSOP": "artistsort",
    "TSOA": "albumsort",
    "TSO2": "albumartistsort",
    "TSOC": "composersort",
    "WCOP": "license",
    "WOAR": "website",
}

ROLES: dict[str, str] = {
    "arranger": "arranger",
    "engineer": "engineer",
    "producer": "producer",
    "mix": "mixer",
    "mixer": "mixer",
    "dj-mix": "djmixer",
    "djmix": "djmixer",
    "writer": "writer",
    "lyricist": "lyricist",
    "composer": "composer",
    "conductor": "conductor",
    "remixer": "remixer",
    "director": "director",
}

_RANK_OWN = 0
_RANK_OLD_FRAME = 1
_RANK_OTHER_FORM = 2
RANK_ID3V1 = 40
_MUSICBRAINZ_OWNER = "http://musicbrainz.org"
_GAIN_CONTEXTS = {"track": "track", "album": "album"}
_ID3V1_NAMES = {
    "TIT2": "title",
    "TPE1": "artist",
    "TALB": "album",
    "TDRC": "date",
    "TRCK": "tracknumber",
    "TCON": "genre",
    "COMM": "comment",
}


def read_id3v2(source: Source, offset: int, tags: TagCollector, rank: int = 0) -> None:
    """Collect the ID3v2 tag at ``offset``; a damaged tag is noted, never raised."""
    try:
        texts, frames = parse_frames(source, offset, tags)
    except Exception as error:
        tags.damaged("tags", error)
        return
    for text in texts:
        _collect_text(text.name, text.description, text.texts, tags, rank)
    for frame in frames:
        try:
            _collect_frame(frame, tags, rank)
        except Exception as error:
            tags.damaged(str(frame.FrameID), error)
    _collect_old_dates(tags, rank)


def _collect_text(name: str, description: str, texts: list[str], tags: TagCollector, rank: int) -> None:
    if name == "TXXX":
        found = canonical_name(description)
        key = f"TXXX:{description}"
        if found is None:
            tags.add(key, texts)
        else:
            tags.add(key, texts, found[0], rank + _RANK_OTHER_FORM + found[1])
    elif name == "TCON":
        tags.add(name, texts)
        _assign_derived("genre", _genre_names(texts), name, tags, rank)
    else:
        tags.add(name, texts, FRAMES.get(name), rank)


def _genre_names(texts: list[str]) -> list[str]:
    """Genres with the numbers of ID3v1 resolved, in all spellings that ID3v2 allows."""
    if not any(text[:1] == "(" or text in ("RX", "CR") or text.isdecimal() for text in texts):
        return texts
    try:
        genres: list[str] = parser("id3").TCON(encoding=3, text=texts).genres
    except ValueError:
        # Digits outside ASCII, or more of them than Python converts.
        return texts
    return genres


def _collect_frame(frame: Any, tags: TagCollector, rank: int) -> None:
    frame_id = frame.FrameID
    special = _SPECIAL.get(frame_id)
    if special is not None:
        special(frame, tags, rank)
    elif frame_id[0] == "T" or (frame_id in FRAMES and hasattr(frame, "text")):
        _collect_text(frame_id, getattr(frame, "desc", ""), _texts(frame), tags, rank)
    elif hasattr(frame, "url"):
        tags.add(frame.HashKey, (frame.url,), FRAMES.get(frame_id), rank)
    elif isinstance(getattr(frame, "data", None), bytes):
        tags.add_binary(frame.HashKey, len(frame.data))
    else:
        tags.add(frame_id, (f"<{frame_id}>",))


def _texts(frame: Any) -> list[str]:
    """The values of a text frame; time stamps are objects with a text of their own."""
    return [value if type(value) is str else str(getattr(value, "text", value)) for value in frame.text]


def _collect_comment(frame: Any, tags: TagCollector, rank: int) -> None:
    key = f"COMM:{frame.desc}:{frame.lang}"
    # A described comment is a program's own (iTunNORM, MusicMatch_Mood ...), not the person's.
    tags.add(key, _texts(frame), None if frame.desc else "comment", rank)


def _collect_lyrics(frame: Any, tags: TagCollector, rank: int) -> None:
    tags.add(f"USLT:{frame.desc}:{frame.lang}", (frame.text,), "lyrics", rank)


def _collect_timed_lyrics(frame: Any, tags: TagCollector, rank: int) -> None:
    tags.add(f"SYLT:{frame.desc}:{frame.lang}", ("\n".join(str(text) for text, _ in frame.text),))


def _collect_owner_id(frame: Any, tags: TagCollector, rank: int) -> None:
    key = f"UFID:{frame.owner}"
    try:
        text = frame.data.decode("ascii").strip("\0 ")
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text:
        tags.add_binary(key, len(frame.data))
        return
    recording = frame.owner.rstrip("/").lower() == _MUSICBRAINZ_OWNER
    tags.add(key, (text,), "musicbrainz_recordingid" if recording else None, rank)


def _collect_people(frame: Any, tags: TagCollector, rank: int) -> None:
    credits = [(str(pair[0]), str(pair[1])) for pair in frame.people if len(pair) == 2]
    tags.add(frame.FrameID, [f"{role}: {person}" for role, person in credits])
    by_field: dict[str, list[str]] = {}
    for role, person in credits:
        name = ROLES.get(role.strip().lower())
        if name is not None:
            by_field.setdefault(name, []).append(person)
        else:
            # As Vorbis comments write a performer.
            instrument = "" if role.strip().lower() in ("", "performer") else f" ({role})"
            by_field.setdefault("performer", []).append(person + instrument)
    for name, people in by_field.items():
        _assign_derived(name, people, "people", tags, rank)


def _collect_gain(frame: Any, tags: TagCollector, rank: int) -> None:
    tags.add(f"RVA2:{frame.desc}", (f"{frame.gain:+.2f} dB, peak {frame.peak:.6f}",))
    context = _GAIN_CONTEXTS.get(frame.desc.lower())
    if context is not None:
        worse = rank + 2 * _RANK_OTHER_FORM
        key = f"RVA2:{frame.desc}"
        _assign_derived(f"replaygain_{context}_gain", [f"{frame.gain:.2f} dB"], key, tags, worse)
        if frame.peak > 0:
            _assign_derived(f"replaygain_{context}_peak", [f"{frame.peak:.6f}"], key, tags, worse)


def _collect_rating(frame: Any, tags: TagCollector, rank: int) -> None:
    tags.add(f"POPM:{frame.email}", (f"{frame.rating}/255, played {getattr(frame, 'count', 0)}",))


def _collect_count(frame: Any, tags: TagCollector, rank: int) -> None:
    tags.add("PCNT", (str(frame.count),))


_SPECIAL = {
    "COMM": _collect_comment,
    "USLT": _collect_lyrics,
    "SYLT": _collect_timed_lyrics,
    "UFID": _collect_owner_id,
    "TIPL": _collect_people,
    "IPLS": _collect_people,
    "TMCL": _collect_people,
    "RVA2": _collect_gain,
    "POPM": _collect_rating,
    "PCNT": _collect_count,
}


def _assign_derived(name: str, texts: Sequence[str], key: str, tags: TagCollector, rank: int) -> None:
    """Give a field values made from a frame rather than copied: cleaned through a key of their own."""
    scratch = TagCollector()
    scratch.add(key, texts)
    tags.assign(name, scratch.raw.get(key, ()), key, rank)


def _collect_old_dates(tags: TagCollector, rank: int) -> None:
    """The date that ID3v2.3 spreads over TYER and TDAT, and the original year."""
    years = tags.raw.get("TYER")
    if years:
        year, day = years[0].strip(), tags.raw.get("TDAT", [""])[0].strip()
        complete = len(day) == 4 and day.isdecimal() and len(year) == 4 and year.isdecimal()
        date = f"{year}-{day[2:]}-{day[:2]}" if complete else year
        tags.assign("date", [date], "TYER", rank + _RANK_OLD_FRAME)
    original = tags.raw.get("TORY")
    if original:
        tags.assign("originaldate", original, "TORY", rank + _RANK_OLD_FRAME)


def read_id3v1(tail: bytes, tags: TagCollector) -> None:
    """Collect the ID3v1 tag in the last 128 bytes; it only fills what no other tag states."""
    try:
        frames = parser("id3").ParseID3v1(tail[-128:]) or {}
        for frame in frames.values():
            name = _ID3V1_NAMES.get(frame.FrameID)
            if name is None:
                continue
            texts = frame.genres if name == "genre" else _texts(frame)
            tags.add(f"ID3v1:{name}", texts, name, RANK_ID3V1)
    except Exception as error:
        tags.damaged("ID3v1", error)
