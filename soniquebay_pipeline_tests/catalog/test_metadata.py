"""Metadata of one file: tags first, then what the path says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.catalog.metadata import describe, read_file_name
from soniquebay_pipeline.catalog.model import FileMetadata
from soniquebay_pipeline.catalog.names import VARIOUS_ARTISTS_MBID, clean_text, name_key
from soniquebay_pipeline.library.tags.model import AudioProperties, TagSet
from soniquebay_pipeline_tests.catalog.test_names import ANY_TEXT

ID_A = "0383dadf-2a4e-4d10-a46a-e9e041da8eb3"


def tags(fields: dict[str, Any] | None = None, bitrate: int | None = 320) -> TagSet:
    values = {name: [v] if isinstance(v, str) else v for name, v in (fields or {}).items()}
    return TagSet({}, values, AudioProperties("mp3", "mp3", 200.0, bitrate))


def read(path: str, **fields: Any) -> FileMetadata:
    return describe(tags(fields), path)


def main(metadata: FileMetadata) -> str:
    return next(credit.name for credit in metadata.credits if credit.role == "main")


FULL = {
    "title": "One",
    "artist": "Metallica",
    "album": "…And Justice for All",
    "albumartist": "Metallica",
    "tracknumber": "4/9",
    "discnumber": "1/1",
    "date": "1988-08-25",
    "genre": "Thrash Metal",
    "bpm": "102",
    "key": "Bm",
    "compilation": "0",
    "isrc": "US-EE1-88-00001",
    "composer": "Hetfield; Ulrich",
    "musicbrainz_artistid": ID_A,
    "musicbrainz_albumid": ID_A.upper(),
    "replaygain_track_gain": "-6.30 dB",
    "replaygain_track_peak": "0.98",
    "mood": "Dark",
}


def test_full_tags() -> None:
    found = describe(tags(FULL), "Metallica/Justice/04 One.mp3")
    assert (found.title, found.album, found.album_key) == (
        "One",
        "…And Justice for All",
        "...and justice for all",
    )
    assert (found.track_number, found.track_total, found.disc_number, found.disc_total) == (4, 9, 1, 1)
    assert (found.release_date, found.year) == ("1988-08-25", 1988)
    assert (found.bpm_tag, found.key_tag, found.isrc) == (102.0, "Bm", "USEE18800001")
    assert (found.replaygain_track_gain_db, found.replaygain_track_peak) == (-6.3, 0.98)
    assert found.musicbrainz_albumid == ID_A and not found.is_compilation
    assert [(c.role, c.name) for c in found.credits] == [
        ("main", "Metallica"),
        ("composer", "Hetfield"),
        ("composer", "Ulrich"),
        ("album", "Metallica"),
    ]
    assert [(label.kind, label.name) for label in found.labels] == [
        ("genre", "Thrash Metal"),
        ("mood", "Dark"),
    ]
    assert found.fallbacks == [] and found.quality_score == 1.0


@pytest.mark.parametrize(
    ("path", "title", "artist", "album"),
    [
        ("Metallica/...And Justice for All/04 - One.mp3", "One", "Metallica", "...And Justice for All"),
        ("Fred again../Actual Life/01. April.mp3", "April", "Fred again..", "Actual Life"),
        ("R.E.M./Out of Time/02 - Losing My Religion.flac", "Losing My Religion", "R.E.M.", "Out of Time"),
        ("The Who/Who Are You?/Who Are You?.mp3", "Who Are You?", "The Who", "Who Are You?"),
        ('David Bowie/"Heroes"/"Heroes".m4a', '"Heroes"', "David Bowie", '"Heroes"'),
        (
            "Metallica/...And Justice for All/...And Justice for All.mp3",
            "...And Justice for All",
            "Metallica",
            "...And Justice for All",
        ),
    ],
)
def test_path_rules_drop_no_real_album(path: str, title: str, artist: str, album: str) -> None:
    """LESSONS 1: path rules silently dropped real albums."""
    found = read(path)
    assert (found.title, main(found), found.album) == (title, artist, album)
    assert found.fallbacks == ["title", "artist", "album"]


UNKNOWN = "Unknown Artist"


@pytest.mark.parametrize(
    ("path", "artist", "album"),
    [
        ("song.mp3", UNKNOWN, None),
        ("Album/song.mp3", UNKNOWN, "Album"),
        ("Artist/Album/song.mp3", "Artist", "Album"),
        ("Music/Artist/Album/song.mp3", "Artist", "Album"),
        ("Artist - Album/song.mp3", "Artist", "Album"),
        ("Music/Artist - Album/song.mp3", "Artist", "Album"),
        ("A/Artist - Album/song.mp3", "Artist", "Album"),
        ("Metal/Artist - Album/song.mp3", "Artist", "Album"),
        ("Artist/Artist - Album/song.mp3", "Artist", "Album"),
        ("Coil/Live - Tokyo/song.mp3", "Coil", "Live - Tokyo"),
        ("VA - Hits 2000/song.mp3", UNKNOWN, "Hits 2000"),
        ("Artist/1999 - Album/song.mp3", "Artist", "Album"),
        ("Artist/[1999] Album/song.mp3", "Artist", "Album"),
        ("Artist/(1999) Album/song.mp3", "Artist", "Album"),
        ("Artist/Album (1999)/song.mp3", "Artist", "Album"),
        ("Artist/Album (1999) [FLAC]/song.mp3", "Artist", "Album"),
        ("Artist - 1999 - Album/song.mp3", "Artist", "Album"),
        ("Artist/Album/CD1/song.mp3", "Artist", "Album"),
        ("Artist/Album/CD 1 - Name/song.mp3", "Artist", "Album"),
        ("Artist/Album (Disc 1)/song.mp3", "Artist", "Album"),
        ("CD1/song.mp3", UNKNOWN, None),
        ("Music/song.mp3", UNKNOWN, None),
        ("Music/Downloads/song.mp3", UNKNOWN, None),
        ("Artist/Unsorted/song.mp3", "Artist", None),
        ("Music/Album/song.mp3", UNKNOWN, "Album"),
        ("Various Artists/Album/song.mp3", UNKNOWN, "Album"),
        ("New Folder (2)/song.mp3", UNKNOWN, None),
        ("Taylor Swift/1989/song.mp3", "Taylor Swift", "1989"),
        ("FKA twigs/LP1/song.mp3", "FKA twigs", "LP1"),
        ("./Artist/./Album/song.mp3", "Artist", "Album"),
        ("", UNKNOWN, None),
    ],
)
def test_artist_and_album_of_untagged_files(path: str, artist: str, album: str | None) -> None:
    found = read(path)
    assert (main(found), found.album) == (artist, album)
    assert "artist" in found.fallbacks and ("album" in found.fallbacks) == (album is not None)


@pytest.mark.parametrize(
    "path", ["Artist/1999 - Album/x.mp3", "Artist/Album (1999)/x.mp3", "Artist - 1999 - Album/x.mp3"]
)
def test_year_of_the_folder_is_a_fallback(path: str) -> None:
    assert read(path).year == 1999
    assert read(path, date="2001").year == 2001
    assert read(path, date="2001").release_date == "2001"
    assert read(path).release_date is None


def test_year_is_the_releases_own_and_the_originals_only_without_it() -> None:
    assert read("x.mp3", date="2011", originaldate="1969-09-26").year == 2011
    assert read("x.mp3", originaldate="1969-09-26").release_date == "1969-09-26"
    assert read("x.mp3", date="0000", originalyear="1969").year == 1969
    assert read("x.mp3").year is None


@pytest.mark.parametrize(
    ("name", "title", "track", "disc"),
    [
        ("03 - Title.mp3", "Title", 3, None),
        ("03. Title.mp3", "Title", 3, None),
        ("3. Title.mp3", "Title", 3, None),
        ("03.Title.mp3", "Title", 3, None),
        ("03) Title.mp3", "Title", 3, None),
        ("03 Title.mp3", "Title", 3, None),
        ("03_Title.mp3", "Title", 3, None),
        ("1-03 Title.m4a", "Title", 3, 1),
        ("2.11 - Title.flac", "Title", 11, 2),
        ("A2 - Title.flac", "Title", 2, 1),
        ("Artist - Title.mp3", "Title", None, None),
        ("Artist - 03 - Title.mp3", "Title", 3, None),
        ("Artist - Album - 03 - Title.mp3", "Title", 3, None),
        ("03 - Artist - Title.mp3", "Title", 3, None),
        ("Someone - Title.mp3", "Someone - Title", None, None),
        ("Title - Live.mp3", "Title - Live", None, None),
        ("99 Luftballons.mp3", "99 Luftballons", None, None),
        ("7 Nation Army.mp3", "7 Nation Army", None, None),
        ("311 - Down.mp3", "311 - Down", None, None),
        ("03 - 99 Problems.mp3", "99 Problems", 3, None),
        ("3.5 Hours.mp3", "3.5 Hours", None, None),
        ("01 - ...And Justice for All.mp3", "...And Justice for All", 1, None),
        ("1999.mp3", "1999", None, None),
        ("07.mp3", "07", 7, None),
        (".mp3", ".mp3", None, None),
        ("R.E.M. Medley.mp3", "R.E.M. Medley", None, None),
        ("Fred again...mp3", "Fred again..", None, None),
        ("caf\udce9.mp3", "caf\ufffd", None, None),
        ("", "Untitled", None, None),
    ],
)
def test_title_and_number_of_the_file_name(name: str, title: str, track: int | None, disc: int | None) -> None:
    found = read_file_name(name, frozenset({"artist"}), "album")
    assert (found.title, found.track_number, found.disc_number) == (title, track, disc)


def test_number_without_mark_counts_where_the_tag_gives_the_same() -> None:
    assert read("A/B/12 Title.mp3", tracknumber="12").title == "Title"
    assert read("A/B/12 Title.mp3", tracknumber="3").title == "12 Title"


def test_artist_that_looks_like_a_number() -> None:
    found = read("D12 - My Band.mp3", artist="D12")
    assert (found.title, found.track_number) == ("My Band", None)


def test_number_of_the_file_name_is_used_for_a_missing_tag_only() -> None:
    assert read("A/B/03 - X.mp3", title="T").track_number == 3
    assert read("A/B/03 - X.mp3", title="T", tracknumber="5").track_number == 5
    assert read("A/B/03 - X.mp3", title="T", tracknumber="0").track_number == 3


def test_disc_number_sources_in_order() -> None:
    assert read("A/B/CD2/1-03 X.mp3").disc_number == 2
    assert read("A/B/CD2/X.mp3", album="B (Disc 3)").disc_number == 3
    assert read("A/B/CD2/X.mp3", album="B (Disc 3)", discnumber="4").disc_number == 4
    assert read("A/B/X.mp3", tracknumber="B2").disc_number == 2
    assert read("A/B/1-03 X.mp3").disc_number == 1


@pytest.mark.parametrize(
    ("tag", "album", "key"),
    [
        ("Album (Disc 2)", "Album", "album"),
        ("Album [CD1]", "Album", "album"),
        ("Album CD 2", "Album", "album"),
        ("CD1", "CD1", "cd1"),
        ("MTV Unplugged: Live!", "MTV Unplugged: Live!", "mtv unplugged: live!"),
    ],
)
def test_album_tag_loses_its_disc_suffix(tag: str, album: str, key: str) -> None:
    found = read("A/B/x.mp3", album=tag)
    assert (found.album, found.album_key) == (album, key)


def test_the_artists_own_folder_is_no_album() -> None:
    assert read("ABBA/SOS.mp3", title="SOS", artist="Abba").album is None
    assert read("Road Trip/SOS.mp3", title="SOS", artist="Abba").album == "Road Trip"
    assert read("Weezer/Weezer/Buddy Holly.mp3", title="Buddy Holly", artist="Weezer").album == "Weezer"
    assert read("Blink-182/Blink-182/01 Feeling This.mp3").album == "Blink-182"
    assert read("Abba - Arrival/SOS.mp3", title="SOS", artist="ABBA").album == "Arrival"
    assert read("Live - Tokyo/SOS.mp3", title="SOS", artist="ABBA").album == "Live - Tokyo"


def test_placeholders_of_rippers_are_no_tags() -> None:
    found = read("Queen/Jazz/Mustapha.mp3", artist="Unknown Artist", album="Unknown Album", title="Mustapha")
    assert (main(found), found.album) == ("Queen", "Jazz")
    assert found.fallbacks == ["artist", "album"]


def test_album_artist_stands_in_for_a_missing_artist() -> None:
    found = read("x/y/z.mp3", albumartist="Queen", musicbrainz_albumartistid=ID_A)
    assert [(c.role, c.name, c.musicbrainz_artistid) for c in found.credits] == [
        ("main", "Queen", ID_A),
        ("album", "Queen", ID_A),
    ]
    assert "artist" not in found.fallbacks


def test_various_artists_do_not_stand_in_for_a_missing_artist() -> None:
    found = read("Album/z.mp3", albumartist="Various Artists")
    assert main(found) == UNKNOWN and found.is_compilation
    assert found.credits[-1].musicbrainz_artistid == VARIOUS_ARTISTS_MBID


def test_names_are_kept_as_written() -> None:
    """LESSONS 11: names were re-cased."""
    found = read("x.mp3", artist="deadmau5", title="i remember", album="for lack of a better name")
    assert (main(found), found.title, found.album) == ("deadmau5", "i remember", "for lack of a better name")


def test_relative_path_keeps_the_genres() -> None:
    """LESSONS 16: a relative path made the genre list empty."""
    for path in ("x.mp3", "a/x.mp3", "./a/x.mp3", "../x.mp3"):
        assert [label.name for label in read(path, genre=["Rock", "Pop"]).labels] == ["Rock", "Pop"]


def test_title_tag_is_used() -> None:
    """LESSONS 2: every MP3's title became its file name."""
    found = read("Artist/Album/01 - wrong.mp3", title="Right")
    assert found.title == "Right" and "title" not in found.fallbacks


def test_artist_with_an_id_keeps_its_name() -> None:
    """LESSONS 12: artists with an id became "Unknown Artist"."""
    credit = read("x.mp3", artist="Daft Punk", musicbrainz_artistid=ID_A).credits[0]
    assert (credit.name, credit.musicbrainz_artistid) == ("Daft Punk", ID_A)


def test_unknown_values_are_none() -> None:
    """LESSONS 10: BPM defaulted to 120 and the key to C major."""
    found = read("x.mp3", bpm="0", key=" ", date="0000")
    assert (found.bpm_tag, found.key_tag, found.year) == (None, None, None)


@pytest.mark.parametrize(
    ("missing", "score"),
    [
        ((), 1.0),
        (("title",), 0.87),
        (("title", "artist", "album"), 0.6),
        (("genre",), 0.9),
        (("genre", "date", "tracknumber"), 0.7),
        (("title", "artist", "album", "genre", "date", "tracknumber"), 0.3),
    ],
)
def test_quality_counts_tags_not_fallbacks(missing: tuple[str, ...], score: float) -> None:
    fields = {name: value for name, value in FULL.items() if name not in missing}
    assert describe(tags(fields), "Metallica/1988 - Justice/04 - One.mp3").quality_score == score


def test_quality_counts_the_bitrate() -> None:
    assert describe(tags(FULL, bitrate=None), "x.mp3").quality_score == 0.9


FIELD = st.sampled_from(
    [*FULL, "artists", "albumartists", "musicbrainz_albumartistid", "ab:mood", "ab:genre", "totaltracks"]
)
VALUE = st.one_of(ANY_TEXT, st.sampled_from([*map(str, FULL.values()), "CD 1", "A feat. B", "VA", " - ", "Disc 2"]))
PATH = st.one_of(
    ANY_TEXT,
    st.lists(
        st.sampled_from(["Metallica", "CD1", "VA - X", "1999 - Y", "...", "Music", " ", "\x00", "03 - T.mp3"])
    ).map("/".join),
)


@given(st.dictionaries(FIELD, st.lists(VALUE, max_size=3)), PATH)
def test_anything_can_be_described(fields: dict[str, list[str]], path: str) -> None:
    found = describe(tags(fields), path)
    assert found == describe(tags(fields), path)
    assert 0.0 <= found.quality_score <= 1.0
    assert found.title and found.title == clean_text(found.title)
    assert found.album is None or (found.album and found.album == clean_text(found.album))
    assert found.album_key == (name_key(found.album) if found.album else None)
    assert any(credit.role == "main" for credit in found.credits)
    assert len({(credit.role, credit.position) for credit in found.credits}) == len(found.credits)
    assert len({(credit.role, credit.name_key) for credit in found.credits}) == len(found.credits)
    assert set(found.fallbacks) <= {"title", "artist", "album"}
    for text in (found.title, found.album, found.key_tag, *(c.name for c in found.credits)):
        assert text is None or ("\x00" not in text and text.encode("utf-8"))
