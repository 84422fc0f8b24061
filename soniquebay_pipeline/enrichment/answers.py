"""The cache of answers: a few minutes in memory, then the table ``web_answers``.

Here: keys, looking up, storing, forgetting. Not here: asking (``gateway``). Failures are never stored.

A key names everything that the answer depends on: ``lastfm:2:similar:<name key>:50`` is provider, version of its
API, kind, what, limit. An answer that was forgotten may live on in the memory of other processes for as long as
memory keeps it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from cachetools import TLRUCache
from sqlalchemy import Connection, text

MEMORY_BYTES = 32 * 2**20
LONGEST_KEY_BYTES = 1000
"""PostgreSQL's B-tree refuses entries over 2,704 bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said."""

    found: bool
    """False: the service says that there is nothing."""
    body: bytes | None
    """None exactly where nothing was found."""
    cached: bool


@dataclass(frozen=True, slots=True)
class _Remembered:
    answer: Answer
    until: float


def answer_key(provider: str, version: int | str, kind: str, *parts: str | int) -> str:
    """The key of a question; a colon within a part does not separate."""
    return ":".join(_escaped(str(part)) for part in (provider, version, kind, *parts))


def stored_key(key: str) -> str:
    """The key as it is stored: what PostgreSQL's text can't hold is replaced, what is too long is hashed."""
    clean = key.replace("\x00", "%00").encode("utf-8", "replace")
    if len(clean) <= LONGEST_KEY_BYTES:
        return clean.decode()
    return clean[:500].decode("utf-8", "ignore") + "#" + hashlib.sha256(clean).hexdigest()


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


class MemoryAnswers:
    """Answers of this process, bounded in time and bytes; ``seconds`` 0 switches it off. Threads may share it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._cache: TLRUCache[str, _Remembered] = TLRUCache(
            MEMORY_BYTES,
            ttu=lambda _key, value, _now: value.until,
            timer=time.monotonic,
            getsizeof=lambda value: 500 + len(value.answer.body or b""),
        )

    def get(self, key: str) -> Answer | None:
        """The answer, as a cached one."""
        with self._lock:
            found = self._cache.get(key)
        return None if found is None else found.answer

    def put(self, key: str, answer: Answer, seconds_left: float) -> None:
        """Keep it for at most ``seconds_left``; one of more than 1 MB is left to the table."""
        seconds = min(self._seconds, seconds_left)
        if seconds > 0 and len(answer.body or b"") <= 2**20:
            with self._lock:
                kept = Answer(answer.found, answer.body, cached=True)
                self._cache[key] = _Remembered(kept, time.monotonic() + seconds)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._cache.clear()


def load(connection: Connection, key: str) -> tuple[Answer, float] | None:
    """A stored answer that has not expired, and for how many seconds it is still good."""
    row = connection.execute(
        text(
            """
            SELECT found, body, extract(epoch FROM expires_at - clock_timestamp()) FROM web_answers
            WHERE key = :key AND expires_at > clock_timestamp()
            """
        ),
        {"key": key},
    ).one_or_none()
    return None if row is None else (Answer(row[0], row[1], cached=True), float(row[2]))


def store(connection: Connection, key: str, provider: str, body: bytes | None, lifetime: timedelta) -> None:
    """Keep an answer for ``lifetime``, in place of an older one."""
    connection.execute(
        text(
            """
            INSERT INTO web_answers (key, provider, found, body, fetched_at, expires_at)
            VALUES (:key, :provider, :found, :body, clock_timestamp(), clock_timestamp() + :lifetime)
            ON CONFLICT (key) DO UPDATE SET provider = excluded.provider, found = excluded.found,
                body = excluded.body, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
            """
        ),
        {"key": key, "provider": provider, "found": body is not None, "body": body, "lifetime": lifetime},
    )


def forget(connection: Connection, *, provider: str | None = None, pattern: str | None = None) -> int:
    """Delete answers, of one provider, or whose key is like ``pattern`` (``*`` any text, ``?`` one character)."""
    like = None
    if pattern is not None:
        like = pattern.replace("\\", "\\\\").replace("_", r"\_")
        like = like.replace("%", r"\%").replace("*", "%").replace("?", "_")
    return connection.execute(
        text(
            """
            DELETE FROM web_answers WHERE (CAST(:provider AS text) IS NULL OR provider = :provider)
             AND (CAST(:pattern AS text) IS NULL OR key LIKE :pattern)
            """
        ),
        {"provider": provider, "pattern": like},
    ).rowcount


def forget_about(connection: Connection, provider: str, parts: list[str]) -> int:
    """Delete a provider's answers about any of these: names or ids that stand in a key as a part of their own.

    For when an artist's name or id changes.
    """
    return connection.execute(
        text(
            """
            DELETE FROM web_answers
            WHERE provider = :provider AND string_to_array(key, ':') && CAST(:parts AS text[])
            """
        ),
        {"provider": provider, "parts": [_escaped(part) for part in parts]},
    ).rowcount


def remove_expired(connection: Connection) -> int:
    """Delete what is no longer good; returns the number of answers."""
    return connection.execute(text("DELETE FROM web_answers WHERE expires_at <= clock_timestamp()")).rowcount
