"""Audio files of every format and the tags other tools write into them, for the tests of the identity.

Here: encoding, hand-made files where no encoder is at hand, tagging with mutagen. Not here: tests.
"""

# mutagen is typed only in parts.
# mypy: disable-error-code="no-untyped-call,attr-defined"

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import mutagen
import mutagen.aiff
import mutagen.apev2
import mutagen.asf
import mutagen.dsdiff
import mutagen.dsf
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.oggflac
import mutagen.oggopus
import mutagen.oggspeex
import mutagen.oggvorbis
import mutagen.wave
import numpy as np
from mutagen.ogg import OggPage

# ------------------------------------------------------------------- files

ENCODED: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", {"b": "320000"}),
    "flac": ("flac", "flac", {}),
    "oga": ("ogg", "flac", {}),
    "ogg": ("ogg", "vorbis", {"strict": "experimental", "b": "400000"}),
    "opus": ("opus", "libopus", {"b": "500000"}),
    "m4a": ("ipod", "aac", {"b": "400000"}),
    "wav": ("wav", "pcm_s16le", {}),
    "aiff": ("aiff", "pcm_s16be", {}),
    "wma": ("asf", "wmav2", {"b": "192000"}),
    "aac": ("adts", "aac", {"b": "400000"}),
    "tta": ("tta", "tta", {}),
    "wv": ("wv", "wavpack", {}),
}

MP4_LAYOUTS = {
    "faststart": {"movflags": "+faststart"},
    "fragmented": {"movflags": "+frag_keyframe+empty_moov", "frag_duration": "20000"},
}


def encode(
    path: Path, kind: str, seconds: float, seed: int = 1, container_options: dict[str, str] | None = None
) -> None:
    container_format, codec, options = ENCODED[kind]
    rate = 48000
    noise = np.random.default_rng(seed).integers(-20000, 20000, (1, int(rate * seconds) * 2), dtype=np.int16)
    with av.open(path, "w", format=container_format, options=container_options or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="stereo")
        frame.rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout="stereo",
            rate=rate,
            frame_size=stream.frame_size or 1024,
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        # FLAC ends with a packet of side data only, which the Ogg muxer refuses.
        container.mux([packet for packet in stream.encode(None) if packet.size or kind != "oga"])


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def dsf(audio: bytes) -> bytes:
    size = 28 + 52 + 12 + len(audio)
    return (
        struct.pack("<4sQQQ", b"DSD ", 28, size, 0)
        + struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 2, 2, 2822400, 1, len(audio) * 4, 4096, 0)
        + struct.pack("<4sQ", b"data", 12 + len(audio))
        + audio
    )


def dsdiff(audio: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack(">Q", len(body)) + body + b"\0" * (len(body) % 2)

    properties = b"SND " + chunk(b"FS  ", struct.pack(">I", 2822400))
    properties += chunk(b"CHNL", struct.pack(">H", 2) + b"SLFTSRGT")
    properties += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    body = b"DSD " + chunk(b"FVER", bytes([1, 5, 0, 0])) + chunk(b"PROP", properties) + chunk(b"DSD ", audio)
    return b"FRM8" + struct.pack(">Q", len(body)) + body


def speex(audio: bytes) -> bytes:
    first = b"Speex   " + b"1.2".ljust(20, b"\0") + struct.pack("<IIIIIIiIIIIII", 1, 80, 16000, 1, 4, 1, -1,
        320, 0, 1, 0, 0, 0)  # fmt: skip
    comments = struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)
    pages = [OggPage(), OggPage()]
    pages[0].packets, pages[0].first = [first], True
    pages[1].packets = [comments]
    for number, at in enumerate(range(0, len(audio), 4000), 1):
        page = OggPage()
        page.packets, page.position = (
            [audio[at : at + 250] for at in range(at, at + 4000, 250)],
            number * 5120,
        )
        pages.append(page)
    for number, page in enumerate(pages):
        page.serial, page.sequence = 77, number
    pages[-1].last = True
    return b"".join(page.write() for page in pages)


CRAFTED: dict[str, Callable[[bytes], bytes]] = {
    "dsf": dsf,
    "dff": dsdiff,
    "spx": speex,
    "ape": lambda audio: b"MAC \x96\x0f\0\0" + audio,
    "mpc": lambda audio: b"MPCKSH" + audio,
}


# -------------------------------------------------------------------- tags

PICTURE = noise(700_000, seed=2)


def id3_tag(tag: Any, text: str, picture: bytes | None) -> None:
    tag.add(mutagen.id3.TIT2(encoding=3, text=[text]))
    if picture is not None:
        tag.add(mutagen.id3.APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=picture))


def write_id3(path: Path, text: str, picture: bytes | None) -> None:
    tag = mutagen.id3.ID3()
    id3_tag(tag, text, picture)
    tag.save(path, v1=2)


def write_ape(path: Path, text: str, picture: bytes | None) -> None:
    tag = mutagen.apev2.APEv2()
    tag["Title"] = text
    if picture is not None:
        tag["Cover Art (Front)"] = mutagen.apev2.APEValue(picture, mutagen.apev2.BINARY)
    tag.save(path)


def write_file(path: Path, text: str, picture: bytes | None) -> None:
    """Tags in the format's own way, through mutagen."""
    kinds: dict[str, type[Any]] = {
        ".flac": mutagen.flac.FLAC, ".oga": mutagen.oggflac.OggFLAC, ".ogg": mutagen.oggvorbis.OggVorbis,
        ".opus": mutagen.oggopus.OggOpus, ".spx": mutagen.oggspeex.OggSpeex, ".m4a": mutagen.mp4.MP4,
        ".wav": mutagen.wave.WAVE, ".aiff": mutagen.aiff.AIFF, ".wma": mutagen.asf.ASF,
        ".dsf": mutagen.dsf.DSF, ".dff": mutagen.dsdiff.DSDIFF,
    }  # fmt: skip
    file = kinds[path.suffix](path)
    if path.suffix in (".wav", ".aiff", ".dsf", ".dff"):
        if file.tags is None:
            file.add_tags()
        id3_tag(file.tags, text, picture)
    elif path.suffix == ".m4a":
        file["©nam"] = [text]
        if picture is not None:
            file["covr"] = [mutagen.mp4.MP4Cover(picture)]
    elif path.suffix == ".wma":
        file["Title"] = [text]
        if picture is not None:
            file["WM/Picture"] = [mutagen.asf.ASFByteArrayAttribute(picture)]
    else:
        file["title"] = [text]
        if picture is not None and path.suffix == ".flac":
            block = mutagen.flac.Picture()
            block.data, block.mime = picture, "image/jpeg"
            file.add_picture(block)
        elif picture is not None:
            file["metadata_block_picture"] = [picture.hex()]
    file.save()


def clear_file(path: Path) -> None:
    """Every tag removed in the format's own way."""
    mutagen.File(path).delete()
    if path.suffix == ".flac":
        file = mutagen.flac.FLAC(path)
        file.clear_pictures()
        file.save(padding=lambda info: 0)


def surroundings(kind: str) -> list[Callable[[Path, str, bytes | None], None]]:
    if kind in ("mp3", "aac", "tta"):
        return [write_id3, write_ape]
    if kind in ("wv", "ape", "mpc"):
        return [write_ape, write_id3]
    return [write_file, write_id3] if kind == "flac" else [write_file]


def copy_of(original: Path, folder: Path) -> Path:
    path = folder / original.name
    path.write_bytes(original.read_bytes())
    return path
