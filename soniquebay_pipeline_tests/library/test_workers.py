"""The worker pool: every promise of ``map_isolated`` with functions that break it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from soniquebay_pipeline.library import worker_pool
from soniquebay_pipeline.library.workers import WorkerFailure, WorkerStartError, map_isolated

# ------------------------------------------- what the workers run, by name

_initialized = False


def double(number: int) -> int:
    return number * 2


def misbehave(item: int | str) -> Any:
    """Numbers are doubled; words say what goes wrong."""
    if isinstance(item, int):
        return item * 2
    if item == "hang":
        time.sleep(600)
    if item == "spin":
        while True:
            pass
    if item == "exit":
        os._exit(3)
    if item == "leave":
        sys.exit("gone")
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "close":
        os.closerange(3, 100)
    if item == "raise":
        raise LookupError("the\ntext")
    if item == "unsendable":
        return lambda: None
    if item == "unreadable":
        return Unreadable()
    if item == "memory":
        return len(bytearray(8 << 30))
    if item == "print":
        print("x" * 100_000)
    if item == "none":
        return None
    return item


class Unreadable:
    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return (_explode, ("in the parent",))


class Unsendable:
    def __reduce__(self) -> tuple[Any, ...]:
        raise RuntimeError("stays here")


def _explode(text: str) -> None:
    raise RuntimeError(text)


def slow(milliseconds: int) -> int:
    time.sleep(milliseconds / 1000)
    return os.getpid()


def process_id(_: object) -> int:
    return os.getpid()


def initialize() -> None:
    global _initialized
    _initialized = True


def is_initialized(_: object) -> bool:
    return _initialized


def fail_to_initialize() -> None:
    raise RuntimeError("no model")


def die_in_initializer() -> None:
    os._exit(9)


def loaded_modules(_: object) -> set[str]:
    return set(sys.modules)


def report_and_hang(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


# ----------------------------------------------------------------- helpers


def run(function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> list[tuple[Any, Any]]:
    settings: dict[str, Any] = {"workers": 2, "batch_size": 8, "timeout_seconds": 30.0} | options
    return list(map_isolated(function, items, **settings))


def children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return {pid for pid in found if is_alive(pid)}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = children()
    yield
    assert children() - before == set()
    assert "map-isolated" not in {thread.name for thread in threading.enumerate()}


# ------------------------------------------------------------------- tests


@pytest.mark.parametrize("count", [0, 1, 8, 9, 1000])
def test_every_item_once(count: int) -> None:
    assert sorted(run(double, iter(range(count)))) == [(number, number * 2) for number in range(count)]


def test_equal_and_large_items() -> None:
    assert run(double, ["ab"] * 5, workers=1) == [("ab", "abab")] * 5
    large = b"x" * 3_000_000  # beyond every pipe's buffer, in both directions
    assert [len(value) for _, value in run(double, [large] * 6, batch_size=2)] == [6_000_000] * 6


@pytest.mark.parametrize("bad", ["hang", "spin"])
@pytest.mark.parametrize("batch_size", [1, 10, 100])
def test_a_hang_costs_the_item_that_hangs(bad: str, batch_size: int) -> None:
    items = [*range(20), bad, *range(20, 40)]
    results = dict(run(misbehave, items, batch_size=batch_size, timeout_seconds=0.5))
    assert results.pop(bad) == WorkerFailure("timeout", "not done after 0.5 s")
    assert results == {number: number * 2 for number in range(40)}


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        ("exit", "the worker left with exit code 3"),
        ("kill", "the worker was killed by SIGKILL"),
        ("segfault", "the worker was killed by SIGSEGV"),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 10, 100])
def test_a_death_costs_the_item_that_kills(bad: str, detail: str, batch_size: int) -> None:
    items = [*range(20), bad, *range(20, 40)]
    results = dict(run(misbehave, items, batch_size=batch_size))
    assert results.pop(bad) == WorkerFailure("crashed", detail)
    assert results == {number: number * 2 for number in range(40)}


def test_many_bad_items_at_once() -> None:
    bad = ["exit", "kill", "hang", "raise", "unsendable", "unreadable", "leave", "close"]
    items = [item for number, word in enumerate(bad) for item in (word, number, number + 100)]
    results = run(misbehave, items, batch_size=7, timeout_seconds=0.5)
    assert Counter(item for item, _ in results) == Counter(items)
    reasons = {item: value.reason for item, value in results if isinstance(value, WorkerFailure)}
    assert reasons == {
        "exit": "crashed", "kill": "crashed", "hang": "timeout", "raise": "error",
        "unsendable": "error", "unreadable": "error", "leave": "error", "close": "crashed",
    }  # fmt: skip


def test_an_exception_comes_back_with_class_and_text() -> None:
    results = dict(run(misbehave, ["raise", 1, "leave"], workers=1))
    assert results["raise"] == WorkerFailure("error", "LookupError: the\ntext")
    assert results["leave"] == WorkerFailure("error", "SystemExit: gone")
    assert results[1] == 2


def test_none_is_a_value_and_output_does_no_harm() -> None:
    assert dict(run(misbehave, ["none", "print"])) == {"none": None, "print": "print"}


def test_items_that_cannot_be_sent() -> None:
    bad = Unsendable()
    results = dict(run(double, [1, bad, 2], workers=1))
    assert results[1] == 2 and results[2] == 4
    assert results[bad] == WorkerFailure("error", "the item cannot be sent: RuntimeError: stays here")


def test_a_batch_may_take_longer_than_an_item() -> None:
    results = run(slow, [100] * 10, workers=1, batch_size=10, timeout_seconds=0.4)
    assert len({value for _, value in results}) == 1  # one worker did them all


def test_a_slow_consumer_costs_nobody_a_timeout() -> None:
    results = []
    for pair in map_isolated(misbehave, range(12), workers=1, batch_size=2, timeout_seconds=0.3):
        time.sleep(0.1)
        results.append(pair)
    assert sorted(results) == [(number, number * 2) for number in range(12)]


def test_items_are_read_lazily_and_in_the_callers_thread() -> None:
    read = []
    threads = set()

    def items() -> Iterator[int]:
        for number in range(10_000):
            read.append(number)
            threads.add(threading.get_ident())
            yield number

    results = map_isolated(double, items(), workers=2, batch_size=5, timeout_seconds=30)
    for consumed, _ in enumerate(results, 1):
        assert len(read) <= consumed + 4 * 2 * 5
        if consumed == 500:
            break
    assert threads == {threading.get_ident()}


def test_nothing_starts_before_the_first_item_is_asked_for() -> None:
    before = children()
    results = map_isolated(double, [1], workers=1, batch_size=1, timeout_seconds=30)
    assert children() == before
    assert list(results) == [(1, 2)]


def test_closing_early_stops_the_workers() -> None:
    results = map_isolated(slow, [1, *[600_000] * 50], workers=2, batch_size=1, timeout_seconds=1000)
    assert next(results)[0] == 1
    assert children()
    results.close()


def test_an_error_in_the_items_or_the_consumer_stops_the_workers() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise LookupError("the database is gone")

    with pytest.raises(LookupError, match="database"):
        run(double, items(), batch_size=2)
    with pytest.raises(ZeroDivisionError):
        for _ in map_isolated(double, range(1000), workers=2, batch_size=2, timeout_seconds=30):
            raise ZeroDivisionError


def test_workers_are_replaced_after_their_tasks() -> None:
    results = run(process_id, range(40), workers=1, batch_size=5, max_tasks=10)
    assert set(Counter(value for _, value in results).values()) == {10}


def test_initializer() -> None:
    assert {value for _, value in run(is_initialized, range(20), initializer=initialize)} == {True}
    with pytest.raises(WorkerStartError, match="RuntimeError: no model"):
        run(double, range(20), initializer=fail_to_initialize)
    with pytest.raises(WorkerStartError, match="exit code 9"):
        run(double, range(20), initializer=die_in_initializer)


def test_workers_that_never_get_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "START_SECONDS", 0.0)
    with pytest.raises(WorkerStartError, match="not ready"):
        run(double, range(20))


def test_memory_limit() -> None:
    results = dict(run(misbehave, ["memory", 1], memory_limit_bytes=4 << 30))
    assert results["memory"] == WorkerFailure("error", "MemoryError: ")
    assert results[1] == 2


def test_workers_import_nothing_of_the_parent() -> None:
    script = (
        "import sys; sys.modules['heavy'] = sys;"
        "from soniquebay_pipeline.library.workers import map_isolated;"
        "from soniquebay_pipeline_tests.library.test_workers import loaded_modules;"
        "((_, seen),) = map_isolated(loaded_modules, [1], workers=1, batch_size=1, timeout_seconds=30);"
        "assert not seen & {'heavy', 'dagster', 'soniquebay_pipeline.library.walk'}, seen"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True, timeout=60)


@pytest.mark.parametrize("bad", [lambda number: number, "main"])
def test_functions_must_be_importable(bad: Any) -> None:
    if bad == "main":
        bad = type("Callable", (), {"__module__": "__main__", "__call__": double})()
    with pytest.raises(Exception, match=r"pickle|importable|workers can import"):
        run(bad, [1])


@pytest.mark.parametrize("options", [{"workers": -1}, {"batch_size": 0}, {"timeout_seconds": 0}, {"max_tasks": 0}])
def test_senseless_settings(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        run(double, [1], **options)


def test_inline() -> None:
    results = run(misbehave, iter([1, "raise"]), workers=0, initializer=initialize)
    assert results == [(1, 2), ("raise", WorkerFailure("error", "LookupError: the\ntext"))]
    assert run(process_id, [1], workers=0) == [(1, os.getpid())]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_no_orphans_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys;"
        "from soniquebay_pipeline.library.workers import map_isolated;"
        "from soniquebay_pipeline_tests.library.test_workers import report_and_hang;"
        "list(map_isolated(report_and_hang, [sys.argv[1]] * 9, workers=2, batch_size=1, timeout_seconds=500))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment())
    try:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        pids = [int(path.name) for path in tmp_path.iterdir()]
        assert all(map(is_alive, pids))
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(map(is_alive, pids)))


def test_an_abandoned_iterator_does_not_block_the_exit() -> None:
    script = (
        "from soniquebay_pipeline.library.workers import map_isolated;"
        "from soniquebay_pipeline_tests.library.test_workers import double;"
        "results = map_isolated(double, range(1000), workers=2, batch_size=5, timeout_seconds=500);"
        "print(next(results))"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True, timeout=60)
