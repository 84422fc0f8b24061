"""What tags say of tempo, key and moods, and how that compares with a measurement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.audio.camelot import TONICS, camelot_key
from soniquebay_pipeline.audio.tag_values import (
    MusicalKey,
    Scale,
    TagValues,
    disagrees,
    key_disagrees,
    parse_bpm,
    parse_key,
    read_moods,
    read_tag_values,
)

KEYS = {
    "C": "C major",
    "C#": "C# major",
    "Am": "A minor",
    "A minor": "A minor",
    "a minor": "A minor",
    "A Minor": "A minor",
    "Amin": "A minor",
    "A-min": "A minor",
    "AM": "A major",
    "F#m": "F# minor",
    "F♯ minor": "F# minor",
    "Gb": "F# major",
    "Gbm": "F# minor",
    "B♭ major": "A# major",
    "bb minor": "A# minor",
    "Dbmaj": "C# major",
    "Db Maj": "C# major",
    "Cb": "B major",
    "E#m": "F minor",
    "8A": "A minor",
    "8B": "C major",
    "08a": "A minor",
    "1A": "G# minor",
    "1B": "B major",
    "12A": "C# minor",
    "12B": "E major",
    "5A": "C minor",
    "8A - Energy 6": "A minor",
    "8A - Am": "A minor",
    "Am (8A)": "A minor",
    "1m": "A minor",
    "1d": "C major",
    "6d": "B major",
    "12m": "D minor",
    "h-Moll": "B minor",
    "H moll": "B minor",
    "B-Dur": "A# major",
    "fis-Moll": "F# minor",
    "Es Dur": "D# major",
    "As-Dur": "G# major",
    "a-Moll": "A minor",
    "La mineur": "A minor",
    "Ré majeur": "D major",
    "Fa# mineur": "F# minor",
    " Am\x00": "A minor",
    "Ａｍ": "A minor",
}


@pytest.mark.parametrize("text", KEYS)
def test_keys_that_can_be_read(text: str) -> None:
    assert str(parse_key(text)) == KEYS[text]


@pytest.mark.parametrize(
    "text",
    ["", "o", "O", "0A", "13A", "Hm", "a", "Am/C", "Blues", "Cool", "C##", "128", "Az", "Xm", "Do", "es", "A dorian"],
)
def test_what_is_no_key(text: str) -> None:
    assert parse_key(text) is None


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_none(text: str) -> None:
    key = parse_key(text)
    assert key is None or (key.tonic in TONICS and key.scale in ("major", "minor"))


@given(st.sampled_from(TONICS), st.sampled_from(["major", "minor"]))
def test_a_key_written_out_is_read_as_itself(tonic: str, scale: Scale) -> None:
    assert parse_key(str(MusicalKey(tonic, scale))) == (tonic, scale)


@given(st.sampled_from(TONICS), st.sampled_from(["major", "minor"]))
def test_a_camelot_code_is_read_as_the_key_it_stands_for(tonic: str, scale: Scale) -> None:
    assert parse_key(camelot_key(tonic, scale)) == (tonic, scale)


def test_the_wheel_has_every_key_once() -> None:
    wheel = {parse_key(f"{number}{letter}") for number in range(1, 13) for letter in "AB"}
    assert len(wheel) == 24 and None not in wheel
    # Open Key is the same wheel, seven hours on.
    assert all(parse_key(f"{n}d") == parse_key(f"{(n + 6) % 12 + 1}B") for n in range(1, 13))


@pytest.mark.parametrize(
    ("text", "bpm"), [("128", 128.0), ("127,98", 127.98), ("128 BPM", 128.0), ("133.919158936", 133.919158936)]
)
def test_tempi_that_can_be_read(text: str, bpm: float) -> None:
    assert parse_bpm(text) == bpm


@pytest.mark.parametrize(
    "text", ["", "0", "000", "-120", "9", "1000", "nan", "inf", "fast", "120-130", "1e400", "12 0"]
)
def test_what_is_no_tempo(text: str) -> None:
    assert parse_bpm(text) is None


ACOUSTICBRAINZ = {
    "ab:lo:rhythm:bpm": ["133.919158936"],
    "ab:lo:tonal:key_key": ["F#"],
    "ab:lo:tonal:key_scale": ["minor"],
    "ab:mood": ["Not acoustic", "Aggressive", "Electronic", "Happy", "Party", "Not relaxed", "Not sad"],
    "ab:hi:mood_party:party": ["0.94538640976"],
    "ab:hi:mood_happy:not happy": ["0.25"],
}


def test_all_values_of_a_file_that_has_them() -> None:
    fields = {"bpm": ["128"], "key": ["o", "Gbm"], "replaygain_track_gain": ["-7.50 dB"], **ACOUSTICBRAINZ}
    assert read_tag_values(fields) == TagValues(
        bpm=128.0,
        key=MusicalKey("F#", "minor"),
        acousticbrainz_bpm=133.919158936,
        acousticbrainz_key=MusicalKey("F#", "minor"),
        moods={"happy": 0.75, "aggressive": True, "party": 0.94538640976, "relaxed": False},
        replaygain_lufs=-10.5,
    )


def test_no_tags_say_nothing() -> None:
    assert read_tag_values({}) == TagValues()
    assert read_tag_values({"bpm": [], "key": [""], "mood": ["Melancholic"]}) == TagValues()


@pytest.mark.parametrize("fields", [{"ab:lo:tonal:key_key": ["A"]}, {"ab:lo:tonal:key_scale": ["minor"]}])
def test_half_a_key_of_acousticbrainz_is_none(fields: dict[str, list[str]]) -> None:
    assert read_tag_values(fields).acousticbrainz_key is None


def test_moods_that_people_wrote() -> None:
    assert read_moods({"mood": ["Happy; Relaxed", "sunny"]}) == {"happy": True, "relaxed": True}
    assert read_moods({"mood": ["unhappy", "partying"]}) == {}


def test_labels_that_contradict_each_other_say_nothing() -> None:
    assert read_moods({"mood": ["happy"], "ab:mood": ["Not happy"]}) == {}


def test_a_verdict_alone_is_a_label() -> None:
    assert read_moods({"ab:hi:mood_happy": ["not_happy"], "ab:hi:mood_party": ["party"]}) == {
        "happy": False,
        "party": True,
    }


@pytest.mark.parametrize("probability", ["1.5", "-0.1", "nan", ""])
def test_what_is_no_probability_is_not_kept(probability: str) -> None:
    assert read_moods({"ab:hi:mood_happy:happy": [probability]}) == {}


@pytest.mark.parametrize(
    ("measured", "tag", "how"),
    [
        (120, 120, None),
        (124.7, 120, None),
        (125, 120, "tempo"),
        (60, 120, "octave"),
        (240, 120, "octave"),
        (231, 120, "octave"),
        (90, 120, "tempo"),
        (360, 120, "tempo"),
        (None, 120, None),
        (120, None, None),
    ],
)
def test_how_tempi_differ(measured: float | None, tag: float | None, how: str | None) -> None:
    assert disagrees(measured, tag) == how


@pytest.mark.parametrize(
    ("measured", "tagged", "how"),
    [
        ("C", "C", None),
        ("C", "Am", "relative"),
        ("Am", "C", "relative"),
        ("Em", "G", "relative"),
        ("C", "Cm", "parallel"),
        ("Cm", "C", "parallel"),
        ("C", "G", "fifth"),
        ("C", "F", "fifth"),
        ("Am", "Em", "fifth"),
        ("C", "D", "other"),
        ("C", "Em", "other"),
        ("Am", "F", "other"),
        ("C", "", None),
        ("", "C", None),
    ],
)
def test_how_keys_differ(measured: str, tagged: str, how: str | None) -> None:
    assert key_disagrees(parse_key(measured), parse_key(tagged)) == how
