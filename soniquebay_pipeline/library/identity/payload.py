"""Where in a file the audio lies: plain data.

Here: the extents of a payload and reading from them as if they were one piece. Not here: finding them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .source import Source


@dataclass(slots=True)
class Payload:
    """``kind`` names the structure it was found by; ``extents`` are pairs of start and end in the file."""

    kind: bytes
    extents: list[tuple[int, int]]

    @property
    def length(self) -> int:
        return sum(end - start for start, end in self.extents)

    def read(self, source: Source, offset: int, length: int) -> bytes:
        """Bytes at an offset of the payload, across extents."""
        if len(self.extents) == 1:
            return source.read(self.extents[0][0] + offset, length)
        pieces = []
        for start, end in self.extents:
            if length <= 0:
                break
            if offset >= end - start:
                offset -= end - start
                continue
            piece = min(length, end - start - offset)
            pieces.append(source.read(start + offset, piece))
            length -= piece
            offset = 0
        return b"".join(pieces)
