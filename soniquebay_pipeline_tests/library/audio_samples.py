"""Small audio files of every format, made when a test asks for them.

Here: encoding a second of a sine, and hand-written headers for formats that nothing here can encode.
Not here: tags (the tests write those).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache

import av
import numpy
import soundfile

SAMPLE_RATE_HZ = 44_100


@cache
def _sine(sample_rate: int = SAMPLE_RATE_HZ, channels: int = 1) -> numpy.ndarray:
    time = numpy.arange(sample_rate) / sample_rate
    mono = 0.3 * numpy.sin(2 * numpy.pi * 440 * time)
    return numpy.repeat(mono[:, None], channels, axis=1).astype("float32")


def _with_soundfile(container: str, subtype: str) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, _sine(), SAMPLE_RATE_HZ, format=container, subtype=subtype)
    return target.getvalue()


def _with_av(container: str, codec: str, sample_format: str, sample_rate: int = SAMPLE_RATE_HZ) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=sample_rate, layout="mono", format=sample_format)
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(_sine(sample_rate).T.copy(), format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        resampler = av.AudioResampler(
            format=sample_format, layout="mono", rate=sample_rate, frame_size=stream.frame_size or 1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return target.getvalue()


def _video_only(container: str, codec: str) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(5):
            picture = av.VideoFrame.from_ndarray(numpy.zeros((96, 64), dtype="uint8"), format="yuv420p")
            picture.pts = number
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return target.getvalue()


def _monkeys_audio() -> bytes:
    header = b"MAC " + struct.pack("<H", 3990) + bytes(50)
    header += struct.pack("<IIIHHI", 73_728, 44_100, 1, 16, 2, SAMPLE_RATE_HZ)
    return header + bytes(2000)


def _musepack_sv7() -> bytes:
    return b"MP+\x07" + struct.pack("<II", 39, 0) + bytes(20) + bytes(2000)


def _musepack_sv8() -> bytes:
    def number(value: int) -> bytes:
        digits = [value & 0x7F]
        while value := value >> 7:
            digits.append(value & 0x7F | 0x80)
        return bytes(reversed(digits))

    def packet(key: bytes, content: bytes) -> bytes:
        return key + bytes((len(content) + 3,)) + content

    stream_header = bytes(4) + b"\x08" + number(44_100) + number(0) + bytes((0x00, 0x10))
    gain = b"\x01" + bytes(8)
    return b"MPCK" + packet(b"SH", stream_header) + packet(b"RG", gain) + packet(b"AP", bytes(100))


def _dsf() -> bytes:
    samples = 2_822_400
    audio = bytes(4096)
    layout = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 2, 2, 2_822_400, 1, samples, 4096, 0)
    data = struct.pack("<4sQ", b"data", 12 + len(audio)) + audio
    total = 28 + len(layout) + len(data)
    return struct.pack("<4sQQQ", b"DSD ", 28, total, 0) + layout + data


def _dff() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">Q", len(content)) + content + b"\0" * (len(content) % 2)

    properties = b"SND " + chunk(b"FS  ", struct.pack(">I", 2_822_400))
    properties += chunk(b"CHNL", struct.pack(">H", 2) + b"SLFTSRGT") + chunk(b"CMPR", b"DSD \x00\x00")
    content = b"DSD " + chunk(b"FVER", b"\x01\x05\x00\x00") + chunk(b"PROP", properties)
    return chunk(b"FRM8", content + chunk(b"DSD ", bytes(70_560)))


def ogg_page(packet: bytes, *, serial: int = 7, number: int, flags: int = 0, position: int = 0) -> bytes:
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBQIIIB", b"OggS", 0, flags, position, serial, number, 0, len(lacing))
    return head + lacing + packet


def vorbis_comment(*pairs: bytes) -> bytes:
    items = b"".join(struct.pack("<I", len(pair)) + pair for pair in pairs)
    return struct.pack("<I", 4) + b"test" + struct.pack("<I", len(pairs)) + items


def _speex() -> bytes:
    header = b"Speex   " + b"1.2".ljust(20, b"\0")
    header += struct.pack("<13i", 1, 80, 16_000, 1, 4, 1, 28_000, 320, 0, 1, 0, 0, 0)
    return (
        ogg_page(header, number=0, flags=2)
        + ogg_page(vorbis_comment(b"TITLE=Spoken"), number=1)
        + ogg_page(bytes(500), number=2, flags=4, position=16_000)
    )


def _flac_in_ogg() -> bytes:
    flac = audio_bytes("flac")
    comment = vorbis_comment(b"TITLE=In Ogg")
    block = b"\x84" + len(comment).to_bytes(3, "big") + comment
    return (
        ogg_page(b"\x7fFLAC\x01\x00\x00\x01" + flac[:42], number=0, flags=2)
        + ogg_page(block, number=1)
        + ogg_page(bytes(500), number=2, flags=4, position=SAMPLE_RATE_HZ)
    )


BUILDERS: dict[str, Callable[[], bytes]] = {
    "mp3": lambda: _with_soundfile("MP3", "MPEG_LAYER_III"),
    "flac": lambda: _with_soundfile("FLAC", "PCM_16"),
    "ogg": lambda: _with_soundfile("OGG", "VORBIS"),
    "opus": lambda: _with_av("ogg", "libopus", "flt", 48_000),
    "oga": _flac_in_ogg,
    "spx": _speex,
    "wav": lambda: _with_soundfile("WAV", "PCM_16"),
    "aiff": lambda: _with_soundfile("AIFF", "PCM_16"),
    "m4a": lambda: _with_av("ipod", "aac", "fltp"),
    "alac": lambda: _with_av("ipod", "alac", "s16p"),
    "aac": lambda: _with_av("adts", "aac", "fltp"),
    "wma": lambda: _with_av("asf", "wmav2", "fltp"),
    "wv": lambda: _with_av("wv", "wavpack", "s16p"),
    "tta": lambda: _with_av("tta", "tta", "s16"),
    "mp2": lambda: _with_av("mp2", "mp2", "s16"),
    "ape": _monkeys_audio,
    "mpc": _musepack_sv7,
    "mpc8": _musepack_sv8,
    "dsf": _dsf,
    "dff": _dff,
    "mp4_video": lambda: _video_only("mp4", "mpeg4"),
    "asf_video": lambda: _video_only("asf", "wmv2"),
}

AUDIO_KINDS = [kind for kind in BUILDERS if not kind.endswith("_video")]


@cache
def audio_bytes(kind: str) -> bytes:
    """The file of a kind, encoded once a session."""
    return BUILDERS[kind]()
