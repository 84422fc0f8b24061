"""The large library is valid, the same each time, and its truth agrees with its tags."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import mutagen
import pytest

from soniquebay_pipeline_tests.corpus import large, large_plan, names
from soniquebay_pipeline_tests.corpus.large import LibraryTruth, generate_library
from soniquebay_pipeline_tests.corpus.large_truth import truth_of

FILES = 200


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LibraryTruth]:
    root = tmp_path_factory.mktemp("large") / "music"
    return root, generate_library(root, FILES)


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def payload(path: Path) -> bytes:
    """The file with its tags taken out."""
    stream = io.BytesIO(path.read_bytes())
    file = mutagen.File(stream)
    if hasattr(file, "clear_pictures"):
        file.clear_pictures()
    stream.seek(0)
    file.delete(stream)
    return stream.getvalue()


def test_the_files_are_those_listed(library: tuple[Path, LibraryTruth]) -> None:
    root, truth = library
    assert set(digests(root)) == set(truth.listing)
    assert truth.files == truth.tracks == len(truth.listing) == FILES


def test_every_file_is_audio_of_its_own(library: tuple[Path, LibraryTruth]) -> None:
    root, truth = library
    seen = set()
    for path in truth.listing:
        assert mutagen.File(root / path).info.length > 0.4
        seen.add(hashlib.sha256(payload(root / path)).digest())
    assert len(seen) == FILES


def test_it_is_the_same_each_time(library: tuple[Path, LibraryTruth], tmp_path: Path) -> None:
    root, truth = library
    assert generate_library(tmp_path / "again", FILES) == truth
    assert digests(tmp_path / "again") == digests(root)


def test_a_finished_library_is_reused(library: tuple[Path, LibraryTruth]) -> None:
    root, truth = library
    calls: list[int] = []
    assert generate_library(root, FILES, progress=lambda done, _: calls.append(done)) == truth
    assert calls == []


def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "mine.mp3").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        generate_library(tmp_path / "music", 5)
    assert (tmp_path / "music" / "mine.mp3").exists()


def test_the_counts_follow_from_the_listing(library: tuple[Path, LibraryTruth]) -> None:
    _, truth = library
    files = truth.listing.values()
    credited = {key for file in files for key in (*file.main, *file.featured, file.album_artist)}
    assert credited == set(truth.artist_names) and len(credited) == truth.artists
    assert truth.albums == len(truth.album_keys)
    assert truth.genres == len(truth.genre_keys)
    assert truth.credits["main"] == sum(len(file.main) for file in truth.listing.values())


def test_tags_say_what_the_truth_says(library: tuple[Path, LibraryTruth]) -> None:
    root, truth = library
    for path, file in truth.listing.items():
        tags = mutagen.File(root / path, easy=True)
        if "title" in file.from_path:
            assert "title" not in tags and file.title in path
            continue
        assert tags["title"] == [file.title] and tags["album"] == [file.album_title]
        first = names.normal_form(tags["artist"][0])
        assert first.startswith(truth.artist_names[file.main[0]])


def test_every_oddity_is_in_a_library_of_middling_size() -> None:
    planned = large_plan.plan_library(3000, seed=1)
    truth = truth_of(planned, seed=1)
    files = truth.listing.values()
    assert truth.featured_credits > 50
    assert truth.main_credits > truth.files
    assert any(file.disc == 2 for file in files)
    assert any(file.from_path == ("title", "artist", "album") for file in files)
    assert any(file.from_path == ("title",) for file in files)
    various = {key for key, name in truth.artist_names.items() if name == "various artists"}
    assert various == {large_plan.VARIOUS_ID}
    titles = {(file.album_title, file.album_artist) for file in files if file.album_title == "Greatest Hits"}
    assert len(titles) > 5
    shown = list(truth.artist_names.values())
    assert len(shown) > len(set(shown)), "two artists of one name"
    respelled = [f for f in planned if f.tags.artist and f.tags.artist[0] not in {c.name for c in f.main}]
    assert any(not file.featured for file in respelled)
    versions = {(file.tags.id3_version, file.tags.id3v1) for file in planned if file.file_format == "mp3"}
    assert versions == {(3, False), (3, True), (4, False), (4, True)}
    identified = sum(bool(file.release_id) for file in planned) / len(planned)
    assert 0.08 < identified < 0.2


def test_another_seed_is_another_library() -> None:
    one, other = large_plan.plan_library(50, seed=1), large_plan.plan_library(50, seed=2)
    assert {file.path for file in one} != {file.path for file in other}


def test_spellings_keep_the_normal_form() -> None:
    rng = random.Random(0)
    for name in ("Amber-Harbor", "Bj\xf8rn M\xfcller", "The Blue Fox", "K/ORA"):
        for _ in range(20):
            assert names.normal_form(names.other_spelling(name, rng)) == names.normal_form(name)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert large.main([str(tmp_path / "music"), "--files", "12"]) == 0
    assert "12 files" in capsys.readouterr().out
