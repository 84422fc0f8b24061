"""What runs in a worker process of ``workers``: receive a batch, call the function, send the results.

Here: the worker's side of the connection. Not here: anything heavy. Every worker imports this module
before it can start, so it imports little itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final, Literal, NoReturn

FLUSH_SECONDS: Final = 0.05
"""How long a worker keeps results back: long enough to batch small ones, short enough to show life."""

MAX_DETAIL: Final = 2000
"""Characters kept of an exception's text, which may quote a whole file."""

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why an item has no value: its time ran out, its process died, or the function raised."""

    reason: Literal["timeout", "crashed", "error"]
    detail: str


def main(descriptor: int, parent: int) -> NoReturn:
    """The life of a worker process: called by the bootstrap, never by the application."""
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    connection = Connection(descriptor)
    try:
        try:
            function, initializer, memory_limit = pickle.loads(connection.recv_bytes())
            if initializer is not None:
                initializer()
            if memory_limit is not None:
                resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
        except Exception as error:
            connection.send_bytes(pickle.dumps(f"workers cannot start: {describe(error)}"))
        else:
            connection.send_bytes(pickle.dumps([]))
            while True:
                _work(connection, function, pickle.loads(connection.recv_bytes()))
    except (EOFError, OSError):
        pass  # the parent closed the connection or is gone
    # Libraries' threads and exit handlers must not keep a worker whose work is done.
    os._exit(0)


def _die_with_parent(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the request
        os._exit(1)


def _work(connection: Connection, function: Callable[[Any], Any], batch: list[Any]) -> None:
    results: list[Any] = []
    flushed = time.monotonic()
    for item in batch:
        try:
            results.append(function(item))
        except (Exception, SystemExit) as error:
            results.append(WorkerFailure("error", describe(error)))
        if time.monotonic() - flushed >= FLUSH_SECONDS:
            connection.send_bytes(_dump(results))
            results = []
            flushed = time.monotonic()
    if results:
        connection.send_bytes(_dump(results))


def _dump(results: list[Any]) -> bytes:
    """The results pickled, with a failure in place of each that cannot be."""
    try:
        return pickle.dumps(results, pickle.HIGHEST_PROTOCOL)
    except Exception:
        return pickle.dumps([_sendable(result) for result in results], pickle.HIGHEST_PROTOCOL)


def _sendable(result: Any) -> Any:
    try:
        pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return WorkerFailure("error", f"the value cannot be sent: {describe(error)}")
    return result


def describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(no text)"
    return f"{type(error).__name__}: {text}"[:MAX_DETAIL]
