"""Writes tags into encoded audio, with the frames, fields and atoms that taggers use.

The names are those of MusicBrainz Picard's tag mapping. Here: one description of tags and its
writing for each format, all in memory. Not here: reading tags (``library.tags``), encoding (``writing``).
"""

from __future__ import annotations

import base64
import importlib
import io
from dataclasses import dataclass
from typing import Any

MUSICBRAINZ_OWNER = "http://musicbrainz.org"
ITUNES = "----:com.apple.iTunes:"


@dataclass(frozen=True, slots=True)
class Tags:
    """What is to stand in the tags, as written; empty means the field is absent."""

    title: str = ""
    artist: tuple[str, ...] = ()
    artists: tuple[str, ...] = ()
    """Picard's ARTISTS: each credited name by itself."""
    album: str = ""
    album_artist: str = ""
    date: str = ""
    track: int = 0
    track_total: int = 0
    disc: int = 0
    disc_total: int = 0
    genres: tuple[str, ...] = ()
    compilation: bool = False
    bpm: int = 0
    key: str = ""
    recording_id: str = ""
    release_id: str = ""
    artist_ids: tuple[str, ...] = ()
    album_artist_ids: tuple[str, ...] = ()
    picture: bytes = b""
    """A JPEG."""
    id3_version: int = 4
    id3v1: bool = False


def with_tags(audio: bytes, file_format: str, tags: Tags) -> bytes:
    """The same audio with the tags in it; ``file_format`` is mp3, flac, ogg, opus, m4a or wav."""
    stream = io.BytesIO(audio)
    _WRITERS[file_format](stream, tags)
    return stream.getvalue()


def _mutagen(module: str) -> Any:
    """One of mutagen's modules, which are typed in parts only; loaded when tags are first written."""
    return importlib.import_module(f"mutagen.{module}")


def _of_total(number: int, total: int) -> str:
    return f"{number}/{total}" if total else str(number)


def _id3_frames(tags: Tags) -> list[Any]:
    id3 = _mutagen("id3")
    frames: list[Any] = []

    def text(frame: Any, *values: str) -> None:
        if any(values):
            frames.append(frame(encoding=_encoding(tags), text=list(values)))

    def extra(description: str, *values: str) -> None:
        if any(values):
            frames.append(id3.TXXX(encoding=_encoding(tags), desc=description, text=list(values)))

    text(id3.TIT2, tags.title)
    text(id3.TPE1, *tags.artist)
    text(id3.TALB, tags.album)
    text(id3.TPE2, tags.album_artist)
    text(id3.TDRC, tags.date)
    text(id3.TRCK, _of_total(tags.track, tags.track_total) if tags.track else "")
    text(id3.TPOS, _of_total(tags.disc, tags.disc_total) if tags.disc else "")
    text(id3.TCON, *tags.genres)
    text(id3.TCMP, "1" if tags.compilation else "")
    text(id3.TBPM, str(tags.bpm) if tags.bpm else "")
    text(id3.TKEY, tags.key)
    extra("ARTISTS", *tags.artists)
    extra("MusicBrainz Album Id", tags.release_id)
    extra("MusicBrainz Artist Id", *tags.artist_ids)
    extra("MusicBrainz Album Artist Id", *tags.album_artist_ids)
    if tags.recording_id:
        frames.append(id3.UFID(owner=MUSICBRAINZ_OWNER, data=tags.recording_id.encode()))
    if tags.picture:
        frames.append(id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="Front", data=tags.picture))
    return frames


def _encoding(tags: Tags) -> int:
    """UTF-16 in v2.3, which has no UTF-8; UTF-8 in v2.4."""
    return 1 if tags.id3_version == 3 else 3


def _write_mp3(stream: io.BytesIO, tags: Tags) -> None:
    header = _mutagen("id3").ID3()
    for frame in _id3_frames(tags):
        header.add(frame)
    if tags.id3_version == 3:
        header.update_to_v23()
    if not header and not tags.id3v1:
        return
    header.save(stream, v1=2 if tags.id3v1 else 0, v2_version=tags.id3_version)


def _write_wav(stream: io.BytesIO, tags: Tags) -> None:
    wave = _mutagen("wave").WAVE(stream)
    frames = _id3_frames(tags)
    if not frames:
        return
    wave.add_tags()
    for frame in frames:
        wave.tags.add(frame)
    stream.seek(0)
    wave.save(stream)


def _comments(tags: Tags) -> dict[str, list[str]]:
    """Vorbis comments; MUSICBRAINZ_TRACKID holds the recording, as Picard writes it."""
    fields: dict[str, list[str]] = {
        "title": [tags.title],
        "artist": list(tags.artist),
        "artists": list(tags.artists),
        "album": [tags.album],
        "albumartist": [tags.album_artist],
        "date": [tags.date],
        "tracknumber": [str(tags.track or "")],
        "tracktotal": [str(tags.track_total or "")],
        "discnumber": [str(tags.disc or "")],
        "disctotal": [str(tags.disc_total or "")],
        "genre": list(tags.genres),
        "compilation": ["1" if tags.compilation else ""],
        "bpm": [str(tags.bpm or "")],
        "key": [tags.key],
        "musicbrainz_trackid": [tags.recording_id],
        "musicbrainz_albumid": [tags.release_id],
        "musicbrainz_artistid": list(tags.artist_ids),
        "musicbrainz_albumartistid": list(tags.album_artist_ids),
    }
    return {name: values for name, values in fields.items() if any(values)}


def _flac_picture(tags: Tags) -> Any:
    picture = _mutagen("flac").Picture()
    picture.type, picture.mime, picture.desc, picture.data = 3, "image/jpeg", "Front", tags.picture
    return picture


def _write_flac(stream: io.BytesIO, tags: Tags) -> None:
    file = _mutagen("flac").FLAC(stream)
    if file.tags is not None:
        file.tags.clear()  # the encoder leaves a comment of its own
    file.update(_comments(tags))
    if tags.picture:
        file.add_picture(_flac_picture(tags))
    _save(file, stream)


def _write_ogg(stream: io.BytesIO, tags: Tags) -> None:
    opus = b"OpusHead" in stream.getvalue()[:64]
    file = _mutagen("oggopus").OggOpus(stream) if opus else _mutagen("oggvorbis").OggVorbis(stream)
    file.tags.clear()
    file.update(_comments(tags))
    if tags.picture:
        file["metadata_block_picture"] = [base64.b64encode(_flac_picture(tags).write()).decode("ascii")]
    _save(file, stream)


def _write_m4a(stream: io.BytesIO, tags: Tags) -> None:
    mp4 = _mutagen("mp4")
    file = mp4.MP4(stream)
    if file.tags is None:
        file.add_tags()
    file.tags.clear()
    atoms: dict[str, Any] = {
        "\xa9nam": [tags.title] if tags.title else [],
        "\xa9ART": list(tags.artist),
        "\xa9alb": [tags.album] if tags.album else [],
        "aART": [tags.album_artist] if tags.album_artist else [],
        "\xa9day": [tags.date] if tags.date else [],
        "trkn": [(tags.track, tags.track_total)] if tags.track else [],
        "disk": [(tags.disc, tags.disc_total)] if tags.disc else [],
        "\xa9gen": list(tags.genres),
        "tmpo": [tags.bpm] if tags.bpm else [],
        "covr": [mp4.MP4Cover(tags.picture, mp4.MP4Cover.FORMAT_JPEG)] if tags.picture else [],
    }
    freeform = {
        "ARTISTS": tags.artists,
        "initialkey": (tags.key,),
        "MusicBrainz Track Id": (tags.recording_id,),
        "MusicBrainz Album Id": (tags.release_id,),
        "MusicBrainz Artist Id": tags.artist_ids,
        "MusicBrainz Album Artist Id": tags.album_artist_ids,
    }
    for name, values in freeform.items():
        atoms[ITUNES + name] = [mp4.MP4FreeForm(value.encode()) for value in values if value]
    file.update({name: values for name, values in atoms.items() if values})
    if tags.compilation:
        file["cpil"] = True
    _save(file, stream)


def _save(file: Any, stream: io.BytesIO) -> None:
    stream.seek(0)
    file.save(stream)


_WRITERS = {
    "mp3": _write_mp3,
    "wav": _write_wav,
    "flac": _write_flac,
    "ogg": _write_ogg,
    "opus": _write_ogg,
    "m4a": _write_m4a,
}
