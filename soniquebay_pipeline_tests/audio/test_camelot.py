"""The Camelot table."""

from __future__ import annotations

import pytest

from soniquebay_pipeline.audio.camelot import TONICS, camelot_key, key_name


@pytest.mark.parametrize(
    ("tonic", "scale", "code"),
    [
        ("C", "major", "8B"), ("A", "minor", "8A"), ("G", "major", "9B"), ("E", "minor", "9A"),
        ("F", "major", "7B"), ("D", "minor", "7A"), ("B", "major", "1B"), ("G#", "minor", "1A"),
        ("E", "major", "12B"), ("C#", "minor", "12A"), ("D#", "major", "5B"), ("C", "minor", "5A"),
        ("F#", "major", "2B"), ("A#", "minor", "3A"),
    ],
)  # fmt: skip
def test_known_codes(tonic: str, scale: str, code: str) -> None:
    assert camelot_key(tonic, scale) == code  # type: ignore[arg-type]


def test_all_24_differ() -> None:
    assert len({camelot_key(t, "major") for t in TONICS} | {camelot_key(t, "minor") for t in TONICS}) == 24


def test_a_fifth_up_is_the_next_number() -> None:
    for place, tonic in enumerate(TONICS):
        number = int(camelot_key(tonic, "major")[:-1])
        assert int(camelot_key(TONICS[(place + 7) % 12], "major")[:-1]) == number % 12 + 1


def test_the_relative_minor_has_the_same_number() -> None:
    for place, tonic in enumerate(TONICS):
        assert camelot_key(tonic, "major")[:-1] == camelot_key(TONICS[(place + 9) % 12], "minor")[:-1]


def test_no_such_tonic() -> None:
    with pytest.raises(ValueError):
        camelot_key("H", "major")


def test_names() -> None:
    assert key_name(("A", "minor")) == "A minor"
    assert key_name(None) is None
