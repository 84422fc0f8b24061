"""Bytes of damaged and odd audio files.

Every good part is real audio of its own, so that no two files count as copies of one another. Here:
bytes only. Not here: names, folders and what is expected (``hostile``).
"""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import numpy as np

from soniquebay_pipeline.demo.tagging import Tags, with_tags
from soniquebay_pipeline.demo.writing import cover_jpeg, encode

SAMPLE_RATE = 16_000
HUGE_PICTURE = 30 * 1024 * 1024
LONG_TEXT = 1024 * 1024


class Clips:
    """Short clips, a new one with each call, the same ones in each run."""

    def __init__(self) -> None:
        self._made = 0

    def samples(self, seconds: float = 0.7) -> np.ndarray:
        self._made += 1
        rng = np.random.default_rng([77, self._made])
        time = np.arange(int(SAMPLE_RATE * seconds), dtype=np.float32) / SAMPLE_RATE
        tone = 0.4 * np.sin(2 * np.pi * (200 + 20 * self._made) * time)
        return (tone + 0.1 * rng.standard_normal(len(time))).astype(np.float32)[:, None]

    def plain(self, file_format: str, seconds: float = 0.7) -> bytes:
        """Audio without tags."""
        return with_tags(encode(self.samples(seconds), SAMPLE_RATE, file_format), file_format, Tags())

    def song(self, file_format: str, title: str, seconds: float = 0.7, **tags: Any) -> bytes:
        """Audio with ordinary tags."""
        fields: dict[str, Any] = {"artist": ("Hostile Witness",), "album": "Corpus", "track": 1, **tags}
        audio = encode(self.samples(seconds), SAMPLE_RATE, file_format)
        return with_tags(audio, file_format, Tags(title=title, **fields))


def syncsafe(number: int) -> bytes:
    """A size as ID3v2.4 writes it: seven bits a byte."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3_header(body: bytes, declared: int | None = None) -> bytes:
    """An ID3v2.4 tag around frames, with its size or another one declared."""
    return b"ID3\x04\x00\x00" + syncsafe(len(body) if declared is None else declared) + body


def id3_frame(name: bytes, content: bytes) -> bytes:
    return name + syncsafe(len(content)) + b"\x00\x00" + content


def mp3_with_surrogate(clips: Clips) -> bytes:
    """A UTF-16 title with the first half of a pair and no second one."""
    text = b"\x01\xff\xfe" + "Half ".encode("utf-16-le") + b"\x3d\xd8" + " pair".encode("utf-16-le")
    frames = id3_frame(b"TIT2", text) + id3_frame(b"TPE1", b"\x03Hostile Witness")
    return id3_header(frames) + clips.plain("mp3")


def mp3_with_nul(clips: Clips) -> bytes:
    """NUL inside an ID3v2.4 text, where it separates values, and at its end, where it means nothing."""
    frames = id3_frame(b"TIT2", b"\x03Left\x00Right\x00\x00") + id3_frame(b"TPE1", b"\x00Hostile\x00Witness")
    return id3_header(frames) + clips.plain("mp3")


def flac_with_nul(clips: Clips) -> bytes:
    """NUL inside a Vorbis comment, where it is just wrong."""
    return clips.song("flac", "Zero\x00Sum")


def mp3_declares_too_much(clips: Clips) -> bytes:
    """An ID3 tag that declares ten megabytes in a file of a few kilobytes."""
    frame = id3_frame(b"TIT2", b"\x03Big Promise")
    return id3_header(frame, declared=10_000_000) + clips.plain("mp3")


def mp3_only_v1(clips: Clips) -> bytes:
    def padded(text: bytes, size: int) -> bytes:
        return text.ljust(size, b"\x00")

    tag = b"TAG" + padded(b"Old Tag", 30) + padded(b"Hostile Witness", 30) + padded(b"Corpus", 30)
    return clips.plain("mp3") + tag + b"1997" + padded(b"", 28) + b"\x00\x07" + b"\x11"


def mp3_huge_picture(clips: Clips) -> bytes:
    """A picture of 30 MB: a good JPEG with filler after its end."""
    picture = cover_jpeg(5, size=64)
    return clips.song("mp3", "Heavy Cover", picture=picture + b"\x00" * (HUGE_PICTURE - len(picture)))


def wav_with_nan(clips: Clips) -> bytes:
    """32-bit float WAV in which some samples are not numbers and some infinite."""
    import soundfile

    samples = clips.samples()
    samples[1000:1100] = np.nan
    samples[2000:2010] = np.inf
    stream = io.BytesIO()
    soundfile.write(stream, samples, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return stream.getvalue()


def silent_flac() -> bytes:
    silence = np.zeros((SAMPLE_RATE, 1), np.float32)
    return with_tags(encode(silence, SAMPLE_RATE, "flac"), "flac", Tags(title="Silence", artist=("Nobody",)))


def mp4_endless_atom() -> bytes:
    """A ``moov`` that claims 2^60 bytes by a 64-bit size."""
    kind = b"ftyp" + b"M4A \x00\x00\x02\x00" + b"M4A mp42isom"
    return struct.pack(">I", len(kind) + 4) + kind + struct.pack(">I4sQ", 1, b"moov", 2**60) + b"\x00" * 64


def ogg_bad_comment(clips: Clips, comment: bytes) -> bytes:
    """A Vorbis stream, checksums right, whose comment packet is replaced."""
    from mutagen import ogg

    stream = io.BytesIO(clips.plain("ogg"))
    page_class: Any = ogg.OggPage
    identification = page_class(stream)
    page = page_class()
    page.serial, page.sequence = identification.serial, 1
    page.packets = [b"\x03vorbis" + comment]
    return bytes(identification.write() + page.write())


def ogg_endless_vendor(clips: Clips) -> bytes:
    """The vendor string claims four gigabytes."""
    return ogg_bad_comment(clips, struct.pack("<I", 0xFFFFFFF0) + b"vendor")


def ogg_endless_comments(clips: Clips) -> bytes:
    """Four thousand million comments are announced, one is there, itself longer than the packet."""
    counts = struct.pack("<II", 0xFFFFFFFF, 0x7FFFFFFF)
    return ogg_bad_comment(clips, struct.pack("<I", 1) + b"v" + counts + b"a=b")


def noise(size: int = 20_000) -> bytes:
    return random.Random("noise").randbytes(size)
