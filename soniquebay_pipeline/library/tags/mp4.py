"""MP4: atoms of iTunes' item list and the properties of the first audio track.

Here: the table of atoms, free-form atoms, and what mutagen leaves out of damaged lists.
Not here: the names inside free-form atoms (see ``names``).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .collector import Picture, TagCollector
from .model import AudioProperties, UnreadableFile
from .names import canonical_name
from .parsers import parser
from .properties import checked_properties
from .signature import Identity
from .source import Source

ATOMS: dict[str, str] = {
    "\xa9nam": "title",
    "\xa9ART": "artist",
    "aART": "albumartist",
    "\xa9alb": "album",
    "\xa9wrt": "composer",
    "\xa9day": "date",
    "\xa9gen": "genre",
    "\xa9cmt": "comment",
    "\xa9lyr": "lyrics",
    "\xa9grp": "grouping",
    "\xa9too": "encodedby",
    "\xa9wrk": "work",
    "\xa9mvn": "movement",
    "\xa9mvi": "movementnumber",
    "\xa9mvc": "movementtotal",
    "shwm": "showmovement",
    "cprt": "copyright",
    "cpil": "compilation",
    "tmpo": "bpm",
    "sonm": "titlesort",
    "soar": "artistsort",
    "soal": "albumsort",
    "soaa": "albumartistsort",
    "soco": "composersort",
}

PAIRS: dict[str, tuple[str, str]] = {
    "trkn": ("tracknumber", "totaltracks"),
    "disk": ("discnumber", "totaldiscs"),
}

CODECS: dict[str, str] = {
    "mp4a.40": "aac",
    "mp4a.66": "aac",
    "mp4a.67": "aac",
    "mp4a.68": "aac",
    "mp4a.69": "mp3",
    "mp4a.6b": "mp3",
    "mp4a": "aac",
    "alac": "alac",
    "ac-3": "ac3",
    "ec-3": "eac3",
    "ac-4": "ac4",
    "opus": "opus",
    "flac": "flac",
    ".mp3": "mp3",
    "sowt": "pcm",
    "twos": "pcm",
    "lpcm": "pcm",
    "raw ": "pcm",
}

_FREEFORM_PREFIX = "----"
_FREEFORM_RANK = 2
_ITEM_LIST = (b"moov", b"udta", b"meta", b"ilst")
_COVER = b"covr"
_MAX_ATOM_BYTES = 1024 * 1024
_MAX_COVERS = 1000
_DATA_HEADER_SIZE = 16
_ATOM_HEADER_SIZE = 8
_UTF16 = 2
_TEXT_FORMATS = frozenset((0, 1))


def read_mp4(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    mp4 = parser("mp4")
    atoms = mp4.Atoms(source)
    info = mp4.MP4Info()
    try:
        info.load(atoms, source)
    except mp4.MP4NoTrackError as error:
        raise UnreadableFile("no_audio", "an MP4 file without an audio track") from error
    if not info.codec:
        raise UnreadableFile("no_audio", "an MP4 file without an audio track")
    if not any(atom.name == b"mdat" and atom.offset + _ATOM_HEADER_SIZE < source.file_size for atom in atoms.atoms):
        raise UnreadableFile("corrupt", "the file ends before the audio")
    audio = checked_properties(
        file_type="mp4",
        codec=_codec_name(info.codec),
        duration=info.length,
        file_size=source.file_size,
        bitrate=info.bitrate,
        sample_rate=info.sample_rate,
        channels=info.channels,
        bits=info.bits_per_sample,
    )
    try:
        item_list = atoms.path(*_ITEM_LIST)[-1]
    except KeyError:
        return audio
    for key, values in _items(mp4, atoms, item_list, source, tags):
        try:
            _collect(key, values, tags)
        except Exception as error:
            tags.damaged(key, error)
    return audio


def _codec_name(codec: str) -> str:
    folded = codec.lower()
    return CODECS.get(folded) or CODECS.get(folded[:7]) or folded.partition(".")[0].strip()


def _items(mp4: Any, atoms: Any, item_list: Any, source: Source, tags: TagCollector) -> list[tuple[str, Any]]:
    """The items of the list without its pictures; if one breaks the list, the others one by one."""
    item_list.children = [child for child in item_list.children or () if not _left_out(child, source, tags)]
    try:
        loaded = mp4.MP4Tags(atoms, source)
        return list(loaded.items()) + _failed_texts(loaded, tags)
    except Exception as error:
        tags.damaged("tags", error)
    items: list[tuple[str, Any]] = []
    for child in item_list.children:
        item_list.children = [child]
        try:
            items.extend(mp4.MP4Tags(atoms, source).items())
        except Exception as error:
            tags.damaged(child.name.decode("latin-1"), error)
    return items


def _left_out(atom: Any, source: Source, tags: TagCollector) -> bool:
    """Whether an item is not loaded: pictures are counted by their headers."""
    if atom.name == _COVER:
        _count_covers(atom, source, tags)
        return True
    if atom.length > _MAX_ATOM_BYTES:
        tags.note(f"{atom.name.decode('latin-1')}: left out, {atom.length} bytes")
        return True
    return False


def _count_covers(atom: Any, source: Source, tags: TagCollector) -> None:
    position = atom.offset + _ATOM_HEADER_SIZE
    end = min(atom.offset + atom.length, source.file_size)
    for _ in range(_MAX_COVERS):
        if position + _DATA_HEADER_SIZE > end:
            return
        source.seek(position)
        header = source.read(_ATOM_HEADER_SIZE)
        size = int.from_bytes(header[:4], "big")
        if size < _ATOM_HEADER_SIZE:
            return
        if header[4:8] == b"data" and size > _DATA_HEADER_SIZE:
            start = position + _DATA_HEADER_SIZE
            tags.add_picture("covr", size - _DATA_HEADER_SIZE, partial(_read_cover, source, start, position + size))
        position += size


def _read_cover(source: Source, start: int, end: int) -> Picture:
    source.seek(start)
    return None, source.read(end - start)


def _failed_texts(loaded: Any, tags: TagCollector) -> list[tuple[str, list[str]]]:
    """Text atoms that mutagen puts aside because they are not UTF-8: read with U+FFFD instead."""
    rescued = []
    for key, payloads in getattr(loaded, "_failed_atoms", {}).items():
        if key in ATOMS and key not in loaded:
            tags.note(f"{key}: invalid characters replaced")
            texts = [payload[_DATA_HEADER_SIZE:].decode("utf-8", "replace") for payload in payloads]
            rescued.append((key, texts))
        else:
            tags.note(f"{key}: unreadable")
    return rescued


def _collect(key: str, values: Any, tags: TagCollector) -> None:
    if key in PAIRS:
        _collect_pair(key, values, tags)
    elif key.startswith(_FREEFORM_PREFIX):
        _collect_freeform(key, values, tags)
    elif isinstance(values, bool):
        tags.add(key, ("1" if values else "0",), ATOMS.get(key))
    else:
        texts = []
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bytes):
                tags.add_binary(key, len(value))
            else:
                texts.append(str(value))
        tags.add(key, texts, ATOMS.get(key))


def _collect_pair(key: str, pairs: list[tuple[int, int]], tags: TagCollector) -> None:
    tags.add(key, [f"{number}/{total}" if total else str(number) for number, total in pairs])
    number_name, total_name = PAIRS[key]
    number, total = pairs[0]
    if number:
        tags.assign(number_name, [str(number)], key)
    if total:
        tags.assign(total_name, [str(total)], key)


def _collect_freeform(key: str, values: list[Any], tags: TagCollector) -> None:
    # mutagen gives the name's bytes as Latin-1; taggers write UTF-8.
    key = key.encode("latin-1", "replace").decode("utf-8", "replace")
    texts = []
    for value in values:
        text = _freeform_text(value)
        if text is None:
            tags.add_binary(key, len(value))
        else:
            texts.append(text)
    found = canonical_name(key.split(":", 2)[-1])
    if found is None:
        tags.add(key, texts)
    else:
        tags.add(key, texts, found[0], _FREEFORM_RANK + found[1])


def _freeform_text(value: Any) -> str | None:
    """The text of a free-form value; None where it is declared or found to be something else."""
    data = bytes(value)
    if value.dataformat == _UTF16:
        return data.decode("utf-16-be", "replace")
    if value.dataformat not in _TEXT_FORMATS:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace") if value.dataformat == 1 else None
