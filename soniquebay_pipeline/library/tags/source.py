"""The bytes of one file, read within bounds.

Here: opening a file safely and the two readers handed to parsers.
Not here: what the bytes mean.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import Protocol

from .model import UnreadableFile
from .parsers import unreadable_from_os

MAX_READ = 64 * 1024 * 1024
"""No single structure of a file is read beyond this; larger declared sizes are refused."""

_BUFFER_SIZE = 16 * 1024
_UNCHECKED_READ = 64 * 1024
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer must not hang the scan
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class Source(Protocol):
    """What a parser may do with a file."""

    @property
    def file_size(self) -> int: ...
    def read(self, size: int | None = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


def _bounded(size: int | None, remaining: int) -> int:
    """How much to read when ``size`` was asked for, so that no declared size allocates memory."""
    wanted = remaining if size is None or size < 0 else min(size, remaining)
    if wanted > MAX_READ:
        raise UnreadableFile("too_large", f"a structure of {wanted} bytes, at most {MAX_READ} are read")
    return wanted


class FileSource(io.BufferedReader):
    """A regular file; parsers that ask for absurd sizes get what is there or ``too_large``."""

    def __init__(self, descriptor: int, file_size: int) -> None:
        super().__init__(io.FileIO(descriptor, "rb"), _BUFFER_SIZE)
        self.file_size = file_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _UNCHECKED_READ:
            size = _bounded(size, max(0, self.file_size - self.tell()))
        return _read(self, size)


# Bound once: parsers make thousands of tiny reads, and super() in each would be measurable.
_read = io.BufferedReader.read


class OffsetSource:
    """The part of another source from ``start`` on, for containers behind a leading tag."""

    def __init__(self, source: Source, start: int) -> None:
        self._source = source
        self._start = start
        self.file_size = max(0, source.file_size - start)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._source.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == os.SEEK_SET:
            if offset < 0:
                raise OSError(22, "negative seek position")
            return self._source.seek(self._start + offset) - self._start
        position = self._source.seek(offset, whence)
        if position < self._start:
            self._source.seek(self._start)
            raise OSError(22, "negative seek position")
        return position - self._start

    def tell(self) -> int:
        return self._source.tell() - self._start


def size_of(descriptor: int) -> int:
    """Bytes of an open file; ``UnreadableFile`` when it has none or is not a regular file."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile("io_error", "not a regular file")
    if status.st_size == 0:
        raise UnreadableFile("empty", "the file has no bytes")
    return status.st_size


def open_source(path: bytes | str, *, follow_link: bool = True) -> FileSource:
    """Open a regular file that has bytes; anything else is an ``UnreadableFile``."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS if follow_link else _OPEN_FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        if not follow_link and error.errno == errno.ELOOP:
            raise UnreadableFile("link", "a symbolic link is not followed") from error
        raise unreadable_from_os(error) from error
    except ValueError as error:
        raise UnreadableFile("io_error", "the path holds a NUL") from error
    try:
        return FileSource(descriptor, size_of(descriptor))
    except OSError as error:
        os.close(descriptor)
        raise unreadable_from_os(error) from error
    except BaseException:
        os.close(descriptor)
        raise
