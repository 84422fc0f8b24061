"""The pictures in audio files: every format's way to hold them, and the order in which they count."""

from __future__ import annotations

import base64
import struct
from hashlib import sha256
from pathlib import Path

import pytest
from mutagen.aiff import AIFF
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.asf import ASFByteArrayAttribute
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3
from mutagen.oggvorbis import OggVorbis

from soniquebay_pipeline.library.tags import asf, pictures, read_tags
from soniquebay_pipeline.library.tags.pictures import read_picture, read_pictures
from soniquebay_pipeline_tests.music_files import SAMPLE_RATE, song

FRONT, BACK, OTHER = b"the front cover" * 9, b"the back cover" * 9, b"something else" * 9


def of(data: bytes) -> str:
    return sha256(data).hexdigest()


def untagged(path: Path) -> bytes:
    """The audio of an MP3 without its tags."""
    ID3(path).delete(path)
    return path.read_bytes()


def contents(path: Path) -> list[str | None]:
    return [picture.sha256 for picture in read_pictures(str(path))]


@pytest.mark.parametrize("extension", ["mp3", "flac", "ogg", "opus", "m4a", "wav"])
def test_every_format(tmp_path: Path, extension: str) -> None:
    path = song(tmp_path / f"a.{extension}", 1, picture=FRONT)
    [found] = read_pictures(str(path))
    assert (found.sha256, found.size_bytes, found.is_front) == (of(FRONT), len(FRONT), True)
    assert read_picture(str(path), of(FRONT)) == FRONT
    assert read_picture(str(path), of(BACK)) is None
    assert read_tags(str(path)).picture_count == 1


@pytest.mark.parametrize("description", ["", "Cover", "Front (1)", "é"])
@pytest.mark.parametrize("version", [3, 4])
def test_id3_of_any_description_and_type(tmp_path: Path, description: str, version: int) -> None:
    path = song(tmp_path / "a.mp3", 1)
    tags = ID3(path)
    tags.add(APIC(encoding=1, mime="image/png", type=4, desc=description + "4", data=BACK))
    tags.add(APIC(encoding=1, mime="text/html", type=3, desc=description, data=FRONT))
    tags.add(APIC(encoding=1, mime="", type=0, desc=description + "0", data=OTHER))
    tags.save(path, v2_version=version)
    assert contents(path) == [of(FRONT), of(OTHER), of(BACK)]
    assert [picture.is_front for picture in read_pictures(str(path))] == [True, False, False]


def test_id3_of_version_2_2(tmp_path: Path) -> None:
    path = song(tmp_path / "a.mp3", 1)
    audio = untagged(path)
    body = b"\0" + b"PNG" + b"\x03" + b"front\0" + FRONT
    frame = b"PIC" + len(body).to_bytes(3, "big") + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x02\0\0" + size + frame + audio)
    assert contents(path) == [of(FRONT)]


def test_id3_unsynchronised(tmp_path: Path) -> None:
    picture = b"\xff\xe0\xff\x00\xff\xff" * 50
    path = song(tmp_path / "a.mp3", 1)
    audio = untagged(path)
    body = (b"\0image/jpeg\0\x03\0" + picture).replace(b"\xff", b"\xff\0")
    frame = b"APIC" + len(b"\0image/jpeg\0\x03\0" + picture).to_bytes(4, "big") + b"\0\0" + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\x80" + size + frame + audio)
    assert contents(path) == [of(picture)]


def test_aiff(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "a.aiff"
    path.write_bytes(_aiff(np.zeros(SAMPLE_RATE // 4, np.int16).tobytes()))
    file = AIFF(path)
    file.add_tags()
    file.tags.add(APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=FRONT))
    file.save()
    assert contents(path) == [of(FRONT)]


def _aiff(samples: bytes) -> bytes:
    rate = struct.pack(">H", 0x400C) + (0xFA00000000000000).to_bytes(8, "big")  # 16,000 as an extended float
    common = struct.pack(">hIh", 1, len(samples) // 2, 16) + rate
    chunks = b"COMM" + struct.pack(">I", len(common)) + common
    chunks += b"SSND" + struct.pack(">I", len(samples) + 8) + b"\0" * 8 + samples
    return b"FORM" + struct.pack(">I", len(chunks) + 4) + b"AIFF" + chunks


def test_vorbis_blocks_and_the_old_way(tmp_path: Path) -> None:
    path = song(tmp_path / "a.ogg", 1)
    block = Picture()
    block.type, block.data = 4, BACK
    file = OggVorbis(path)
    file["metadata_block_picture"] = [base64.b64encode(block.write()).decode(), "not base64 at all!"]
    file["coverart"] = [base64.b64encode(FRONT).decode()]
    file.save()
    found = read_pictures(str(path))
    assert [picture.sha256 for picture in found if picture.sha256] == [of(FRONT), of(BACK)]
    assert [picture.reason for picture in found if picture.reason] == ["corrupt"]


def test_apev2(tmp_path: Path) -> None:
    path = song(tmp_path / "a.mp3", 1)
    tags = APEv2()
    tags["Cover Art (Back)"] = APEBinaryValue(b"back.jpg\0" + BACK)
    tags["Cover Art (Front)"] = APEBinaryValue(b"cover.jpg\0" + FRONT)
    tags.save(path)
    found = read_pictures(str(path))
    assert {picture.sha256: picture.picture_type for picture in found} == {of(FRONT): 3, of(BACK): None}
    assert found[0].sha256 == of(FRONT)


def test_asf() -> None:
    value = struct.pack("<BL", 3, len(FRONT)) + "image/png\0Front\0".encode("utf-16-le") + FRONT
    assert asf._picture(bytes(ASFByteArrayAttribute(value).value)) == (3, FRONT)
    assert asf._picture(value[:8])[1] == b""


def test_flac_keeps_to_four_and_puts_icons_last(tmp_path: Path) -> None:
    path = song(tmp_path / "a.flac", 1)
    file = FLAC(path)
    for number, kind in enumerate((1, 4, 6, 3, 0, 8)):
        picture = Picture()
        picture.type, picture.data = kind, bytes([number]) * 50
        file.add_picture(picture)
    file.save()
    assert [picture.picture_type for picture in read_pictures(str(path))] == [3, 0, 4, 6]


def test_a_picture_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", 100)
    for extension in ("mp3", "flac", "ogg", "m4a"):
        path = song(tmp_path / f"a.{extension}", 1, picture=FRONT)
        [found] = read_pictures(str(path))
        assert (found.sha256, found.reason) == (None, "too_large"), extension


def test_no_picture(tmp_path: Path) -> None:
    assert read_pictures(str(song(tmp_path / "a.flac", 1))) == []
