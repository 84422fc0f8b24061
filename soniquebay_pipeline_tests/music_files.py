"""Tagged songs of a third of a second, real audio, made as fast as a test needs them.

Here: encoding (once a session for each sound), writing, retagging. Not here: how tags are written
(``demo.tagging``), damaged files (``corpus.hostile``).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soniquebay_pipeline.demo.tagging import Tags, with_tags
from soniquebay_pipeline.demo.writing import encode

SAMPLE_RATE = 16_000
SECONDS = 0.35
ANALYSED_RATE = 22_050


@cache
def sound(number: int, file_format: str = "flac") -> bytes:
    """An encoded sound without tags; each number is other audio."""
    samples = np.random.default_rng(number).uniform(-0.2, 0.2, (int(SAMPLE_RATE * SECONDS), 1)).astype(np.float32)
    return encode(samples, SAMPLE_RATE, file_format)


def song(path: Path | bytes, number: int, tags: Tags | None = None, **fields: object) -> Path:
    """Write sound ``number`` to the path, folders included; the format is that of the extension, tags as given.

    Without ``tags`` or ``fields`` the title is "Song <number>", the artist "Artist", the album "Album".
    """
    target = Path(os.fsdecode(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    file_format = target.suffix[1:].lower()
    target.write_bytes(with_tags(sound(number, file_format), file_format, tags or _tags(number, fields)))
    return target


def music_of(path: Path, bpm: float = 120.0, seconds: float = 12.0, **fields: Any) -> Path:
    """Write music that can be analysed: a drum on every beat over a C major chord; tags as in ``song``."""
    time = np.arange(int(seconds * ANALYSED_RATE)) / ANALYSED_RATE
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (261.63, 329.63, 392.0)) * 0.05
    since_beat = np.mod(time, 60 / bpm)
    clicks = np.where(since_beat < 0.03, np.sin(2 * np.pi * 180 * since_beat) * np.exp(-since_beat * 80), 0) * 0.6
    samples = (chord + clicks).astype(np.float32)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"title": path.stem, "artist": ("Artist",), "album": "Album"} | fields
    path.write_bytes(with_tags(encode(samples, ANALYSED_RATE, "flac"), "flac", Tags(**values)))
    return path


def retag(path: Path, number: int, tags: Tags | None = None, **fields: object) -> Path:
    """Write other tags around the sound that the file holds, a second later."""
    before = path.stat().st_mtime_ns
    song(path, number, tags, **fields)
    later = before + 1_000_000_000
    os.utime(path, ns=(later, later))
    return path


def _tags(number: int, fields: dict[str, object]) -> Tags:
    values: dict[str, object] = {"title": f"Song {number}", "artist": ("Artist",), "album": "Album", "track": number}
    return Tags(**{**values, **fields})  # type: ignore[arg-type]
