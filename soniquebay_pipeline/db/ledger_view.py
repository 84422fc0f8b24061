"""What a person sees of the ledger: how much waits, what fails and why, and whether that is healthy.

Here: counts by queue, thresholds. Not here: changing rows (``ledger``), printing (``cli``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

CRITICAL_PENDING = 1_000
CRITICAL_FAILED = 100
CRITICAL_AGE_SECONDS = 3_600.0
"""Health is critical over these, and a warning at half; the defaults that SoniqueBay's users know."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue of the ledger."""

    queue: str
    waiting: int
    """May be tried now."""
    delayed: int
    """Waits for the time of its next attempt."""
    leased: int
    """A worker is at it."""
    failed: int
    """Given up until a person or the daily retry asks."""
    oldest_seconds: float
    """For how long the longest waiting could have been tried; 0 when nothing waits."""
    next_attempt_at: datetime | None
    errors: dict[str, int] = field(default_factory=dict)
    """Rows by the class of their last error, most frequent first."""

    @property
    def health(self) -> str:
        """ok, warning or critical."""
        pending = self.waiting + self.delayed + self.leased
        worst = max(
            pending / CRITICAL_PENDING, self.failed / CRITICAL_FAILED, self.oldest_seconds / CRITICAL_AGE_SECONDS
        )
        return "critical" if worst > 1 else "warning" if worst >= 0.5 else "ok"

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self) | {"health": self.health}


# What waits for a file that is gone or can't be read any more is no backlog: it is tried when the file is back.
_WORKABLE = """
    (SELECT * FROM deferred_tasks d WHERE NOT EXISTS (
        SELECT FROM raw_files f WHERE f.status <> 'present' AND f.id = CASE
            WHEN d.queue = 'analysis' THEN (SELECT t.file_id FROM tracks t WHERE t.id = d.entity_id)
            WHEN d.entity_type = 'file' THEN d.entity_id END
    )) AS w
"""


def queue_states(connection: Connection) -> list[QueueState]:
    """Every queue that has rows, by name."""
    rows = connection.execute(
        text(
            f"""
            SELECT queue,
                count(*) FILTER (WHERE state = 'waiting' AND next_attempt_at <= now()),
                count(*) FILTER (WHERE state = 'waiting' AND next_attempt_at > now()
                                 AND (leased_until IS NULL OR leased_until <= now())),
                count(*) FILTER (WHERE state = 'waiting' AND next_attempt_at > now() AND leased_until > now()),
                count(*) FILTER (WHERE state = 'failed'),
                coalesce(extract(epoch FROM now() - min(next_attempt_at)
                    FILTER (WHERE state = 'waiting' AND next_attempt_at <= now())), 0),
                min(next_attempt_at) FILTER (WHERE state = 'waiting' AND next_attempt_at > now()
                                             AND (leased_until IS NULL OR leased_until <= now()))
            FROM {_WORKABLE} GROUP BY queue ORDER BY queue
            """
        )
    ).all()
    errors: dict[str, dict[str, int]] = {}
    for queue, kind, count in connection.execute(
        text(
            f"""
            SELECT queue, split_part(last_error, ':', 1), count(*) FROM {_WORKABLE}
            WHERE last_error IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
            """
        )
    ):
        errors.setdefault(queue, {})[kind[:60]] = count
    return [
        QueueState(name, waiting, delayed, leased, failed, float(oldest), following, errors.get(name, {}))
        for name, waiting, delayed, leased, failed, oldest, following in rows
    ]
