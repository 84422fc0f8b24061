"""Which tracks are analysed, and what is stored: on a real PostgreSQL, with real audio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen.flac import FLAC
from sqlalchemy import Engine, text

from soniquebay_pipeline.audio import run, store
from soniquebay_pipeline.audio.model import ANALYSIS_VERSION, DueTrack, Failure
from soniquebay_pipeline.audio.run import AnalysisReport, analyse_due_tracks
from soniquebay_pipeline.catalog.store.maintenance import purge
from soniquebay_pipeline.db.ledger import FailedAttempt, note_failures
from soniquebay_pipeline.db.ledger_view import queue_states
from soniquebay_pipeline.demo.tagging import Tags, with_tags
from soniquebay_pipeline.demo.writing import encode
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.audio import misbehaving_analysis
from soniquebay_pipeline_tests.music_files import music_of, song
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

RATE = 22_050
ALL = range(SHARDS)


def analyse(engine: Engine, root: Path, workers: int = 0, **options: Any) -> AnalysisReport:
    return analyse_due_tracks(engine, root, list(ALL), pool=PoolOptions(workers=workers, batch_size=1), **options)


def rows(engine: Engine, columns: str = "*") -> dict[str, Any]:
    """Rows of audio_features by file name."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                f"SELECT f.path, {columns} FROM audio_features a JOIN tracks t ON t.id = a.track_id"
                " JOIN raw_files f ON f.id = t.file_id"
            )
        ).all()
    return {row[0].rpartition("/")[2]: row for row in found}


@pytest.fixture
def library(engine: Engine, music: Path) -> Iterator[Path]:
    music_of(music / "A/one.flac", bpm=100.0)
    music_of(music / "B/two.flac", bpm=140.0)
    ingest(engine, music)
    yield music


def test_each_track_is_measured_once(engine: Engine, library: Path) -> None:
    first = analyse(engine, library)
    assert (first.analysed, first.failed) == (2, 0)
    row = rows(engine)["one.flac"]
    assert row.analysis_version == ANALYSIS_VERSION and row.audio_hash
    assert row.bpm == row.bpm_measured == pytest.approx(100.0, rel=0.02)
    assert (row.key, row.scale, row.camelot_key) == ("C", "major", "8B")
    assert row.loudness_lufs < 0 and 0 <= row.energy <= 1 and len(row.timbre) > 50
    assert row.seconds_analysed == pytest.approx(12.0, abs=0.1) and row.seconds_spent > 0
    again = analyse(engine, library)
    assert (again.analysed, again.failed) == (0, 0)


def test_workers_find_the_same(engine: Engine, library: Path) -> None:
    analyse(engine, library)
    alone = {name: (row.bpm, row.key, row.loudness_lufs) for name, row in rows(engine).items()}
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audio_features"))
    assert analyse(engine, library, workers=2).analysed == 2
    assert {name: (row.bpm, row.key, row.loudness_lufs) for name, row in rows(engine).items()} == alone


def test_a_moved_or_retagged_file_is_not_analysed_again(engine: Engine, library: Path) -> None:
    analyse(engine, library)
    before = rows(engine, "a.analyzed_at")["one.flac"].analyzed_at
    (library / "C").mkdir()
    shutil.move(library / "A/one.flac", library / "C/one.flac")
    music_of(library / "B/two.flac", bpm=140.0, title="Another title")
    ingest(engine, library)
    assert analyse(engine, library).analysed == 0
    assert rows(engine, "a.analyzed_at")["one.flac"].analyzed_at == before


def test_other_audio_at_the_same_path_is_analysed(engine: Engine, library: Path) -> None:
    analyse(engine, library)
    music_of(library / "A/one.flac", bpm=80.0)
    ingest(engine, library)
    assert analyse(engine, library).analysed == 1
    assert rows(engine)["one.flac"].bpm_measured == pytest.approx(80.0, rel=0.02)


def test_a_new_version_makes_rows_stale(engine: Engine, library: Path) -> None:
    analyse(engine, library)
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE audio_features SET analysis_version = 0 WHERE track_id IN (SELECT t.id FROM tracks t"
                " JOIN raw_files f ON f.id = t.file_id WHERE f.path = 'A/one.flac')"
            )
        )
    assert store.count_due(engine, list(ALL))[0] == 1
    assert analyse(engine, library).analysed == 1


def test_the_oldest_are_analysed_again_on_request(engine: Engine, library: Path) -> None:
    analyse(engine, library)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE audio_features SET analyzed_at = now() - track_id * interval '1 day' - interval '100 days'")
        )
        oldest = connection.execute(text("SELECT max(track_id) FROM audio_features")).scalar_one()
        assert store.request_oldest(connection, 365, 10) == 0
        assert store.request_oldest(connection, 100, 1) == 1
        assert store.request_oldest(connection, 500, 1) == 0
    [due] = store.due_tracks(engine, ALL)
    assert due.track_id == oldest
    assert all(row.bpm for row in rows(engine).values())
    assert analyse(engine, library).analysed == 1
    assert analyse(engine, library).analysed == 0


def test_what_waits_for_a_file_that_is_gone_is_no_backlog(engine: Engine, library: Path) -> None:
    music_of(library / "C/three.flac", bpm=120.0)
    ingest(engine, library)
    analyse(engine, library)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audio_features SET analyzed_at = now() - interval '2 years'"))
        assert store.request_oldest(connection, 365, 1) == 1
        [state] = queue_states(connection)
        gone = connection.execute(
            text("SELECT path FROM raw_files f JOIN tracks t ON t.file_id = f.id JOIN deferred_tasks d"
                 " ON d.entity_id = t.id")
        ).scalar_one()  # fmt: skip
    assert state.waiting == 1
    audio = (library / gone).read_bytes()
    (library / gone).unlink()
    ingest(engine, library)
    with engine.connect() as connection:
        assert queue_states(connection) == [] and store.due_shards(connection) == []
    (library / gone).write_bytes(audio)
    ingest(engine, library)
    with engine.connect() as connection:
        assert [state.waiting for state in queue_states(connection)] == [1]
    assert analyse(engine, library).analysed == 1


def test_what_is_purged_leaves_no_attempt(engine: Engine, library: Path) -> None:
    for number in (1, 2, 3):
        song(library / f"More/{number}.flac", number)
    ingest(engine, library)
    tracks = [track.track_id for track in store.due_tracks(engine, ALL) if "one" in track.path]
    with engine.begin() as connection:
        note_failures(connection, "analysis", "track", [FailedAttempt(id_, "", "timeout: x") for id_ in tracks])
    (library / "A/one.flac").unlink()
    ingest(engine, library)
    assert purge(engine) == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deferred_tasks")).scalar_one() == 0


def test_the_same_audio_is_analysed_once(engine: Engine, library: Path) -> None:
    analyse(engine, library)
    music_of(library / "Copy/one again.flac", bpm=100.0, title="Copy")
    ingest(engine, library)
    report = analyse(engine, library)
    assert (report.copied, report.analysed) == (1, 0)
    found = rows(engine)
    assert found["one again.flac"].bpm == found["one.flac"].bpm


def test_what_cannot_be_analysed_has_a_reason_and_no_values(engine: Engine, music: Path) -> None:
    silence = np.zeros((RATE * 3, 1), np.float32)
    (music / "S").mkdir()
    (music / "S/silent.flac").write_bytes(with_tags(encode(silence, RATE, "flac"), "flac", Tags(title="x")))
    song(music / "S/short.flac", 1)
    ingest(engine, music)
    report = analyse(engine, music)
    assert report.failed_by_reason == {"silent": 1, "too_short": 1}
    for name, reason in (("silent.flac", "silent"), ("short.flac", "too_short")):
        row = rows(engine)[name]
        assert row.failure_reason == reason
        assert (row.bpm, row.key, row.loudness_lufs, row.timbre) == (None, None, None, None)
    # Nothing would change at another attempt, so there is none.
    assert store.count_due(engine, list(ALL))[0] == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deferred_tasks")).scalar_one() == 0


def test_passing_failures_are_tried_again_ever_later_and_not_for_ever(engine: Engine, library: Path) -> None:
    with engine.connect() as connection:
        [one, _] = [
            DueTrack(*row)
            for row in connection.execute(
                text(
                    "SELECT t.id, f.path, f.audio_hash, 12.0 FROM tracks t JOIN raw_files f ON f.id = t.file_id"
                    " ORDER BY f.path"
                )
            )
        ]
    waits = []
    for attempt in range(1, 7):
        store.write(engine, [(one, Failure("timeout", "took too long"))])
        with engine.connect() as connection:
            task = connection.execute(
                text("SELECT *, extract(epoch FROM next_attempt_at - now()) AS wait FROM deferred_tasks")
            ).one()
        assert task.attempts == attempt and task.last_error == "timeout: took too long"
        assert task.state == ("failed" if attempt == 6 else "waiting")
        waits.append(float(task.wait))
        assert one.track_id not in {track.track_id for track in store.due_tracks(engine, list(ALL))}
        with engine.begin() as connection:
            connection.execute(text("UPDATE deferred_tasks SET next_attempt_at = now() - interval '1 second'"))
        is_due = one.track_id in {track.track_id for track in store.due_tracks(engine, list(ALL))}
        assert is_due == (attempt < 6)
    for number, wait in enumerate(waits[:-1]):
        assert 600 * 2**number - 5 <= wait <= 900 * 2**number
    # A file that changed starts afresh.
    music_of(library / "A/one.flac", bpm=90.0)
    ingest(engine, library)
    assert one.track_id in {track.track_id for track in store.due_tracks(engine, list(ALL))}
    assert analyse(engine, library).analysed == 2
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deferred_tasks")).scalar_one() == 0


def test_a_hanging_and_a_crashing_analysis_cost_their_files_only(
    engine: Engine, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music_of(library / "B/hangs.flac", bpm=90.0)
    music_of(library / "B/crashes.flac", bpm=110.0)
    ingest(engine, library)
    monkeypatch.setattr(run, "analyse_track", misbehaving_analysis.analyse_track)
    monkeypatch.setattr(run, "warm_up", misbehaving_analysis.warm_up)
    pool = PoolOptions(workers=2, batch_size=1, timeout_seconds=15.0)
    report = analyse_due_tracks(engine, library, list(ALL), pool=pool)
    assert report.failed_by_reason == {"timeout": 1, "crashed": 1}
    assert report.analysed == 2
    assert {name: row.failure_reason for name, row in rows(engine).items()} == {
        "one.flac": None,
        "two.flac": None,
        "hangs.flac": "timeout",
        "crashes.flac": "crashed",
    }


def test_newest_additions_come_first(engine: Engine, library: Path) -> None:
    music_of(library / "New/three.flac", bpm=95.0)
    ingest(engine, library)
    assert next(track.path for track in store.due_tracks(engine, list(ALL))) == "New/three.flac"


def test_tags_stand_beside_what_was_measured(engine: Engine, music: Path) -> None:
    path = music_of(music / "A/one.flac", bpm=100.0)
    add_tags(path, BPM="50", INITIALKEY="Am")
    ingest(engine, music)
    analyse(engine, music)
    row = rows(engine)["one.flac"]
    assert (row.bpm, row.bpm_tag, row.bpm_disagreement) == (pytest.approx(100.0, rel=0.02), 50.0, "octave")
    assert (row.key, row.key_tag, row.key_disagreement) == ("C", "A minor", "relative")
    analyse(engine, music, prefer_tags=True)
    row = rows(engine)["one.flac"]
    assert (row.bpm, row.key, row.scale, row.camelot_key, row.values_from) == (50.0, "A", "minor", "8A", "tags")
    add_tags(path, BPM="100", INITIALKEY="C")
    ingest(engine, music)
    assert analyse(engine, music).analysed == 0
    row = rows(engine)["one.flac"]
    assert (row.bpm_tag, row.bpm_disagreement, row.key_disagreement, row.values_from) == (100.0, None, None, "measured")


def add_tags(path: Path, **tags: str) -> None:
    """Vorbis comments by their own names, a second later."""
    later = path.stat().st_mtime_ns + 1_000_000_000
    audio = FLAC(path)
    audio.update(tags)
    audio.save()
    os.utime(path, ns=(later, later))
