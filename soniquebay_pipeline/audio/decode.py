"""Audio files of every format into blocks of float32 samples, without ever holding a file whole.

Here: which library decodes what, blocks, damage. Not here: what decoders say of a stream and why a file cannot be
analysed (``stream``), the mono analysis signal (``signal``), tags, which file to decode, time limits.

Two decoders, both from wheels: libsndfile (soundfile) and FFmpeg's libraries (PyAV). Which one a format
goes to is measured (docs/decisions/0012); the other one is tried when the first cannot open the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from soniquebay_pipeline.audio.stream import AnalysisFailure, AudioFormat, Decoder

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

LOUDEST_PLAUSIBLE = 1e4
"""80 dB above full scale: float files hold such samples only by mistake, and their squares overflow."""

# PCM: libsndfile takes 0.4 of FFmpeg's time. FLAC is a tie, MP3 nearly one (and libsndfile stops at the first
# damaged frame), Vorbis and Opus take it 1.5 and 3 times as long.
SOUNDFILE_FIRST = frozenset({".wav", ".wave", ".aif", ".aiff", ".aifc", ".w64", ".rf64", ".caf", ".au", ".snd"})


class _Source(Protocol):
    format: AudioFormat

    def blocks(self) -> Iterator[Block]: ...
    def close(self) -> None: ...


class AudioReader:
    """One open file; iterate for its blocks, once. A context manager.

    Blocks are float32, shape (frames, channels), 1.0 is full scale, frames ≤ BLOCK_FRAMES; they are
    valid until the next one is asked for (copy what is to be kept). Damaged packets are left out and
    counted in ``damaged``; a file of which nothing can be decoded raises AnalysisFailure("corrupt").
    Samples that are not finite raise AnalysisFailure("not_finite").
    """

    def __init__(self, source: _Source) -> None:
        self._source = source
        self.format = source.format
        self.frames = 0
        """Frames given out so far."""

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded so far."""
        return int(getattr(self._source, "damaged", 0))

    def __iter__(self) -> Iterator[Block]:
        for block in self._source.blocks():
            _check_finite(block)
            self.frames += len(block)
            yield block
        if not self.frames:
            if self.damaged:
                raise AnalysisFailure("corrupt", f"none of {self.damaged} packets could be decoded")
            raise AnalysisFailure("too_short", "the stream holds no samples")

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()


def open_audio(path: bytes | str | os.PathLike[str], *, decoder: Decoder | None = None) -> AudioReader:
    """Open ``path`` for decoding; ``decoder`` insists on one of the two libraries.

    Raises AnalysisFailure: vanished, permission, io_error, no_audio, no_codec, corrupt.
    """
    name = os.fsencode(path)
    _check_readable(name)
    order = (decoder,) if decoder else _order(name)
    failure: AnalysisFailure | None = None
    for choice in order:
        try:
            return AudioReader(_open_with(choice, name))
        except AnalysisFailure as error:
            # FFmpeg knows more formats, so its reason is the better one.
            failure = error if failure is None or choice == "pyav" else failure
    assert failure is not None
    raise failure


def _check_readable(name: bytes) -> None:
    """Reasons that a decoder would not tell apart."""
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - bytes paths
            if not file.read(1):
                raise AnalysisFailure("no_audio", "the file is empty")
    except FileNotFoundError as error:
        raise AnalysisFailure("vanished", "no such file") from error
    except PermissionError as error:
        raise AnalysisFailure("permission", "no permission to read the file") from error
    except OSError as error:
        raise AnalysisFailure("io_error", error.strerror or str(error)) from error


def _order(name: bytes) -> tuple[Decoder, ...]:
    extension = os.path.splitext(os.fsdecode(name))[1].lower()
    return ("soundfile", "pyav") if extension in SOUNDFILE_FIRST else ("pyav", "soundfile")


def _open_with(choice: Decoder, name: bytes) -> _Source:
    if choice == "soundfile":
        from soniquebay_pipeline.audio.decode_soundfile import SoundfileSource

        return SoundfileSource(name)
    from soniquebay_pipeline.audio.decode_pyav import PyavSource

    return PyavSource(name)


def _check_finite(block: Any) -> None:
    import numpy as np

    low, high = float(np.min(block)), float(np.max(block))  # NaN goes through both
    if not (low > -LOUDEST_PLAUSIBLE and high < LOUDEST_PLAUSIBLE):
        raise AnalysisFailure("not_finite", "samples are NaN, infinite or more than 80 dB above full scale")
