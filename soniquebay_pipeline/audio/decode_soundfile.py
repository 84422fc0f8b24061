"""Decoding with libsndfile: WAV and its kin, and the second try for what FFmpeg cannot open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline.audio.stream import BLOCK_FRAMES, AnalysisFailure, AudioFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN_FRAMES = 1 << 40
"""libsndfile gives 2^63-1 frames where a stream does not say how long it is."""


class SoundfileSource:
    """One file open in libsndfile. Raises AnalysisFailure("no_audio") when it is not one of its formats."""

    def __init__(self, name: bytes) -> None:
        import soundfile

        self._errors: tuple[type[BaseException], ...] = (soundfile.SoundFileError, RuntimeError)
        self.damaged = 0
        try:
            self._file: Any = soundfile.SoundFile(name if os.name == "posix" else os.fsdecode(name))
        except (*self._errors, TypeError) as error:
            raise AnalysisFailure("no_audio", _text(error)) from error
        rate, frames = int(self._file.samplerate), int(self._file.frames)
        self.format = AudioFormat(
            sample_rate=rate,
            channels=int(self._file.channels),
            codec=str(self._file.subtype).lower(),
            decoder="soundfile",
            announced_seconds=frames / rate if 0 < frames < UNKNOWN_FRAMES else None,
        )

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        import numpy as np

        buffer = np.empty((BLOCK_FRAMES, self.format.channels), np.float32)
        while True:
            try:
                block = self._file.read(out=buffer)
            except self._errors:
                self.damaged += 1  # libsndfile cannot go on past an error
                return
            if len(block):
                yield block
            if len(block) < BLOCK_FRAMES:
                return

    def close(self) -> None:
        self._file.close()


def _text(error: BaseException) -> str:
    """libsndfile's message without the file's name in front."""
    return str(error).rpartition(": ")[2][:200]
