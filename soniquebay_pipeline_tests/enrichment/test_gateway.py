"""The gateway: cache, one call a question, counters; over real sockets and processes.

Not here: the circuit breaker and the budget (``test_gateway_limits``).
"""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.enrichment import answers
from soniquebay_pipeline.enrichment.gateway import (
    CircuitOpen,
    Gateway,
    Provider,
    ProviderFailure,
    answer_key,
)
from soniquebay_pipeline.settings import Settings, get_settings
from soniquebay_pipeline_tests.enrichment.asking import FAST, ask, let_pass, one, outcomes, start, together
from soniquebay_pipeline_tests.web_server import Reply, WebServer

# The cache


def test_an_answer_is_asked_for_once(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    first = ask(gateway, FAST, web.host, "/a")
    assert (first.found, first.body, first.cached) == (True, b"about /a", False)
    for again in (ask(gateway, FAST, web.host, "/a"), ask(Gateway(engine), FAST, web.host, "/a")):
        assert (again.found, again.body, again.cached) == (True, b"about /a", True)
    assert web.count() == 1


def test_nothing_there_is_an_answer_that_lives_longer(engine: Engine, web: WebServer) -> None:
    web.on("/gone", Reply(404))
    for path in ("/gone", "/a"):
        ask(Gateway(engine), FAST, web.host, path)
    let_pass(engine, 2 * 86_400)
    gone, there = (ask(Gateway(engine), FAST, web.host, path) for path in ("/gone", "/a"))
    assert (gone.found, gone.body, gone.cached) == (False, None, True)
    assert not there.cached and (web.count("/gone"), web.count("/a")) == (1, 2)
    let_pass(engine, 6 * 86_400)
    assert not ask(Gateway(engine), FAST, web.host, "/gone").cached


def test_a_failure_is_no_answer(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    web.on("/a", Reply(500), Reply(body=b"there"))
    with pytest.raises(ProviderFailure) as raised:
        ask(gateway, FAST, web.host, "/a")
    assert raised.value.kind == "server_error"
    assert one(engine, "SELECT count(*) FROM web_answers") == (0,)
    assert ask(gateway, FAST, web.host, "/a").body == b"there"


def test_without_memory_the_table_answers(engine: Engine, web: WebServer) -> None:
    gateway = Gateway(engine, memory_seconds=0)
    ask(gateway, FAST, web.host, "/a")
    with engine.begin() as connection:
        connection.execute(text("UPDATE web_answers SET body = 'from the table'"))
    assert ask(gateway, FAST, web.host, "/a").body == b"from the table"
    assert web.count() == 1


def test_memory_is_switched_off_by_the_setting(
    settings_env: Settings, engine: Engine, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds, remembered in (("0", b"from the table"), ("300", b"about /300")):
        monkeypatch.setenv("SONIQUEBAY_WEB_MEMORY_SECONDS", seconds)
        get_settings.cache_clear()
        gateway = Gateway(engine)
        ask(gateway, FAST, web.host, f"/{seconds}")
        with engine.begin() as connection:
            connection.execute(text("UPDATE web_answers SET body = 'from the table'"))
        assert ask(gateway, FAST, web.host, f"/{seconds}").body == remembered


def test_memory_keeps_nothing_longer_than_the_table(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    ask(gateway, FAST, web.host, "/a", lifetime=timedelta(seconds=0.2))
    time.sleep(0.3)
    assert not ask(gateway, FAST, web.host, "/a", lifetime=timedelta(0)).cached
    assert not ask(gateway, FAST, web.host, "/a").cached  # a lifetime of zero was not stored


def test_memory_is_bounded(engine: Engine) -> None:
    gateway = Gateway(engine)
    for number in range(80):
        gateway.ask(FAST, f"test:{number}", lambda: bytes(10**6))
    assert gateway._memory._cache.currsize <= answers.MEMORY_BYTES
    huge = gateway.ask(FAST, "test:huge", lambda: bytes(2**22))
    assert huge.body is not None and len(huge.body) == 2**22
    assert gateway.ask(FAST, "test:huge", lambda: None).body == huge.body


@pytest.mark.parametrize("name", ["ö" * 3000, "a\x00b", "a\ud800b", "", "%:_*?", "'; DROP TABLE web_answers; --"])
def test_any_name_makes_a_key(gateway: Gateway, name: str) -> None:
    key = answer_key("test", 2, "artist", name)
    assert gateway.ask(FAST, key, lambda: b"1").body == b"1"
    assert gateway.ask(FAST, key, lambda: b"2").body == b"1"
    assert gateway.ask(FAST, key + "x", lambda: b"3").body == b"3"


def test_colons_in_names_do_not_mix_questions() -> None:
    assert answer_key("test", 2, "album", "a:b", "c") != answer_key("test", 2, "album", "a", "b:c")
    assert answer_key("test", 2, "album", "a%3Ab") != answer_key("test", 2, "album", "a:b")
    assert answer_key("lastfm", 2, "similar", "abba", 50) == "lastfm:2:similar:abba:50"


def test_answers_are_forgotten_by_hand(engine: Engine, gateway: Gateway) -> None:
    def keys() -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT key FROM web_answers")).scalars())

    names = (
        "test:2:artist:ab_ba",
        "test:2:artist:abxba",
        "test:2:similar:abxba:50",
        answer_key("test", 2, "album", "100%", "x"),
    )
    for key in names:
        gateway.ask(FAST, key, lambda: b"")
    gateway.ask(Provider("other", 100.0), "other:1:a", lambda: b"")
    assert gateway.forget(pattern="test:2:artist:ab_b?") == 1
    assert names[0] not in keys() and gateway.ask(FAST, names[0], lambda: b"new").body == b"new"
    with engine.begin() as connection:
        assert answers.forget_about(connection, "test", ["abxba", "100%"]) == 3
    assert keys() == {names[0], "other:1:a"}
    assert gateway.forget(provider="test") == 1
    assert keys() == {"other:1:a"}
    assert gateway.forget() == 1


def test_expired_answers_are_removed(engine: Engine, gateway: Gateway) -> None:
    gateway.ask(FAST, "test:old", lambda: b"")
    let_pass(engine, 90_000)
    gateway.ask(FAST, "test:new", lambda: b"")
    with engine.begin() as connection:
        assert answers.remove_expired(connection) == 1


# One call for one question


def test_processes_with_the_same_questions_make_one_call_each(database: str, web: WebServer) -> None:
    paths = [f"/{number}" for number in range(12)]
    web.on("*", lambda request: Reply(body=b"slow", delay=0.05))
    processes = [start(database, web.host, paths, calls_per_second=200.0) for _ in range(3)]
    together(processes)
    results = [outcomes(process)["counts"] for process in processes]
    assert web.count() == len(paths)
    assert sum(counts.get("found", 0) for counts in results) == len(paths)
    assert sum(counts.get("cached", 0) for counts in results) == 2 * len(paths)


def test_threads_with_the_same_question_make_one_call(web: WebServer, gateway: Gateway) -> None:
    web.on("/a", Reply(body=b"slow", delay=0.2))
    threads = [threading.Thread(target=ask, args=(gateway, FAST, web.host, "/a")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert web.count() == 1


def test_who_is_killed_while_asking_does_not_keep_the_question(
    database: str, engine: Engine, web: WebServer, gateway: Gateway
) -> None:
    web.on("/a", Reply(hang=True), Reply(body=b"there"))
    process = start(database, web.host, ["/a"], timeout_seconds=60.0)
    together([process])
    deadline = time.monotonic() + 30
    while web.count() == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ask(gateway, FAST, web.host, "/a").body == b"there"


def test_waiting_for_who_asks_the_same_is_bounded(engine: Engine, web: WebServer, gateway: Gateway) -> None:
    web.on("/a", Reply(body=b"at last", delay=1.5))
    impatient = Provider("test", 1000.0, max_wait_seconds=0.1, timeout_seconds=0.2)
    patient = threading.Thread(target=ask, args=(gateway, FAST, web.host, "/a"))
    patient.start()
    while web.count() == 0:
        time.sleep(0.01)
    with pytest.raises(CircuitOpen) as raised:
        ask(gateway, impatient, web.host, "/a")
    patient.join()
    assert raised.value.kind == "no_turn" and web.count() == 1
    assert ask(gateway, impatient, web.host, "/a").body == b"at last"


# Counters


def test_calls_are_counted_by_outcome(engine: Engine, web: WebServer) -> None:
    web.on("/gone", Reply(404))
    web.on("/broken", Reply(500))
    web.on("/slow", Reply(body=b"", delay=0.3))
    with Gateway(engine) as gateway:
        for path in ("/a", "/gone", "/slow", "/a"):
            ask(gateway, FAST, web.host, path)
        with pytest.raises(ProviderFailure):
            ask(gateway, FAST, web.host, "/broken")
    with Gateway(engine) as gateway:
        ask(gateway, FAST, web.host, "/a")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT outcome, sum(calls), sum(seconds) FROM web_calls GROUP BY 1")).all()
        slow = connection.execute(
            text("SELECT sum(calls) FROM web_calls WHERE outcome = 'found' AND le > 0.25")
        ).scalar()
    counts = {row[0]: int(row[1]) for row in rows}
    assert counts == {"found": 2, "not_found": 1, "cached_memory": 1, "cached": 1, "server_error": 1}
    assert slow == 1 and next(row[2] for row in rows if row[0] == "found") > 0.3


def test_many_calls_write_few_rows(engine: Engine) -> None:
    with Gateway(engine) as gateway:
        gateway.ask(FAST, "test:a", lambda: b"")
        before = one(engine, "SELECT xmin::text FROM web_providers")
        for _ in range(500):
            gateway.ask(FAST, "test:a", lambda: b"")
    assert one(engine, "SELECT xmin::text FROM web_providers") == before
    assert one(engine, "SELECT calls FROM web_calls WHERE outcome = 'cached_memory'") == (500,)


def test_processes_count_together(database: str, engine: Engine, web: WebServer) -> None:
    processes = [start(database, web.host, [f"/{name}/{n}" for n in range(20)]) for name in "ab"]
    together(processes)
    for process in processes:
        outcomes(process)
    assert one(engine, "SELECT sum(calls) FROM web_calls WHERE outcome = 'found'") == (40,)
