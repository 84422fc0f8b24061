"""Paths as text, music or litter, discs and shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soniquebay_pipeline.library import paths

ANY_NAME = st.binary().map(lambda data: data.replace(b"\0", b"")) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
).map(str.encode)


@given(ANY_NAME)
@example("\U0010ff80\U0010ffff".encode())
@example(b"\xed\xa0\x80")  # a surrogate as some systems write it
@example(b"caf\xe9/\xff")
def test_text_is_lossless_and_storable(name: bytes) -> None:
    text = paths.to_text(name)
    assert paths.to_bytes(text) == name
    text.encode("utf-8")  # no surrogates: PostgreSQL takes it


@given(ANY_NAME, ANY_NAME)
def test_no_two_names_share_a_text(one: bytes, other: bytes) -> None:
    assert (paths.to_text(one) == paths.to_text(other)) == (one == other)


@given(st.text(st.characters(max_codepoint=0x10FF7F, exclude_characters="\0", exclude_categories=["Cs"])))
def test_valid_names_are_stored_as_they_are(name: str) -> None:
    assert paths.to_text(name.encode()) == name


def test_escapes_of_real_private_use_names_do_not_collide_with_bad_bytes() -> None:
    real = "\U0010ffe9".encode()
    assert paths.to_text(b"\xe9") == "\U0010ffe9"
    assert paths.to_text(real) == "".join(chr(0x10FF00 + byte) for byte in real)


@pytest.mark.parametrize("call", [lambda: paths.to_text(b"a\0b"), lambda: paths.to_bytes("a\0b")])
def test_nul_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        call()


def test_surrogates_are_refused() -> None:
    with pytest.raises(ValueError):
        paths.to_bytes("\udce9")
    with pytest.raises(ValueError):
        paths.to_bytes("\udce9\U0010ffe9")


def test_display() -> None:
    assert paths.display(paths.to_text(b"caf\xe9\n\x1b[31m.mp3")) == "caf\\xe9\\n\\x1b[31m.mp3"
    assert paths.display("a\u202eb") == "a\\u202eb"
    assert paths.display("Björk/Jóga") == "Björk/Jóga"


@pytest.mark.parametrize(
    "name",
    [
        b"a.mp3",
        b"A.FLAC",
        b"x.OpUs",
        b"...Baby One More Time.mp3",
        b".38 Special.mp3",
        b"caf\xe9.m4a",
        b"?.wv",
    ],
)
def test_audio_names(name: bytes) -> None:
    assert paths.is_audio_name(name)


@pytest.mark.parametrize("name", [b"a.jpg", b"mp3", b".mp3", b"._a.mp3", b".a.mp3", b"a.mp3.part", b""])
def test_other_names(name: bytes) -> None:
    assert not paths.is_audio_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "...And Justice for All",
        "Fred again..",
        "R.E.M.",
        "Who Are You?",
        '"Heroes"',
        ".38 Special",
        ".5 - The Gray Chapter",
        "a.mp3",
        "Recycle",
        "#1s",
    ],
)
def test_folders_that_are_music(name: str) -> None:
    assert paths.is_walked_folder(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        ".Trash-1000",
        ".git",
        "@Recycle",
        "__MACOSX",
    ],
)
def test_folders_that_are_litter(name: str) -> None:
    assert not paths.is_walked_folder(name.encode())


@pytest.mark.parametrize(
    "disc",
    [
        "CD1",
        "CD 2",
        "cd-03",
        "Disc 1",
        "Disk 03",
        "disc2 - Live",
        "[CD1]",
        "(Disc 2)",
        "Disc 1 of 2",
        "Disc One",
        "CD1 Studio",
        "Disc_1",
        "CD1/Disc 2",
    ],
)
def test_disc_folders_collapse(disc: str) -> None:
    assert paths.album_folder(f"Artist/Album/{disc}") == "Artist/Album"


@pytest.mark.parametrize("name", ["CD 1999", "CD 80s Hits", "Discovery", "Disco 2", "CD", "Disc", "Discone", "ACD1"])
def test_other_folders_do_not_collapse(name: str) -> None:
    assert paths.album_folder(f"Artist/{name}") == f"Artist/{name}"


def test_disc_folder_in_the_root() -> None:
    assert paths.album_folder("CD1") == ""
    assert paths.album_folder("") == ""


def test_shards_are_stable_and_even() -> None:
    # Fixed values: another result would move every folder to another partition.
    assert paths.shard_of("", 32) == 20
    assert paths.shard_of("Björk/Post", 32) == 4
    assert paths.shard_of("A/B/CD1") == paths.shard_of("A/B/CD 2") == paths.shard_of("A/B")
    counts = Counter(paths.shard_of(f"Artist {number}/Album", 32) for number in range(3200))
    assert set(counts) == set(range(32))
    assert max(counts.values()) < 160


def test_shard_keys() -> None:
    assert [paths.shard_key(0), paths.shard_key(31)] == ["00", "31"]
    assert paths.shard_key(0, 1) == "00"
    assert [paths.shard_key(7, 100), paths.shard_key(7, 256)] == ["07", "007"]
    with pytest.raises(ValueError):
        paths.shard_key(32)
    with pytest.raises(ValueError):
        paths.shard_of("a", 0)


@given(st.lists(st.sampled_from(["a", "a b", "a-", "é", "z"]), max_size=4), st.data())
def test_sort_key_puts_parents_first(parts: list[str], data: st.DataObject) -> None:
    child = [*parts, data.draw(st.sampled_from(["a", "z"]))]
    assert paths.sort_key("/".join(parts)) < paths.sort_key("/".join(child))
