"""Access to mutagen, one submodule at a time.

Here: the lazy import of the parser of one format, and how its failures are told apart.
Not here: anything about a format.
"""

from __future__ import annotations

import errno
import importlib
from functools import cache
from typing import Any

from .model import UnreadableFile

MAX_DETAIL = 300

# What a disk or a network share answers when it fails; EINVAL and EOVERFLOW are not among them
# because a broken file makes a parser seek to impossible positions.
_DEVICE_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        "EIO", "ESTALE", "ENXIO", "ENODEV", "ETIMEDOUT", "EREMOTEIO", "ENOTCONN", "EHOSTDOWN",
        "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ECONNRESET", "EACCES", "EPERM", "EBADF",
    )
    if hasattr(errno, name)
)  # fmt: skip


@cache
def parser(submodule: str) -> Any:
    """The mutagen submodule of that name; imported at its first use, so a scan of FLAC never pays for ASF."""
    return importlib.import_module(f"mutagen.{submodule}")


def device_error(error: BaseException | None) -> OSError | None:
    """The failure of the operating system behind an exception, if there is one.

    Parsers wrap every OSError in their own class, so the chain of causes is walked.
    """
    for _ in range(20):
        if error is None:
            return None
        if isinstance(error, OSError) and error.errno in _DEVICE_ERRORS:
            return error
        error = error.__cause__ or error.__context__
    return None


def one_line(error: BaseException | str) -> str:
    """An exception as one bounded line that can be stored and shown."""
    if isinstance(error, UnreadableFile):
        text = error.detail
    elif isinstance(error, str):
        text = error
    else:
        message = str(error)
        text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    printable = "".join(char if char.isprintable() else " " for char in text[: MAX_DETAIL * 4])
    return " ".join(printable.split())[:MAX_DETAIL]


def unreadable_from_os(error: OSError) -> UnreadableFile:
    """The operating system's refusal as the reason the caller records."""
    refused = error.errno in (errno.EACCES, errno.EPERM)
    return UnreadableFile("permission" if refused else "io_error", one_line(error.strerror or error))
