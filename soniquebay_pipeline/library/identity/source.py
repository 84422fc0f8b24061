"""Bounded reads of one open file with as few system calls as possible.

Here: the cache of a file's head and tail. Not here: any knowledge of formats.
"""

from __future__ import annotations

import os
from typing import Final

EDGE_BYTES: Final = 80 * 1024
"""Read at once at either end: a window of 64 KiB and up to 16 KiB of tags (FLAC's usual padding is 8)."""

WHOLE_BYTES: Final = 256 * 1024
"""Files up to this size are read in one go."""


class Source:
    """A file by descriptor; every read is clipped to the size it had when it was opened."""

    __slots__ = ("_ahead", "_ahead_at", "_descriptor", "_head", "_tail", "_tail_at", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._descriptor = descriptor
        self._head = os.pread(descriptor, size if size <= WHOLE_BYTES else EDGE_BYTES, 0)
        self._tail = b""
        self._tail_at = max(0, size - EDGE_BYTES)
        self._ahead = b""
        self._ahead_at = 0

    def read(self, offset: int, length: int, ahead: int = 0) -> bytes:
        """Up to ``length`` bytes at ``offset``; fewer at the end of the file.

        With ``ahead`` that many bytes are read and kept for the calls that follow.
        """
        length = min(length, self.size - offset)
        if length <= 0 or offset < 0:
            return b""
        end = offset + length
        if end <= len(self._head):
            return self._head[offset:end]
        if offset >= self._tail_at:
            if not self._tail:
                self._tail = os.pread(self._descriptor, EDGE_BYTES, self._tail_at)
            return self._tail[offset - self._tail_at : end - self._tail_at]
        if not ahead:
            return os.pread(self._descriptor, length, offset)
        if not self._ahead_at <= offset <= end <= self._ahead_at + len(self._ahead):
            self._ahead = os.pread(self._descriptor, max(ahead, length), offset)
            self._ahead_at = offset
        return self._ahead[offset - self._ahead_at : end - self._ahead_at]
