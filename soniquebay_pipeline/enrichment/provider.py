"""What is known of a web service before it is asked, and how asking it can fail.

Here: the provider's limits and the errors that clients raise and callers see.
Not here: enforcing them (``admission``), HTTP (``http``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

JITTER_SECONDS = 0.1
"""How much later than permitted one call may reach the service than another. Measured between two processes and a
server on two busy cores: docs/decisions/0020-web-services.md."""

COUNTED_KINDS = frozenset({"timeout", "refused", "server_error", "rate_limited", "invalid_answer"})
"""Failures that say something about the service, so that the circuit breaker counts them."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One web service and how it may be asked; equal in every process that asks it.

    In no window of one second do more than ``calls_per_second`` calls (and 5 %) reach it. A burst is paid for by
    a lower sustained rate.
    """

    name: str
    """Lower case, without a colon: the first part of its keys."""
    calls_per_second: float
    burst: int = 1
    """Calls that may follow each other at once after a pause; at most the calls of one second."""
    timeout_seconds: float = 10.0
    """Limit of one call, from name resolution to the last byte."""
    max_wait_seconds: float = 60.0
    """How long a call waits for its turn, or for the same question asked by another process."""
    failures_to_open: int = 3
    open_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not self.calls_per_second > 0:
            raise ValueError(f"{self.name}: calls_per_second must be positive, not {self.calls_per_second}")
        if not 1 <= self.burst <= self.calls_a_window:
            raise ValueError(f"{self.name}: burst must be 1 to {self.calls_a_window}, not {self.burst}")

    @property
    def calls_a_window(self) -> int:
        """The most calls of any one second."""
        return max(1, math.floor(1.05 * self.calls_per_second + 1e-9))

    @property
    def spacing_seconds(self) -> float:
        """Seconds between two calls in the long run.

        One call more than a window may hold must take longer than the window, although the last may be quick and
        the first late.
        """
        in_turn = self.calls_a_window + 1 - self.burst
        return max(1 / self.calls_per_second, (1 + JITTER_SECONDS) / in_turn)


class ProviderFailure(Exception):
    """The service did not answer, or not with an answer; never says that there is nothing.

    ``kind``: timeout, refused (no connection), server_error (5xx), rate_limited (429), invalid_answer (garbage), or a
    kind of the client's own, which the circuit breaker does not count.
    """

    def __init__(self, kind: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.retry_after = retry_after
        """Seconds that the service asked to wait."""

    @property
    def counts(self) -> bool:
        """Whether it counts towards opening the circuit."""
        return self.kind in COUNTED_KINDS


class CircuitOpen(ProviderFailure):
    """Nothing was asked, and nothing should be until ``until``.

    ``kind``: circuit_open (too many failures), told_to_wait (Retry-After) or no_turn (waited too long).
    """

    def __init__(self, kind: str, detail: str, until: datetime) -> None:
        super().__init__(kind, detail)
        self.until = until


class CredentialsRefused(Exception):
    """The service does not accept the key; asking again will not help. The message names the setting."""
