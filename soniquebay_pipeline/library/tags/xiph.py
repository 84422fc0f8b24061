"""The containers of Xiph: FLAC, and Ogg with Vorbis, Opus, Speex or FLAC inside.

Here: finding stream properties and the comment list, also where the comment list is damaged.
Not here: the meaning of comments (see ``vorbis``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from .collector import Picture, TagCollector
from .model import AudioProperties, UnreadableFile
from .parsers import parser
from .properties import checked_properties
from .signature import Identity
from .source import Source
from .vorbis import collect_comments

_OPUS_SAMPLE_RATE_HZ = 48_000
_STREAMINFO_SIZE = 34
_FLAC_MARK_SIZE = 4
_MAX_BLOCKS = 1000


@cache
def _flac_without_pictures() -> Any:
    """mutagen's FLAC reader, but pictures are stepped over instead of loaded."""
    flac = parser("flac")

    class PictureHeader(flac.MetadataBlock):  # type: ignore[misc, name-defined]
        code = flac.Picture.code
        _distrust_size = True

        def load(self, data: Any) -> None:
            head = data.read(8)
            self.type = int.from_bytes(head[:4], "big")
            data.seek(int.from_bytes(head[4:], "big"), 1)
            data.seek(int.from_bytes(data.read(4), "big"), 1)
            self.data_size = int.from_bytes(data.read(20)[16:], "big")
            self.data_offset = data.tell()
            data.seek(self.data_size, 1)

    class FlacWithoutPictures(flac.FLAC):  # type: ignore[misc, name-defined]
        METADATA_BLOCKS = [  # noqa: RUF012 - mutagen's own attribute
            PictureHeader if block is flac.Picture else block for block in flac.FLAC.METADATA_BLOCKS
        ]

    return FlacWithoutPictures


def read_flac(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    source.seek(0)
    try:
        file = _flac_without_pictures()(source)
    except Exception as error:
        tags.damaged("tags", error)
        info, payload = _flac_streaminfo(source)
    else:
        info = file.info
        payload = info.bitrate * info.length / 8
        for picture in file.pictures:
            read = partial(_read_picture, source, picture)
            tags.add_picture("METADATA_BLOCK_PICTURE", picture.data_size, read)
        if file.tags is not None:
            collect_comments(file.tags, tags)
    if info.length and payload < 1:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    return checked_properties(
        file_type="flac",
        codec="flac",
        duration=info.length,
        file_size=int(payload),
        sample_rate=info.sample_rate,
        channels=info.channels,
        bits=info.bits_per_sample,
    )


def _read_picture(source: Source, header: Any) -> Picture:
    source.seek(header.data_offset)
    return header.type, source.read(header.data_size)


def _flac_streaminfo(source: Source) -> tuple[Any, float]:
    """The stream's properties and the size of its audio, from the block headers alone."""
    info = None
    position = _FLAC_MARK_SIZE
    for _ in range(_MAX_BLOCKS):
        source.seek(position)
        header = source.read(4)
        if len(header) < 4:
            break
        size = int.from_bytes(header[1:], "big")
        if header[0] & 0x7F == 0 and info is None:
            info = parser("flac").StreamInfo(source.read(_STREAMINFO_SIZE))
        position += 4 + size
        if header[0] & 0x80:
            break
    if info is None:
        raise UnreadableFile("corrupt", "a FLAC file without STREAMINFO")
    # A damaged block may state any size, so the audio counts as present if there are bytes at all.
    payload = source.file_size - min(position, source.file_size)
    if payload <= 0:
        payload = source.file_size - (_FLAC_MARK_SIZE + 4 + _STREAMINFO_SIZE)
    return info, float(payload)


@dataclass(frozen=True, slots=True)
class OggKind:
    """One codec in Ogg: mutagen's module and class, and what the catalogue calls it."""

    mark: bytes
    module: str
    reader: str
    info: str
    file_type: str
    codec: str


OGG_KINDS: tuple[OggKind, ...] = (
    OggKind(b"\x01vorbis", "oggvorbis", "OggVorbis", "OggVorbisInfo", "ogg", "vorbis"),
    OggKind(b"OpusHead", "oggopus", "OggOpus", "OggOpusInfo", "opus", "opus"),
    OggKind(b"\x7fFLAC", "oggflac", "OggFLAC", "OggFLACStreamInfo", "ogg", "flac"),
    OggKind(b"Speex   ", "oggspeex", "OggSpeex", "OggSpeexInfo", "speex", "speex"),
)


def read_ogg(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    kind = next((kind for kind in OGG_KINDS if kind.mark in identity.head), None)
    if kind is None:
        raise UnreadableFile("no_audio", "an Ogg file without a Vorbis, Opus, FLAC or Speex stream")
    module = parser(kind.module)
    source.seek(0)
    try:
        file = getattr(module, kind.reader)(source)
    except Exception as error:
        tags.damaged("tags", error)
        source.seek(0)
        info = getattr(module, kind.info)(source)
        info._post_tags(source)
    else:
        info = file.info
        collect_comments(file.tags, tags)
    is_opus = kind.codec == "opus"
    return checked_properties(
        file_type=kind.file_type,
        codec=kind.codec,
        duration=max(0.0, info.length),
        file_size=source.file_size,
        bitrate=getattr(info, "bitrate", None),
        sample_rate=_OPUS_SAMPLE_RATE_HZ if is_opus else info.sample_rate,
        channels=info.channels,
        bits=getattr(info, "bits_per_sample", None),
    )
