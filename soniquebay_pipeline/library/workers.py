"""Runs a function over many items in processes of their own, so that one bad file costs only itself.

Here: ``map_isolated`` and its pool. Not here: what the function does, and retries of an item that failed.

Why not ``multiprocessing`` or a pool built on it: its ``spawn`` and ``forkserver`` children import the
parent's ``__main__``, which here is an orchestrator that takes seconds and 100 MB; ``fork`` is unsafe in
a process with threads. A worker here is a fresh interpreter that imports the function's module only.

Promises:

* Items travel in batches. When a batch's worker hangs or dies, the items without a result are tried
  again one by one, so exactly the bad ones fail and no item is blamed for another.
* An item may take ``timeout_seconds``. A worker sends what it has every 50 ms, so silence for longer
  than that is one item's; the bad item's time is spent twice, once in its batch and once alone.
* At most ``4 * workers`` batches are read from the items, queued, worked on or waiting to be consumed.
* No process outlives the pool, nor the parent: workers ask the kernel to be killed with it (Linux), and
  everywhere leave when their connection closes. Processes that the *function* starts are its own affair.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Literal, TypeVar

from . import worker_process
from .worker_process import FLUSH_SECONDS, WorkerFailure, describe

__all__ = ["PoolOptions", "WorkerFailure", "WorkerStartError", "map_isolated"]

Item = TypeVar("Item")
Value = TypeVar("Value")

GRACE_SECONDS: Final = 0.25
"""Added to an item's time for the flush before it and for sending and receiving."""

START_SECONDS: Final = 120.0
"""Time for a worker to start and import: heavy analysis libraries take 10 to 20 s on a slow, cold disk."""

MAX_START_FAILURES: Final = 3
"""Workers in a row that die before they are ready; then it is not the items' fault."""

BATCHES_PER_WORKER: Final = 4

_Reason = Literal["timeout", "crashed", "error"]

_BOOTSTRAP: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    f"from {worker_process.__name__} import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)


class WorkerStartError(Exception):
    """Workers cannot be started, so no item can be judged: the import or the initializer fails."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How a pool is run; see ``map_isolated`` for the meaning."""

    workers: int
    timeout_seconds: float = 30.0
    batch_size: int = 64
    memory_limit_mb: int | None = None
    max_tasks: int = 5000

    def map(
        self,
        function: Callable[[Item], Value],
        items: Iterable[Item],
        initializer: Callable[[], object] | None = None,
    ) -> Generator[tuple[Item, Value | WorkerFailure], None, None]:
        """``map_isolated`` with these options; no process is started where there are no items."""
        source = iter(items)
        first = list(islice(source, 1))
        if not first:
            return
        yield from map_isolated(
            function,
            chain(first, source),
            workers=self.workers,
            batch_size=self.batch_size,
            timeout_seconds=self.timeout_seconds,
            initializer=initializer,
            max_tasks=self.max_tasks,
            memory_limit_bytes=self.memory_limit_mb * 2**20 if self.memory_limit_mb else None,
        )


def map_isolated(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    workers: int,
    batch_size: int,
    timeout_seconds: float,
    initializer: Callable[[], object] | None = None,
    max_tasks: int = 5000,
    memory_limit_bytes: int | None = None,
) -> Generator[tuple[Item, Value | WorkerFailure], None, None]:
    """Yield every item with its value or failure, in the order of completion.

    ``function`` and ``initializer`` are found by name in the workers: functions of a module, not
    lambdas. Items and values are pickled. A worker is replaced after ``max_tasks`` items.
    ``memory_limit_bytes`` bounds a worker's address space, so that hostile files end in a MemoryError.
    With ``workers=0`` everything runs in this process, without isolation or timeouts.

    Raises ``WorkerStartError`` when the workers cannot be started. Close the iterator to stop early.
    """
    if workers < 0 or batch_size < 1 or max_tasks < 1 or timeout_seconds <= 0:
        raise ValueError("workers, batch_size, max_tasks and timeout_seconds must be positive")
    if workers == 0:
        return _map_inline(function, items, initializer)
    for named in (function, initializer):
        if getattr(named, "__module__", None) == "__main__":
            raise ValueError(f"{named} must be in a module that workers can import, not in __main__")
    setup = pickle.dumps((function, initializer, memory_limit_bytes))
    make_pool = partial(_Pool, setup, workers, timeout_seconds, max_tasks)
    return _map_in_pool(make_pool, items, batch_size, BATCHES_PER_WORKER * workers * batch_size)


def _map_inline(
    function: Callable[[Item], Value], items: Iterable[Item], initializer: Callable[[], object] | None
) -> Generator[tuple[Item, Value | WorkerFailure], None, None]:
    if initializer is not None:
        initializer()
    for item in items:
        try:
            yield item, function(item)
        except Exception as error:
            yield item, WorkerFailure("error", describe(error))


def _map_in_pool(
    make_pool: Callable[[], _Pool], items: Iterable[Item], batch_size: int, window: int
) -> Generator[tuple[Item, Any | WorkerFailure], None, None]:
    source = iter(items)
    in_flight = 0
    exhausted = False
    pool = make_pool()
    # A pool that is abandoned, not closed, must be stopped while threads can still be joined.
    atexit.register(pool.stop)
    pool.start()
    try:
        while True:
            # The items are read here, in the caller's thread: they may come from a database cursor.
            if not exhausted and in_flight + batch_size <= window:
                batch = list(islice(source, batch_size))
                exhausted = len(batch) < batch_size
                in_flight += len(batch)
                if batch:
                    pool.submit(batch)
                if not exhausted and not pool.has_results():
                    continue
            if not in_flight:
                return
            for pair in pool.next_results():
                in_flight -= 1
                yield pair
    finally:
        atexit.unregister(pool.stop)
        pool.stop()


@dataclass(slots=True, eq=False)
class _Worker:
    """A process and the batch it works on; ``answered`` items of it have their result."""

    process: subprocess.Popen[bytes]
    connection: Connection
    deadline: float
    ready: bool = False
    batch: list[Any] | None = None
    answered: int = 0
    tasks: int = 0


class _Pool(threading.Thread):
    """Feeds the workers from a thread of its own, so that they stay busy while the caller consumes.

    The workers are started by this thread, which lives as long as they do: Linux ties "killed with the
    parent" to the thread that started a process.
    """

    def __init__(self, setup: bytes, workers: int, timeout_seconds: float, max_tasks: int) -> None:
        super().__init__(name="map-isolated", daemon=True)
        self._setup = setup
        self._limit = workers
        self._timeout = timeout_seconds + FLUSH_SECONDS + GRACE_SECONDS
        self._max_tasks = max_tasks
        self._pending: deque[list[Any]] = deque()
        self._suspects: deque[list[Any]] = deque()
        self._results: queue.SimpleQueue[list[tuple[Any, Any]] | BaseException] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._dying: list[subprocess.Popen[bytes]] = []
        self._start_failures = 0
        self._stopping = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)

    # Called by the consumer.

    def submit(self, batch: list[Any]) -> None:
        self._pending.append(batch)
        self._wake()

    def has_results(self) -> bool:
        return not self._results.empty()

    def next_results(self) -> list[tuple[Any, Any]]:
        results = self._results.get()
        if isinstance(results, BaseException):
            raise results
        return results

    def stop(self) -> None:
        self._stopping = True
        self._wake()
        self.join()
        self._wake_receiver.close()
        self._wake_sender.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            self._wake_sender.send(b"\0")

    # Called in the thread.

    def run(self) -> None:
        try:
            while not self._stopping:
                self._assign()
                self._listen()
                self._check_deadlines()
        except BaseException as error:
            self._results.put(error)
        finally:
            for worker in list(self._workers):
                self._discard(worker)
            for process in self._dying:
                # A process stuck in the kernel (a dead network disk) cannot be waited for.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)

    def _assign(self) -> None:
        for worker in list(self._workers):
            if worker.ready and worker.batch is None and worker.tasks >= self._max_tasks:
                self._discard(worker)
            while worker in self._workers and worker.ready and worker.batch is None:
                batch = self._next_batch()
                if batch is None:
                    break
                self._send(worker, batch)
        starting = sum(not worker.ready for worker in self._workers)
        waiting = len(self._pending) + len(self._suspects)
        for _ in range(min(waiting - starting, self._limit - len(self._workers))):
            self._start_worker()

    def _next_batch(self) -> list[Any] | None:
        for batches in (self._suspects, self._pending):
            if batches:
                return batches.popleft()
        return None

    def _send(self, worker: _Worker, batch: list[Any]) -> None:
        try:
            message = pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            self._fail(batch, "error", f"the item cannot be sent: {describe(error)}")
            return
        try:
            # Only idle workers are sent to: they read, so this does not block on a full buffer.
            worker.connection.send_bytes(message)
        except OSError:
            # It died between two batches. Nobody worked on these items: they go back unblamed.
            self._suspects.appendleft(batch)
            self._discard(worker)
            return
        worker.batch, worker.answered = batch, 0
        worker.tasks += len(batch)
        worker.deadline = time.monotonic() + self._timeout

    def _listen(self) -> None:
        self._dying = [process for process in self._dying if process.poll() is None]
        deadlines = [worker.deadline for worker in self._workers if worker.batch or not worker.ready]
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        by_connection = {worker.connection: worker for worker in self._workers}
        for readable in wait([*by_connection, self._wake_receiver], timeout):
            if isinstance(readable, Connection):
                self._receive(by_connection[readable])
            else:
                with contextlib.suppress(BlockingIOError):
                    self._wake_receiver.recv(4096)

    def _receive(self, worker: _Worker) -> None:
        try:
            message = worker.connection.recv_bytes()
        except (EOFError, OSError):
            self._died(worker)
            return
        try:
            results = pickle.loads(message)
        except Exception as error:
            self._lose(worker, "error", f"the value cannot be read: {describe(error)}")
            return
        worker.deadline = time.monotonic() + self._timeout
        if isinstance(results, str):
            raise WorkerStartError(results)
        if not worker.ready:
            worker.ready = True
            self._start_failures = 0
        elif worker.batch is not None:
            first = worker.answered
            worker.answered += len(results)
            pairs = list(zip(worker.batch[first : worker.answered], results, strict=True))
            if worker.answered == len(worker.batch):
                worker.batch = None
            self._results.put(pairs)

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            # A result that arrived in time counts even when this thread was late to look.
            if now < worker.deadline or worker.connection.poll():
                continue
            if not worker.ready:
                self._start_failed(worker, f"a worker was not ready after {START_SECONDS:.0f} s")
            elif worker.batch is not None:
                seconds = self._timeout - FLUSH_SECONDS - GRACE_SECONDS
                self._lose(worker, "timeout", f"not done after {seconds:g} s")

    def _died(self, worker: _Worker) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=1)
        detail = _exit_text(worker.process.poll())
        if not worker.ready:
            self._start_failed(worker, f"workers die while they start: {detail}")
        else:
            self._lose(worker, "crashed", detail)

    def _start_failed(self, worker: _Worker, detail: str) -> None:
        self._discard(worker)
        self._start_failures += 1
        if self._start_failures >= MAX_START_FAILURES:
            raise WorkerStartError(detail)

    def _lose(self, worker: _Worker, reason: _Reason, detail: str) -> None:
        """Give a worker up, and with it what it worked on."""
        self._discard(worker)
        if worker.batch is not None:
            self._fail(worker.batch, reason, detail, worker.answered)

    def _fail(self, batch: list[Any], reason: _Reason, detail: str, answered: int = 0) -> None:
        """Of several items those without a result are tried alone; an item that was alone has failed."""
        if len(batch) == 1:
            self._results.put([(batch[0], WorkerFailure(reason, detail))])
        else:
            self._suspects.extend([item] for item in batch[answered:])

    def _start_worker(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [json.dumps(sys.path), str(theirs.fileno()), str(os.getpid())]
            process = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # codecs print; their complaints on stderr are kept
            )
        connection = Connection(ours.detach())
        worker = _Worker(process, connection, deadline=time.monotonic() + START_SECONDS)
        self._workers.append(worker)
        # A worker that died at once is noticed when it is listened to.
        with contextlib.suppress(OSError):
            connection.send_bytes(self._setup)

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.connection.close()
        self._dying.append(worker.process)


def _exit_text(code: int | None) -> str:
    if code is None:
        return "the worker closed its connection"
    if code >= 0:
        return f"the worker left with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"the worker was killed by {signal.Signals(-code).name}"
    return f"the worker was killed by signal {-code}"
