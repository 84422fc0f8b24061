"""The watch notices what a scan would change, once it has settled, within its budget."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine

from soniquebay_pipeline.library import watch
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.library.walk import LibraryRootError
from soniquebay_pipeline.library.watch import Cursor, Look
from soniquebay_pipeline_tests.music_files import retag, song
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, scan_files

SETTLE = 60.0


class Watch:
    """Looks at a library again and again, as the sensor does, by a clock of its own."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine, self.root = engine, root
        self.cursor = Cursor()
        self.now = 1_000.0

    def look(self, *, after: float = 0.0, budget: float = 60.0) -> Look:
        """The next look, ``after`` seconds later; the cursor goes through JSON as Dagster keeps it."""
        self.now += after
        with self.engine.connect() as connection:
            result = watch.look(
                connection,
                self.root,
                SHARDS,
                Cursor.model_validate_json(self.cursor.model_dump_json()),
                budget_seconds=budget,
                settle_seconds=SETTLE,
                now=self.now,
            )
        self.cursor = result.cursor
        return result


@pytest.fixture
def library(engine: Engine, music: Path) -> Watch:
    """Three albums of two songs that the database knows."""
    for album in range(3):
        for number in range(2):
            song(music / f"Album {album}/{number}.flac", 10 * album + number)
    scan_files(engine, music)
    return Watch(engine, music)


def shards(*folders: str) -> set[int]:
    return {shard_of(folder, SHARDS) for folder in folders}


def test_nothing_changed(library: Watch) -> None:
    result = library.look()
    assert not result.shards and not result.changed and result.finished_round
    assert result.summary() == "looked at 4 folders, no changes, round complete"


def test_a_new_album_is_noticed_once_it_has_settled(library: Watch) -> None:
    song(library.root / "New/01.flac", 50)
    first = library.look()
    assert first.changed == ["New"] and not first.shards and first.settling == 1
    assert "1 changed, 1 still settling" in first.summary()

    song(library.root / "New/02.flac", 51)  # it is still being copied
    assert not library.look(after=SETTLE).shards
    assert not library.look(after=SETTLE - 1).shards
    settled = library.look(after=1)
    assert settled.shards == shards("New") and settled.settling == 0

    scan_files(library.engine, library.root, settled.shards)
    assert not library.look(after=SETTLE).changed


def add(root: Path) -> None:
    song(root / "Album 0/new.flac", 60)


def copy_keeping_times(root: Path) -> None:
    """As rsync -a and cp -p do: the new file is older than the last look, the folder's own time is set back."""
    folder = (root / "Album 0").stat().st_mtime_ns
    shutil.copy2(root / "Album 1/1.flac", root / "Album 0/copied.flac")
    os.utime(root / "Album 0/copied.flac", ns=(1, 1))
    os.utime(root / "Album 0", ns=(folder, folder))


@pytest.mark.parametrize(
    ("change", "folders"),
    [
        (add, ["Album 0"]),
        (copy_keeping_times, ["Album 0"]),
        (lambda root: retag(root / "Album 0/0.flac", 0, title="Other"), ["Album 0"]),
        (lambda root: (root / "Album 0/0.flac").unlink(), ["Album 0"]),
        (lambda root: (root / "Album 0/0.flac").rename(root / "Album 1/moved.flac"), ["Album 0", "Album 1"]),
        (lambda root: (root / "Album 0").rename(root / "Renamed"), ["Album 0", "Renamed"]),
        (lambda root: shutil.rmtree(root / "Album 2"), ["Album 2"]),
        (lambda root: song(root / "loose.flac", 70), [""]),
    ],
    ids=["added", "copied with old times", "retagged", "deleted", "moved", "renamed", "vanished", "in the root"],
)
def test_what_is_noticed(library: Watch, change: object, folders: list[str]) -> None:
    change(library.root)  # type: ignore[operator]
    first = library.look()
    assert first.changed == folders and not first.shards
    settled = library.look(after=SETTLE)
    assert settled.shards == shards(*folders) and settled.changed == folders
    scan_files(library.engine, library.root, settled.shards, max_missing_share=1)
    after = library.look(after=SETTLE)
    assert not after.changed and not after.shards


def test_a_folder_that_vanished_and_came_back_in_time_is_no_news(library: Watch, tmp_path: Path) -> None:
    shutil.move(library.root / "Album 1", tmp_path / "aside")
    assert library.look().changed == ["Album 1"]
    shutil.move(tmp_path / "aside", library.root / "Album 1")
    result = library.look(after=SETTLE)
    assert not result.changed and not result.shards and result.settling == 0


def test_other_files_are_no_news(library: Watch) -> None:
    (library.root / "Album 0/notes.txt").write_bytes(b"x")
    (library.root / "Album 0/._0.flac").write_bytes(b"x")
    (library.root / "Empty").mkdir()
    assert not library.look().changed


def test_a_picture_beside_the_music_is_news_until_it_was_scanned(library: Watch) -> None:
    picture = library.root / "Album 0/cover.jpg"
    picture.write_bytes(b"x")
    assert library.look().changed == ["Album 0"]
    scan_files(library.engine, library.root)
    assert not library.look().changed
    picture.unlink()
    assert library.look().changed == ["Album 0"]
    scan_files(library.engine, library.root)
    assert not library.look().changed


def test_a_tiny_budget_completes_a_round_over_several_looks(library: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FOLDERS_A_QUERY", 1)
    for number in range(3):
        song(library.root / f"New {number}/1.flac", 80 + number)
    shutil.rmtree(library.root / "Album 0")
    shutil.rmtree(library.root / "Album 2")
    looks = [library.look(after=1, budget=1e-9)]
    while not looks[-1].finished_round and len(looks) < 30:
        looks.append(library.look(after=1, budget=1e-9))
    # A look that comes to the end of the tree begins anew with the next, whatever it had left of its budget.
    assert len(looks) == 6 and [look.folders_looked_at for look in looks] == [1, 1, 1, 1, 1, 0]
    assert "goes on after 'Album 1'" in looks[1].summary()
    noticed = {folder for look in looks for folder in look.changed}
    assert noticed == {"New 0", "New 1", "New 2", "Album 0", "Album 2"}
    requested: set[int] = set()
    for _ in range(30):
        requested |= library.look(after=SETTLE / 5, budget=1e-9).shards
    assert requested == shards(*noticed)


def test_the_order_of_the_walk_does_not_hide_what_appears_behind_it(
    library: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FOLDERS_A_QUERY", 3)
    library.look(budget=1e-9)
    song(library.root / "AAA/1.flac", 90)
    changed = [folder for _ in range(4) for folder in library.look(after=1, budget=1e-9).changed]
    assert "AAA" in changed


def test_a_request_that_changed_nothing_is_not_repeated_at_once(library: Watch) -> None:
    song(library.root / "New/1.flac", 50)
    library.look()
    assert library.look(after=SETTLE).shards == shards("New")
    library.look(after=SETTLE)
    again = library.look(after=SETTLE)
    assert not again.shards and again.repeated == 1
    assert "1 were requested before and did not change" in again.summary()

    song(library.root / "New/2.flac", 51)  # something else in it is news
    library.look(after=SETTLE)
    assert library.look(after=SETTLE).shards == shards("New")


def test_a_request_that_changed_nothing_is_repeated_in_the_end(library: Watch) -> None:
    song(library.root / "New/1.flac", 50)
    library.look()
    assert library.look(after=SETTLE).shards
    library.look(after=SETTLE)
    assert library.look(after=watch.REPEAT_SECONDS).shards == shards("New")


def test_a_library_that_appears_at_once_does_not_swell_the_cursor(
    library: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MAX_UNSETTLED", 3)
    for number in range(10):
        song(library.root / f"New {number}/1.flac", 100 + number)
    result = library.look()
    assert result.settling == 3 and len(result.cursor.unsettled) == 3
    assert result.shards


def test_an_unreadable_folder_is_no_news(library: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def refusing(path: object, *arguments: object, **options: object) -> int:
        if isinstance(path, bytes) and path.endswith(b"Album 1"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    assert not library.look().changed


def test_a_missing_root_is_an_error(library: Watch) -> None:
    library.root.rename(library.root.with_name("unmounted"))
    with pytest.raises(LibraryRootError, match="does not exist"):
        library.look()


def test_names_that_are_not_utf8_go_through_the_cursor(library: Watch) -> None:
    folder = os.path.join(os.fsencode(library.root), b"caf\xe9")
    song(os.path.join(folder, b"1.flac"), 50)
    [name] = library.look().changed
    assert library.look(after=SETTLE).shards == shards(name)
