"""Lossless and hybrid streams with their own header: Monkey's Audio, Musepack, WavPack, True Audio.

Here: their stream properties.
Not here: their tags (see ``ape`` and ``id3``).
"""

from __future__ import annotations

from typing import Any, Final

from .ape import RANK_BEHIND_ID3V2, read_tail_tags
from .collector import TagCollector
from .model import AudioProperties, UnreadableFile
from .parsers import parser
from .properties import checked_properties
from .signature import Identity
from .source import Source

_APE_HEADER_SIZE: Final = 76
_TTA_HEADER_SIZE: Final = 22
_WAVPACK_HEADER_SIZE: Final = 32
_MPC_HEADER_SIZE: Final = 32
_MAX_MPC_PACKETS: Final = 64
_SMALLEST_MPC_PACKET: Final = 3


def _finish(
    source: Source, tags: TagCollector, info: Any, file_type: str, codec: str, **more: float
) -> AudioProperties:
    audio = checked_properties(
        file_type=file_type,
        codec=codec,
        duration=info.length,
        file_size=source.file_size,
        sample_rate=info.sample_rate,
        **more,
    )
    read_tail_tags(source, tags, RANK_BEHIND_ID3V2)
    return audio


def _require_audio(source: Source, header_size: int) -> None:
    if source.file_size <= header_size:
        raise UnreadableFile("corrupt", "the file ends before the audio")
    source.seek(0)


def read_ape(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    _require_audio(source, _APE_HEADER_SIZE)
    info = parser("monkeysaudio").MonkeysAudioInfo(source)
    return _finish(source, tags, info, "ape", "ape", channels=info.channels, bits=info.bits_per_sample)


def read_wavpack(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    _require_audio(source, _WAVPACK_HEADER_SIZE)
    info = parser("wavpack").WavPackInfo(source)
    return _finish(source, tags, info, "wavpack", "wavpack", channels=info.channels, bits=info.bits_per_sample)


def read_tta(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    _require_audio(source, _TTA_HEADER_SIZE)
    header = source.read(_TTA_HEADER_SIZE)
    info = parser("trueaudio").TrueAudioInfo(source, 0)
    channels = int.from_bytes(header[6:8], "little")
    bits = int.from_bytes(header[8:10], "little")
    return _finish(source, tags, info, "tta", "tta", channels=channels, bits=bits)


def read_mpc(source: Source, identity: Identity, tags: TagCollector) -> AudioProperties:
    _require_audio(source, _MPC_HEADER_SIZE)
    if identity.head.startswith(b"MPCK"):
        _check_mpc_packets(source)
        source.seek(0)
    info = parser("musepack").MusepackInfo(source)
    return _finish(source, tags, info, "mpc", "musepack", channels=info.channels, bitrate=info.bitrate)


def _check_mpc_packets(source: Source) -> None:
    """Refuse packets smaller than their own header: mutagen 1.48 would step back on them for ever."""
    source.seek(4)
    for _ in range(_MAX_MPC_PACKETS):
        position = source.tell()
        key = source.read(2)
        size = 0
        while byte := source.read(1):
            size = size << 7 | byte[0] & 0x7F
            if not byte[0] & 0x80 or size > source.file_size:
                break
        if len(key) < 2 or key in (b"AP", b"SE"):
            return
        if size < _SMALLEST_MPC_PACKET:
            raise UnreadableFile("corrupt", "a Musepack packet smaller than its header")
        source.seek(position + min(size, source.file_size))
    raise UnreadableFile("corrupt", "too many Musepack packets before the audio")
