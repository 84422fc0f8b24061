"""The ledger's leases: who gets what, when, and what happens to the work of the dead."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db import ledger
from soniquebay_pipeline.db.ledger import Claim, FailedAttempt
from soniquebay_pipeline.db.ledger_view import QueueState, queue_states

QUEUE = ("enrichment", "artist")


def enrol(connection: Connection, due: Sequence[tuple[int, str, int]]) -> int:
    """Enrol (entity_id, about, priority)."""
    query = (
        "SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:abouts AS text[]), CAST(:priorities AS integer[]))"
        " AS due (entity_id, about, priority)"
    )
    columns = {name: [row[i] for row in due] for i, name in enumerate(("ids", "abouts", "priorities"))}
    return ledger.enrol(connection, *QUEUE, query, columns)


def claim(connection: Connection, limit: int, worker: str = "me", lease_seconds: float = 60.0) -> list[Claim]:
    return ledger.claim(connection, *QUEUE, limit=limit, worker=worker, lease_seconds=lease_seconds)


def ids(claims: Sequence[Claim]) -> list[int]:
    return [each.entity_id for each in claims]


def let_pass(connection: Connection, seconds: float) -> None:
    connection.execute(
        text(
            "UPDATE deferred_tasks SET next_attempt_at = next_attempt_at - make_interval(secs => :s),"
            " leased_until = leased_until - make_interval(secs => :s)"
        ),
        {"s": seconds},
    )


def row(connection: Connection, entity_id: int) -> Any:
    return connection.execute(
        text("SELECT *, extract(epoch FROM next_attempt_at - now()) AS wait FROM deferred_tasks WHERE entity_id = :id"),
        {"id": entity_id},
    ).one()


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as opened:
        yield opened


def test_what_is_claimed_is_nobody_elses(connection: Connection) -> None:
    assert enrol(connection, [(1, "a", 0), (2, "b", 5), (3, "c", 0)]) == 3
    first = claim(connection, 1)
    assert len(first) == 1 and first[0].attempt == 1
    rest = claim(connection, 10, worker="you")
    assert sorted(ids(first) + ids(rest)) == [1, 2, 3]
    assert claim(connection, 10) == []


def test_each_queue_has_its_own(connection: Connection) -> None:
    enrol(connection, [(1, "a", 0)])
    assert ledger.claim(connection, "covers", "artist", limit=9, worker="me", lease_seconds=1) == []
    assert ledger.claim(connection, "enrichment", "album", limit=9, worker="me", lease_seconds=1) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.integers(-100, 100), st.sampled_from(["free", "leased", "failed"])), max_size=40
    ),
    limit=st.integers(1, 20),
)
def test_a_claim_takes_the_best_of_what_may_be_tried(
    engine: Engine, rows: list[tuple[int, int, str]], limit: int
) -> None:
    """Against a model: rows with a priority, seconds until their next attempt, and a state."""
    with rolled_back(engine) as connection:
        for number, (priority, wait, state) in enumerate(rows):
            connection.execute(
                text(
                    """
                    INSERT INTO deferred_tasks (queue, entity_type, entity_id, about, priority, state, attempts,
                        next_attempt_at, leased_until, leased_by)
                    VALUES ('enrichment', 'artist', :id, '', :priority, :state, 1, now() + make_interval(secs => :wait),
                        CASE WHEN :leased THEN now() + make_interval(secs => :wait) END, CASE WHEN :leased THEN 'x' END)
                    """
                ),
                {
                    "id": number,
                    "priority": priority,
                    "wait": wait - 0.5,
                    "state": "failed" if state == "failed" else "waiting",
                    "leased": state == "leased",
                },
            )
        free = {n: each for n, each in enumerate(rows) if each[2] != "failed" and each[1] <= 0}
        taken = ids(claim(connection, limit))
    assert len(taken) == min(limit, len(free)) and set(taken) <= set(free)
    # At most every fourth goes by age; the others are the best by priority of what those leave.
    by_priority = sorted((free[n][0] for n in free), reverse=True)[:limit]
    exceptions = -(-limit // ledger.AGED_EVERY)
    got = sorted((free[n][0] for n in taken), reverse=True)
    assert got[: max(0, len(got) - exceptions)] == by_priority[: max(0, len(got) - exceptions)]


def test_low_priority_is_not_starved(connection: Connection) -> None:
    enrol(connection, [(1, "old and unimportant", 0)])
    let_pass(connection, 3600)
    for round_ in range(40):
        enrol(
            connection,
            [(1, "old and unimportant", 0), *((n, "", 9) for n in range(100 * round_ + 10, 100 * round_ + 20))],
        )
        if 1 in ids(claim(connection, 1)):
            return
    pytest.fail("forty claims, and every one went to newer work of higher priority")


def test_what_is_delayed_blocks_nobody(connection: Connection) -> None:
    enrol(connection, [(1, "a", 9), (2, "b", 0)])
    assert ids(claim(connection, 2)) == [1, 2]
    ledger.note_failures(connection, *QUEUE, [FailedAttempt(1, "a", "timeout: x")])
    ledger.release(connection, *QUEUE, [2], worker="me")
    assert ids(claim(connection, 5)) == [2]


def test_the_lease_of_the_dead_ends(connection: Connection) -> None:
    enrol(connection, [(1, "a", 0)])
    claim(connection, 1, worker="dead", lease_seconds=60)
    let_pass(connection, 59)
    assert claim(connection, 1) == []
    let_pass(connection, 2)
    assert claim(connection, 1) == [Claim(1, "a", 2)]


def test_what_kills_its_worker_each_time_is_given_up(connection: Connection) -> None:
    enrol(connection, [(1, "a", 0), (2, "b", 0)])
    for attempt in range(1, ledger.MAX_ATTEMPTS + 1):
        assert Claim(1, "a", attempt) in claim(connection, 2)
        ledger.note_successes(connection, *QUEUE, [2])
        let_pass(connection, 61)
    assert claim(connection, 2) == []
    given_up = row(connection, 1)
    assert (given_up.state, given_up.attempts, given_up.leased_by) == ("failed", ledger.MAX_ATTEMPTS, None)
    assert given_up.last_error.startswith("abandoned")


def test_attempts_grow_apart_and_end(connection: Connection) -> None:
    enrol(connection, [(1, "a", 0)])
    low, high = ledger.FIRST_DELAY_SECONDS
    for attempt in range(1, ledger.MAX_ATTEMPTS + 1):
        assert claim(connection, 1) == [Claim(1, "a", attempt)]
        ledger.note_failures(connection, *QUEUE, [FailedAttempt(1, "a", "timeout: x")])
        after = row(connection, 1)
        assert after.attempts == attempt and after.leased_until is None
        assert low * 2 ** (attempt - 1) - 1 <= after.wait <= high * 2 ** (attempt - 1)
        let_pass(connection, after.wait + 1)
    assert row(connection, 1).state == "failed"
    assert claim(connection, 1) == []


def test_failures_without_a_claim_are_counted_as_before(connection: Connection) -> None:
    for attempt in range(1, ledger.MAX_ATTEMPTS + 1):
        ledger.note_failures(connection, *QUEUE, [FailedAttempt(1, "a", "x")])
        assert row(connection, 1).attempts == attempt
    assert row(connection, 1).state == "failed"
    ledger.note_failures(connection, *QUEUE, [FailedAttempt(1, "another", "x")])
    assert (row(connection, 1).state, row(connection, 1).attempts) == ("waiting", 1)


def test_an_outage_uses_up_no_attempts(connection: Connection) -> None:
    enrol(connection, [(1, "a", 0), (2, "b", 0)])
    until = datetime.now(UTC) + timedelta(minutes=5)
    for _ in range(20):
        assert len(claim(connection, 2)) == 2
        ledger.release(connection, *QUEUE, [1, 2], worker="me", until=until)
        assert claim(connection, 2) == []
        let_pass(connection, 301)
    assert row(connection, 1).attempts == 0
    claim(connection, 2, worker="you")
    ledger.release(connection, *QUEUE, [1, 2], worker="me")  # no longer mine
    assert claim(connection, 2) == []


def test_a_worker_that_lives_keeps_its_lease(connection: Connection) -> None:
    enrol(connection, [(1, "a", 0)])
    claim(connection, 1, worker="slow")
    for _ in range(5):
        let_pass(connection, 50)
        assert ledger.extend(connection, *QUEUE, [1], worker="slow", lease_seconds=60) == 1
        assert claim(connection, 1) == []
    assert ledger.extend(connection, *QUEUE, [1], worker="other", lease_seconds=60) == 0


def test_enrolling_follows_the_data(connection: Connection) -> None:
    assert enrol(connection, [(1, "a", 0), (2, "b", 0), (3, "c", 0)]) == 3
    assert enrol(connection, [(1, "a", 0), (2, "b", 0), (3, "c", 0)]) == 0
    for _ in range(ledger.MAX_ATTEMPTS):
        ledger.note_failures(connection, *QUEUE, [FailedAttempt(i, a, "x") for i, a in ((1, "a"), (2, "b"))])
    # 1 is still due, and stays failed; 2 has changed and starts afresh; 3 is done; 4 is new.
    assert enrol(connection, [(1, "a", 7), (2, "changed", 0), (4, "d", 0)]) == 1
    assert (row(connection, 1).state, row(connection, 1).priority) == ("failed", 7)
    assert (row(connection, 2).state, row(connection, 2).attempts, row(connection, 2).last_error) == (
        "waiting",
        0,
        None,
    )
    assert sorted(ids(claim(connection, 9))) == [2, 4]
    # What a worker has is left to it, whatever the data says meanwhile.
    assert enrol(connection, []) == 0
    assert row(connection, 2).leased_by == row(connection, 4).leased_by == "me"


def test_what_is_settled_leaves_and_nothing_new_comes(connection: Connection) -> None:
    for queue in (QUEUE, ("covers", "lastfm")):
        ledger.note_failures(connection, *queue, [FailedAttempt(i, "a", "x") for i in (1, 2)])
    due = "SELECT * FROM (VALUES (2::bigint, 'a', 0), (3, 'a', 0)) AS v (entity_id, about, priority)"
    assert ledger.forget_settled(connection, *QUEUE, due) == 1
    assert ledger.forget_settled(connection, *QUEUE, due) == 0
    assert ledger.forget_settled(connection, "covers", "lastfm", ledger.NOTHING) == 2
    left = connection.execute(text("SELECT entity_id, attempts FROM deferred_tasks")).all()
    assert [tuple(each) for each in left] == [(2, 1)]


def test_a_person_lets_failed_work_be_tried_again(connection: Connection) -> None:
    for queue in ("enrichment", "covers"):
        for _ in range(ledger.MAX_ATTEMPTS):
            ledger.note_failures(connection, queue, "artist", [FailedAttempt(1, "a", "x")])
    assert ledger.retry_failed(connection, ["covers"], attempts=1) == 1
    assert ledger.claim(connection, "covers", "artist", limit=9, worker="me", lease_seconds=9) == [Claim(1, "a", 6)]
    ledger.note_failures(connection, "covers", "artist", [FailedAttempt(1, "a", "x")])
    assert {state.queue: state.failed for state in queue_states(connection)} == {"covers": 1, "enrichment": 1}
    assert ledger.retry_failed(connection) == 2
    assert claim(connection, 9) == [Claim(1, "a", 1)]


def test_vanished_entities_leave_the_ledger(connection: Connection) -> None:
    artist = connection.execute(
        text("INSERT INTO artists (name, name_key) VALUES ('A', 'a') RETURNING id")
    ).scalar_one()
    enrol(connection, [(artist, "a", 0), (artist + 1, "gone", 0)])
    assert ledger.remove_vanished(connection) == 1
    assert ids(claim(connection, 9)) == [artist]


@pytest.mark.parametrize("entity_type", list(ledger.ENTITY_TABLES))
def test_attempts_at_anything_end_with_it(connection: Connection, entity_type: str) -> None:
    ledger.note_failures(connection, "any", entity_type, [FailedAttempt(1, "gone", "x")])
    assert ledger.remove_vanished(connection) == 1


WORKER = """
import sys, time
from sqlalchemy import create_engine
from soniquebay_pipeline.db import ledger
engine = create_engine(sys.argv[1])
while True:
    with engine.begin() as connection:
        mine = ledger.claim(connection, "enrichment", "artist", limit=7, worker=sys.argv[2], lease_seconds=600.0)
    for each in mine:
        print(each.entity_id, flush=True)
        if sys.argv[3] == "hang":
            time.sleep(600)
        with engine.begin() as connection:
            ledger.note_successes(connection, "enrichment", "artist", [each.entity_id])
    if not mine:
        break
"""


def worker(engine: Engine, name: str, how: str = "work") -> subprocess.Popen[str]:
    url = engine.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, "-c", WORKER, url, name, how], stdout=subprocess.PIPE, text=True)


def test_several_workers_do_everything_once(engine: Engine) -> None:
    with engine.begin() as connection:
        enrol(connection, [(n, "", n % 3) for n in range(200)])
    workers = [worker(engine, str(number)) for number in range(3)]
    done = [int(line) for each in workers for line in each.communicate(timeout=60)[0].split()]
    assert sorted(done) == list(range(200))


def test_the_work_of_a_killed_worker_is_done_by_another(engine: Engine) -> None:
    with engine.begin() as connection:
        enrol(connection, [(n, "", 0) for n in range(20)])
    dead = worker(engine, "dead", "hang")
    assert dead.stdout is not None
    held = int(dead.stdout.readline())
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    done = [int(line) for line in worker(engine, "alive").communicate(timeout=60)[0].split()]
    assert held not in done and len(done) == 13
    with engine.begin() as connection:
        let_pass(connection, 601)
    rest = [int(line) for line in worker(engine, "alive").communicate(timeout=60)[0].split()]
    assert held in rest and sorted(done + rest) == list(range(20))


def test_the_state_of_a_queue(connection: Connection) -> None:
    assert queue_states(connection) == []
    enrol(connection, [(n, "", 0) for n in range(6)])
    mine = ids(claim(connection, 3))
    ledger.note_failures(connection, *QUEUE, [FailedAttempt(mine[0], "", "timeout: slow")])
    for _ in range(ledger.MAX_ATTEMPTS):
        ledger.note_failures(connection, *QUEUE, [FailedAttempt(mine[1], "", "server_error: 500")])
    [state] = queue_states(connection)
    assert (state.queue, state.waiting, state.delayed, state.leased, state.failed) == ("enrichment", 3, 1, 1, 1)
    assert state.errors == {"server_error": 1, "timeout": 1} and state.next_attempt_at is not None


@pytest.mark.parametrize(
    ("waiting", "failed", "age", "health"),
    [
        (0, 0, 0, "ok"),
        (499, 49, 1799, "ok"),
        (500, 0, 0, "warning"),
        (0, 50, 0, "warning"),
        (0, 0, 1800, "warning"),
        (1000, 100, 3600, "warning"),
        (1001, 0, 0, "critical"),
        (0, 101, 0, "critical"),
        (1, 0, 3601, "critical"),
    ],
)
def test_health(waiting: int, failed: int, age: float, health: str) -> None:
    assert QueueState("q", waiting, 0, 0, failed, age, None).health == health
