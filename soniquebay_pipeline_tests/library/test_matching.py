"""Files are matched with known rows by their audio; every file and every row is used at most once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.library.matching import Changes, FoundFile, KnownFile, match


def found(path: str, audio: str | None) -> FoundFile:
    return FoundFile(path, 100, 1, audio, None if audio else "corrupt")


def row(number: int, path: str, audio: str | None, status: str = "present") -> KnownFile:
    return KnownFile(number, path, audio, status)


def told(changes: Changes) -> dict[str, list[tuple[int, str]]]:
    """The changes as (row, path) by kind, without the empty kinds; 0 where there is no row."""
    result = {
        kind: [(row.id, file.path) for row, file in getattr(changes, kind)]
        for kind in ("retagged", "replaced", "moved", "returned")
    }
    result["added"] = [(0, file.path) for file in changes.added]
    result["missing"] = [(row.id, row.path) for row in changes.missing]
    return {kind: sorted(pairs) for kind, pairs in result.items() if pairs}


@pytest.mark.parametrize(
    ("files", "rows", "expected"),
    [
        pytest.param([found("a", "A")], [], {"added": [(0, "a")]}, id="new"),
        pytest.param([], [row(1, "a", "A")], {"missing": [(1, "a")]}, id="gone"),
        pytest.param([], [row(1, "a", "A", "missing")], {}, id="still missing"),
        pytest.param([found("a", "A")], [row(1, "a", "A")], {"retagged": [(1, "a")]}, id="retagged"),
        pytest.param([found("a", "B")], [row(1, "a", "A")], {"replaced": [(1, "a")]}, id="replaced in place"),
        pytest.param([found("b", "A")], [row(1, "a", "A")], {"moved": [(1, "b")]}, id="moved"),
        pytest.param([found("a", "A")], [row(1, "a", "A", "missing")], {"returned": [(1, "a")]}, id="returned"),
        pytest.param([found("b", "A")], [row(1, "a", "A", "missing")], {"moved": [(1, "b")]}, id="returned elsewhere"),
        pytest.param(
            [found("02", "A"), found("03", "B")],
            [row(1, "01", "A"), row(2, "02", "B")],
            {"moved": [(1, "02"), (2, "03")]},
            id="a chain of renames",
        ),
        pytest.param(
            [found("01", "Z"), found("02", "A"), found("03", "B")],
            [row(1, "01", "A"), row(2, "02", "B")],
            {"added": [(0, "01")], "moved": [(1, "02"), (2, "03")]},
            id="a chain of renames behind a new first track",
        ),
        pytest.param(
            [found("a", "B"), found("b", "A")],
            [row(1, "a", "A"), row(2, "b", "B")],
            {"moved": [(1, "b"), (2, "a")]},
            id="exchanged",
        ),
        pytest.param(
            [found("new/b.mp3", "A"), found("new/a.mp3", "A")],
            [row(1, "old/a.mp3", "A"), row(2, "old/b.mp3", "A")],
            {"moved": [(1, "new/a.mp3"), (2, "new/b.mp3")]},
            id="copies keep their names",
        ),
        pytest.param(
            [found("y/2.mp3", "A"), found("x/1.mp3", "A")],
            [row(1, "y/old.mp3", "A"), row(2, "x/old.mp3", "A")],
            {"moved": [(1, "y/2.mp3"), (2, "x/1.mp3")]},
            id="copies with new names keep their folders",
        ),
        pytest.param(
            [found("a", "A"), found("b", "A")],
            [row(1, "a", "A")],
            {"retagged": [(1, "a")], "added": [(0, "b")]},
            id="a copy is another file",
        ),
        pytest.param(
            [found("a", "A")],
            [row(1, "a", "A", "missing"), row(2, "a", "A")],
            {"retagged": [(2, "a")]},
            id="the present row at a path comes before the missing one",
        ),
        pytest.param(
            [found("a", "B")],
            [row(1, "a", "A", "missing")],
            {"added": [(0, "a")]},
            id="other audio where a missing file was is a new file",
        ),
        pytest.param([found("a", None)], [row(1, "a", "A")], {"replaced": [(1, "a")]}, id="damaged in place"),
        pytest.param([found("a", "A")], [row(1, "a", None, "rejected")], {"replaced": [(1, "a")]}, id="mended"),
        pytest.param(
            [found("a", None)], [row(1, "a", "A", "missing")], {"returned": [(1, "a")]}, id="back, but unreadable"
        ),
        pytest.param(
            [found("b", None)],
            [row(1, "a", None, "rejected")],
            {"added": [(0, "b")], "missing": [(1, "a")]},
            id="without audio there is nothing to recognise",
        ),
    ],
)
def test_cases(files: list[FoundFile], rows: list[KnownFile], expected: dict[str, list[tuple[int, str]]]) -> None:
    assert told(match(files, rows)) == expected


AUDIO = st.sampled_from(["A", "B", "C", "D", None])
PATHS = st.sampled_from(["x/1", "x/2", "y/1", "y/2", "3"])


@st.composite
def known_rows(draw: st.DrawFn) -> list[KnownFile]:
    """Rows as the table may hold them: a path belongs to one row that is not missing."""
    rows: list[KnownFile] = []
    for number, (path, audio, missing) in enumerate(draw(st.lists(st.tuples(PATHS, AUDIO, st.booleans()), max_size=7))):
        taken = any(other.path == path and other.status != "missing" for other in rows)
        status = "missing" if missing or taken else "present" if audio else "rejected"
        rows.append(row(number + 1, path, audio, status))
    return rows


FOUND = st.dictionaries(PATHS, AUDIO).map(lambda files: [found(path, audio) for path, audio in files.items()])


@given(FOUND, known_rows(), st.randoms(use_true_random=False))
def test_every_file_and_every_row_is_used_once(
    files: list[FoundFile], rows: list[KnownFile], shuffle: random.Random
) -> None:
    changes = match(files, rows)
    pairs = [*changes.retagged, *changes.replaced, *changes.moved, *changes.returned]
    used = [row.id for row, _ in pairs]

    assert sorted(file.path for file in [*changes.added, *(file for _, file in pairs)]) == sorted(f.path for f in files)
    assert len(used) == len(set(used))
    assert {row.id for row in changes.missing} == {r.id for r in rows if r.status != "missing"} - set(used)

    assert all(row.path == file.path and row.audio_hash == file.audio_hash for row, file in changes.retagged)
    assert all(row.path == file.path for row, file in [*changes.replaced, *changes.returned])
    assert all(row.audio_hash == file.audio_hash is not None for row, file in changes.moved)
    assert all(row.path != file.path or row.status == "missing" for row, file in changes.moved)
    assert all(row.status == "missing" for row, _ in changes.returned)

    shuffle.shuffle(files)
    shuffle.shuffle(rows)
    assert told(match(files, rows)) == told(changes)


@given(FOUND, known_rows())
def test_no_audio_is_new_while_a_row_without_a_place_has_it(files: list[FoundFile], rows: list[KnownFile]) -> None:
    changes = match(files, rows)
    used = {row.id for row, _ in [*changes.retagged, *changes.replaced, *changes.moved, *changes.returned]}
    left = {row.audio_hash for row in rows if row.id not in used and row.audio_hash}
    assert not left & {file.audio_hash for file in changes.added}


def test_thousands_of_copies_of_one_sound_are_paired_by_name() -> None:
    names = [f"{number:04}.wav" for number in range(300)]
    changes = match(
        [found(f"new/{name}", "silence") for name in names],
        [row(number, f"old/{name}", "silence") for number, name in enumerate(names)],
    )
    assert len(changes.moved) == 300 and not changes.added and not changes.missing
    assert all(row.path.removeprefix("old/") == file.path.removeprefix("new/") for row, file in changes.moved)
