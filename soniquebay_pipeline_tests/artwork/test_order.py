"""The same pictures end in the same covers, whatever happened on the way."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.artwork.run import cover_shards
from soniquebay_pipeline.catalog.store.maintenance import forget_everything
from soniquebay_pipeline_tests.artwork.picture_files import RULES, jpeg, put
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import normal_form
from soniquebay_pipeline_tests.pipeline_steps import INLINE, SHARDS, ingest

PICTURES = [b"", *(jpeg(seed, 40) for seed in range(2)), b"<html>"]
FOLDERS = ["Art/One", "Art/Set/CD1", "Art/Set/CD2", "Other"]
NAMES = ["cover.jpg", "Foo.png", "folder.jpg"]
TIME = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def catalogue(server: DatabaseServer) -> Iterator[Engine]:
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield engine
        engine.dispose()


class Disk:
    """A library that is rewritten; every write is at another second."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = TIME

    def song(self, number: int, folder: str, picture: int, album: str) -> None:
        for old in self.root.rglob(f"{number}.flac"):
            old.unlink()
        self._dated(song(self.root / folder / f"{number}.flac", number, album=album, picture=PICTURES[picture]))

    def picture(self, folder: str, name: str, picture: int) -> None:
        path = self.root / folder / name
        if picture == 0:
            path.unlink(missing_ok=True)
        else:
            self._dated(put(path, PICTURES[picture]))

    def _dated(self, path: Path) -> None:
        import os

        self.clock += 1_000_000_000
        os.utime(path, ns=(self.clock, self.clock))


songs = st.tuples(
    st.just("song"), st.integers(0, 4), st.sampled_from(FOLDERS), st.integers(0, 3), st.sampled_from(["Foo", "Bar"])
)
files = st.tuples(st.just("picture"), st.sampled_from([*FOLDERS, "Art"]), st.sampled_from(NAMES), st.integers(0, 3))
covers = st.tuples(st.just("covers"), st.lists(st.integers(0, SHARDS - 1), min_size=1, max_size=SHARDS, unique=True))
ingests = st.just(("ingest",))


def step(engine: Engine, root: Path, home: Path, shards: list[int]) -> None:
    cover_shards(engine, root, shards, home=home, rules=RULES, max_bytes=1_000_000, pool=INLINE)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    before=st.lists(songs, min_size=1, max_size=5),
    history=st.lists(st.one_of(songs, files, files, covers, ingests), max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_covers_do_not_depend_on_the_order(
    catalogue: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[object, ...]],
    history: list[tuple[object, ...]],
    order: random.Random,
) -> None:
    with catalogue.begin() as connection:
        forget_everything(connection)
    folder = tmp_path_factory.mktemp("order")
    root, home = folder / "music", folder / "home"
    root.mkdir()
    disk = Disk(root)
    for name, *arguments in [*before, ("ingest",), *history]:
        if name == "ingest":
            ingest(catalogue, root, max_missing_share=1.0)
        elif name == "covers":
            step(catalogue, root, home, *arguments)  # type: ignore[arg-type]
        else:
            getattr(disk, str(name))(*arguments)
    ingest(catalogue, root, max_missing_share=1.0)
    for shard in order.sample(range(SHARDS), SHARDS):
        step(catalogue, root, home, [shard])
    _forget_missing(catalogue)
    step(catalogue, root, home, [])
    found = normal_form(catalogue)["covers"]
    with catalogue.begin() as connection:
        forget_everything(connection)
    ingest(catalogue, root, max_missing_share=1.0)
    step(catalogue, root, home.with_name("other home"), list(range(SHARDS)))
    assert normal_form(catalogue)["covers"] == found
    shutil.rmtree(folder)


def _forget_missing(engine: Engine) -> None:
    from soniquebay_pipeline.catalog.store.maintenance import purge

    purge(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM file_pictures WHERE file_id NOT IN (SELECT id FROM raw_files)"))
    # What a purge regroups.
    from soniquebay_pipeline_tests.pipeline_steps import resolve

    resolve(engine)
