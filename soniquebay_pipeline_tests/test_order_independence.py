"""The same library ends in the same catalogue, whatever happened on the way.

A property test: small libraries whose names, ids, titles and years are made to collide, random histories
(files that come, go, move and are retagged; steps that run over any shard at any time, as concurrent runs
and killed runs make them), and at the end every shard's steps in order, interleaved at random. What the
catalogue then says must be what one clean pass over the final files says.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.catalog.store.maintenance import forget_everything
from soniquebay_pipeline_tests.catalog.store_library import Fields, StoreLibrary
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.normal_form import Rows, normal_form

SHARDS = 3
NAMES = ["Air-Bag", "AIR\u2010BAG", "air\u2013bag", "Bo", "BO", "Cy"]
IDS = [f"{n}0000000-0000-4000-8000-000000000000" for n in "123"]
RELEASES = [f"{n}0000000-0000-4000-8000-000000000000" for n in "ab"]
RELEASE_GROUPS = [f"{n}0000000-0000-4000-8000-000000000000" for n in "ef"]
# One folder or more for each shard; the disc folders make one album together.
FOLDERS = ["One", "Two", "Four", "Set/CD1", "Set/CD2"]


@pytest.fixture(scope="module")
def catalogue(server: DatabaseServer) -> Iterator[Engine]:
    """One database for all examples; each starts by emptying it."""
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield engine
        engine.dispose()


@st.composite
def credited(draw: st.DrawFn, tag: str, id_tag: str, most: int = 2) -> dict[str, list[str]]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=most, unique_by=str.casefold))
    found = {tag: names}
    if draw(st.integers(0, 2)) == 0:
        found[id_tag] = draw(st.lists(st.sampled_from(IDS), min_size=len(names), max_size=len(names), unique=True))
    return found


@st.composite
def tags(draw: st.DrawFn) -> Fields:
    """Tags of one file; whatever may collide is drawn from few values."""
    found = draw(credited("artist", "musicbrainz_artistid"))
    one = {
        "album": st.sampled_from(["Foo", "FOO", "Foo", "Bar", ""]),
        "date": st.sampled_from(["", "", "1999", "2005"]),
        "genre": st.sampled_from(["", "Rock", "ROCK", "rock", "Jazz; rock", "jazz"]),
        "mood": st.sampled_from(["", "", "Calm", "calm"]),
        "tracknumber": st.sampled_from(["", "1", "2", "3"]),
        "compilation": st.sampled_from(["", "", "", "1"]),
        "musicbrainz_albumid": st.sampled_from(["", "", "", *RELEASES]),
        "musicbrainz_releasegroupid": st.sampled_from(["", "", *RELEASE_GROUPS]),
        "composer": st.sampled_from(["", "", *NAMES[:2]]),
        "title": st.sampled_from(["Song", "Song", "Song (feat. Bo)"]),
    }
    found |= {name: [value] for name, strategy in one.items() if (value := draw(strategy))}
    album_artist = draw(st.sampled_from(["", "", "name", "various"]))
    if album_artist == "various":
        found["albumartist"] = ["Various Artists"]
    elif album_artist:
        found |= draw(credited("albumartist", "musicbrainz_albumartistid", most=1))
    return found


numbers = st.integers(0, 5)
shards = st.integers(0, SHARDS - 1)
write = st.tuples(st.just("write"), numbers, st.sampled_from(FOLDERS), tags())
events = st.one_of(
    write,
    write,
    st.tuples(st.just("move"), numbers, st.sampled_from(FOLDERS)),
    st.tuples(st.just("vanish"), numbers),
    st.tuples(st.just("come_back"), numbers),
    st.tuples(st.just("purge")),
    st.tuples(st.just("run"), st.lists(shards, min_size=1, max_size=SHARDS, unique=True)),
    st.tuples(st.just("read"), shards.map(lambda shard: [shard]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["artists", "tracks"]), shards),
    st.tuples(st.sampled_from(["artists", "tracks"]), shards),
    st.tuples(st.sampled_from(["albums", "genres", "orphans"])),
)


def happen(library: StoreLibrary, event: tuple[Any, ...]) -> None:
    """Do what the event says where it makes sense."""
    name, *arguments = event
    file = library.files.get(arguments[0]) if name in ("write", "move", "vanish", "come_back") else None
    if name == "write":
        number, folder, fields = arguments
        if file is None:
            library.add(number, folder, fields)
        elif file.present:
            library.retag(number, fields)
    elif name == "move":
        if file and file.present:
            library.move(*arguments)
    elif name in ("vanish", "come_back"):
        if file and file.present == (name == "vanish"):
            getattr(library, name)(*arguments)
    else:
        getattr(library, name)(*arguments)


def finish(library: StoreLibrary, order: random.Random) -> None:
    """Every shard's steps in their order, those of different shards interleaved; then the orphans."""
    waiting = {shard: ["read", "artists", "albums", "genres", "tracks"] for shard in range(SHARDS)}
    while waiting:
        shard = order.choice(sorted(waiting))
        step = waiting[shard].pop(0)
        if step == "read":
            library.read([shard])
        elif step in ("albums", "genres"):
            getattr(library, step)()
        else:
            getattr(library, step)(shard)
        if not waiting[shard]:
            del waiting[shard]
    library.orphans()


def everything(engine: Engine) -> dict[str, Rows]:
    """The normal form, of what is left of missing files too."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE raw_files SET status = 'present', missing_since = NULL"
                " WHERE id IN (SELECT file_id FROM raw_metadata)"
            )
        )
    return normal_form(engine)


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(
    before=st.lists(write, max_size=8),
    history=st.lists(events, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_order_independence(
    catalogue: Engine, before: list[tuple[Any, ...]], history: list[tuple[Any, ...]], order: random.Random
) -> None:
    with catalogue.begin() as connection:
        forget_everything(connection)
    library = StoreLibrary(catalogue, SHARDS)
    for event in [*before, ("run",), *history]:
        happen(library, event)
    finish(library, order)
    found = everything(catalogue)
    library.rebuilt()
    expected = everything(catalogue)
    for table in expected:
        assert found[table] == expected[table], table
