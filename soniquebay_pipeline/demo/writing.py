"""Samples into the bytes of an audio file, and pictures for covers.

Here: encoding, in memory. Not here: the sound (``synthesis``), tags (``tagging``), where
files go (``build``).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SOUNDFILE_FORMATS = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "wav": ("WAV", "PCM_16"),
}
# Compression, 0 best to 1 smallest; about 100 kbit/s at 44.1 kHz stereo.
LOSSY_LEVELS = {"mp3": 0.6, "ogg": 0.6, "opus": 0.8}
# libsndfile's Vorbis encoder overflows its stack on very long single writes, so audio goes in pieces.
FRAMES_PER_WRITE = 65_536


def encode(samples: NDArray[np.float32], sample_rate: int, file_format: str) -> bytes:
    """Encode (frames, channels) samples as mp3, flac, ogg, opus, wav or m4a."""
    if file_format == "m4a":
        return _encode_aac(samples, sample_rate)
    import soundfile

    stream = io.BytesIO()
    container, subtype = SOUNDFILE_FORMATS[file_format]
    with soundfile.SoundFile(
        stream,
        "w",
        samplerate=sample_rate,
        channels=samples.shape[1],
        format=container,
        subtype=subtype,
        compression_level=LOSSY_LEVELS.get(file_format),
    ) as file:
        for start in range(0, len(samples), FRAMES_PER_WRITE):
            file.write(samples[start : start + FRAMES_PER_WRITE])
    if container == "OGG":
        _pin_serial(stream)
    return stream.getvalue()


def _pin_serial(stream: io.BytesIO) -> None:
    """Give an Ogg stream a fixed serial number: the encoder's is random, so no two builds were alike."""
    from mutagen import ogg

    read_page: Any = ogg.OggPage
    stream.seek(0)
    pages = []
    while stream.tell() < len(stream.getbuffer()):
        pages.append(read_page(stream))
    stream.seek(0)
    for page in pages:
        page.serial = 1
        stream.write(page.write())


def _encode_aac(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    import av
    import numpy as np

    layout = "mono" if samples.shape[1] == 1 else "stereo"
    output = io.BytesIO()
    with av.open(output, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=sample_rate)
        stream.layout = layout
        stream.bit_rate = 48_000 * samples.shape[1]
        planes = np.ascontiguousarray(samples.T, dtype=np.float32)
        for start in range(0, planes.shape[1], FRAMES_PER_WRITE):
            piece = np.ascontiguousarray(planes[:, start : start + FRAMES_PER_WRITE])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate = sample_rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()


def cover_jpeg(seed: int, size: int = 500) -> bytes:
    """A square JPEG of circles on a ground, its own for each seed."""
    import random

    from PIL import Image, ImageDraw

    rng = random.Random(f"cover-{seed}")

    def colour() -> tuple[int, int, int]:
        return rng.randrange(40, 230), rng.randrange(40, 230), rng.randrange(40, 230)

    image = Image.new("RGB", (size, size), colour())
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, radius = rng.randrange(size), rng.randrange(size), rng.randrange(size // 12, size // 3)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour())
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()
