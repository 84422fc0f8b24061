"""Results from one catalogue to another: what is taken over, what is left, and files that are none."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.audio import store
from soniquebay_pipeline.audio.model import ANALYSIS_VERSION, MEASURED_COLUMNS, DueTrack, Failure
from soniquebay_pipeline.audio.run import analyse_due_tracks
from soniquebay_pipeline.care.errors import ResultsError
from soniquebay_pipeline.care.results import form, take
from soniquebay_pipeline.care.results.export import Exported, export_results
from soniquebay_pipeline.care.results.take import Taken, take_results
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.music_files import music_of
from soniquebay_pipeline_tests.normal_form import all_rows
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

ALL = list(range(SHARDS))
VECTOR = [0.6, 0.8] + [0.0] * 6


@pytest.fixture
def other(server: DatabaseServer) -> Iterator[Engine]:
    """The catalogue of another machine."""
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def desktop(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    """A catalogue of three tracks with features, one of them with a text vector; and its music. Made once."""
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        music = tmp_path_factory.mktemp("desktop")
        fill(engine, music)
        yield engine, music
        engine.dispose()


@pytest.fixture
def analysed(desktop: tuple[Engine, Path], music: Path) -> Engine:
    """The desktop's catalogue; its music copied to ``music``."""
    shutil.copytree(desktop[1], music, dirs_exist_ok=True)
    return desktop[0]


def fill(engine: Engine, music: Path) -> None:
    for name, bpm in (("one", 100.0), ("two", 120.0), ("three", 140.0)):
        music_of(music / "A" / f"{name}.flac", bpm=bpm, recording_id=f"1b6e4bd6-0000-4000-8000-{bpm:012.0f}")
    ingest(engine, music)
    analyse_due_tracks(engine, music, ALL, pool=PoolOptions(workers=0))
    with engine.begin() as connection:
        give_texts(connection)
        connection.execute(
            text(
                "INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)"
                " SELECT track_id, 'text', CAST(:vector AS vector), 'model', 1, sentence_hash, false FROM track_texts"
                " WHERE sentence LIKE '%one'"
            ),
            {"vector": str(VECTOR)},
        )


def give_texts(connection: Any) -> None:
    connection.execute(
        text(
            "INSERT INTO track_texts (track_id, sentence, sentence_hash, source_hash, document)"
            " SELECT id, 'A song: ' || title, md5(title), '', to_tsvector('simple', title) FROM tracks ORDER BY id"
        )
    )


def features(engine: Engine) -> dict[str, tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                f"SELECT t.title, a.analysis_version, a.bpm, a.key, {', '.join('a.' + n for n in MEASURED_COLUMNS)}"
                " FROM audio_features a JOIN tracks t ON t.id = a.track_id WHERE a.failure_reason IS NULL"
            )
        )
        return {row[0]: tuple(row[1:]) for row in rows}


def test_a_new_catalogue_gets_what_the_other_measured(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path
) -> None:
    file = tmp_path / "results.parquet"
    assert export_results(analysed, file) == Exported(features=3, text_vectors=1)
    (music / "A/two.flac").rename(music / "moved.flac")
    (music / "A/three.flac").unlink()
    music_of(music / "A/new.flac", bpm=90.0)
    ingest(other, music)

    def write_sentences() -> None:
        with other.begin() as connection:
            give_texts(connection)

    taken = take_results(other, file, write_sentences=write_sentences)
    assert taken == Taken(features_taken=2, features_unknown=1, text_vectors_taken=1)
    expected = features(analysed)
    assert features(other) == {"one": expected["one"], "two": expected["two"]}
    with other.connect() as connection:
        vector = connection.execute(text("SELECT vector::text, model, source_hash FROM embeddings")).one()
        assert (vector.vector, vector.model) == (
            str(VECTOR).replace(" ", "").replace(".0,", ",").replace(".0]", "]"),
            "model",
        )
    assert [track.path for track in store.due_tracks(other, ALL)] == ["A/new.flac"], "nothing else is to be analysed"

    before = all_rows(other)
    assert take_results(other, file) == Taken(features_unknown=1)
    assert all_rows(other) == before, "twice adds nothing"


def test_what_is_there_stays_and_what_is_old_or_failed_is_replaced(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path
) -> None:
    file = tmp_path / "results.parquet"
    export_results(analysed, file)
    ingest(other, music)
    analyse_due_tracks(other, music, ALL, pool=PoolOptions(workers=0))
    with other.begin() as connection:
        connection.execute(text("UPDATE audio_features SET bpm_measured = 33, bpm = 33"))
        of = "WHERE track_id = (SELECT id FROM tracks WHERE title = :title)"
        connection.execute(text(f"UPDATE audio_features SET analysis_version = 0 {of}"), {"title": "two"})
        row = connection.execute(
            text(
                "SELECT t.id, f.path, f.audio_hash, 12.0 FROM tracks t JOIN raw_files f ON f.id = t.file_id"
                " WHERE t.title = 'three'"
            )
        ).one()
    store.write(other, [(DueTrack(*row), Failure("timeout", "took too long"))])
    assert take_results(other, file).features_taken == 2
    found = {title: round(values[1]) for title, values in features(other).items()}
    expected = {title: round(values[1]) for title, values in features(analysed).items()}
    assert found == expected | {"one": 33}
    with other.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deferred_tasks")).scalar_one() == 0
    with other.begin() as connection:
        connection.execute(text("UPDATE audio_features SET analysis_version = :next"), {"next": ANALYSIS_VERSION + 1})
    assert take_results(other, file).features_taken == 0, "what a newer program measured stays"


def rewritten(file: Path, change: dict[str, Any], record: str = form.FEATURES) -> Path:
    """The file with other values in the first row of this kind."""
    rows = pq.read_table(file).to_pylist()
    next(row for row in rows if row["record"] == record).update(change)
    pq.write_table(pa.Table.from_pylist(rows, schema=form.schema()), file)
    return file


@pytest.mark.parametrize(
    ("record", "change", "expected"),
    [
        ("features", {"bpm_measured": 1e9}, "refused"),
        ("features", {"energy": math.nan}, "refused"),
        ("features", {"key_measured": "H"}, "refused"),
        ("features", {"scale_measured": None}, "refused"),
        ("features", {"timbre": [0.0]}, "refused"),
        ("features", {"timbre": [math.inf] * 77}, "refused"),
        ("features", {"audio_hash": None}, "refused"),
        ("features", {"acoustid_fingerprint": "a\0b"}, "refused"),
        ("features", {"record": "'; DROP TABLE tracks"}, "refused"),
        ("features", {"analysis_version": ANALYSIS_VERSION + 1}, "other_version"),
        ("features", {"analysis_version": None}, "other_version"),
        ("features", {"timbre_version": 99}, "other_version"),
        ("text", {"vector": [1.0, 1.0]}, "refused"),
        ("text", {"vector": [math.nan] * 8}, "refused"),
        ("text", {"vector": [0.0] * 8}, "refused"),
        ("text", {"model": None}, "refused"),
    ],
)
def test_rows_that_no_analysis_gives_are_left_aside(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path, record: str, change: dict[str, Any], expected: str
) -> None:
    file = tmp_path / "results.parquet"
    export_results(analysed, file)
    ingest(other, music)
    with other.begin() as connection:
        give_texts(connection)
    taken = take_results(other, rewritten(file, change, record))
    assert getattr(taken, expected) == 1
    assert taken.features_taken + taken.text_vectors_taken == 3


def test_another_model_than_the_one_in_force_is_not_mixed_in(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path
) -> None:
    file = tmp_path / "results.parquet"
    export_results(analysed, file)
    ingest(other, music)
    with other.begin() as connection:
        give_texts(connection)
        connection.execute(
            text(
                "INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)"
                " SELECT track_id, 'text', CAST(:vector AS vector), 'another', 1, sentence_hash, false"
                " FROM track_texts WHERE sentence LIKE '%two'"
            ),
            {"vector": str(VECTOR)},
        )
    assert take_results(other, file).text_vectors_taken == 0


def test_the_same_recording_in_another_encode_gives_stand_ins_only(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path
) -> None:
    file = tmp_path / "results.parquet"
    export_results(analysed, file)
    elsewhere = tmp_path / "elsewhere"
    music_of(elsewhere / "one.flac", bpm=101.0, recording_id="1b6e4bd6-0000-4000-8000-000000000100")
    ingest(other, elsewhere)
    assert take_results(other, file) == Taken(features_unknown=3, text_vectors_unknown=1)
    taken = take_results(other, file, same_recording=True)
    assert taken.recordings_taken == 1
    with other.connect() as connection:
        row = connection.execute(text("SELECT * FROM imported_features")).one()
        assert row.source == "recording" and round(row.bpm) == 100 and (row.key, row.scale) == ("C", "major")
    assert store.count_due(other, ALL)[0] == 1, "the track is still to be analysed"


@pytest.mark.parametrize(
    "damage", ["text", "empty", "cut", "other parquet", "other format", "other type", "gone", "flipped"]
)
def test_a_file_that_is_no_file_of_results(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "results.parquet"
    export_results(analysed, file)
    ingest(other, music)
    table = pq.read_table(file)
    if damage == "text":
        file.write_text("PAR1 but not really PAR1")
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-40])
    elif damage == "other parquet":
        pq.write_table(pa.table({"a": [1]}), file)
    elif damage == "other format":
        pq.write_table(table.replace_schema_metadata({form.METADATA_KEY: b'{"format": 2}'}), file)
    elif damage == "other type":
        place = table.schema.get_field_index("bpm_measured")
        pq.write_table(table.set_column(place, "bpm_measured", pa.array(["fast"] * len(table))), file)
    elif damage == "gone":
        file.unlink()
    else:
        data = bytearray(file.read_bytes())
        data[4 : len(data) // 2] = bytes(byte ^ 0x5A for byte in data[4 : len(data) // 2])
        file.write_bytes(data)
    with pytest.raises(ResultsError, match=r"results\.parquet"):
        take_results(other, file)
    assert features(other) == {}


def test_killed_between_batches_goes_on(
    analysed: Engine, other: Engine, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "results.parquet"
    export_results(analysed, file)
    ingest(other, music)
    monkeypatch.setattr(take, "BATCH", 1)
    batches = take._batches

    def killed(parquet: Any) -> Iterator[list[dict[str, Any]]]:
        yield from list(batches(parquet))[:1]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(take, "_batches", killed)
        take_results(other, file)
    assert len(features(other)) == 1
    assert take_results(other, file).features_taken == 2
    assert features(other) == features(analysed)


def test_the_commands(analysed: Engine, other: Engine, music: Path, tmp_path: Path) -> None:
    def settings(engine: Engine) -> dict[str, object]:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return {"home": tmp_path / "home", "database_url": url, "shards": SHARDS}

    file = tmp_path / "results.parquet"
    ingest(other, music)
    wrote = soniquebay("results", "export", file, settings=settings(analysed))
    assert wrote.code == 0 and "features of 3 recordings and 1 text vectors" in wrote.stdout, wrote.stderr
    assert soniquebay("results", "export", file, settings=settings(analysed)).code == 1
    took = soniquebay("results", "import", file, settings=settings(other))
    assert took.code == 0 and "3 tracks got features" in took.stdout, took.stderr
    again = soniquebay("results", "import", file, "--json", settings=settings(other))
    assert again.json["features_taken"] == 0
    file.write_text("x")
    broken = soniquebay("results", "import", file, settings=settings(other))
    assert broken.code == 1 and "error:" in broken.stderr and "Traceback" not in broken.stderr
