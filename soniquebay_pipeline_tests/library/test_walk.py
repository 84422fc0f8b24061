"""The directory walk: order, resuming, links, special files, errors."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soniquebay_pipeline.library import paths, walk
from soniquebay_pipeline.library.walk import FileStat, FolderListing, LibraryRootError, Refusal


def put(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def listed(root: Path, **options) -> dict[str, FolderListing]:  # type: ignore[no-untyped-def]
    return {listing.folder: listing for listing in walk.walk(root, **options)}


def names(listing: FolderListing) -> list[str]:
    return [file.name for file in listing.files]


def test_lists_audio_files_with_size_and_time(tmp_path: Path) -> None:
    song = put(tmp_path / "A" / "b.mp3", b"12345")
    put(tmp_path / "A" / "cover.jpg")
    put(tmp_path / "A" / "._b.mp3")
    os.utime(song, ns=(5, 1_234_567_891_234_567_891))
    found = listed(tmp_path)
    assert list(found) == ["", "A"]
    assert found["A"].files == [FileStat("b.mp3", 5, 1_234_567_891_234_567_891)]
    assert found["A"].file_count == 1
    assert found["A"].mtime_ns == (tmp_path / "A").stat().st_mtime_ns


def test_folders_with_dots_are_walked_and_litter_is_not(tmp_path: Path) -> None:
    for folder in ["...And Justice for All", "R.E.M.", "Fred again..", ".git", "@eaDir", ".Trash-0"]:
        put(tmp_path / folder / "a.mp3")
    assert list(listed(tmp_path)) == ["", "...And Justice for All", "Fred again..", "R.E.M."]


def test_order_is_depth_first_by_bytes(tmp_path: Path) -> None:
    for folder in ["b", "a/z", "a", "a b", "a-", "B", "é", "a/b/c"]:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    found = list(listed(tmp_path))
    assert found == ["", "B", "a", "a/b", "a/b/c", "a/z", "a b", "a-", "b", "é"]
    assert found == sorted(found, key=paths.sort_key)


FOLDER_NAMES = st.sampled_from(["a", "a b", "a-", "B", "\U0010ff80", "ü", "z", "..x"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(FOLDER_NAMES, min_size=1, max_size=4), max_size=8), st.lists(FOLDER_NAMES, max_size=4))
def test_resuming_gives_the_rest(
    tmp_path_factory: pytest.TempPathFactory, tree: list[list[str]], gone: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts in tree:
        os.makedirs(os.path.join(os.fsencode(root), *(part.encode() for part in parts)), exist_ok=True)
    everything = list(listed(root))
    assert everything == sorted(everything, key=paths.sort_key)
    for after in [*everything, paths.to_text("/".join(gone).encode())]:
        expected = [folder for folder in everything if paths.sort_key(folder) > paths.sort_key(after)]
        assert list(listed(root, after=after)) == expected


def test_resuming_reads_only_the_folders_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ["a/1", "b/1", "b/2", "c/1"]:
        (tmp_path / folder).mkdir(parents=True)
    read: list[str] = []
    original = walk._list_folder

    def spy(root, pending, listing, wanted, accept):  # type: ignore[no-untyped-def]
        read.append(listing.folder)
        return original(root, pending, listing, wanted, accept)

    monkeypatch.setattr(walk, "_list_folder", spy)
    assert list(listed(tmp_path, after="b/1")) == ["b/2", "c", "c/1"]
    assert read == ["", "b", "b/1", "b/2", "c", "c/1"]


def test_unwanted_folders_are_counted_only(tmp_path: Path) -> None:
    put(tmp_path / "a" / "1.mp3")
    put(tmp_path / "b" / "1.mp3")
    found = listed(tmp_path, want=lambda folder: folder == "b")
    assert (found["a"].files, found["a"].file_count) == ([], 1)
    assert names(found["b"]) == ["1.mp3"]


def test_other_files_can_be_accepted(tmp_path: Path) -> None:
    put(tmp_path / "cover.jpg")
    assert names(listed(tmp_path, accept=lambda name: name.endswith(b".jpg"))[""]) == ["cover.jpg"]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    os.close(os.open(folder + b"/\xff.mp3", os.O_CREAT))
    found = listed(tmp_path)
    assert list(found) == ["", paths.to_text(b"caf\xe9")]
    assert names(found[paths.to_text(b"caf\xe9")]) == [paths.to_text(b"\xff.mp3")]


def test_links_inside_are_ignored_and_links_outside_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-outside"
    put(root / "A" / "a.mp3")
    put(root / ".store" / "key")
    put(outside / "o.mp3")
    links = root / "links"
    links.mkdir()
    (links / "inside.mp3").symlink_to(root / "A" / "a.mp3")
    (links / "inside").symlink_to("../A")
    (links / "loop").symlink_to(root)
    (links / "outside").symlink_to(outside)
    (links / "out.mp3").symlink_to(outside / "o.mp3")
    (links / "dots.mp3").symlink_to("../A/../../root-outside/o.mp3")
    (links / "annex.mp3").symlink_to(root / ".store" / "key")
    (links / "broken.mp3").symlink_to("nothing.mp3")
    (links / "self.mp3").symlink_to("self.mp3")
    (links / "text.txt").symlink_to("/etc/passwd")
    (links / "passwd.mp3").symlink_to("/etc/passwd")
    found = listed(root)
    assert list(found) == ["", "A", "links"]
    assert found["links"].files == []
    assert {(refusal.name, refusal.reason) for refusal in found["links"].refused} == {
        ("outside", "outside"),
        ("out.mp3", "outside"),
        ("dots.mp3", "outside"),
        ("passwd.mp3", "outside"),
        ("annex.mp3", "not_listed"),
        ("broken.mp3", "broken"),
        ("self.mp3", "broken"),
    }
    assert found["A"].refused == []


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "real" / "A" / "a.mp3")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "back").symlink_to(tmp_path / "link" / "A")
    found = listed(tmp_path / "link")
    assert names(found["A"]) == ["a.mp3"]
    assert found[""].refused == []


def test_only_regular_files_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo.mp3")
    monkeypatch.chdir(tmp_path)  # a socket's path is limited to 108 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.mp3")
        put(tmp_path / "folder.mp3" / "a.mp3")
        found = listed(tmp_path)
    assert list(found) == ["", "folder.mp3"]
    assert found[""].file_count == 0
    assert names(found["folder.mp3"]) == ["a.mp3"]


def test_an_unreadable_folder_is_reported_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a" / "below" / "1.mp3")
    put(tmp_path / "b" / "1.mp3")
    original = os.open

    def refuse(path, flags, *arguments, **options):  # type: ignore[no-untyped-def]
        if path == os.fsencode(tmp_path / "a"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    found = listed(tmp_path)
    assert found["a"] == FolderListing("a", error="Permission denied")
    assert "a/below" not in found
    assert names(found["b"]) == ["1.mp3"]
    # Also when a resumed walk cannot look below a folder that was listed before.
    assert listed(tmp_path, after="a/below")["a"].error == "Permission denied"


def test_a_folder_that_vanishes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    listings = walk.walk(tmp_path)
    next(listings)
    (tmp_path / "a").rmdir()
    rest = list(listings)
    assert [(listing.folder, listing.error) for listing in rest] == [
        ("a", "No such file or directory"),
        ("b", None),
    ]


def test_a_folder_exchanged_for_a_link_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    put(tmp_path / "outside" / "o.mp3")
    listings = walk.walk(root)
    next(listings)
    (root / "a").rmdir()
    (root / "a").symlink_to(tmp_path / "outside")
    (listing,) = listings
    assert listing.files == []
    assert listing.error is not None


def test_a_file_that_cannot_be_asked_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.mp3")
    put(tmp_path / "b.mp3")
    original = walk._entries

    def vanish(descriptor, accept):  # type: ignore[no-untyped-def]
        entries = original(descriptor, accept)
        (tmp_path / "a.mp3").unlink()
        return entries

    monkeypatch.setattr(walk, "_entries", vanish)
    (listing,) = walk.walk(tmp_path)
    assert listing.errors == [("a.mp3", "No such file or directory")]
    assert names(listing) == ["b.mp3"]
    assert listing.file_count == 2
    assert listing.error is None


def test_a_folder_mounted_inside_itself_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a" / "1.mp3")
    (tmp_path / "a" / "again").mkdir()
    above, again = os.stat(tmp_path / "a"), os.stat(tmp_path / "a" / "again")
    original = os.fstat
    monkeypatch.setattr(os, "fstat", lambda fd: above if original(fd).st_ino == again.st_ino else original(fd))
    found = listed(tmp_path)
    assert found["a/again"].error == "the folder is mounted inside itself"
    assert names(found["a"]) == ["1.mp3"]


def test_very_deep_trees_do_not_overflow(tmp_path: Path) -> None:
    depth = 1500  # beyond Python's recursion limit, within the 4,096 bytes of a path
    folders = [os.path.join(tmp_path, *["d"] * level) for level in range(1, depth + 1)]
    for folder in folders:
        os.mkdir(folder)
    try:
        assert len(listed(tmp_path)) == depth + 1
    finally:
        for folder in reversed(folders):  # what removes temporary folders is recursive
            os.rmdir(folder)


def test_a_root_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LibraryRootError, match="does not exist"):
        walk.walk(tmp_path / "nowhere\n")  # raised at once, not at the first folder
    with pytest.raises(LibraryRootError, match="is not a folder"):
        walk.walk(put(tmp_path / "file"))
    with pytest.raises(LibraryRootError, match="cannot be read"):
        (tmp_path / "loop").symlink_to("loop")
        walk.walk(tmp_path / "loop")

    def refuse(*arguments: object, **options: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LibraryRootError, match="may not be read") as raised:
        walk.walk(tmp_path)
    assert "\n" not in str(raised.value)


def test_refusal_is_plain_data() -> None:
    assert Refusal("a", "outside") == Refusal("a", "outside")
