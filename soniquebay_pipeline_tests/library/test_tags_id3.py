"""ID3 in MP3 files: versions, multi-values, identifiers, roles, and damage."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from mutagen import apev2, id3

from soniquebay_pipeline.library.tags import TagSet, UnreadableFile, read_tags

from .audio_samples import audio_bytes
from .tag_helpers import assert_storable, id3_frame, id3_tag, id3v1, synchsafe, write

RECORDING = "0ddfd6c3-3b8e-4b1e-9e7c-0d5e2d1a2b3c"


def read_mp3(folder: Path, *frames: bytes, version: int = 4, flags: int = 0, tail: bytes = b"") -> TagSet:
    data = id3_tag(*frames, version=version, flags=flags) + audio_bytes("mp3") + tail
    tags = read_tags(str(write(folder, "mp3", data)))
    assert_storable(tags)
    return tags


def tagged_mp3(folder: Path, *frames: id3.Frame, v2_version: int = 4) -> TagSet:
    path = write(folder, "mp3")
    tag = id3.ID3()
    for frame in frames:
        tag.add(frame)
    if v2_version == 3:
        tag.update_to_v23()
    tag.save(path, v2_version=v2_version)
    tags = read_tags(str(path))
    assert_storable(tags)
    return tags


def test_titles_and_genres_are_found_by_their_frames(tmp_path: Path) -> None:
    tags = tagged_mp3(
        tmp_path,
        id3.TIT2(encoding=3, text=["Who Are You?"]),
        id3.TPE1(encoding=3, text=["Björk"]),
        id3.TALB(encoding=1, text=["R.E.M."]),
        id3.TPE2(encoding=3, text=["AC/DC"]),
        id3.TCON(encoding=3, text=["Trip-Hop"]),
        id3.TRCK(encoding=3, text=["3/12"]),
        id3.TPOS(encoding=3, text=["1/2"]),
        id3.TDRC(encoding=3, text=["2001-02-03"]),
        id3.TCMP(encoding=3, text=["1"]),
        id3.TBPM(encoding=3, text=["128"]),
        id3.TKEY(encoding=3, text=["Am"]),
        id3.TMOO(encoding=3, text=["Calm"]),
        id3.TSRC(encoding=3, text=["GBAYE0000001"]),
        id3.TPUB(encoding=3, text=["One Little Indian"]),
        id3.COMM(encoding=3, lang="eng", desc="", text=["A comment"]),
        id3.COMM(encoding=3, lang="eng", desc="iTunNORM", text=["0000"]),
        id3.USLT(encoding=3, lang="eng", desc="", text="La la"),
        id3.TDOR(encoding=3, text=["1999"]),
    )
    assert tags.fields == {
        "title": ["Who Are You?"],
        "artist": ["Björk"],
        "album": ["R.E.M."],
        "albumartist": ["AC/DC"],
        "genre": ["Trip-Hop"],
        "tracknumber": ["3/12"],
        "discnumber": ["1/2"],
        "date": ["2001-02-03"],
        "compilation": ["1"],
        "bpm": ["128"],
        "key": ["Am"],
        "mood": ["Calm"],
        "isrc": ["GBAYE0000001"],
        "label": ["One Little Indian"],
        "comment": ["A comment"],
        "lyrics": ["La la"],
        "originaldate": ["1999"],
    }
    assert tags.raw["COMM:iTunNORM:eng"] == ["0000"]


def test_the_recording_id_is_text(tmp_path: Path) -> None:
    tags = tagged_mp3(
        tmp_path,
        id3.UFID(owner="http://musicbrainz.org", data=RECORDING.encode()),
        id3.UFID(owner="http://www.id3.org/dummy/ufid.html", data=b"\x00\xff\x01"),
        id3.TXXX(encoding=3, desc="MusicBrainz Track Id", text=["another"]),
        id3.TXXX(encoding=3, desc="MusicBrainz Release Track Id", text=["release-track"]),
    )
    assert tags.fields["musicbrainz_recordingid"] == [RECORDING]
    assert tags.fields["musicbrainz_trackid"] == ["release-track"]
    assert tags.raw["UFID:http://musicbrainz.org"] == [RECORDING]
    assert tags.raw["UFID:http://www.id3.org/dummy/ufid.html"] == ["<binary 3 bytes>"]


@pytest.mark.parametrize(
    ("description", "field"),
    [
        ("MusicBrainz Album Id", "musicbrainz_albumid"),
        ("MUSICBRAINZ ALBUM ID", "musicbrainz_albumid"),
        ("musicbrainz_albumid", "musicbrainz_albumid"),
        ("MusicBrainz Artist Id", "musicbrainz_artistid"),
        ("MusicBrainz Album Artist Id", "musicbrainz_albumartistid"),
        ("MusicBrainz Release Group Id", "musicbrainz_releasegroupid"),
        ("MusicBrainz Work Id", "musicbrainz_workid"),
        ("MusicBrainz Disc Id", "musicbrainz_discid"),
        ("MusicBrainz Album Type", "releasetype"),
        ("Acoustid Id", "acoustid_id"),
        ("Acoustid Fingerprint", "acoustid_fingerprint"),
        ("replaygain_track_gain", "replaygain_track_gain"),
        ("REPLAYGAIN_ALBUM_PEAK", "replaygain_album_peak"),
        ("ARTISTS", "artists"),
        ("ALBUMARTISTS", "albumartists"),
        ("originalyear", "originalyear"),
        ("CATALOGNUMBER", "catalognumber"),
        ("BARCODE", "barcode"),
        ("ab:mood:Acoustic", "ab:mood:acoustic"),
        ("AB:LO:tonal:key", "ab:lo:tonal:key"),
    ],
)
def test_user_texts_are_found_in_any_letter_case(tmp_path: Path, description: str, field: str) -> None:
    tags = tagged_mp3(tmp_path, id3.TXXX(encoding=3, desc=description, text=["one", "two"]))
    assert tags.fields == {field: ["one", "two"]}
    assert tags.raw == {f"TXXX:{description}": ["one", "two"]}


def test_an_own_frame_beats_a_user_text_of_the_same_meaning(tmp_path: Path) -> None:
    tags = tagged_mp3(
        tmp_path,
        id3.TXXX(encoding=3, desc="ALBUM ARTIST", text=["Other"]),
        id3.TPE2(encoding=3, text=["Own"]),
    )
    assert tags.fields["albumartist"] == ["Own"]
    assert tags.raw["TXXX:ALBUM ARTIST"] == ["Other"]


@pytest.mark.parametrize("encoding", [0, 1, 2, 3])
def test_several_values_are_a_list_without_nul(tmp_path: Path, encoding: int) -> None:
    tags = tagged_mp3(tmp_path, id3.TPE1(encoding=encoding, text=["A", "B", "C"]))
    assert tags.fields["artist"] == ["A", "B", "C"]


def test_several_frames_of_one_name_are_one_list(tmp_path: Path) -> None:
    tags = read_mp3(tmp_path, id3_frame(b"TPE1", b"\x03A"), id3_frame(b"TPE1", b"\x03B"))
    assert tags.fields["artist"] == ["A", "B"]


def test_a_joined_v23_value_is_left_whole(tmp_path: Path) -> None:
    tags = tagged_mp3(tmp_path, id3.TPE1(encoding=1, text=["A", "B"]), v2_version=3)
    assert tags.fields["artist"] == ["A/B"]


def test_v23_dates_and_roles(tmp_path: Path) -> None:
    tags = tagged_mp3(
        tmp_path,
        id3.TDRC(encoding=1, text=["1987-03-09"]),
        id3.TDOR(encoding=1, text=["1986"]),
        id3.TIPL(encoding=1, people=[["producer", "Eno"], ["Producer", "Lanois"]]),
        v2_version=3,
    )
    assert tags.fields["date"] == ["1987-03-09"]
    assert tags.raw["TYER"] == ["1987"]
    assert tags.raw["TDAT"] == ["0903"]
    assert tags.fields["originaldate"] == ["1986"]
    assert tags.fields["producer"] == ["Eno", "Lanois"]


def test_v22_frames(tmp_path: Path) -> None:
    tags = read_mp3(
        tmp_path,
        id3_frame(b"TT2", b"\x00Old title", 2),
        id3_frame(b"TP1", b"\x01\xff\xfe" + "Ärtist".encode("utf-16-le"), 2),
        id3_frame(b"TAL", b"\x00Old album\x00", 2),
        id3_frame(b"TYE", b"\x001993", 2),
        id3_frame(b"TCO", b"\x00(17)", 2),
        id3_frame(b"TXX", b"\x00MusicBrainz Album Id\x00abc", 2),
        id3_frame(b"PIC", b"\x00JPG\x03\x00" + bytes(5000), 2),
        id3_frame(b"UFI", b"http://musicbrainz.org\x00" + RECORDING.encode(), 2),
        version=2,
    )
    assert tags.fields == {
        "title": ["Old title"],
        "artist": ["Ärtist"],
        "album": ["Old album"],
        "date": ["1993"],
        "genre": ["Rock"],
        "musicbrainz_albumid": ["abc"],
        "musicbrainz_recordingid": [RECORDING],
    }
    assert tags.picture_count == 1


@pytest.mark.parametrize(
    ("written", "genres"),
    [
        ("(17)", ["Rock"]),
        ("17", ["Rock"]),
        ("(4)Eurodisco", ["Disco", "Eurodisco"]),
        ("(31)(39)", ["Trance", "Noise"]),
        ("RX", ["Remix"]),
        ("(RX)", ["Remix"]),
        ("CR", ["Cover"]),
        ("((Ironic)", ["(Ironic)"]),
        ("Rock/Pop", ["Rock/Pop"]),
        ("²", ["²"]),
        ("(²)", ["(²)"]),
        ("9" * 5000, ["9" * 5000]),
    ],
)
def test_numeric_genres_are_resolved(tmp_path: Path, written: str, genres: list[str]) -> None:
    tags = read_mp3(tmp_path, id3_frame(b"TCON", b"\x03" + written.encode()))
    assert tags.fields["genre"] == genres
    assert tags.raw["TCON"] == [written]


def test_people_and_their_roles(tmp_path: Path) -> None:
    tags = tagged_mp3(
        tmp_path,
        id3.TIPL(encoding=3, people=[["arranger", "A"], ["engineer", "E"], ["DJ-mix", "D"], ["mix", "M"]]),
        id3.TMCL(encoding=3, people=[["guitar", "G"], ["performer", "P"]]),
    )
    assert tags.fields == {
        "arranger": ["A"],
        "engineer": ["E"],
        "djmixer": ["D"],
        "mixer": ["M"],
        "performer": ["G (guitar)", "P"],
    }


def test_gain_of_rva2_fills_in_for_missing_replaygain(tmp_path: Path) -> None:
    tags = tagged_mp3(
        tmp_path,
        id3.RVA2(desc="track", channel=1, gain=-6.5, peak=0.95),
        id3.RVA2(desc="Album", channel=1, gain=-7.25, peak=0.0),
        id3.TXXX(encoding=3, desc="REPLAYGAIN_ALBUM_GAIN", text=["-7.00 dB"]),
    )
    assert tags.fields["replaygain_track_gain"] == ["-6.50 dB"]
    assert tags.fields["replaygain_track_peak"][0].startswith("0.9")
    assert tags.fields["replaygain_album_gain"] == ["-7.00 dB"]


def test_only_id3v1(tmp_path: Path) -> None:
    data = audio_bytes("mp3") + id3v1(b"Old", b"Artist \xe9", b"Album", b"1984", 17)
    tags = read_tags(str(write(tmp_path, "mp3", data)))
    assert tags.fields == {
        "title": ["Old"],
        "artist": ["Artist é"],
        "album": ["Album"],
        "date": ["1984"],
        "genre": ["Rock"],
        "comment": ["old comment"],
        "tracknumber": ["7"],
    }


def test_id3v1_only_fills_what_id3v2_leaves_empty(tmp_path: Path) -> None:
    tags = read_mp3(
        tmp_path,
        id3_frame(b"TIT2", b"\x03A title of more than thirty characters"),
        tail=id3v1(b"A title", b"Artist"),
    )
    assert tags.fields["title"] == ["A title of more than thirty characters"]
    assert tags.fields["artist"] == ["Artist"]


def test_apev2_on_mp3_only_fills_what_id3_leaves_empty(tmp_path: Path) -> None:
    path = write(tmp_path, "mp3", id3_tag(id3_frame(b"TIT2", b"\x03ID3 title")) + audio_bytes("mp3"))
    ape = apev2.APEv2()
    ape["Title"] = "APE title"
    ape["REPLAYGAIN_TRACK_GAIN"] = "-3.00 dB"
    ape.save(path)
    with path.open("ab") as file:
        file.write(id3v1(b"v1 title", b"v1 artist"))
    tags = read_tags(str(path))
    assert tags.fields["title"] == ["ID3 title"]
    assert tags.fields["replaygain_track_gain"] == ["-3.00 dB"]
    assert tags.fields["artist"] == ["v1 artist"]


def test_pictures_of_any_description_are_counted_and_not_loaded(tmp_path: Path) -> None:
    pictures = [
        id3_frame(b"APIC", b"\x00image/jpeg\x00\x03" + description + b"\x00" + bytes(300))
        for description in (b"", b"Front", b"Front")
    ]
    tags = read_mp3(tmp_path, *pictures, id3_frame(b"TIT2", b"\x03Behind"))
    assert tags.picture_count == 3
    assert tags.fields["title"] == ["Behind"]


@pytest.mark.parametrize("version", [3, 4])
def test_a_large_picture_is_stepped_over(tmp_path: Path, version: int) -> None:
    picture = id3_frame(b"APIC", b"\x00image/jpeg\x00\x03\x00" + b"\xff" * 30_000_000, version)
    tags = read_mp3(tmp_path, picture, id3_frame(b"TIT2", b"\x03Behind", version), version=version)
    assert tags.picture_count == 1
    assert tags.fields["title"] == ["Behind"]
    assert len(repr(tags)) < 2000


def test_plain_sizes_in_v24_as_old_itunes_wrote_them(tmp_path: Path) -> None:
    text = b"\x03" + b"x" * 299
    frame = b"TIT2" + len(text).to_bytes(4, "big") + b"\0\0" + text
    tags = read_mp3(tmp_path, frame, id3_frame(b"TPE1", b"\x03Artist"))
    assert tags.fields == {"title": ["x" * 299], "artist": ["Artist"]}


def test_unsynchronised_tags(tmp_path: Path) -> None:
    text = b"\x01\xff\xfe" + "Tïtle".encode("utf-16-le")
    frame = id3_frame(b"TIT2", text, 3).replace(b"\xff", b"\xff\x00")
    tags = read_mp3(tmp_path, frame, version=3, flags=0x80)
    assert tags.fields["title"] == ["Tïtle"]
    stuffed = text.replace(b"\xff", b"\xff\x00")
    tags = read_mp3(tmp_path, id3_frame(b"TIT2", stuffed, 4, flags=0x02), version=4, flags=0x80)
    assert tags.fields["title"] == ["Tïtle"]


def test_an_extended_header_is_skipped(tmp_path: Path) -> None:
    extended = synchsafe(6) + b"\x01\x00"
    tags = read_mp3(tmp_path, extended, id3_frame(b"TIT2", b"\x03Behind"), flags=0x40)
    assert tags.fields["title"] == ["Behind"]
    extended = (6).to_bytes(4, "big") + bytes(6)
    tags = read_mp3(tmp_path, extended, id3_frame(b"TIT2", b"\x00Behind", 3), version=3, flags=0x40)
    assert tags.fields["title"] == ["Behind"]


def test_compressed_frames_and_bombs(tmp_path: Path) -> None:
    def compressed(name: bytes, text: bytes) -> bytes:
        return id3_frame(name, synchsafe(1) + zlib.compress(text), 4, flags=0x09)

    tags = read_mp3(tmp_path, compressed(b"TIT2", b"\x03Small"), compressed(b"TPE1", b"\x03" + b"x" * 50_000_000))
    assert tags.fields == {"title": ["Small"]}
    assert tags.truncated == ["TPE1: left out, too large when unpacked"]


def test_invalid_characters_do_not_lose_a_title(tmp_path: Path) -> None:
    lone = "a\ud800b".encode("utf-16-le", "surrogatepass")
    tags = read_mp3(
        tmp_path,
        id3_frame(b"TIT2", b"\x01\xff\xfe" + lone),
        id3_frame(b"TALB", b"\x03caf\xe9"),
        id3_frame(b"TXXX", b"\x01\xff\xfe" + "ARTISTS\0".encode("utf-16-le") + b"\xff\xfe" + lone),
    )
    assert "\ufffd" in tags.fields["title"][0]
    assert tags.fields["album"] == ["caf\ufffd"]
    assert tags.fields["artists"][0].startswith("a\ufffd")


def test_a_megabyte_of_text_is_bounded_and_named(tmp_path: Path) -> None:
    tags = read_mp3(
        tmp_path,
        id3_frame(b"TXXX", b"\x03NOTES\0" + b"x" * 3_000_000),
        id3_frame(b"USLT", b"\x03eng\0" + b"y" * 900_000),
        id3_frame(b"TIT2", b"\x03Behind"),
    )
    assert tags.fields["title"] == ["Behind"]
    assert tags.raw["TXXX:NOTES"] == ["x" * 10_000]
    assert tags.fields["lyrics"] == ["y" * 10_000]
    assert any(note.startswith("TXXX:NOTES: cut to 10000") for note in tags.truncated)
    assert any(note.startswith("USLT") for note in tags.truncated)


def test_a_binary_in_the_language_or_the_name_is_storable(tmp_path: Path) -> None:
    tags = read_mp3(
        tmp_path,
        id3_frame(b"COMM", b"\x00\x00\x00\x00\x00text"),
        id3_frame(b"PRIV", b"owner\x00" + bytes(10)),
        id3_frame(b"GEOB", b"\x00" + bytes(100_000)),
        id3_frame(b"MCDI", bytes(20)),
    )
    assert tags.fields["comment"] == ["text"]
    assert tags.raw["GEOB"] == ["<binary 100001 bytes>"]


@pytest.mark.parametrize(
    "header",
    [
        b"ID3\x04\x00\x00\xff\xff\xff\xff",  # a size that is not synchsafe
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",  # a size behind the end of the file
        b"ID3\x09\x00\x00\x00\x00\x00\x00",  # an unknown version
        b"ID3\x04\x00\x00\x00\x00\x00\x14" + b"\x01\x02\x03" * 6 + b"!!",  # no frames in it
    ],
)
def test_a_damaged_tag_keeps_the_file(tmp_path: Path, header: bytes) -> None:
    tags = read_tags(str(write(tmp_path, "mp3", header + audio_bytes("mp3"))))
    assert tags.audio.codec == "mp3"
    assert tags.audio.duration_seconds == pytest.approx(1.0, abs=0.1)
    assert tags.truncated and tags.truncated[0].startswith("tags: ")


def test_frames_before_the_damage_are_kept(tmp_path: Path) -> None:
    tags = read_mp3(tmp_path, id3_frame(b"TIT2", b"\x03Before"), b"\xff\xfe?!garbage in the tag")
    assert tags.fields == {"title": ["Before"]}
    assert tags.truncated == ["tags: damaged after 1 frames"]


def test_stacked_tags_are_joined(tmp_path: Path) -> None:
    first = id3_tag(id3_frame(b"TIT2", b"\x03First"))
    second = id3_tag(id3_frame(b"TIT2", b"\x03Second"), id3_frame(b"TPE1", b"\x03Artist"))
    tags = read_tags(str(write(tmp_path, "mp3", first + second + audio_bytes("mp3"))))
    assert tags.fields == {"title": ["First"], "artist": ["Artist"]}


def test_a_tag_without_audio_is_corrupt(tmp_path: Path) -> None:
    path = write(tmp_path, "mp3", id3_tag(id3_frame(b"TIT2", b"\x03Alone"), padding=500))
    with pytest.raises(UnreadableFile) as caught:
        read_tags(str(path))
    assert caught.value.reason == "corrupt"


def test_many_tiny_frames_are_bounded(tmp_path: Path) -> None:
    tags = read_mp3(tmp_path, *(id3_frame(b"T%03d" % (number % 1000), b"\x03x") for number in range(60_000)))
    assert "more than 2000 frames" in tags.truncated
