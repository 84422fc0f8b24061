"""Work of one queue as one process takes it: in batches, leased, until none is left or the time is up.

Here: the loop over leases that everybody shares who asks a web service. Not here: the rows (``ledger``), the asking.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from soniquebay_pipeline.db import ledger


@dataclass(frozen=True, slots=True)
class Leases:
    """The leases of this process on one kind of work."""

    engine: Engine
    queue: str
    entity_type: str
    seconds: float
    """What a killed process had is handed out again after so long."""

    @property
    def worker(self) -> str:
        """This process, among all machines."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def enrol(self, due: str, parameters: Mapping[str, Any]) -> None:
        """Bring the ledger up to date with what the data says is due; see ``ledger.enrol``."""
        with self.engine.begin() as connection:
            ledger.enrol(connection, self.queue, self.entity_type, due, parameters)

    def batches(self, size: int, deadline: float) -> Iterator[list[int]]:
        """Ids of up to ``size`` entities at a time, until ``time.monotonic()`` is past the deadline."""
        while time.monotonic() < deadline:
            with self.engine.begin() as connection:
                claims = ledger.claim(
                    connection,
                    self.queue,
                    self.entity_type,
                    limit=size,
                    worker=self.worker,
                    lease_seconds=self.seconds,
                )
            if not claims:
                return
            yield [each.entity_id for each in claims]

    def extend(self, ids: Iterable[int]) -> None:
        """Keep what this process has for longer."""
        with self.engine.begin() as connection:
            ledger.extend(connection, self.queue, self.entity_type, ids, worker=self.worker, lease_seconds=self.seconds)

    def finish(
        self,
        *,
        done: Iterable[int] = (),
        failed: Iterable[ledger.FailedAttempt] = (),
        untried: Iterable[int] = (),
        until: datetime | None = None,
    ) -> None:
        """Say what became of a batch. What was not tried is given back, not before ``until``, and loses no attempt."""
        of_queue = (self.queue, self.entity_type)
        with self.engine.begin() as connection:
            ledger.note_failures(connection, *of_queue, list(failed))
            ledger.release(connection, *of_queue, untried, worker=self.worker, until=until)
            ledger.note_successes(connection, *of_queue, done)
