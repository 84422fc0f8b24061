"""How long work tells a person how far it is.

Here: the protocol that domain code reports to, and the reporter that says nothing.
Not here: what is drawn (``cli`` draws bars, ``defs`` writes Dagster's log).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class Stage(Protocol):
    """One stretch of work; call it with the number of items done since the last call."""

    def __call__(self, done: int = 1, /) -> None: ...


class Progress(Protocol):
    """Opens stages; ``total`` is None where it is not known before."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]: ...


class Silent:
    """Reports nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield lambda done=1: None


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def shown_by(progress: Progress) -> Iterator[None]:
    """Within this block, work in this thread reports to ``progress``."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Progress | None:
    """The reporter that a person is watching, if there is one."""
    return _current.get()
