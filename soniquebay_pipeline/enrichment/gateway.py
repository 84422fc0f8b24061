"""The one way to a web service: cache, then circuit breaker, then budget, then the call.

Here: the order of these, one call for a question that several ask at once, and counting.
Not here: the rules of each (``answers``, ``admission``, ``calls``), HTTP (``http``), what the answers mean (clients).
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from soniquebay_pipeline.db.locks import LOCKS_OF_ANSWERS
from soniquebay_pipeline.enrichment import answers
from soniquebay_pipeline.enrichment.admission import Turn, note_answer, note_failure, take_turn
from soniquebay_pipeline.enrichment.answers import Answer, MemoryAnswers, answer_key
from soniquebay_pipeline.enrichment.calls import CallCounters
from soniquebay_pipeline.enrichment.provider import CircuitOpen, CredentialsRefused, Provider, ProviderFailure
from soniquebay_pipeline.settings import get_settings

__all__ = ["Answer", "CircuitOpen", "CredentialsRefused", "Gateway", "Provider", "ProviderFailure", "answer_key"]

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
NOT_STORED = timedelta(0)
"""For pictures, which go to the folder of pictures: the cache keeps only that there is none."""


class Gateway:
    """Asks services for all threads of a process; processes and machines meet in the database.

    One connection of the engine is taken while a call is underway. ``with`` or ``close`` writes the last counts.
    ``memory_seconds`` is SONIQUEBAY_WEB_MEMORY_SECONDS where it is not given.
    """

    def __init__(self, engine: Engine, *, memory_seconds: float | None = None) -> None:
        self._engine = engine
        self._memory = MemoryAnswers(get_settings().web_memory_seconds if memory_seconds is None else memory_seconds)
        self._calls = CallCounters(engine)
        weakref.finalize(self, _flush_quietly, self._calls)

    def ask(
        self,
        provider: Provider,
        key: str,
        fetch: Callable[[], bytes | None],
        *,
        lifetime: timedelta = DAY,
        lifetime_not_found: timedelta = WEEK,
    ) -> Answer:
        """The answer to the question that ``key`` names, from the cache or through ``fetch``.

        ``fetch`` returns the body, or None for "the service says there is nothing"; it must end within
        ``provider.timeout_seconds``. It raises ProviderFailure or CredentialsRefused, which are passed on and never
        cached; CircuitOpen is raised without calling it. A lifetime of zero does not store.
        """
        key = answers.stored_key(key)
        started = time.monotonic()
        known = self._memory.get(key)
        if known is not None:
            self._calls.count(provider.name, "cached_memory", time.monotonic() - started)
            return known
        with self._engine.connect() as connection:
            stored = self._stored(connection, provider, key, started)
            if stored is not None:
                return stored
            with _only_one(connection, provider, key):
                stored = self._stored(connection, provider, key, started)  # whoever asked first has stored it
                if stored is not None:
                    return stored
                body = self._call(connection, provider, fetch)
                kept = lifetime if body is not None else lifetime_not_found
                answer = Answer(body is not None, body, cached=False)
                if kept > timedelta(0):
                    answers.store(connection, key, provider.name, body, kept)
                    connection.commit()
                    self._memory.put(key, answer, kept.total_seconds())
                return answer

    def forget(self, *, provider: str | None = None, pattern: str | None = None) -> int:
        """Forget answers here and in the table (``answers.forget``); returns their number in the table."""
        self._memory.clear()
        with self._engine.begin() as connection:
            return answers.forget(connection, provider=provider, pattern=pattern)

    def close(self) -> None:
        """Write the counts that are not written yet."""
        self._calls.flush()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stored(self, connection: Connection, provider: Provider, key: str, started: float) -> Answer | None:
        found = answers.load(connection, key)
        connection.commit()
        if found is None:
            return None
        answer, seconds_left = found
        self._memory.put(key, answer, seconds_left)
        self._calls.count(provider.name, "cached", time.monotonic() - started)
        return answer

    def _call(self, connection: Connection, provider: Provider, fetch: Callable[[], bytes | None]) -> bytes | None:
        turn = self._wait_for_turn(connection, provider)
        started = time.monotonic()
        outcome = "error"
        try:
            body = fetch()
            outcome = "not_found" if body is None else "found"
            _note_answer(connection, provider, turn)
            return body
        except ProviderFailure as failure:
            outcome = failure.kind
            note_failure(connection, provider, failure)
            connection.commit()
            raise
        except CredentialsRefused:
            outcome = "credentials_refused"
            _note_answer(connection, provider, turn)
            raise
        finally:
            self._calls.count(provider.name, outcome, time.monotonic() - started)

    def _wait_for_turn(self, connection: Connection, provider: Provider) -> Turn:
        started = time.monotonic()
        while True:
            try:
                decision = take_turn(connection, provider)
            except CircuitOpen as refusal:
                self._calls.count(provider.name, refusal.kind, time.monotonic() - started)
                raise
            if isinstance(decision, Turn):
                return decision
            if time.monotonic() + decision.seconds - started > provider.max_wait_seconds:
                self._calls.count(provider.name, "no_turn", time.monotonic() - started)
                raise _no_turn(provider, decision.seconds)
            time.sleep(decision.seconds)


def _note_answer(connection: Connection, provider: Provider, turn: Turn) -> None:
    note_answer(connection, provider, turn)
    connection.commit()


def _no_turn(provider: Provider, seconds: float) -> CircuitOpen:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return CircuitOpen("no_turn", f"{provider.name}: no turn within {provider.max_wait_seconds:.0f} s", until)


@contextmanager
def _only_one(connection: Connection, provider: Provider, key: str) -> Iterator[None]:
    """Hold the key among all processes; waits for whoever holds it, for as long as a call may take.

    The lock belongs to the session, so that no transaction stays open during the call; a killed process frees it
    with its connection. It has two numbers, a space apart from the locks of ``db.locks`` with one.
    """
    parameters = {"space": LOCKS_OF_ANSWERS, "key": key}
    milliseconds = int(1000 * (provider.max_wait_seconds + provider.timeout_seconds))
    try:
        connection.execute(text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": str(milliseconds)})
        connection.execute(text("SELECT pg_advisory_lock(:space, hashtext(:key))"), parameters)
        connection.commit()
    except OperationalError as error:
        if type(error.orig).__name__ != "LockNotAvailable":
            raise
        connection.rollback()
        raise _no_turn(provider, provider.timeout_seconds) from error
    try:
        yield
    finally:
        try:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:space, hashtext(:key))"), parameters)
            connection.commit()
        except SQLAlchemyError:
            connection.invalidate()  # a connection that is not clean must not go back to the pool with the lock


def _flush_quietly(calls: CallCounters) -> None:
    with suppress(SQLAlchemyError):
        calls.flush()
