"""The gateway: circuit breaker and budget, which all processes share; over real sockets and processes."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.enrichment.gateway import (
    CircuitOpen,
    CredentialsRefused,
    Gateway,
    Provider,
    ProviderFailure,
)
from soniquebay_pipeline_tests.enrichment.asking import FAST, ask, let_pass, one, outcomes, start, together
from soniquebay_pipeline_tests.web_server import Reply, WebServer, closed_port

# The circuit breaker


def test_three_failures_open_the_circuit_for_all_processes(
    engine: Engine, database: str, web: WebServer, gateway: Gateway
) -> None:
    web.on("*", Reply(500))
    for number in range(3):
        with pytest.raises(ProviderFailure) as raised:
            ask(gateway, FAST, web.host, f"/{number}")
        assert raised.value.kind == "server_error"
    process = start(database, web.host, ["/3", "/4"])
    together([process])
    assert outcomes(process)["counts"] == {"circuit_open": 2}
    assert web.count() == 3
    row = one(engine, "SELECT failures, opened_at, last_error FROM web_providers")
    assert row.failures == 3 and row.opened_at is not None and row.last_error == "server_error: 500"


def test_after_five_minutes_one_probe_closes_it(engine: Engine, database: str, web: WebServer) -> None:
    gateway = Gateway(engine)
    web.on("*", *[Reply(503)] * 3, Reply(body=b"slow", delay=0.5))
    for number in range(3):
        with pytest.raises(ProviderFailure):
            ask(gateway, FAST, web.host, f"/{number}")
    let_pass(engine, 299)
    with pytest.raises(CircuitOpen):
        ask(gateway, FAST, web.host, "/x")
    let_pass(engine, 2)
    processes = [start(database, web.host, [f"/{number}"]) for number in range(3)]
    together(processes)
    results: list[dict[str, int]] = [outcomes(process)["counts"] for process in processes]
    assert sorted(kind for counts in results for kind in counts) == ["circuit_open", "circuit_open", "found"]
    assert web.count() == 4
    assert one(engine, "SELECT failures, opened_at FROM web_providers") == (0, None)
    assert ask(gateway, FAST, web.host, "/y").found


def test_a_probe_that_fails_opens_it_again(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    web.on("*", Reply(503))
    for number in range(3):
        with pytest.raises(ProviderFailure):
            ask(gateway, FAST, web.host, f"/{number}")
    let_pass(engine, 301)
    with pytest.raises(ProviderFailure, match="server_error"):
        ask(gateway, FAST, web.host, "/probe")
    with pytest.raises(CircuitOpen):
        ask(gateway, FAST, web.host, "/after")
    assert web.count() == 4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(Reply(hang=True), "timeout"), (Reply(429), "rate_limited"), (Reply(reset=True), "invalid_answer")],
)
def test_what_counts(web: WebServer, gateway: Gateway, reply: Reply, kind: str) -> None:
    web.on("*", reply)
    provider = Provider("test", 100.0, timeout_seconds=0.3)
    kinds = []
    for number in range(4):
        with pytest.raises(ProviderFailure) as raised:
            ask(gateway, provider, web.host, f"/{number}")
        kinds.append(raised.value.kind)
    assert kinds == [kind] * 3 + ["circuit_open"]


def test_nobody_listening_counts(gateway: Gateway) -> None:
    with closed_port() as host:
        for _ in range(3):
            with pytest.raises(ProviderFailure, match="refused"):
                ask(gateway, FAST, host, "/a")
        with pytest.raises(CircuitOpen):
            ask(gateway, FAST, host, "/a")


def test_what_does_not_count(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    web.on("*", Reply(404))
    for number in range(5):
        assert not ask(gateway, FAST, web.host, f"/{number}").found

    def too_large() -> bytes | None:
        raise ProviderFailure("too_large", "9 MB")

    for _ in range(5):
        with pytest.raises(ProviderFailure, match="too_large"):
            gateway.ask(FAST, "test:large", too_large)
    assert one(engine, "SELECT failures, opened_at FROM web_providers") == (0, None)


def test_failures_must_follow_each_other(web: WebServer, gateway: Gateway) -> None:
    web.on("*", Reply(500), Reply(500), Reply(404), Reply(500), Reply(500), Reply(body=b"well"))
    for number, fails in enumerate([True, True, False, True, True, False]):
        if fails:
            with pytest.raises(ProviderFailure, match="server_error"):
                ask(gateway, FAST, web.host, f"/{number}")
        else:
            ask(gateway, FAST, web.host, f"/{number}")


def test_what_is_cached_needs_no_service(web: WebServer, gateway: Gateway, engine: Engine) -> None:
    ask(gateway, FAST, web.host, "/a")
    with engine.begin() as connection:
        connection.execute(text("UPDATE web_providers SET failures = 3, opened_at = now()"))
    assert ask(Gateway(engine), FAST, web.host, "/a").cached


def test_refused_credentials_are_passed_on(engine: Engine, gateway: Gateway) -> None:
    def refused() -> bytes | None:
        raise CredentialsRefused("SONIQUEBAY_X is wrong.")

    for _ in range(4):
        with pytest.raises(CredentialsRefused, match="SONIQUEBAY_X"):
            gateway.ask(FAST, "test:a", refused)
    assert one(engine, "SELECT failures, opened_at FROM web_providers") == (0, None)


# The budget


@pytest.mark.parametrize(("rate", "calls"), [(5.0, 14), (50.0, 150)])
def test_processes_share_the_budget_of_every_second(database: str, web: WebServer, rate: float, calls: int) -> None:
    paths = [f"/{number}" for number in range(calls)]
    processes = [start(database, web.host, paths[number::2], calls_per_second=rate) for number in range(2)]
    together(processes)
    for process in processes:
        assert outcomes(process)["counts"] == {"found": calls / 2}
    assert web.count() == calls
    assert web.most_in_a_second() <= 1.05 * rate


def test_retry_after_is_kept_by_all_processes(engine: Engine, database: str, web: WebServer, gateway: Gateway) -> None:
    web.on("*", Reply(429, headers={"Retry-After": "120"}), Reply(body=b"fine"))
    with pytest.raises(ProviderFailure) as raised:
        ask(gateway, FAST, web.host, "/a")
    assert (raised.value.kind, raised.value.retry_after) == ("rate_limited", 120.0)
    process = start(database, web.host, ["/b"])
    together([process])
    assert outcomes(process)["counts"] == {"told_to_wait": 1}
    assert web.count() == 1
    let_pass(engine, 121)
    assert ask(gateway, FAST, web.host, "/a").found


def test_a_service_cannot_stop_us_for_ever(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    web.on("*", Reply(503, headers={"Retry-After": "999999999"}))
    with pytest.raises(ProviderFailure):
        ask(gateway, FAST, web.host, "/a")
    assert one(engine, "SELECT not_before < now() + interval '25 hours' FROM web_providers") == (True,)


def test_waiting_for_a_turn_is_bounded(web: WebServer, gateway: Gateway) -> None:
    slow = Provider("test", 0.01, max_wait_seconds=1.0)
    ask(gateway, slow, web.host, "/a")
    with pytest.raises(CircuitOpen) as raised:
        ask(gateway, slow, web.host, "/b")
    assert raised.value.kind == "no_turn" and web.count() == 1
