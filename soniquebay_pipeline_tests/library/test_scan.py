"""A scan makes raw_files say what is on disk: on real folders, with a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.demo.tagging import Tags
from soniquebay_pipeline.library import scan as scan_module
from soniquebay_pipeline.library.paths import shard_of, to_bytes, to_text
from soniquebay_pipeline.library.scan import TooManyFilesGone
from soniquebay_pipeline.library.walk import LibraryRootError
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.library import misbehaving_readers
from soniquebay_pipeline_tests.music_files import retag, song
from soniquebay_pipeline_tests.normal_form import all_rows, normal_form
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest, scan_files

Row = dict[str, Any]


def rows(engine: Engine) -> dict[str, Row]:
    """Present and rejected files by path."""
    with engine.connect() as connection:
        result = connection.execute(text("SELECT * FROM raw_files WHERE status <> 'missing' ORDER BY path"))
        return {row["path"]: dict(row) for row in result.mappings()}


def history(engine: Engine) -> dict[str, tuple[int, int, Any]]:
    """title → (raw_files.id, tracks.id, raw_metadata.extracted_at): what hangs on a file's identity."""
    with engine.connect() as connection:
        result = connection.execute(
            text(
                "SELECT t.title, f.id, t.id, m.extracted_at FROM raw_files f"
                " JOIN tracks t ON t.file_id = f.id JOIN raw_metadata m ON m.file_id = f.id"
            )
        )
        return {row[0]: (row[1], row[2], row[3]) for row in result}


def paths_of(engine: Engine) -> dict[str, str]:
    """title → path of the present files."""
    with engine.connect() as connection:
        query = "SELECT t.title, f.path FROM tracks t JOIN raw_files f ON f.id = t.file_id WHERE f.status = 'present'"
        return {row[0]: row[1] for row in connection.execute(text(query))}


def counts(report: scan_module.ScanReport) -> dict[str, int]:
    kinds = ("added", "retagged", "replaced", "moved", "returned", "missing", "rejected")
    return {kind: getattr(report, kind) for kind in kinds if getattr(report, kind)}


def folders_in_two_shards() -> tuple[str, str]:
    """Two names of folders that lie in different shards, the first in the shard that is scanned first."""
    first = "Album 0"
    other = next(name for name in (f"Album {n}" for n in range(1, 100)) if shard_of(name, SHARDS) > 0)
    names = sorted({first, other}, key=lambda name: shard_of(name, SHARDS))
    if shard_of(names[0], SHARDS) == shard_of(names[1], SHARDS):
        names[1] = next(n for n in (f"Other {i}" for i in range(99)) if shard_of(n, SHARDS) > shard_of(first, SHARDS))
    return names[0], names[1]


EARLY, LATE = folders_in_two_shards()


def test_new_files_are_added_and_nothing_else(engine: Engine, music: Path) -> None:
    song(music / "a.flac", 1)
    song(music / "R.E.M./Album/01.MP3", 2)
    song(music / "...And Justice for All/CD1/One.ogg", 3)
    (music / "cover.jpg").write_bytes(b"a picture")
    (music / "empty.mp3").touch()
    report = scan_files(engine, music)
    assert counts(report) == {"added": 4, "rejected": 1} and report.files_seen == 4
    assert report.rejected_by_reason == {"empty": 1}
    found = rows(engine)
    assert list(found) == ["...And Justice for All/CD1/One.ogg", "R.E.M./Album/01.MP3", "a.flac", "empty.mp3"]
    one = found["...And Justice for All/CD1/One.ogg"]
    assert one["folder"] == "...And Justice for All/CD1" and one["album_folder"] == "...And Justice for All"
    assert one["shard"] == shard_of("...And Justice for All", SHARDS)
    assert one["size_bytes"] == (music / one["path"]).stat().st_size
    assert one["mtime_ns"] == (music / one["path"]).stat().st_mtime_ns
    assert one["status"] == "present" and one["audio_hash"]
    assert found["empty.mp3"]["status"] == "rejected" and found["empty.mp3"]["reject_reason"] == "empty"
    assert len({row["audio_hash"] for row in found.values()}) == 4


def test_a_second_scan_changes_nothing(engine: Engine, music: Path) -> None:
    for number in range(5):
        song(music / f"Album {number}/01.flac", number)
    scan_files(engine, music)
    before = all_rows(engine)
    report = scan_files(engine, music)
    assert counts(report) == {} and report.unchanged == 5
    after = all_rows(engine)
    assert before.pop("shard_scans") != after.pop("shard_scans")
    assert after == before


def test_unchanged_files_are_not_opened(engine: Engine, music: Path) -> None:
    """Other content of the same size and modification time is not noticed: nobody looked."""
    path = song(music / "a.wav", 1)
    scan_files(engine, music)
    before = rows(engine)
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert counts(scan_files(engine, music)) == {}
    assert rows(engine) == before


def test_a_rejected_file_that_now_can_be_read_is_found_again(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions and broken disks are mended without touching size or modification time."""
    path = os.fsencode(song(music / "a.flac", 1))
    refuse_to_open(monkeypatch, path)
    assert counts(scan_files(engine, music)) == {"added": 1, "rejected": 1}
    assert rows(engine)["a.flac"]["reject_reason"] == "permission"
    before = rows(engine)
    assert counts(scan_files(engine, music)) == {} and rows(engine) == before, "tried again, for nothing"
    monkeypatch.undo()
    scan_files(engine, music)
    assert rows(engine)["a.flac"]["status"] == "present"


def test_a_known_file_that_could_not_be_read_for_a_while_is_found_again(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song(music / "a.flac", 1)
    ingest(engine, music)
    before = history(engine)
    retag(path, 1, date="1990")
    refuse_to_open(monkeypatch, os.fsencode(path))
    ingest(engine, music)
    assert rows(engine)["a.flac"]["reject_reason"] == "permission"
    monkeypatch.undo()
    assert counts(ingest(engine, music)) == {"retagged": 1}
    assert {title: ids[:2] for title, ids in history(engine).items()} == {t: i[:2] for t, i in before.items()}
    assert rows(engine)["a.flac"]["status"] == "present"


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, *refused: bytes) -> None:
    """The operating system's answer to a user without the right, for tests that may run as root."""
    real_open = os.open

    def guarded(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if isinstance(path, (str, bytes, os.PathLike)) and os.fsencode(path) in refused:
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, flags, *arguments, **options)

    real_hash = scan_module.audio_hash

    def guarded_hash(path: bytes) -> str:
        if path in refused:
            raise PermissionError(13, "Permission denied", path)
        return real_hash(path)

    monkeypatch.setattr(os, "open", guarded)
    monkeypatch.setattr(scan_module, "audio_hash", guarded_hash)


def test_a_retagged_file_keeps_its_row_its_audio_and_its_track(engine: Engine, music: Path) -> None:
    files = {song(music / f"Album/{n}.{kind}", n): n for n, kind in enumerate(("flac", "mp3", "ogg", "m4a", "wav"))}
    ingest(engine, music)
    before, known = history(engine), rows(engine)
    for path, number in files.items():
        retag(path, number, title=f"Song {number}", genres=("Jazz",), date="1959")
    assert counts(ingest(engine, music)) == {"retagged": 5}
    after = history(engine)
    assert {title: ids[:2] for title, ids in after.items()} == {title: ids[:2] for title, ids in before.items()}
    assert {p: row["audio_hash"] for p, row in rows(engine).items()} == {p: r["audio_hash"] for p, r in known.items()}
    assert all(after[title][2] > before[title][2] for title in after)
    with engine.connect() as connection:
        assert set(connection.execute(text("SELECT year FROM tracks")).scalars()) == {1959}


MOVES: dict[str, Callable[[Path], None]] = {
    "in its folder": lambda music: (music / EARLY / "01.flac").rename(music / EARLY / "01 Renamed.flac"),
    "to another folder": lambda music: shutil.move(music / EARLY / "01.flac", music / LATE / "99.flac"),
    "to the root": lambda music: shutil.move(music / LATE / "01.flac", music / "01.flac"),
    "with its folder": lambda music: (music / EARLY).rename(music / "Renamed"),
    "deeper": lambda music: shutil.move(music / LATE, music / EARLY / "CD2"),
    "in a chain within a folder": lambda music: [
        (music / EARLY / f"0{n}.flac").rename(music / EARLY / f"0{n + 1}.flac") for n in (3, 2, 1)
    ],
    "in a chain over folders": lambda music: [
        shutil.move(music / EARLY / "01.flac", music / "third.flac"),
        shutil.move(music / LATE / "01.flac", music / EARLY / "01.flac"),
        shutil.move(music / LATE / "02.flac", music / LATE / "01.flac"),
    ],
    "by exchange in a folder": lambda music: exchange(music / EARLY / "01.flac", music / EARLY / "02.flac"),
    "by exchange of folders": lambda music: exchange(music / EARLY, music / LATE),
}


def exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def two_albums(music: Path) -> None:
    for number in (1, 2, 3):
        song(music / EARLY / f"0{number}.flac", number)
        song(music / LATE / f"0{number}.flac", 10 + number)


@pytest.mark.parametrize("order", ["together", "one shard at a time", "backwards"])
@pytest.mark.parametrize("move", MOVES)
def test_a_moved_file_keeps_its_row_and_its_track(engine: Engine, music: Path, move: str, order: str) -> None:
    two_albums(music)
    ingest(engine, music)
    before = history(engine)
    hashes = {row["audio_hash"]: row["id"] for row in rows(engine).values()}
    MOVES[move](music)

    shards = {"together": [range(SHARDS)], "one shard at a time": [[n] for n in range(SHARDS)]}.get(order)
    for group in shards or [[n] for n in reversed(range(SHARDS))]:
        scan_files(engine, music, group)
    ingest(engine, music)
    assert counts(scan_files(engine, music)) == {}

    assert {row["audio_hash"]: row["id"] for row in rows(engine).values()} == hashes
    assert history(engine) == before, "the tags of a moved file are not read again"
    on_disk = {str(path.relative_to(music)) for path in music.rglob("*.flac")}
    assert set(paths_of(engine).values()) == set(rows(engine)) == on_disk
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM raw_files")).scalar_one() == 6


def test_the_title_of_a_moved_file_follows_where_it_came_from_the_path(engine: Engine, music: Path) -> None:
    path = song(music / "A/B/01 Before.flac", 1, Tags())
    ingest(engine, music)
    assert paths_of(engine) == {"Before": "A/B/01 Before.flac"}
    path.rename(path.with_name("01 After.flac"))
    ingest(engine, music)
    assert paths_of(engine) == {"After": "A/B/01 After.flac"}


def test_a_copy_is_a_file_of_its_own(engine: Engine, music: Path) -> None:
    song(music / EARLY / "01.flac", 1)
    ingest(engine, music)
    [before] = history(engine).values()
    shutil.copy2(music / EARLY / "01.flac", music / EARLY / "copy.flac")
    song(music / LATE / "01.flac", 1)
    assert counts(ingest(engine, music)) == {"added": 2}
    assert rows(engine)[f"{EARLY}/01.flac"]["id"] == before[0]
    assert len({row["audio_hash"] for row in rows(engine).values()}) == 1


def test_a_copy_takes_the_place_of_one_that_is_deleted(engine: Engine, music: Path) -> None:
    """Of two equal files one was deleted and another appeared: the one that stayed is not touched."""
    for name in ("01.flac", "02.flac"):
        song(music / EARLY / name, 1)
    ingest(engine, music)
    known = rows(engine)
    (music / LATE).mkdir()
    shutil.move(music / EARLY / "02.flac", music / LATE / "02.flac")
    assert counts(ingest(engine, music)) == {"moved": 1}
    after = rows(engine)
    assert after[f"{EARLY}/01.flac"] == known[f"{EARLY}/01.flac"]
    assert after[f"{LATE}/02.flac"]["id"] == known[f"{EARLY}/02.flac"]["id"]


def test_a_file_with_other_audio_at_the_same_path_keeps_the_row(engine: Engine, music: Path) -> None:
    path = song(music / "a.flac", 1)
    ingest(engine, music)
    [(file_id, track_id, _)] = history(engine).values()
    before = rows(engine)["a.flac"]["audio_hash"]
    retag(path, 2)
    assert counts(ingest(engine, music)) == {"replaced": 1}
    assert history(engine)["Song 2"][:2] == (file_id, track_id)
    assert rows(engine)["a.flac"]["audio_hash"] != before


def test_gone_and_back_again(engine: Engine, music: Path, tmp_path: Path) -> None:
    two_albums(music)
    ingest(engine, music)
    before, known = history(engine), rows(engine)
    form = normal_form(engine)
    shutil.move(music / EARLY / "01.flac", tmp_path / "01.flac")
    assert counts(ingest(engine, music)) == {"missing": 1}
    assert history(engine) == before, "what hangs on a missing file stays"
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM raw_files WHERE status = 'missing'")).mappings().one()
    assert row["path"] == f"{EARLY}/01.flac" and row["id"] == known[row["path"]]["id"] and row["missing_since"]
    assert counts(ingest(engine, music)) == {}

    shutil.move(tmp_path / "01.flac", music / EARLY / "01.flac")
    assert counts(ingest(engine, music)) == {"returned": 1}
    assert history(engine) == before
    assert {path: row["id"] for path, row in rows(engine).items()} == {p: row["id"] for p, row in known.items()}
    assert normal_form(engine) == form


def test_back_in_another_place_weeks_later(engine: Engine, music: Path, tmp_path: Path) -> None:
    two_albums(music)
    ingest(engine, music)
    before = history(engine)
    shutil.move(music / LATE / "02.flac", tmp_path / "aside.flac")
    ingest(engine, music)
    shutil.move(tmp_path / "aside.flac", music / "new place.flac")
    assert counts(ingest(engine, music)) == {"moved": 1}
    assert history(engine) == before


@pytest.mark.parametrize("order", [range(SHARDS), list(reversed(range(SHARDS)))], ids=["forwards", "backwards"])
def test_shards_one_at_a_time_make_the_same_catalogue(
    engine: Engine, music: Path, order: list[int], server: Any
) -> None:
    from sqlalchemy import create_engine

    def build(on: Engine, groups: list[list[int]]) -> None:
        two_albums(music)
        song(music / "loose.mp3", 30, title="Loose")
        for group in groups:
            ingest(on, music, group)
        exchange(music / EARLY, music / LATE)
        retag(music / "loose.mp3", 30, title="Retagged", album="Other")
        (music / EARLY / "03.flac").unlink()
        for group in groups:
            ingest(on, music, group)

    build(engine, [[shard] for shard in order])
    one_by_one = normal_form(engine)
    shutil.rmtree(music)
    with server.database() as url:
        other = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        build(other, [list(range(SHARDS))])
        together = normal_form(other)
        other.dispose()
    for form in (one_by_one, together):  # the two builds wrote the files at different times
        form["raw_files"] = [row[:5] + row[6:] for row in form["raw_files"]]
    assert one_by_one == together


def test_a_scan_of_some_shards_leaves_the_others_alone(engine: Engine, music: Path) -> None:
    two_albums(music)
    scan_files(engine, music)
    for album in (EARLY, LATE):
        (music / album / "01.flac").unlink()
        song(music / album / "new.flac", hash(album) % 1000 + 50)
    assert counts(scan_files(engine, music, [shard_of(EARLY, SHARDS)])) == {"added": 1, "missing": 1}
    found = rows(engine)
    assert f"{EARLY}/new.flac" in found and f"{EARLY}/01.flac" not in found
    assert f"{LATE}/new.flac" not in found and f"{LATE}/01.flac" in found


# What must not empty the catalogue.


def assert_refused(engine: Engine, music: Path, error: type[Exception], *says: str) -> None:
    before = all_rows(engine)
    with pytest.raises(error) as raised:
        scan_files(engine, music)
    for words in says:
        assert words in str(raised.value)
    assert all_rows(engine) == before


def test_a_missing_root_changes_nothing(engine: Engine, music: Path) -> None:
    two_albums(music)
    scan_files(engine, music)
    assert_refused(engine, music / "not mounted", LibraryRootError, "does not exist", "mount it")


def test_a_root_that_is_a_file_changes_nothing(engine: Engine, music: Path) -> None:
    assert_refused(engine, song(music / "a.flac", 1), LibraryRootError, "not a folder")


def test_an_empty_root_changes_nothing_until_it_is_believed(engine: Engine, music: Path) -> None:
    two_albums(music)
    scan_files(engine, music)
    shutil.rmtree(music)
    music.mkdir()
    assert_refused(engine, music, LibraryRootError, "no music files", "mounted?", "--allow-missing")
    assert counts(scan_files(engine, music, max_missing_share=1)) == {"missing": 6}


def test_an_empty_root_is_an_error_at_first_use(engine: Engine, music: Path) -> None:
    assert_refused(engine, music, LibraryRootError, "no music files", "SONIQUEBAY_MUSIC_DIR")
    with pytest.raises(LibraryRootError):
        scan_files(engine, music, max_missing_share=1)


def test_an_unreadable_root_changes_nothing(engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_albums(music)
    scan_files(engine, music)
    refuse_to_open(monkeypatch, os.fsencode(music))
    assert_refused(engine, music, LibraryRootError, "may not be read", "rights")


def test_folders_that_all_cannot_be_read_change_nothing(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_albums(music)
    scan_files(engine, music)
    refuse_to_open(monkeypatch, os.fsencode(music / EARLY), os.fsencode(music / LATE))
    assert_refused(engine, music, LibraryRootError, "could be listed", "Permission denied", "rights")


def test_a_large_share_gone_changes_nothing_until_it_is_believed(engine: Engine, music: Path) -> None:
    two_albums(music)
    scan_files(engine, music)
    shutil.rmtree(music / EARLY)
    assert_refused(engine, music, TooManyFilesGone, "3 of 6", "50%", "40%", "--allow-missing", "Nothing was changed")
    assert counts(scan_files(engine, music, max_missing_share=1)) == {"missing": 3}
    assert counts(scan_files(engine, music)) == {}, "what is known to be missing is not counted again"


def test_a_share_below_the_limit_is_believed(engine: Engine, music: Path) -> None:
    two_albums(music)
    scan_files(engine, music)
    for name in ("01.flac", "02.flac"):
        (music / LATE / name).unlink()
    assert counts(scan_files(engine, music)) == {"missing": 2}


def test_moving_the_whole_library_is_not_losing_it(engine: Engine, music: Path) -> None:
    two_albums(music)
    ingest(engine, music)
    before = history(engine)
    (music / "Sorted").mkdir()
    for album in (EARLY, LATE):
        shutil.move(music / album, music / "Sorted" / f"{album} (remaster)")
    assert counts(ingest(engine, music)) == {"moved": 6}
    assert history(engine) == before


@pytest.mark.parametrize("unreadable", [EARLY, f"{EARLY}/CD1"], ids=["the folder", "a folder in it"])
def test_a_folder_that_cannot_be_read_keeps_its_rows(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    for number in range(4):
        song(music / EARLY / f"CD1/{number}.flac", number)
    for number in (1, 2, 3):
        song(music / LATE / f"0{number}.flac", 10 + number)
    scan_files(engine, music)
    before = rows(engine)
    (music / LATE / "02.flac").unlink()
    refuse_to_open(monkeypatch, os.fsencode(music / unreadable))
    report = scan_files(engine, music)
    assert counts(report) == {"missing": 1} and report.folder_errors == [f"{unreadable}: Permission denied"]
    del before[f"{LATE}/02.flac"]
    assert rows(engine) == before


def test_a_file_whose_size_cannot_be_asked_keeps_its_row(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soniquebay_pipeline.library import walk

    two_albums(music)
    scan_files(engine, music)
    before = rows(engine)

    def failing(entries: list[os.DirEntry[str]], listing: walk.FolderListing) -> None:
        listing.errors = [(entry.name, "Input/output error") for entry in entries]

    monkeypatch.setattr(walk, "_stat_files", failing)
    report = scan_files(engine, music)
    assert counts(report) == {} and f"{EARLY}/01.flac: Input/output error" in report.folder_errors
    assert rows(engine) == before


# What a path may be.


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9.flac",
        b"line\nbreak.flac",
        b"tab\tand \x1b[31mescape.flac",
        "\U0001f3b5 \u202e.flac".encode(),
        b"n" * 245 + b".flac",
        b"100%_{x}'\";--.flac",
        b"back\\slash.flac",
        b"  spaces  .flac",
    ],
)
def test_any_name_is_kept_without_loss(engine: Engine, music: Path, name: bytes) -> None:
    song(os.path.join(os.fsencode(music), b"dir\xff", name), 1)
    ingest(engine, music)
    [path] = rows(engine)
    assert to_bytes(path) == b"dir\xff/" + name and path == to_text(b"dir\xff/" + name)
    assert counts(scan_files(engine, music)) == {}
    assert history(engine).keys() == {"Song 1"}
    os.rename(os.path.join(os.fsencode(music), b"dir\xff"), os.path.join(os.fsencode(music), b"plain"))
    assert counts(scan_files(engine, music)) == {"moved": 1}


def test_a_link_out_of_the_library_is_refused_and_told(engine: Engine, music: Path, tmp_path: Path) -> None:
    song(music / "real.flac", 1)
    song(tmp_path / "outside/secret.flac", 2)
    (music / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    (music / "song.flac").symlink_to(tmp_path / "outside/secret.flac")
    (music / "loop").symlink_to(music, target_is_directory=True)
    report = scan_files(engine, music)
    assert list(rows(engine)) == ["real.flac"]
    assert sorted(report.refused_links) == ["folder (outside)", "song.flac (outside)"]


def test_a_file_that_was_exchanged_for_a_link_is_gone(engine: Engine, music: Path, tmp_path: Path) -> None:
    two_albums(music)
    scan_files(engine, music)
    shutil.move(music / EARLY / "01.flac", tmp_path / "outside.flac")
    (music / EARLY / "01.flac").symlink_to(tmp_path / "outside.flac")
    assert counts(scan_files(engine, music)) == {"missing": 1}


# Reading that goes wrong.


@pytest.mark.parametrize(("behaviour", "reason"), [("hang", "timeout"), ("crash", "crashed"), ("swell", "error")])
def test_a_file_that_breaks_its_reader_costs_only_itself(
    engine: Engine, music: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, reason: str
) -> None:
    for number in range(4):
        song(music / f"{number}.flac", number)
    (music / "2.flac").rename(music / f"{behaviour}.flac")
    monkeypatch.setattr(scan_module, "hash_file", misbehaving_readers.hash_file)
    pool = PoolOptions(workers=1, timeout_seconds=0.5, memory_limit_mb=2048)
    assert counts(scan_files(engine, music, pool=pool)) == {"added": 4, "rejected": 1}
    found = rows(engine)
    assert found[f"{behaviour}.flac"]["reject_reason"] == reason and found[f"{behaviour}.flac"]["reject_detail"]
    assert [row["status"] for row in found.values()].count("present") == 3
    monkeypatch.undo()
    assert counts(scan_files(engine, music)) == {"replaced": 1}
    assert {row["status"] for row in rows(engine).values()} == {"present"}


def test_a_dry_run_tells_and_writes_nothing(engine: Engine, music: Path) -> None:
    two_albums(music)
    ingest(engine, music)
    before = all_rows(engine)
    exchange(music / EARLY, music / LATE)
    song(music / "new.flac", 20)
    assert counts(scan_files(engine, music, dry_run=True))["moved"] == 6
    assert all_rows(engine) == before


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("album", [EARLY, LATE])
def test_what_moved_between_shards_is_not_counted_as_missing(
    engine: Engine, music: Path, album: str, dry_run: bool
) -> None:
    two_albums(music)
    scan_files(engine, music)
    shutil.move(music / album / "01.flac", music / (LATE if album == EARLY else EARLY) / "99.flac")
    report = scan_files(engine, music, dry_run=dry_run)
    assert counts(report) == {"moved": 1} and not report.examples["missing"]
