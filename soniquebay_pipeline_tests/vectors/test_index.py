"""The index: built where it pays, used, kept apart by model, and as good as comparing everything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.vectors.index import EXACT_UP_TO, Group, memory_mb, rebuild
from soniquebay_pipeline.vectors.recall import measure_recall
from soniquebay_pipeline_tests.vectors.synthetic import clustered, write

COUNT = 3_000


@pytest.fixture
def library(engine: Engine) -> Iterator[Engine]:
    """Clustered tracks; few dimensions, so that a build takes a second."""
    write(engine, clustered(COUNT, text_dimensions=24, blocks={"timbre": 8}), blocks={"timbre": 8})
    yield engine


def indexes(engine: Engine) -> dict[str, bool]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT relname, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
                " WHERE relname LIKE 'ix_embeddings_hnsw%'"
            )
        )
        return {row[0]: row[1] for row in rows}


def similar(engine: Engine, track: int, arguments: str = "", *, without_index: bool = False) -> list[int]:
    query = f"SELECT track_id FROM similar_tracks({track}, n => 10, without_index => {without_index}{arguments})"
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def was_scanned(engine: Engine) -> bool:
    """Whether an HNSW index was scanned. Each backend reports that when it ends, a moment later."""
    engine.dispose()
    query = text("SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'ix_embeddings_hnsw%'")
    for _ in range(100):
        with engine.connect() as connection:
            if connection.execute(query).scalar():
                return True
        time.sleep(0.1)
    return False


def test_a_small_library_needs_none(library: Engine) -> None:
    assert COUNT <= EXACT_UP_TO
    reports = rebuild(library)
    assert {report.kind: report.action for report in reports} == {"combined": "exact", "text": "exact"}
    assert indexes(library) == {} and measure_recall(library) == []


def test_build_keep_and_drop(library: Engine) -> None:
    built = rebuild(library, exact_up_to=100)
    assert [report.action for report in built] == ["built", "built"]
    assert all(report.size_bytes > 100_000 for report in built)
    assert len(indexes(library)) == 2 and all(indexes(library).values())
    assert [report.action for report in rebuild(library, exact_up_to=100, only_missing=True)] == ["kept", "kept"]
    assert [report.action for report in rebuild(library, exact_up_to=100)] == ["built", "built"]
    assert len(indexes(library)) == 2
    rebuild(library)
    assert indexes(library) == {}


def test_an_interrupted_build_is_replaced(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    name = next(iter(indexes(library)))
    with library.begin() as connection:
        connection.execute(text(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"))
    assert similar(library, 7) == similar(library, 7, without_index=True), "an incomplete index is not used"
    rebuild(library, exact_up_to=100, only_missing=True)
    assert len(indexes(library)) == 2 and all(indexes(library).values())


def test_the_index_finds_what_comparing_everything_finds(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    found = {recall.kind: recall for recall in measure_recall(library, samples=20)}
    assert was_scanned(library)
    assert found.keys() == {"combined", "text"}
    assert all(len(recall.shares) == 20 and recall.mean >= 0.95 for recall in found.values())


FILTERS = (
    ", bpm_min => 60",
    ", bpm_min => 90, bpm_max => 130, key_rule => 'compatible'",
    ", genres => ARRAY['Gamelan']",
    ", genres => ARRAY['Rock'], year_min => 1970",
)


def test_filters_do_not_starve_the_index(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    for filters in FILTERS:
        for track in (1, 1000, 2500):
            indexed, exact = similar(library, track, filters), similar(library, track, filters, without_index=True)
            assert len(indexed) == len(exact)
            assert len(set(indexed) & set(exact)) >= 0.8 * len(exact)


def behind_the_back_of_the_indexes(engine: Engine, statement: str) -> None:
    """Change rows without the HNSW indexes being told: as a defect of theirs would look."""
    ready = (
        "UPDATE pg_index SET indisready = {} WHERE indexrelid IN"
        " (SELECT oid FROM pg_class WHERE relname LIKE 'ix_embeddings_hnsw%')"
    )
    for each in (ready.format("false"), statement, ready.format("true")):
        with engine.begin() as connection:
            connection.execute(text(each))


def test_lost_recall_is_noticed(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    behind_the_back_of_the_indexes(library, "UPDATE embeddings SET version = 2 WHERE track_id % 2 = 0")
    [combined, words] = measure_recall(library, samples=10)
    assert combined.mean < 0.95 and words.mean < 0.95
    rebuild(library, exact_up_to=100)
    assert all(recall.mean >= 0.95 for recall in measure_recall(library, samples=10))


def test_an_index_that_finds_too_few_is_not_believed(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    behind_the_back_of_the_indexes(library, "UPDATE embeddings SET version = 2")
    assert similar(library, 7) == similar(library, 7, without_index=True) != []


def test_rows_of_another_model_or_length_go_beside_the_index(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    with library.begin() as connection:
        connection.execute(text("UPDATE embeddings SET vector = '[1,0]' WHERE track_id = 1"))
        connection.execute(text("UPDATE embeddings SET model = 'another' WHERE track_id <= 4 AND track_id > 1"))
    assert set(similar(library, 2)) == {3, 4}
    assert 2 not in similar(library, 5)
    reports = rebuild(library, exact_up_to=100, only_missing=True)
    assert sorted({(report.model, report.action) for report in reports}) == [
        ("another", "exact"), ("synthetic", "exact"), ("synthetic", "kept"),
    ]  # fmt: skip


def test_a_hostile_model_name(engine: Engine) -> None:
    from dataclasses import replace

    name = "x'; DROP TABLE tracks; -- %s \" \\ é"
    tracks = [replace(track, model=name) for track in clustered(300, text_dimensions=8, blocks={"timbre": 4})]
    write(engine, tracks, blocks={"timbre": 4})
    assert [report.action for report in rebuild(engine, exact_up_to=10)] == ["built", "built"]
    assert len(similar(engine, 1)) == 10


def test_new_tracks_are_found_at_once(library: Engine) -> None:
    rebuild(library, exact_up_to=100)
    with library.begin() as connection:
        connection.execute(text("UPDATE embeddings e SET vector = o.vector FROM embeddings o"
                                " WHERE o.kind = e.kind AND e.track_id = 2900 AND o.track_id = 17"))  # fmt: skip
    assert similar(library, 17)[0] == 2900


def test_rebuilding_from_two_processes_at_once(library: Engine) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: rebuild(library, exact_up_to=100), range(2)))
    assert [len(reports) for reports in done] == [2, 2] and all(indexes(library).values())


def test_writers_are_not_blocked(library: Engine, database: str) -> None:
    """A writer with an open transaction does not have to wait for the build to end; the build waits for it."""
    from concurrent.futures import ThreadPoolExecutor

    with psycopg.connect(database) as writer, ThreadPoolExecutor(1) as pool:
        writer.execute("SET lock_timeout = '20s'")
        building = pool.submit(rebuild, library, exact_up_to=100)
        for track in range(1, 30):
            writer.execute("UPDATE embeddings SET version = 2 WHERE track_id = %s", [track])
            writer.commit()
        building.result()
    assert all(indexes(library).values())


def test_memory_of_a_build_is_bounded_by_what_there_is() -> None:
    group = Group("combined", "m", 484, 1_000_000, "ix")
    assert memory_mb(group, available_mb=100_000) == pytest.approx(2_023, rel=0.01)
    assert memory_mb(group, available_mb=1_000) == 250
    assert memory_mb(group, available_mb=100) == 64


def test_a_build_that_was_killed_is_done_by_the_next_one(library: Engine) -> None:
    code = (
        "import sys; from sqlalchemy import create_engine; from soniquebay_pipeline.vectors.index import rebuild;"
        "rebuild(create_engine(sys.argv[1]), exact_up_to=100)"
    )
    url = library.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", code, url])
    try:
        while not indexes(library):
            assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert len(similar(library, 7)) == 10
    rebuild(library, exact_up_to=100, only_missing=True)
    assert len(indexes(library)) == 2 and all(indexes(library).values())
    assert all(recall.mean >= 0.95 for recall in measure_recall(library, samples=5))
