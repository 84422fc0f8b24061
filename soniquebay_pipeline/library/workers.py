"""Runs a function over many items in processes of their own, so that one bad file costs only itself.

Here: ``map_isolated``, what it promises and its options. Not here: the processes (``worker_pool``, and
``worker_process`` on their side), what the function does, and retries of an item that failed.

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
import pickle
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .worker_pool import Pool, WorkerStartError
from .worker_process import WorkerFailure, describe

if TYPE_CHECKING:
    from soniquebay_pipeline.settings import Settings

__all__ = ["PoolOptions", "WorkerFailure", "WorkerStartError", "map_isolated"]

Item = TypeVar("Item")
Value = TypeVar("Value")

BATCHES_PER_WORKER: Final = 4


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How a pool is run; see ``map_isolated`` for the meaning."""

    workers: int
    timeout_seconds: float = 30.0
    batch_size: int = 64
    memory_limit_mb: int | None = None
    max_tasks: int = 5000

    @classmethod
    def for_readers(cls, settings: Settings) -> PoolOptions:
        """For processes that read files of strangers: tags and pictures, in bounded time and memory."""
        return cls(
            workers=settings.workers,
            timeout_seconds=settings.file_timeout_seconds,
            memory_limit_mb=settings.worker_memory_mb,
        )

    @classmethod
    def for_analysis(cls, settings: Settings) -> PoolOptions:
        """For processes that analyse: one file at a time each, recycled after 500."""
        return cls(
            workers=settings.analysis_workers,
            timeout_seconds=settings.analysis_timeout_seconds,
            batch_size=1,
            max_tasks=500,
        )

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
    make_pool = partial(Pool, setup, workers, timeout_seconds, max_tasks)
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
    make_pool: Callable[[], Pool], items: Iterable[Item], batch_size: int, window: int
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
