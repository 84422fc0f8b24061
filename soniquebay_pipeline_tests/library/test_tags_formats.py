"""Every format: its properties, its own way of writing the same tags, and its pictures."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import pytest
from mutagen import (
    aac,
    aiff,
    apev2,
    asf,
    dsdiff,
    dsf,
    flac,
    id3,
    monkeysaudio,
    mp4,
    musepack,
    oggopus,
    oggvorbis,
    trueaudio,
    wave,
    wavpack,
)

from soniquebay_pipeline.library.tags import TagSet, UnreadableFile, read_tags

from .audio_samples import AUDIO_KINDS, audio_bytes, ogg_page, vorbis_comment
from .tag_helpers import assert_storable, id3_frame, id3_tag, write

# kind: (file_type, codec, sample rate, channels, bits)
PROPERTIES = {
    "mp3": ("mp3", "mp3", 44_100, 1, None),
    "mp2": ("mp3", "mp2", 44_100, 1, None),
    "flac": ("flac", "flac", 44_100, 1, 16),
    "ogg": ("ogg", "vorbis", 44_100, 1, None),
    "opus": ("opus", "opus", 48_000, 1, None),
    "oga": ("ogg", "flac", 44_100, 1, 16),
    "spx": ("speex", "speex", 16_000, 1, None),
    "wav": ("wav", "pcm", 44_100, 1, 16),
    "aiff": ("aiff", "pcm", 44_100, 1, 16),
    "m4a": ("mp4", "aac", 44_100, 1, 16),
    "alac": ("mp4", "alac", 44_100, 1, 16),
    "aac": ("aac", "aac", 44_100, 1, None),
    "wma": ("asf", "wma", 44_100, 1, 16),
    "wv": ("wavpack", "wavpack", 44_100, 1, 16),
    "tta": ("tta", "tta", 44_100, 1, 16),
    "ape": ("ape", "ape", 44_100, 2, 16),
    "mpc": ("mpc", "musepack", 44_100, 2, None),
    "mpc8": ("mpc", "musepack", 44_100, 2, None),
    "dsf": ("dsf", "dsd", 2_822_400, 2, 1),
    "dff": ("dff", "dsd", 2_822_400, 2, 1),
}


def read(path: Path) -> TagSet:
    tags = read_tags(str(path))
    assert_storable(tags)
    return tags


def reason_of(path: Path) -> str:
    with pytest.raises(UnreadableFile) as caught:
        read_tags(str(path))
    assert "\n" not in caught.value.detail and 0 < len(caught.value.detail) <= 300
    return caught.value.reason


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_properties(tmp_path: Path, kind: str) -> None:
    audio = read(write(tmp_path, kind)).audio
    stated = (audio.file_type, audio.codec, audio.sample_rate_hz, audio.channels, audio.bits_per_sample)
    assert stated == PROPERTIES[kind]
    assert audio.duration_seconds == pytest.approx(0.1 if kind == "dff" else 1.0, abs=0.06)
    assert audio.bitrate_kbps and audio.bitrate_kbps > 0


@pytest.mark.parametrize("kind", AUDIO_KINDS)
@pytest.mark.parametrize("extension", ["flac", "mp3", "txt"])
def test_a_wrong_extension_does_not_matter(tmp_path: Path, kind: str, extension: str) -> None:
    audio = read(write(tmp_path, kind, name=f"wrong.{extension}")).audio
    assert (audio.file_type, audio.codec) == PROPERTIES[kind][:2]


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus"])
def test_vorbis_comments(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    file = {"flac": flac.FLAC, "ogg": oggvorbis.OggVorbis, "opus": oggopus.OggOpus}[kind](path)
    file.clear()
    file.tags.extend(
        [
            ("TITLE", "T"),
            ("Artist", "A"),
            ("ARTIST", "B"),
            ("ALBUM ARTIST", "Synonym"),
            ("TRACKNUMBER", "3"),
            ("TRACKTOTAL", "12"),
            ("TOTALTRACKS", "12"),
            ("DISCTOTAL", "2"),
            ("YEAR", "1999"),
            ("DATE", "2001-02-03"),
            ("ORGANIZATION", "Label"),
            ("INITIALKEY", "Am"),
            ("MUSICBRAINZ_TRACKID", "recording"),
            ("MUSICBRAINZ_RELEASETRACKID", "track"),
            ("PERFORMER", "G (guitar)"),
            ("Ab:Mood", "calm"),
            ("ODD ONE", "kept"),
        ]
    )
    file.save()
    tags = read(path)
    assert tags.fields == {
        "title": ["T"],
        "artist": ["A", "B"],
        "albumartist": ["Synonym"],
        "tracknumber": ["3"],
        "totaltracks": ["12"],
        "totaldiscs": ["2"],
        "date": ["2001-02-03"],
        "label": ["Label"],
        "key": ["Am"],
        "musicbrainz_recordingid": ["recording"],
        "musicbrainz_trackid": ["track"],
        "performer": ["G (guitar)"],
        "ab:mood": ["calm"],
    }
    assert tags.raw["artist"] == ["A", "B"]
    assert tags.raw["year"] == ["1999"]
    assert tags.raw["odd one"] == ["kept"]


def test_opus_gains_become_replaygain(tmp_path: Path) -> None:
    path = write(tmp_path, "opus")
    file = oggopus.OggOpus(path)
    file["R128_TRACK_GAIN"] = "-1536"
    file["R128_ALBUM_GAIN"] = "not a number"
    file.save()
    tags = read(path)
    assert tags.fields["replaygain_track_gain"] == ["-1.00 dB"]
    assert "replaygain_album_gain" not in tags.fields


def test_pictures_of_xiph_formats(tmp_path: Path) -> None:
    picture = flac.Picture()
    picture.data, picture.mime, picture.desc = bytes(9_000_000), "image/png", "ä" * 10
    path = write(tmp_path, "flac")
    file = flac.FLAC(path)
    file.add_picture(picture)
    file.add_picture(picture)
    file["title"] = "T"
    file.save()
    tags = read(path)
    assert tags.picture_count == 2
    assert tags.fields["title"] == ["T"]
    assert tags.raw["METADATA_BLOCK_PICTURE"] == ["<binary 9000000 bytes>"] * 2

    picture.data = bytes(3000)
    path = write(tmp_path, "ogg")
    vorbis = oggvorbis.OggVorbis(path)
    vorbis["METADATA_BLOCK_PICTURE"] = [base64.b64encode(picture.write()).decode()]
    vorbis.save()
    tags = read(path)
    assert tags.picture_count == 1
    assert len(repr(tags)) < 2000


def test_mp4_atoms(tmp_path: Path) -> None:
    path = write(tmp_path, "m4a")
    file = mp4.MP4(path)
    file.tags.clear()
    free = "----:com.apple.iTunes:"
    file["\xa9nam"], file["\xa9ART"], file["aART"] = ["T"], ["A", "B"], ["AA"]
    file["\xa9alb"], file["\xa9day"], file["\xa9gen"] = ["Al"], ["2001"], ["Rock"]
    file["trkn"], file["disk"], file["cpil"], file["tmpo"] = [(3, 12)], [(1, 0)], True, [128]
    file[f"{free}MusicBrainz Track Id"] = [b"recording"]
    file[f"{free}MusicBrainz Release Track Id"] = [b"track"]
    file[f"{free}ARTISTS"] = ["Ä".encode(), b"B"]
    file[f"{free}LABEL"] = [b"caf\xe9"]
    file[f"{free}Binary"] = [mp4.MP4FreeForm(b"\x00\xff", dataformat=mp4.AtomDataType.IMPLICIT)]
    file["covr"] = [mp4.MP4Cover(bytes(40_000)), mp4.MP4Cover(bytes(50))]
    file.save()
    tags = read(path)
    assert tags.fields == {
        "title": ["T"],
        "artist": ["A", "B"],
        "albumartist": ["AA"],
        "album": ["Al"],
        "date": ["2001"],
        "genre": ["Rock"],
        "tracknumber": ["3"],
        "totaltracks": ["12"],
        "discnumber": ["1"],
        "compilation": ["1"],
        "bpm": ["128"],
        "musicbrainz_recordingid": ["recording"],
        "musicbrainz_trackid": ["track"],
        "artists": ["Ä", "B"],
        "label": ["caf\ufffd"],
    }
    assert tags.picture_count == 2
    assert tags.raw["trkn"] == ["3/12"]
    assert tags.raw[f"{free}Binary"] == ["<binary 2 bytes>"]
    assert tags.raw["covr"] == ["<binary 40000 bytes>", "<binary 50 bytes>"]


def test_numeric_genre_of_mp4(tmp_path: Path) -> None:
    path = write(tmp_path, "m4a")
    file = mp4.MP4(path)
    file["\xa9gen"] = ["??"]
    file.save()
    text_item, number_item = (
        b"\xa9gen\x00\x00\x00\x12data\x00\x00\x00\x01",
        b"gnre\x00\x00\x00\x12data\x00\x00\x00\x00",
    )
    data = path.read_bytes().replace(text_item, number_item)
    path.write_bytes(data.replace(b"\x00\x00\x00\x00??", b"\x00\x00\x00\x00\x00\x12"))
    assert read(path).fields["genre"] == ["Rock"]


def test_damaged_mp4_text_is_rescued(tmp_path: Path) -> None:
    path = write(tmp_path, "m4a")
    file = mp4.MP4(path)
    file["\xa9nam"], file["\xa9ART"] = ["Title"], ["Artist"]
    file.save()
    path.write_bytes(path.read_bytes().replace(b"Title", b"Tit\xffe"))
    tags = read(path)
    assert tags.fields["title"] == ["Tit\ufffde"]
    assert tags.fields["artist"] == ["Artist"]
    path.write_bytes(path.read_bytes().replace(b"\xa9nam\x00\x00\x00\x15", b"\xa9nam\x00\x00\x00\x00"))
    tags = read(path)
    assert tags.fields["artist"] == ["Artist"]
    assert tags.truncated


@pytest.mark.parametrize("kind", ["ape", "mpc", "mpc8", "wv", "tta", "aac"])
def test_apev2(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    tag = apev2.APEv2()
    tag["Title"], tag["Artist"], tag["ALBUM ARTIST"] = "T", ["A", "B"], "AA"
    tag["Track"], tag["Year"], tag["Disc"] = "3/12", "2001", "1/2"
    tag["MUSICBRAINZ_TRACKID"], tag["musicbrainz_releasetrackid"] = "recording", "track"
    tag["Cover Art (Front)"] = apev2.APEValue(b"front.jpg\0" + bytes(500), apev2.BINARY)
    tag["Other"] = apev2.APEValue(bytes(7), apev2.BINARY)
    tag.save(path)
    tags = read(path)
    expected = {
        "title": ["T"],
        "artist": ["A", "B"],
        "albumartist": ["AA"],
        "tracknumber": ["3/12"],
        "date": ["2001"],
        "discnumber": ["1/2"],
        "musicbrainz_recordingid": ["recording"],
        "musicbrainz_trackid": ["track"],
    }
    assert {name: tags.fields.get(name) for name in expected} == expected
    assert tags.picture_count == 1
    assert tags.raw["Other"] == ["<binary 7 bytes>"]


def test_a_damaged_apev2_tag_keeps_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "ape")
    tag = apev2.APEv2()
    tag["Title"] = "Title"
    tag.save(path)
    path.write_bytes(path.read_bytes().replace(b"Title\0Title", b"Title\0T\xfftle"))
    tags = read(path)
    assert tags.audio.codec == "ape"
    assert tags.truncated[0].startswith("APEv2: unreadable (")


def test_asf_attributes(tmp_path: Path) -> None:
    path = write(tmp_path, "wma")
    file = asf.ASF(path)
    file.tags.clear()
    file["Title"], file["Author"], file["WM/AlbumTitle"] = "T", ["A", "B"], "Al"
    file["WM/AlbumArtist"], file["WM/Genre"], file["WM/TrackNumber"] = "AA", "Rock", "3"
    file["WM/PartOfSet"], file["WM/Year"], file["WM/IsCompilation"] = "1/2", "2001", True
    file["MusicBrainz/Album Id"], file["MusicBrainz/Track Id"] = "album", "recording"
    file["MusicBrainz/Release Track Id"], file["Acoustid/Id"] = "track", "acoustid"
    file["WM/ARTISTS"], file["replaygain_track_gain"] = ["A", "B"], "-1.00 dB"
    file["WM/Picture"] = asf.ASFValue(bytes(3000), asf.BYTEARRAY)
    file.save()
    tags = read(path)
    assert tags.fields == {
        "title": ["T"],
        "artist": ["A", "B"],
        "album": ["Al"],
        "albumartist": ["AA"],
        "genre": ["Rock"],
        "tracknumber": ["3"],
        "discnumber": ["1/2"],
        "date": ["2001"],
        "compilation": ["1"],
        "musicbrainz_albumid": ["album"],
        "musicbrainz_recordingid": ["recording"],
        "musicbrainz_trackid": ["track"],
        "acoustid_id": ["acoustid"],
        "artists": ["A", "B"],
        "replaygain_track_gain": ["-1.00 dB"],
    }
    assert tags.picture_count == 1


def test_damaged_asf_tags_keep_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "wma")
    file = asf.ASF(path)
    file["Title"] = "Title"
    file.save()
    lone = "\ud800\ud800".encode("utf-16-le", "surrogatepass")
    path.write_bytes(path.read_bytes().replace("Ti".encode("utf-16-le"), lone))
    tags = read(path)
    assert tags.audio.codec == "wma"
    assert tags.truncated[0].startswith("tags: unreadable (")


ID3_CARRIERS = {
    "wav": wave.WAVE,
    "aiff": aiff.AIFF,
    "dsf": dsf.DSF,
    "dff": dsdiff.DSDIFF,
    "tta": trueaudio.TrueAudio,
}


@pytest.mark.parametrize("kind", ID3_CARRIERS)
def test_id3_inside_other_containers(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    file = ID3_CARRIERS[kind](path)
    if file.tags is None:
        file.add_tags()
    file.tags.add(id3.TIT2(encoding=3, text=["T"]))
    file.tags.add(id3.TPE1(encoding=3, text=["A", "B"]))
    file.tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="x", data=bytes(100)))
    file.save(path)
    tags = read(path)
    assert tags.fields["title"] == ["T"]
    assert tags.fields["artist"] == ["A", "B"]
    assert tags.picture_count == 1
    assert tags.audio.file_type == PROPERTIES[kind][0]


def with_chunk(data: bytes, name: bytes, content: bytes, order: str) -> bytes:
    content += b"\0" * (len(content) % 2)
    return data + name + struct.pack(order + "I", len(content)) + content


def test_riff_info(tmp_path: Path) -> None:
    def item(name: bytes, text: bytes) -> bytes:
        return name + struct.pack("<I", len(text) + 1) + text + b"\0" + b"\0" * ((len(text) + 1) % 2)

    info = b"INFO" + item(b"INAM", "Tïtle".encode()) + item(b"IART", b"Art\xedst") + item(b"ICRD", b"2001")
    info += item(b"IPRD", b"Al") + item(b"IGNR", b"Rock") + item(b"ITRK", b"3") + item(b"XXXX", b"kept")
    tags = read(write(tmp_path, "wav", with_chunk(audio_bytes("wav"), b"LIST", info, "<")))
    assert tags.fields == {
        "title": ["Tïtle"],
        "artist": ["Artíst"],
        "date": ["2001"],
        "album": ["Al"],
        "genre": ["Rock"],
        "tracknumber": ["3"],
    }
    assert tags.raw["XXXX"] == ["kept"]
    both = with_chunk(audio_bytes("wav"), b"LIST", info, "<")
    both = with_chunk(both, b"id3 ", id3_tag(id3_frame(b"TIT2", b"\x03From ID3")), "<")
    tags = read(write(tmp_path, "wav", both))
    assert tags.fields["title"] == ["From ID3"]
    assert tags.fields["artist"] == ["Artíst"]


def test_aiff_text_chunks(tmp_path: Path) -> None:
    data = with_chunk(audio_bytes("aiff"), b"NAME", b"Title!", ">")
    tags = read(write(tmp_path, "aiff", with_chunk(data, b"AUTH", b"Artist", ">")))
    assert tags.fields == {"title": ["Title!"], "artist": ["Artist"]}


def test_wav_of_a_stream_and_rf64(tmp_path: Path) -> None:
    data = audio_bytes("wav")
    position = data.index(b"data")
    streamed = data[: position + 4] + b"\xff\xff\xff\xff" + data[position + 8 :]
    assert read(write(tmp_path, "wav", streamed)).audio.duration_seconds == pytest.approx(1.0, abs=0.001)
    size = len(data) - position - 8
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(data) + 28, size, size // 2, 0)
    large = b"RF64\xff\xff\xff\xffWAVE" + ds64 + streamed[12:]
    large += b"id3 " + struct.pack("<I", 40) + id3_tag(id3_frame(b"TIT2", b"\x03Behind"), padding=13)
    tags = read(write(tmp_path, "wav", large))
    assert tags.audio.duration_seconds == pytest.approx(1.0, abs=0.001)
    assert tags.fields["title"] == ["Behind"]


@pytest.mark.parametrize("kind", [kind for kind in AUDIO_KINDS if kind not in ("mp3", "mp2")])
def test_an_id3_tag_in_front_of_another_format(tmp_path: Path, kind: str) -> None:
    tag = id3_tag(id3_frame(b"TSRC", b"\x03GBAYE0000001"), padding=50)
    tags = read(write(tmp_path, kind, tag + audio_bytes(kind)))
    assert (tags.audio.file_type, tags.audio.codec) == PROPERTIES[kind][:2]
    assert tags.fields["isrc"] == ["GBAYE0000001"]


def test_native_tags_beat_an_id3_tag_in_front(tmp_path: Path) -> None:
    path = write(tmp_path, "flac")
    file = flac.FLAC(path)
    file["title"] = "Native"
    file.save()
    tag = id3_tag(id3_frame(b"TIT2", b"\x03Foreign"))
    assert read(write(tmp_path, "flac", tag + path.read_bytes())).fields["title"] == ["Native"]


def test_damaged_vorbis_comments_keep_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "flac")
    file = flac.FLAC(path)
    file["title"] = "TITLEVALUE"
    file.save()
    damaged = path.read_bytes().replace(b"\x10\x00\x00\x00title=TITLE", b"\xff\xff\xff\x7ftitle=TITLE")
    assert damaged != path.read_bytes()
    tags = read(write(tmp_path, "flac", damaged))
    assert tags.audio.duration_seconds == pytest.approx(1.0)
    assert tags.truncated[0].startswith("tags: unreadable (")

    comments = vorbis_comment(b"TITLE=T")[:-3]
    spoilt = audio_bytes("spx").replace(
        ogg_page(vorbis_comment(b"TITLE=Spoken"), number=1), ogg_page(comments, number=1)
    )
    tags = read(write(tmp_path, "spx", spoilt))
    assert tags.audio.codec == "speex"


def test_video_without_sound_is_no_audio(tmp_path: Path) -> None:
    assert reason_of(write(tmp_path, "mp4_video")) == "no_audio"
    assert reason_of(write(tmp_path, "asf_video")) == "no_audio"
    theora = ogg_page(b"\x80theora" + bytes(40), number=0, flags=2)
    assert reason_of(write(tmp_path, "ogv", theora)) == "no_audio"


def test_no_duration_is_no_audio(tmp_path: Path) -> None:
    data = audio_bytes("flac")
    stream_info = bytearray(data)
    stream_info[21] &= 0xF0
    stream_info[22:26] = bytes(4)
    assert reason_of(write(tmp_path, "flac", bytes(stream_info))) == "no_audio"


def test_absurd_durations_are_corrupt(tmp_path: Path) -> None:
    data = audio_bytes("ogg")
    last = data.rindex(b"OggS")
    endless = data[: last + 6] + struct.pack("<q", 2**60) + data[last + 14 :]
    assert reason_of(write(tmp_path, "ogg", endless)) == "corrupt"


@pytest.mark.parametrize(
    ("kind", "header_end"),
    [("flac", 42), ("wav", 44), ("ape", 76), ("tta", 22), ("wv", 32), ("dsf", 92), ("mpc", 32)],
)
def test_a_header_without_audio_is_corrupt(tmp_path: Path, kind: str, header_end: int) -> None:
    assert reason_of(write(tmp_path, kind, audio_bytes(kind)[:header_end])) == "corrupt"


def test_mp4_without_its_audio_data_is_corrupt(tmp_path: Path) -> None:
    data = audio_bytes("m4a")
    start = data.index(b"moov") - 4
    moov = data[start : start + int.from_bytes(data[start : start + 4], "big")]
    assert reason_of(write(tmp_path, "m4a", data[:28] + moov)) == "corrupt"


def test_durations_agree_with_the_parser_alone(tmp_path: Path) -> None:
    for kind, reader in {
        "ape": monkeysaudio.MonkeysAudio,
        "mpc": musepack.Musepack,
        "wv": wavpack.WavPack,
    }.items():
        path = write(tmp_path, kind)
        assert read(path).audio.duration_seconds == pytest.approx(reader(path).info.length)
    path = write(tmp_path, "aac")
    assert read(path).audio.duration_seconds == pytest.approx(aac.AAC(path).info.length)
