"""Hostile, damaged and refused files: read_tags answers or raises UnreadableFile, and never hangs."""

from __future__ import annotations

import errno
import io
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen import flac

from soniquebay_pipeline.library.tags import UnreadableFile, collector, read_tags, reader, source

from .audio_samples import AUDIO_KINDS, BUILDERS, audio_bytes
from .tag_helpers import assert_storable, id3_frame, id3_tag, write

REASONS = {"empty", "not_audio", "corrupt", "no_audio", "permission", "io_error", "too_large"}

SIGNATURES = [
    b"",
    b"ID3\x04\x00\x00\x00\x00\x00\x40",
    b"ID3\x03\x00\x80\x00\x00\x01\x00TIT2",
    b"ID3\x02\x00\x00\x00\x00\x00\x20TT2",
    b"APETAGEX\xd0\x07\x00\x00\x20\x00\x00\x00",
    b"fLaC",
    b"OggS\x00\x02",
    b"RIFF\xff\xff\x00\x00WAVEfmt ",
    b"RF64\xff\xff\xff\xffWAVEds64",
    b"FORM\x00\x00\xff\xffAIFFCOMM",
    b"\x00\x00\x00\x20ftypM4A ",
    b"\x00\x00\x00\x08moov",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    b"wvpk",
    b"MAC \x96\x0f",
    b"MPCKSH",
    b"MPCKXX\x00",
    b"MP+\x07",
    b"DSD \x1c\x00\x00\x00\x00\x00\x00\x00",
    b"FRM8\x00\x00\x00\x00\x00\x00\xff\xffDSD ",
    b"TTA1",
    b"ADIF",
    b"\xff\xf1\x50\x80",
    b"\xff\xfb\x90\x64",
    b"\xff\xfe",
]


def outcome(path: Path) -> str:
    """``read`` or the reason; anything but UnreadableFile fails the test by itself."""
    try:
        tags = read_tags(os.fsencode(path))
    except UnreadableFile as refusal:
        assert refusal.reason in REASONS
        assert "\n" not in refusal.detail and "\0" not in refusal.detail
        assert 0 < len(refusal.detail) <= 300
        refusal.detail.encode()
        return refusal.reason
    assert_storable(tags)
    return "read"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "file"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(signature=st.sampled_from(SIGNATURES), rest=st.binary(max_size=600))
def test_any_bytes_behind_any_signature(scratch: Path, signature: bytes, rest: bytes) -> None:
    scratch.write_bytes(signature + rest)
    outcome(scratch)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_sample_with_bytes_overwritten(scratch: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(AUDIO_KINDS))
    sample = bytearray(audio_bytes(kind)[:20_000])
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, min(len(sample), 3000) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        sample[position : position + len(piece)] = piece
    scratch.write_bytes(sample)
    outcome(scratch)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    version=st.sampled_from([2, 3, 4]),
    flags=st.integers(0, 255),
    frames=st.lists(
        st.tuples(
            st.sampled_from([b"TIT2", b"TXXX", b"TCON", b"COMM", b"UFID", b"RVA2", b"APIC", b"CHAP", b"TT2", b"TIPL"]),
            st.integers(0, 0xFFFF),
            st.binary(max_size=80),
        ),
        max_size=8,
    ),
)
def test_any_id3_frames(scratch: Path, version: int, flags: int, frames: list[tuple[bytes, int, bytes]]) -> None:
    body = [id3_frame(name[: 3 if version == 2 else 4], data, version, flag) for name, flag, data in frames]
    scratch.write_bytes(id3_tag(*body, version=version, flags=flags) + audio_bytes("mp3"))
    assert outcome(scratch) == "read"


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_file_cut_anywhere(scratch: Path, kind: str) -> None:
    sample = audio_bytes(kind)
    offsets = {*range(0, min(len(sample), 120), 3), *range(120, len(sample), max(1, len(sample) // 60))}
    outcomes = set()
    for offset in sorted(offsets):
        scratch.write_bytes(sample[:offset])
        outcomes.add(outcome(scratch))
    assert "empty" in outcomes
    assert outcomes & {"corrupt", "not_audio", "no_audio"}


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_container_claiming_a_huge_structure(scratch: Path, kind: str) -> None:
    sample = audio_bytes(kind)
    for position in range(4, min(len(sample) - 4, 200), 2):
        scratch.write_bytes(sample[:position] + b"\x7f\xff\xff\xff" + sample[position + 4 :])
        outcome(scratch)


def test_text_renamed_to_audio_is_not_audio(tmp_path: Path) -> None:
    for number, text in enumerate([b"Just a text.\n" * 400, "Schöner Text".encode("utf-16"), b"\x00" * 5000]):
        path = write(tmp_path, "flac", text, name=f"text{number}.flac")
        assert outcome(path) == "not_audio"


@pytest.mark.parametrize(
    "head",
    [b"PK\x03\x04", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n", b"%PDF-1.7", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI "],
)
def test_other_files_holding_mpeg_frames_are_not_audio(tmp_path: Path, head: bytes) -> None:
    assert outcome(write(tmp_path, "mp3", head + audio_bytes("mp3"))) == "not_audio"


def test_an_mp3_behind_some_junk_is_read_and_behind_much_junk_is_not(tmp_path: Path) -> None:
    assert outcome(write(tmp_path, "mp3", b"junk" * 500 + audio_bytes("mp3"))) == "read"
    assert outcome(write(tmp_path, "mp3", b"junk" * 50_000 + audio_bytes("mp3"))) == "not_audio"


def test_a_still_picture_in_mp4_is_not_audio(tmp_path: Path) -> None:
    assert outcome(write(tmp_path, "m4a", b"\x00\x00\x00\x14ftypheic" + bytes(100))) == "not_audio"


def test_what_the_operating_system_refuses(tmp_path: Path) -> None:
    assert outcome(write(tmp_path, "mp3", b"")) == "empty"
    assert outcome(tmp_path / "missing.mp3") == "io_error"
    assert outcome(tmp_path) == "io_error"
    with pytest.raises(UnreadableFile, match="io_error"):
        read_tags("nul\0.mp3")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_and_a_device_never_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    assert outcome(tmp_path / "pipe.mp3") == "io_error"
    assert outcome(Path("/dev/null")) == "io_error"


def test_refused_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(source.os, "open", refuse)
    assert outcome(tmp_path / "any.mp3") == "permission"


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_a_failing_disk_is_no_corrupt_file(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, kind)
    for failing_read in (1, 3, 6, 10):
        reads = iter(range(1, 1_000_000))

        def failing(file: io.BufferedReader, size: int, limit: int = failing_read, count: object = reads) -> bytes:
            if next(count) >= limit:  # type: ignore[call-overload]
                raise OSError(errno.EIO, "Input/output error")
            return io.BufferedReader.read(file, size)

        monkeypatch.setattr(source, "_read", failing)
        assert outcome(path) in ("io_error", "read")
    monkeypatch.setattr(source, "_read", io.BufferedReader.read)
    assert outcome(path) == "read"


@pytest.mark.parametrize(
    "error",
    [
        struct.error("x"),
        IndexError("y"),
        MemoryError(),
        RecursionError("deep"),
        ValueError("a\nb\0\ud800" * 999),
    ],
)
def test_any_exception_of_a_parser_is_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    path = write(tmp_path, "flac")
    monkeypatch.setattr(reader, "identify", broken)
    assert outcome(path) == "corrupt"


def test_an_interrupt_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = write(tmp_path, "flac")
    monkeypatch.setattr(reader, "identify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_tags(str(path))


def test_descriptors_are_closed(tmp_path: Path) -> None:
    good, bad = write(tmp_path, "flac"), write(tmp_path, "bad", b"fLaC" + bytes(50))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        outcome(good)
        outcome(bad)
        outcome(tmp_path)
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


def test_a_structure_beyond_the_read_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_READ", 100_000)
    path = write(tmp_path, "flac")
    file = flac.FLAC(path)
    file["comment"] = "x" * 200_000
    file.save()
    tags = read_tags(str(path))
    assert tags.truncated[0].startswith("tags: unreadable (a structure of")


def test_bounds_on_values_keys_and_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "flac")
    file = flac.FLAC(path)
    file["artist"] = [f"artist {number}" for number in range(1000)]
    for number in range(700):
        file[f"key{number}"] = "v"
    file.save()
    tags = read_tags(str(path))
    assert_storable(tags)
    assert len(tags.raw) == collector.MAX_KEYS
    assert len(tags.fields["artist"]) == 200
    assert "artist: more than 200 values" in tags.truncated
    assert "more than 500 tags" in tags.truncated

    file.clear()
    for number in range(60):
        file[f"key{number}"] = "ä" * 9_000
    file.save()
    tags = read_tags(str(path))
    assert_storable(tags)
    assert any("exceed" in note for note in tags.truncated)


def test_long_names_and_nul_are_storable(tmp_path: Path) -> None:
    path = write(tmp_path, "flac")
    file = flac.FLAC(path)
    file["k" * 5000] = "v"
    file["title"] = "a\0\0b"
    file.save()
    tags = read_tags(str(path))
    assert_storable(tags)
    assert tags.fields["title"] == ["a", "b"]
    assert all(len(key) <= 200 for key in tags.raw)


def test_nothing_is_imported_before_the_first_file() -> None:
    check = "import sys, soniquebay_pipeline.library.tags; sys.exit('mutagen' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_error_survives_a_process_pool() -> None:
    error = pickle.loads(pickle.dumps(UnreadableFile("corrupt", "detail")))
    assert (error.reason, error.detail) == ("corrupt", "detail")


def test_one_line_is_one_bounded_storable_line() -> None:
    collected = collector.TagCollector()
    collected.damaged("tags", ValueError("a\nb\0\ud800" * 500))
    assert len(collected.notes) == 1
    assert "\n" not in collected.notes[0] and len(collected.notes[0]) < 400
    collected.notes[0].encode()
