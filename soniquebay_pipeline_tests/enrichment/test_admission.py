"""Circuit breaker and budget as rules, without a clock or a database: for any times at which callers come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.enrichment.admission import SLACK_SECONDS, State, Turn, Wait, decide
from soniquebay_pipeline.enrichment.provider import JITTER_SECONDS, CircuitOpen, Provider
from soniquebay_pipeline_tests.web_server import most_in_a_second

START = datetime(2026, 1, 1, tzinfo=UTC)
RATES = st.sampled_from([0.2, 0.5, 1.0, 2.0, 2.5, 5.0, 7.3, 20.0, 50.0, 200.0])


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(
    rate=RATES,
    burst_share=st.floats(0, 1),
    pauses=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.05), st.floats(0, 3)), min_size=1, max_size=150),
    delays=st.lists(st.floats(0, JITTER_SECONDS - SLACK_SECONDS), min_size=1, max_size=20),
)
def test_no_window_of_a_second_holds_more_than_the_budget(
    rate: float, burst_share: float, pauses: list[float], delays: list[float]
) -> None:
    """Callers come whenever they like, wait as long as they are told and a little longer, and calls take their time
    to arrive."""
    most = Provider("x", rate).calls_a_window
    provider = Provider("x", rate, burst=max(1, round(burst_share * most)))
    assert most == 1 if rate < 1.9 else most <= 1.05 * rate
    state, now, arrivals = State(), 0.0, []
    for number, pause in enumerate(pauses):
        now += pause
        decision = decide(state, provider, at(now))
        if isinstance(decision, Wait):
            assert decision.seconds > 0
            now += decision.seconds + 1e-6
            decision = decide(state, provider, at(now))
        assert isinstance(decision, Turn)
        state = State(next_call_at=decision.next_call_at)
        arrivals.append(now + delays[number % len(delays)])
    assert most_in_a_second(arrivals) <= most


@given(rate=RATES)
def test_the_budget_is_used(rate: float) -> None:
    """Callers that are always there get at least nine tenths of the rate, where a window can hold that many."""
    provider = Provider("x", rate)
    assert 0.9 * min(rate, provider.calls_a_window) <= 1 / provider.spacing_seconds <= rate


def test_a_provider_that_makes_no_sense() -> None:
    for wrong in (
        {"calls_per_second": 0.0},
        {"calls_per_second": 5.0, "burst": 6},
        {"calls_per_second": 5.0, "burst": 0},
    ):
        with pytest.raises(ValueError, match="x: "):
            Provider("x", **wrong)  # type: ignore[arg-type]


def until(state: State, now: float) -> tuple[str, float]:
    with pytest.raises(CircuitOpen) as raised:
        decide(state, Provider("x", 1.0), at(now))
    return raised.value.kind, (raised.value.until - START).total_seconds()


def test_the_circuit_opens_then_lets_one_probe_through() -> None:
    opened = State(failures=3, opened_at=at(0))
    assert until(opened, 0.0) == until(opened, 299.9) == ("circuit_open", 300.0)
    probe = decide(opened, Provider("x", 1.0), at(300.0))
    assert isinstance(probe, Turn) and probe.is_probe
    probing = State(failures=3, opened_at=at(0), probe_until=at(340))
    assert until(probing, 301.0) == ("circuit_open", 340.0)
    after_a_killed_probe = decide(probing, Provider("x", 1.0), at(340.0))
    assert isinstance(after_a_killed_probe, Turn) and after_a_killed_probe.is_probe


def test_retry_after_is_waited_for() -> None:
    assert until(State(failures=1, not_before=at(60)), 59.0) == ("told_to_wait", 60.0)
    assert isinstance(decide(State(failures=1, not_before=at(60)), Provider("x", 1.0), at(60)), Turn)
