"""Labels: genres, genre tags, moods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.catalog.labels import MAX_LABELS, genre_key, genre_tags, genres, labels, moods
from soniquebay_pipeline.catalog.names import clean_text
from soniquebay_pipeline_tests.catalog.test_names import ANY_TEXT


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["Rock"], ["Rock"]),
        (["Rock; Pop"], ["Rock", "Pop"]),
        (
            ["Rock, Pop/Folk|Jazz\\Blues\x00Soul\nFunk"],
            ["Rock", "Pop", "Folk", "Jazz", "Blues", "Soul", "Funk"],
        ),
        (["Hip-Hop/Rap"], ["Hip-Hop", "Rap"]),
        (["R&B/Soul"], ["R&B", "Soul"]),
        (["R&B"], ["R&B"]),
        (["Drum & Bass"], ["Drum & Bass"]),
        (["Rock 'n' Roll"], ["Rock 'n' Roll"]),
        (["Rhythm & Blues"], ["Rhythm & Blues"]),
        (["Singer/Songwriter, Folk"], ["Singer/Songwriter", "Folk"]),
        (["Folk, World, & Country; Rock"], ["Folk, World, & Country", "Rock"]),
        (["Funk, Soul, & Disco"], ["Funk", "Soul", "Disco"]),
        (["AC/DC"], ["AC/DC"]),
        (["17"], ["Rock"]),
        (["(17)"], ["Rock"]),
        (["(17)(13)"], ["Rock", "Pop"]),
        (["(17)Rock & Roll"], ["Rock & Roll"]),
        (["(RX)"], ["Remix"]),
        (["Rock - Live"], ["Rock - Live"]),
        (["80s", "2-Step"], ["80s", "2-Step"]),
        (["rock", "Rock", "ROCK"], ["rock"]),
        (["N/A", "unknown", "Other", "12", "genre", "None", "", " ", "999", "1980", "-", "***"], []),
        (["EBM", "IDM", "Neue Deutsche Härte"], ["EBM", "IDM", "Neue Deutsche Härte"]),
    ],
)
def test_genres(values: list[str], names: list[str]) -> None:
    found = genres(values)
    assert [label.name for label in found] == names
    assert [label.position for label in found] == list(range(len(names)))


@pytest.mark.parametrize(
    "spellings",
    [
        ("Hip-Hop", "hip hop", "Hip\u2010Hop", "HIP  HOP"),
        (
            "Drum & Bass",
            "Drum and Bass",
            "drum n bass",
            "Drum 'n' Bass",
            "Drum'n'Bass",
            "Drum n\u2019 Bass",
            "DnB",
            "D&B",
        ),
        ("R&B", "R & B", "R'n'B", "RnB", "R and B"),
        ("Rock & Roll", "Rock and Roll", "Rock 'n' Roll", "Rock\u2019n\u2019Roll", "Rock-and-Roll"),
    ],
)
def test_spellings_of_one_genre_share_a_key(spellings: tuple[str, ...]) -> None:
    assert len({genre_key(name) for name in spellings}) == 1
    assert len(genres(list(spellings))) == 1


@pytest.mark.parametrize(("one", "other"), [("R&B", "Rhythm & Blues"), ("Rock", "Rock & Roll"), ("Hip Hop", "Hop")])
def test_different_genres(one: str, other: str) -> None:
    assert genre_key(one) != genre_key(other)


def test_moods_and_genre_tags_of_acousticbrainz_are_kept_as_written() -> None:
    found = labels(
        {
            "genre": ["Rock"],
            "mood": ["Dark; Calm", "Happy"],
            "ab:mood": ["Not acoustic", "Happy", "Not electronic/synthetic", "0.93"],
            "ab:genre": ["Electronic", "Rhythm and Blues/Soul"],
        }
    )
    assert [(label.kind, label.name) for label in found] == [
        ("genre", "Rock"),
        ("genre_tag", "Electronic"),
        ("genre_tag", "Rhythm and Blues/Soul"),
        ("mood", "Dark"),
        ("mood", "Calm"),
        ("mood", "Happy"),
        ("mood", "Not acoustic"),
        ("mood", "Not electronic/synthetic"),
    ]


def test_number_of_labels_is_bounded() -> None:
    many = [f"genre {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(500)]
    assert len(genres(many)) == MAX_LABELS
    assert len(labels({"genre": many, "mood": many})) == MAX_LABELS


@given(st.lists(st.one_of(ANY_TEXT, st.text("(17)&/;, RX'nand-", max_size=30))))
def test_any_text(values: list[str]) -> None:
    for label in [*genres(values), *genre_tags(values), *moods(values, values)]:
        assert label.name and label.name == clean_text(label.name)
        assert label.name_key == genre_key(label.name) != ""


@given(st.one_of(ANY_TEXT, st.text("an d&'-rb ", max_size=30)))
def test_genre_key_is_stable(name: str) -> None:
    assert genre_key(genre_key(name)) == genre_key(name)
