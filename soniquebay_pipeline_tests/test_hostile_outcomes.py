"""Every file of the hostile corpus becomes what docs/outcomes.md promises, through the command as people run it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.catalog import reading
from soniquebay_pipeline.library.paths import to_bytes
from soniquebay_pipeline.library.tags import UnreadableFile
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.command_line import CommandResult, soniquebay
from soniquebay_pipeline_tests.corpus.hostile import HostileCase, build_hostile_corpus
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.library import misbehaving_readers
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import all_rows
from soniquebay_pipeline_tests.pipeline_steps import ingest, scan_files

DOCUMENT = Path(__file__).parents[1] / "docs" / "outcomes.md"


def promises() -> dict[str, frozenset[str]]:
    """What a file is → the outcomes that the document promises."""
    page = DOCUMENT.read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (`(?:indexed|ignored|rejected)[^|]*) \|", page, re.MULTILINE)
    return {what: frozenset(re.findall(r"`([a-z_:]+)`", outcomes)) for what, outcomes in rows}


class Outcome:
    """The corpus after `soniquebay ingest`."""

    def __init__(self, cases: list[HostileCase], result: CommandResult, engine: Engine) -> None:
        self.cases, self.result, self.engine = cases, result, engine
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT f.path, f.status, f.reject_reason, f.reject_detail, t.id, t.title"
                    " FROM raw_files f LEFT JOIN tracks t ON t.file_id = f.id"
                )
            ).all()
        self.rows = {to_bytes(row.path): row for row in rows}

    def of(self, case: HostileCase) -> str:
        row = self.rows.get(case.path)
        if row is None:
            return "ignored"
        return "indexed" if row.status == "present" else f"{row.status}:{row.reject_reason}"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, server: DatabaseServer) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("hostile")
    cases = build_hostile_corpus(folder / "music")
    with server.database() as url:
        settings = {"home": folder / "home", "music_dir": folder / "music", "database_url": url}
        result = soniquebay("ingest", "--json", settings=settings | {"shards": 2, "workers": 2})
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield Outcome(cases, result, engine)
        engine.dispose()


def test_the_run_succeeds(outcome: Outcome) -> None:
    assert outcome.result.code == 0, outcome.result.stderr
    answer = outcome.result.json
    assert answer["ok"] and answer["error"] is None
    kinds = [outcome.of(case) for case in outcome.cases]
    assert answer["files"]["present"] == kinds.count("indexed") == answer["catalogue"]["tracks"]
    assert answer["files"]["rejected"] == sum(kind.startswith("rejected") for kind in kinds)
    assert answer["files"]["pending"] == 0
    assert "Traceback" not in outcome.result.stderr


def test_every_kind_of_file_is_in_the_document(outcome: Outcome) -> None:
    promised = promises()
    assert {case.note for case in outcome.cases} <= promised.keys()
    for case in outcome.cases:
        assert case.expected <= promised[case.note], case


def test_the_document_names_every_reason() -> None:
    of_files = DOCUMENT.read_text("utf-8").partition("\n## Pictures\n")[0]
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", of_files, re.MULTILINE))
    in_code = set(re.findall(r"``([a-z_]+)``", (UnreadableFile.__doc__ or "").partition("Codes:")[2])) | {"error"}
    assert listed == in_code
    assert {o.partition(":")[2] for outcomes in promises().values() for o in outcomes if ":" in o} <= listed


def test_every_file_has_its_promised_outcome(outcome: Outcome) -> None:
    promised = promises()
    broken = {
        case.path: (outcome.of(case), sorted(case.expected))
        for case in outcome.cases
        if outcome.of(case) not in case.expected or outcome.of(case) not in promised[case.note]
    }
    assert not broken


def test_nothing_else_is_in_the_catalogue(outcome: Outcome) -> None:
    assert outcome.rows.keys() <= {case.path for case in outcome.cases}
    for row in outcome.rows.values():
        assert (row.status == "present") == (row.id is not None)
        assert row.status == "present" or (row.reject_reason and row.reject_detail)
    with outcome.engine.connect() as connection:
        titles = set(connection.execute(text("SELECT title FROM tracks")).scalars())
    assert "Secret" not in titles and "Hidden" not in titles


def test_titles_are_bounded_and_can_be_stored(outcome: Outcome) -> None:
    titles = [row.title for row in outcome.rows.values() if row.title]
    assert all(titles) and max(map(len, titles)) < 10_000
    assert any("DROP TABLE" in title for title in titles)


def test_a_second_scan_changes_nothing(outcome: Outcome) -> None:
    """What was rejected before anything of it was known is read again, and rejected again."""
    with outcome.engine.connect() as connection:
        root = Path(os.fsdecode(to_bytes(connection.execute(text("SELECT root FROM library")).scalar_one())))
    before = all_rows(outcome.engine)
    report = scan_files(outcome.engine, root, range(2), 2)
    assert report.files_seen == report.unchanged == len(outcome.rows) and report.missing == report.rejected == 0
    after = all_rows(outcome.engine)
    assert before.pop("shard_scans") != after.pop("shard_scans")
    assert after == before


@pytest.mark.parametrize(
    ("behaviour", "what"),
    [
        ("hang", "reading it never ends"),
        ("crash", "reading it kills the process"),
        ("swell", "reading it takes all memory"),
    ],
)
def test_tags_that_break_their_reader_cost_only_their_file(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, what: str
) -> None:
    for number in range(4):
        song(music / f"{number}.flac", number)
    (music / "2.flac").rename(music / f"{behaviour}.flac")
    monkeypatch.setattr(reading, "extract_file", misbehaving_readers.extract_file)
    scan_files(engine, music)
    ingest(engine, music, pool=PoolOptions(workers=1, timeout_seconds=0.5, memory_limit_mb=2048))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT path, status, reject_reason FROM raw_files")).all()
        tracks = connection.execute(text("SELECT count(*) FROM tracks")).scalar_one()
    assert tracks == 3
    assert {f"{row.status}:{row.reject_reason}" for row in rows if row.path == f"{behaviour}.flac"} == promises()[what]
    assert [row.status for row in rows].count("present") == 3


def test_a_file_that_vanishes_while_it_is_scanned_is_no_row(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soniquebay_pipeline.library import scan

    song(music / "stays.flac", 1)
    vanishing = song(music / "vanishes.flac", 2)
    real_hash = scan.audio_hash

    def hash_after_deletion(path: bytes) -> str:
        vanishing.unlink(missing_ok=True)
        return real_hash(path)

    monkeypatch.setattr(scan, "audio_hash", hash_after_deletion)
    ingest(engine, music)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT path FROM raw_files")).scalars().all() == ["stays.flac"]


def test_a_file_that_vanishes_before_its_tags_are_read_is_missing_after_the_next_scan(
    engine: Engine, music: Path
) -> None:
    song(music / "stays.flac", 1)
    song(music / "stays too.flac", 3)
    vanishing = song(music / "vanishes.flac", 2)
    scan_files(engine, music)
    vanishing.unlink()
    reading.read_due_files(engine, music, range(4), pool=PoolOptions(workers=0))
    ingest(engine, music)
    with engine.connect() as connection:
        status = dict(connection.execute(text("SELECT path, status FROM raw_files")).tuples().all())
    assert status == {"stays.flac": "present", "stays too.flac": "present", "vanishes.flac": "missing"}
