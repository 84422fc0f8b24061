"""Counters of how calls went, in ``web_calls``.

Here: counting in memory and adding to the table now and then, so that no row is written for each call.
Not here: showing them (``cli``).
"""

from __future__ import annotations

import math
import threading
import time

from sqlalchemy import Engine, text

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
"""Upper bounds of the latency histogram, seconds."""
FLUSH_SECONDS = 1.0


class CallCounters:
    """Counts of this process; at most a second of them is lost when it is killed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, float], tuple[int, float]] = {}
        self._flushed = time.monotonic()

    def count(self, provider: str, outcome: str, seconds: float) -> None:
        """One call; the counts are written when a second has passed since they were."""
        bucket = next(bound for bound in BUCKETS if seconds <= bound)
        with self._lock:
            calls, total = self._counts.get((provider, outcome, bucket), (0, 0.0))
            self._counts[provider, outcome, bucket] = (calls + 1, total + seconds)
            due = time.monotonic() - self._flushed >= FLUSH_SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Add the counts to the table."""
        with self._lock:
            counts, self._counts = self._counts, {}
            self._flushed = time.monotonic()
        if not counts:
            return
        rows = sorted(counts.items())
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO web_calls AS w (provider, outcome, le, calls, seconds)
                    SELECT * FROM unnest(CAST(:provider AS text[]), CAST(:outcome AS text[]), CAST(:le AS float8[]),
                                         CAST(:calls AS bigint[]), CAST(:seconds AS float8[]))
                    ON CONFLICT (provider, outcome, le) DO UPDATE SET
                        calls = w.calls + excluded.calls, seconds = w.seconds + excluded.seconds
                    """
                ),
                {
                    "provider": [key[0] for key, _ in rows],
                    "outcome": [key[1] for key, _ in rows],
                    "le": [key[2] for key, _ in rows],
                    "calls": [value[0] for _, value in rows],
                    "seconds": [value[1] for _, value in rows],
                },
            )
