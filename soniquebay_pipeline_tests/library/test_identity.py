"""The identity of the audio: the same whatever tags are written, another for other audio."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import mutagen.apev2
import mutagen.id3
import mutagen.oggvorbis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soniquebay_pipeline.library import identity
from soniquebay_pipeline.library.identity import audio_hash, source
from soniquebay_pipeline.library.tags.model import UnreadableFile

from .identity_files import (
    CRAFTED,
    ENCODED,
    MP4_LAYOUTS,
    PICTURE,
    clear_file,
    copy_of,
    encode,
    noise,
    surroundings,
    write_file,
)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("originals")
    for kind in ENCODED:
        encode(folder / f"long.{kind}", kind, 7 if kind in ("mp3", "opus", "wma") else 5)
        encode(folder / f"short.{kind}", kind, 0.3)
    for layout, options in MP4_LAYOUTS.items():
        encode(folder / f"{layout}.m4a", "m4a", 5, container_options=options)
    for kind, craft in CRAFTED.items():
        (folder / f"long.{kind}").write_bytes(craft(noise(400_000)))
        (folder / f"short.{kind}").write_bytes(craft(noise(20_000)))
    return {path.name: path for path in folder.iterdir()}


NAMES = [f"{size}.{kind}" for kind in [*ENCODED, *CRAFTED] for size in ("long", "short")] + [
    f"{layout}.m4a" for layout in MP4_LAYOUTS
]


@pytest.mark.parametrize("name", NAMES)
def test_tags_do_not_change_the_identity(name: str, originals: dict[str, Path], tmp_path: Path) -> None:
    path = copy_of(originals[name], tmp_path)
    expected = audio_hash(path)
    for write in surroundings(path.suffix[1:]):
        for text, picture in [("a", None), ("b" * 3000, None), ("c" * 90_000, PICTURE), ("d", None)]:
            before = path.read_bytes()
            write(path, text, picture)
            assert path.read_bytes() != before
            assert audio_hash(path) == expected, (write, text[:1])
    if write_file in surroundings(path.suffix[1:]):
        clear_file(path)
    else:
        mutagen.id3.delete(path)
        mutagen.apev2.delete(path)
    assert audio_hash(path) == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_structure_is_found(name: str, originals: dict[str, Path]) -> None:
    kind = Path(name).suffix[1:]
    expected = {
        "m4a": b"mp4",
        "wma": b"asf",
        "dff": b"dsdiff",
        "oga": b"ogg",
        "opus": b"ogg",
        "spx": b"ogg",
    }.get(kind, b"stream" if kind in ("mp3", "aac", "tta", "wv", "ape", "mpc") else kind.encode())
    descriptor = os.open(originals[name], os.O_RDONLY)
    try:
        payload = identity.find_payload(source.Source(descriptor, os.fstat(descriptor).st_size))
    finally:
        os.close(descriptor)
    assert payload.kind == expected
    if name == "fragmented.m4a":
        assert len(payload.extents) > 10


@pytest.mark.parametrize("name", NAMES)
def test_truncated_copies_differ(name: str, originals: dict[str, Path], tmp_path: Path) -> None:
    data = originals[name].read_bytes()
    seen = {audio_hash(originals[name])}
    for number, size in enumerate([len(data) * 9 // 10, len(data) // 2, len(data) // 3]):
        path = tmp_path / str(number)
        path.write_bytes(data[:size])
        seen.add(audio_hash(path))
    assert len(seen) == 4


@pytest.mark.parametrize("kind", list(ENCODED))
def test_other_audio_differs(kind: str, originals: dict[str, Path], tmp_path: Path) -> None:
    encode(tmp_path / f"other.{kind}", kind, 0.3, seed=9)
    assert audio_hash(tmp_path / f"other.{kind}") != audio_hash(originals[f"short.{kind}"])


@pytest.mark.parametrize("name", ["long.flac", "long.mp3", "long.ogg", "faststart.m4a", "long.wav"])
def test_a_copy_not_filled_yet_differs(name: str, originals: dict[str, Path], tmp_path: Path) -> None:
    data = originals[name].read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: len(data) // 3] + bytes(len(data) - len(data) // 3))
    assert audio_hash(path) != audio_hash(originals[name])


# ------------------------------------------------- tags mutagen does not write

AUDIO = b"\xff\xfb\x90\x64" + noise(250_000, seed=3)
ID3V1 = b"TAG" + b"x" * 125


def id3v2(body: bytes, footer: bool = False) -> bytes:
    size = len(body)
    digits = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    flags = b"\x10" if footer else b"\0"
    return b"ID3\4\0" + flags + digits + body + (b"3DI\4\0" + flags + digits if footer else b"")


def apev2(body: bytes, header: bool) -> bytes:
    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, 1, flags) + bytes(8)

    present = 0x80000000 if header else 0
    return (edge(present | 0x20000000) if header else b"") + body + edge(present)


LYRICS_V2 = b"LYRICSBEGIN" + b"IND00002" + b"LYR00003abc"
LYRICS_V2 += b"%06dLYRICS200" % len(LYRICS_V2)
LYRICS_V1 = b"LYRICSBEGIN" + b"la " * 1000 + b"LYRICSEND"


@pytest.mark.parametrize(
    ("front", "back"),
    [
        (id3v2(b"a" * 50) + id3v2(b"b" * 200_000), b""),
        (id3v2(b"a" * 50, footer=True), b""),
        (b"", id3v2(b"a" * 500, footer=True)),
        (apev2(b"a" * 70, header=True), b""),
        (b"", ID3V1),
        (b"", b"TAG+" + b"y" * 223 + ID3V1),
        (b"", apev2(b"a" * 70, header=True) + ID3V1),
        (b"", ID3V1 + apev2(b"a" * 70, header=False)),
        (b"", LYRICS_V2 + ID3V1),
        (b"", LYRICS_V1 + ID3V1),
        (b"", apev2(b"a" * 300_000, header=True) + LYRICS_V2 + ID3V1),
        (id3v2(b""), ID3V1 + ID3V1),
    ],
)
def test_tags_around_a_stream(front: bytes, back: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(AUDIO)
    expected = audio_hash(path)
    path.write_bytes(front + AUDIO + back)
    assert audio_hash(path) == expected


def test_tags_around_flac_and_ogg(originals: dict[str, Path], tmp_path: Path) -> None:
    for name in ("long.flac", "short.flac", "long.ogg", "short.ogg", "long.opus"):
        path = tmp_path / name
        path.write_bytes(id3v2(b"a" * 5000) + originals[name].read_bytes() + LYRICS_V2 + ID3V1)
        assert audio_hash(path) == audio_hash(originals[name])


def test_a_comment_of_many_pages(originals: dict[str, Path], tmp_path: Path) -> None:
    path = copy_of(originals["long.ogg"], tmp_path)
    file = mutagen.oggvorbis.OggVorbis(path)  # type: ignore[no-untyped-call]
    file["metadata_block_picture"] = ["x" * 12_000_000]
    file.save()
    assert audio_hash(path) == audio_hash(originals["long.ogg"])


def test_rf64(tmp_path: Path) -> None:
    audio = noise(300_000)

    def rf64(extra: bytes) -> bytes:
        sizes = struct.pack("<4sIQQQI", b"ds64", 28, 0, len(audio), 0, 0)
        return b"RF64\xff\xff\xff\xffWAVE" + sizes + extra + b"data\xff\xff\xff\xff" + audio + extra

    (tmp_path / "a").write_bytes(rf64(b""))
    (tmp_path / "b").write_bytes(rf64(b"id3 \x05\0\0\0hello\0"))
    assert audio_hash(tmp_path / "a") == audio_hash(tmp_path / "b")


def test_mp4_audio_in_front_or_behind_and_without_a_size(tmp_path: Path) -> None:
    audio = noise(300_000)

    def box(kind: bytes, body: bytes, form: str = "short") -> bytes:
        if form == "long":
            return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
        return struct.pack(">I4s", 0 if form == "open" else len(body) + 8, kind) + body

    kind, movie = box(b"ftyp", b"M4A "), box(b"moov", b"m" * 900)
    variants = [
        kind + movie + box(b"mdat", audio),
        kind + box(b"mdat", audio) + movie + movie,
        kind + movie + box(b"mdat", audio, "long"),
        kind + movie + box(b"free", bytes(100_000)) + box(b"mdat", audio, "open"),
        kind + box(b"mdat", b"") + box(b"mdat", audio) + b"\0\0\0\3garbage.",
    ]
    hashes = set()
    for number, data in enumerate(variants):
        (tmp_path / str(number)).write_bytes(data)
        hashes.add(audio_hash(tmp_path / str(number)))
    assert len(hashes) == 1


def test_fragments_beyond_the_limit_still_count(tmp_path: Path) -> None:
    def fragments(count: int, last: bytes) -> bytes:
        boxes = [struct.pack(">I4s", 16, b"mdat") + struct.pack(">Q", number) for number in range(count)]
        return b"\0\0\0\x0cftypM4A " + b"".join(boxes) + struct.pack(">I4s", 16, b"mdat") + last

    contents = [fragments(5000, b"12345678"), fragments(5000, b"12345679"), fragments(5001, b"12345678")]
    for number, data in enumerate(contents):
        (tmp_path / str(number)).write_bytes(data)
    assert len({audio_hash(tmp_path / str(number)) for number in range(3)}) == 3


# ----------------------------------------------------------------- hostile


def test_names_say_nothing(originals: dict[str, Path], tmp_path: Path) -> None:
    data = originals["long.flac"].read_bytes()
    (tmp_path / "song.mp3").write_bytes(data)
    assert audio_hash(os.fsencode(tmp_path / "song.mp3")) == audio_hash(str(originals["long.flac"]))


def test_files_without_audio(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"")
    with pytest.raises(UnreadableFile, match="empty"):
        audio_hash(path)
    seen = set()
    for data in [
        b"a",
        ID3V1,
        id3v2(b"abc"),
        id3v2(b"abd"),
        b"fLaC",
        b"OggS",
        b"RIFF\0\0\0\0WAVE",
        AUDIO[:50],
    ]:
        path.write_bytes(data)
        seen.add(audio_hash(path))
    assert len(seen) == 8


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp3")
    for path in (tmp_path / "fifo.mp3", tmp_path):
        with pytest.raises(UnreadableFile, match="regular"):
            audio_hash(path)
    (tmp_path / "a.mp3").write_bytes(AUDIO)
    (tmp_path / "link.mp3").symlink_to("a.mp3")
    with pytest.raises(OSError):
        audio_hash(tmp_path / "link.mp3")
    with pytest.raises(FileNotFoundError):
        audio_hash(tmp_path / "nothing.mp3")


MAGICS = [
    b"fLaC",
    b"OggS\0\2",
    b"RIFF\xff\xff\xff\xffWAVEdata",
    b"RF64\xff\xff\xff\xffWAVEds64",
    b"FORM\0\0\0\0AIFF",
    b"DSD ",
    b"FRM8",
    b"\0\0\0\1ftyp",
    b"\0\0\0\0mdat",
    b"ID3\3\0\0",
    b"APETAGEX",
    b"MAC ",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(MAGICS),
    st.lists(st.sampled_from([*MAGICS, bytes(40), b"\xff" * 40, b"\x01", ID3V1]) | st.binary(max_size=40)),
    st.sampled_from([b"", b"LYRICS200", b"999999LYRICS200", b"LYRICSEND", b"3DI\4\0\0\x7f\x7f\x7f\x7f", ID3V1,
                     b"APETAGEX" + b"\xff" * 24, b"APETAGEX" + b"\0" * 24]),
)  # fmt: skip
def test_damage_never_raises(
    tmp_path_factory: pytest.TempPathFactory, magic: bytes, middle: list[bytes], end: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(magic + b"".join(middle) + end)
    assert len(audio_hash(path)) == 34


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_never_raise(name: str, originals: dict[str, Path], tmp_path: Path) -> None:
    data = originals[name].read_bytes()
    chance = random.Random(name)
    path = tmp_path / name
    for _ in range(15):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 30)):
            damaged[chance.randrange(min(len(data), 2000))] = chance.randrange(256)
        path.write_bytes(damaged)
        assert len(audio_hash(path)) == 34


@pytest.mark.parametrize("block", [b"\1\0\0\0", struct.pack(">I4s", 8, b"free"), b"junk\0\0\0\0"])
def test_reads_are_bounded(block: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = {b"\1": b"fLaC", b"\0": b"\0\0\0\x08ftyp", b"j": b"RIFF\0\0\0\0WAVE"}[block[:1]]
    path = tmp_path / "hostile"
    path.write_bytes(start + block * 300_000)
    reads: list[int] = []
    original = os.pread

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        reads.append(length)
        return original(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counting)
    audio_hash(path)
    assert len(reads) <= 1030
    assert sum(reads) < 1_000_000


def test_a_typical_file_costs_three_reads(
    originals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    original = os.pread

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        reads.append(length)
        return original(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counting)
    for name in ("long.mp3", "long.flac", "long.ogg", "long.wav"):
        reads.clear()
        audio_hash(originals[name])
        assert len(reads) <= 3, name
    reads.clear()
    audio_hash(originals["short.mp3"])
    assert len(reads) == 1


def test_the_scheme_is_fixed(tmp_path: Path) -> None:
    # Another value would make every file of every library look new.
    (tmp_path / "a").write_bytes(bytes(range(256)) * 2000)
    assert audio_hash(tmp_path / "a") == "1:0f8aa31603a7079e35b31ef2bbfed76e"
