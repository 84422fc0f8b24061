"""The hostile corpus is what it says: every kind is there and the damage is real."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import mutagen
import pytest

from soniquebay_pipeline_tests.corpus.hostile import HostileCase, build_hostile_corpus

OUTCOMES = {"indexed", "ignored", "rejected:empty", "rejected:not_audio", "rejected:corrupt"}
OUTCOMES |= {"rejected:no_audio", "rejected:too_large", "rejected:permission"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, list[HostileCase]]]:
    root = tmp_path_factory.mktemp("hostile") / "music"
    cases = build_hostile_corpus(root)
    yield os.fsencode(root), cases


def test_every_kind_is_there_once_a_path(corpus: tuple[bytes, list[HostileCase]]) -> None:
    _, cases = corpus
    kinds = {case.kind for case in cases}
    assert kinds == {"damaged", "tags", "audio", "special", "link", "hidden", "name"}
    assert len({case.path for case in cases}) == len(cases) > 55
    assert {outcome for case in cases for outcome in case.expected} <= OUTCOMES
    assert all(case.expected and case.note for case in cases)


def test_every_entry_is_listed(corpus: tuple[bytes, list[HostileCase]]) -> None:
    root, cases = corpus
    listed = {case.path for case in cases}
    for folder, folders, names in os.walk(root):
        entries = names + [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in entries:
            assert os.path.relpath(os.path.join(folder, name), root) in listed


def test_the_special_files_are_special(corpus: tuple[bytes, list[HostileCase]]) -> None:
    root, cases = corpus
    modes = {case.path: os.lstat(os.path.join(root, case.path)).st_mode for case in cases}
    assert stat.S_ISFIFO(modes[b"Special/song.mp3"])
    assert stat.S_ISSOCK(modes[b"Special/socket.mp3"])
    assert stat.S_ISDIR(modes[b"Special/album.mp3"])
    assert stat.S_IMODE(modes[b"Special/locked.mp3"]) == 0
    links = [case for case in cases if case.kind == "link" and case.path != b"Links/real.mp3"]
    assert len(links) == 7 and all(stat.S_ISLNK(modes[case.path]) for case in links)


def test_the_indexed_have_audio_and_the_rejected_have_none(corpus: tuple[bytes, list[HostileCase]]) -> None:
    """By what mutagen makes of them; more than one outcome means that readers differ."""
    root, cases = corpus
    for case in cases:
        if len(case.expected) > 1 or case.expected in ({"ignored"}, {"rejected:permission"}):
            continue
        try:
            # By content: mutagen lets the name outvote it where a FLAC is called .mp3.
            content = Path(os.fsdecode(os.path.join(root, case.path))).read_bytes()
            file = mutagen.File(io.BytesIO(content))
        except mutagen.MutagenError:
            file = None
        readable = file is not None and file.info.length > 0
        assert readable == (case.expected == {"indexed"}), case


def test_no_two_files_hold_the_same_audio(corpus: tuple[bytes, list[HostileCase]]) -> None:
    root, cases = corpus
    ends: dict[bytes, bytes] = {}
    for case in cases:
        path = os.path.join(root, case.path)
        if case.expected != {"indexed"} or not os.access(path, os.R_OK):
            continue
        end = Path(os.fsdecode(path)).read_bytes()[-1000:-200]
        assert ends.setdefault(end, case.path) == case.path


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.mp3").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        build_hostile_corpus(tmp_path)
