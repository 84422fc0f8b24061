"""Decoding with FFmpeg's libraries (PyAV): every format but those that libsndfile decodes faster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline.audio.stream import BLOCK_FRAMES, DSD_RATE, HIGHEST_RATE, AnalysisFailure, AudioFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Block = NDArray[np.float32]
    Samples = NDArray[np.float32]

MOST_DAMAGED_IN_A_ROW = 1000
"""Packets; after that many the rest of the file is given up."""


class PyavSource:
    """The best audio stream of one file. Raises AnalysisFailure: not_audio, no_codec, corrupt, unreadable."""

    def __init__(self, name: bytes) -> None:
        import av
        import av.logging

        av.logging.set_level(None)  # FFmpeg would print each damaged packet
        self.damaged = 0
        self._resampler: Any = None
        self._file: Any = None
        try:
            # FFmpeg opens UTF-8 names; any other bytes go through a file object.
            text = _utf8(name)
            self._file = None if text else open(name, "rb")  # noqa: SIM115, PTH123
            # Neither a name that looks like an address nor a playlist inside the file may open anything else.
            self._container: Any = av.open(
                f"file:{text}" if text else self._file,
                metadata_errors="ignore",
                options={"protocol_whitelist": "file"},
            )
        except (av.FFmpegError, ValueError, OSError) as error:
            self._close_file()
            raise AnalysisFailure("no_audio", _text(error)) from error
        try:
            self._stream = self._best_stream()
            self._stream.thread_type = "NONE"
            self.format = self._describe()
        except AnalysisFailure:
            self.close()
            raise

    def _best_stream(self) -> Any:
        streams = self._container.streams.audio
        if not streams:
            raise AnalysisFailure("no_audio", "the file holds no audio stream")
        stream = self._container.streams.best("audio") or streams[0]
        if stream.codec_context is None:
            raise AnalysisFailure("no_codec", "no decoder for the audio stream")
        return stream

    def _describe(self) -> AudioFormat:
        import av

        context = self._stream.codec_context
        rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
        if rate <= 0 or channels <= 0:
            raise AnalysisFailure("corrupt", "the stream names no sample rate or channels")
        if rate > HIGHEST_RATE:
            rate = DSD_RATE
        if self._stream.duration is not None:
            seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            seconds = self._container.duration / av.time_base
        else:
            seconds = 0.0
        return AudioFormat(rate, channels, str(context.name), "pyav", seconds if seconds > 0 else None)

    def blocks(self) -> Iterator[Block]:
        """FFmpeg's frames are small (1,024 or so), so they are put together to blocks."""
        import numpy as np

        # A row a channel, as most decoders write them; the blocks given out are its transpose.
        buffer = np.empty((self.format.channels, BLOCK_FRAMES), np.float32)
        filled = 0
        for frame in self._frames():
            planes = _planes(frame)
            length, taken = frame.samples, 0
            while taken < length:
                count = min(length - taken, BLOCK_FRAMES - filled)
                for row, plane in zip(buffer, planes, strict=True):
                    row[filled : filled + count] = plane[taken : taken + count]
                filled += count
                taken += count
                if filled == BLOCK_FRAMES:
                    yield buffer.T
                    filled = 0
        if filled:
            yield buffer[:, :filled].T

    def _frames(self) -> Iterator[Any]:
        """Decoded frames, all of the stream's format; damaged packets left out."""
        import av

        in_a_row = 0
        packets = self._container.demux(self._stream)
        while in_a_row < MOST_DAMAGED_IN_A_ROW:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                for frame in packet.decode():
                    in_a_row = 0
                    yield from self._conformed(frame)
            except av.EOFError:
                break
            except (av.FFmpegError, ValueError):
                self.damaged += 1
                in_a_row += 1
        if self._resampler is not None:
            yield from self._resampler.resample(None)

    def _conformed(self, frame: Any) -> list[Any]:
        """The frame, or what becomes of it when its rate or channels are not those of the stream."""
        wanted = self.format
        if self._resampler is None:
            if frame.sample_rate == wanted.sample_rate and frame.layout.nb_channels == wanted.channels:
                return [frame]
            import av

            self._resampler = av.AudioResampler(format="flt", layout=self._stream.layout, rate=wanted.sample_rate)
        frame.pts = None  # chained streams start again at zero
        return list(self._resampler.resample(frame))

    def close(self) -> None:
        self._container.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()


def _planes(frame: Any) -> list[Samples]:
    """One array a channel, 1.0 full scale; integers are divided by their power of two, so exactly."""
    import numpy as np

    if frame.format.name == "fltp":  # Vorbis, Opus, AAC, MP3: frames are tiny, and to_ndarray stacks planes
        return [np.frombuffer(plane, np.float32, frame.samples) for plane in frame.planes]
    samples = frame.to_ndarray()
    samples = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    kind = samples.dtype
    if kind.kind == "f":
        return list(samples.astype(np.float32, copy=False))
    if kind == np.uint8:
        return list((samples.astype(np.float32) - 128.0) / np.float32(128.0))
    return list(samples * np.float32(1.0 / 2 ** (8 * kind.itemsize - 1)))


def _utf8(name: bytes) -> str | None:
    try:
        return os.path.abspath(name).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _text(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)[:200]
