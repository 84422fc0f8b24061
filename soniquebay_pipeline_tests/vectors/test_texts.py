"""Sentences and words: what they hold, what they do not depend on, and what search finds."""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soniquebay_pipeline.vectors.texts import TrackWords, folded, track_text

names = st.text(max_size=40)
labels = st.lists(names, max_size=12)


@st.composite
def words(draw: st.DrawFn) -> TrackWords:
    return TrackWords(
        title=draw(st.text(max_size=300)),
        artists=draw(labels),
        album=draw(st.none() | names),
        album_artist=draw(st.none() | names),
        genres=draw(labels),
        moods=draw(labels),
        tags=draw(labels),
        year=draw(st.none() | st.integers(1, 9999)),
    )


def test_what_a_sentence_says() -> None:
    text = track_text(
        TrackWords(
            "Ohm",
            ["A.R.C.", "N/OVA"],
            "Voltage Gardens",
            "A.R.C.",
            ["Techno", "Electronic"],
            ["cold"],
            ["synth", "electronic", "berlin"],
            1987,
        )
    )
    assert text.sentence == (
        "Electronic, Techno music by A.R.C., N/OVA on Voltage Gardens (1987, 1980s): Ohm."
        " Mood: cold. Tags: synth, berlin."
    )


def test_what_is_not_known_is_not_in_it() -> None:
    assert track_text(TrackWords("Shade")).sentence == "Music: Shade."


@given(words(), st.randoms())
def test_the_order_of_genres_and_moods_does_not_matter(track: TrackWords, chance: random.Random) -> None:
    shuffled = TrackWords(
        track.title,
        track.artists,
        track.album,
        track.album_artist,
        chance.sample(list(track.genres), len(track.genres)),
        chance.sample(list(track.moods), len(track.moods)),
        track.tags,
        track.year,
    )
    assert track_text(shuffled) == track_text(track)


@given(words())
def test_any_words_make_a_bounded_sentence_that_postgresql_takes(track: TrackWords) -> None:
    text = track_text(track)
    assert text.sentence and len(text.sentence) < 4000
    for part in (text.sentence, text.title_words, text.artist_words, text.album_words):
        assert "\x00" not in part
        part.encode()  # no surrogates


@given(st.text(max_size=200))
@example("0:_0")
def test_folding_twice_changes_nothing(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert once == " ".join(once.split())


@pytest.mark.parametrize(
    ("written", "found_by"),
    [
        ("Björk", "bjork"),
        ("BJÖRK", "bjork"),
        (unicodedata.normalize("NFD", "Björk"), "bjork"),
        ("Sigur Rós", "sigur ros"),
        ("Mötley Crüe", "motley crue"),
        ("Trentemøller", "trentemoller"),
        ("R.E.M.", "rem"),
        ("AC/DC", "ac dc"),
        ("Don’t Stop", "dont stop"),
        ("Guns N' Roses", "guns n roses"),
        ("Straße", "strasse"),
        ("ＡＢＢＡ", "abba"),
        ("Jay-Z", "jay z"),
        ("が", "が"),  # voicing makes another letter
        ("Й", "и"),
        ("???", ""),
    ],
)
def test_what_search_finds(written: str, found_by: str) -> None:
    assert folded(written) == found_by


def test_documents_hold_both_forms() -> None:
    text = track_text(TrackWords("Jóga", ["Björk"], "Homogenic", "Björk"))
    assert text.title_words == "jóga joga"
    assert text.artist_words == "björk bjork"
    assert text.album_words == "homogenic"
