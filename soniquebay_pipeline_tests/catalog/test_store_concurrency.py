"""Steps that run at once, over the same shards in other orders: one catalogue, no deadlock, no unique violation."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline_tests.catalog.store_library import Fields, StoreLibrary
from soniquebay_pipeline_tests.normal_form import normal_form

SHARDS = 8
FILES = 160


def tags(order: random.Random) -> Fields:
    """Few names and titles in many spellings, so that every shard meets every other."""
    name = order.choice(["Ann", "ANN", "ann", "Bo", "Air-Bag", "Air\u2010Bag", "Cy"])
    fields = {
        "title": ["Song"],
        "artist": [name],
        "album": [order.choice(["Foo", "FOO", "Bar"])],
        "genre": [order.choice(["Rock", "ROCK", "rock", "Jazz; rock", "Hip-Hop", "hip hop"])],
        "composer": [order.choice(["Ann", "Dee"])],
    }
    if order.random() < 0.3:
        fields["musicbrainz_artistid"] = [f"{order.choice('12')}0000000-0000-4000-8000-000000000000"]
    return fields


def library_of(engine: Engine, seed: int = 0) -> StoreLibrary:
    order = random.Random(seed)
    library = StoreLibrary(engine, SHARDS)
    for number in range(FILES):
        library.add(number, f"Folder {order.randrange(40)}", tags(order))
    return library


def at_once(*actions: Callable[[], None]) -> None:
    """Run the actions in threads that start together; their errors are this test's."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], None]) -> None:
        start.wait()
        action()

    with ThreadPoolExecutor(len(actions)) as pool:
        for future in [pool.submit(run, action) for action in actions]:
            future.result(timeout=120)


def in_order(library: StoreLibrary, seed: int) -> Callable[[], None]:
    """A run over all shards, each step in an order of its own."""

    def run() -> None:
        order = random.Random(seed)

        def shuffled() -> list[int]:
            return order.sample(range(SHARDS), SHARDS)

        library.read(shuffled(), batch=13)
        for shard in shuffled():
            library.artists(shard)
        library.albums()
        library.genres()
        for shard in shuffled():
            library.tracks(shard)
        library.orphans()

    return run


@pytest.mark.parametrize("seed", [1, 2])
def test_runs_at_once_over_the_same_shards(engine: Engine, seed: int) -> None:
    library = library_of(engine, seed)
    at_once(*(in_order(library, 10 * seed + n) for n in range(3)))
    found = normal_form(engine)
    library.rebuilt()
    assert found == normal_form(engine)


def test_each_shard_in_a_run_of_its_own_at_once(engine: Engine) -> None:
    library = library_of(engine)
    at_once(*(lambda shard=shard: library.run([shard]) for shard in range(SHARDS)))  # type: ignore[misc]
    found = normal_form(engine)
    library.rebuilt()
    assert found == normal_form(engine)


def test_retags_and_moves_while_runs_are_under_way(engine: Engine) -> None:
    library = library_of(engine)
    library.run()
    order = random.Random(5)

    def change() -> None:
        for number in order.sample(range(FILES), 60):
            if order.random() < 0.5:
                library.retag(number, tags(order))
            else:
                library.move(number, f"Folder {order.randrange(40)}")

    at_once(change, *(lambda: [library.artists(s) or library.tracks(s) for s in range(SHARDS)] for _ in range(2)))  # type: ignore[func-returns-value,list-item]
    library.run()
    found = normal_form(engine)
    library.rebuilt()
    assert found == normal_form(engine)


def test_moves_of_many_files_do_not_deadlock_with_the_steps(engine: Engine) -> None:
    library = library_of(engine)
    library.run()
    order = random.Random(6)
    done = threading.Event()

    def move() -> None:
        for _ in range(12):
            library.move_all({number: f"Folder {order.randrange(40)}" for number in order.sample(range(FILES), 120)})
        done.set()

    def describe_and_group() -> None:
        while not done.is_set():
            library.read(range(SHARDS))
            for shard in range(SHARDS):
                library.artists(shard)

    at_once(move, describe_and_group)
    library.run()
    found = normal_form(engine)
    library.rebuilt()
    assert found == normal_form(engine)


def test_genres_written_at_once_are_unique(engine: Engine) -> None:
    library = library_of(engine)
    library.read(range(SHARDS))
    at_once(*(library.genres for _ in range(4)))
    with engine.connect() as connection:
        names = connection.execute(text("SELECT name_key FROM genres ORDER BY 1")).scalars().all()
    assert names == ["hip hop", "jazz", "rock"]
