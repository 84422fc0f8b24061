"""The parent's side of the worker processes: starts them, hands out batches, notices those that hang or die.

Here: ``Pool``. Not here: its callers' interface (``workers``) and what runs in a worker (``worker_process``).
"""

from __future__ import annotations

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
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Literal

from . import worker_process
from .worker_process import FLUSH_SECONDS, WorkerFailure, describe

GRACE_SECONDS: Final = 0.25
"""Added to an item's time for the flush before it and for sending and receiving."""

START_SECONDS: Final = 120.0
"""Time for a worker to start and import: heavy analysis libraries take 10 to 20 s on a slow, cold disk."""

MAX_START_FAILURES: Final = 3
"""Workers in a row that die before they are ready; then it is not the items' fault."""

Reason = Literal["timeout", "crashed", "error"]

_BOOTSTRAP: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    f"from {worker_process.__name__} import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)


class WorkerStartError(Exception):
    """Workers cannot be started, so no item can be judged: the import or the initializer fails."""


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


class Pool(threading.Thread):
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

    def _lose(self, worker: _Worker, reason: Reason, detail: str) -> None:
        """Give a worker up, and with it what it worked on."""
        self._discard(worker)
        if worker.batch is not None:
            self._fail(worker.batch, reason, detail, worker.answered)

    def _fail(self, batch: list[Any], reason: Reason, detail: str, answered: int = 0) -> None:
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
