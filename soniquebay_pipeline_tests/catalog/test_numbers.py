"""Numbers, dates, identifiers and flags."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.catalog import numbers
from soniquebay_pipeline_tests.catalog.test_names import ANY_TEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3/12", (3, 12)),
        ("03", (3, None)),
        ("3 of 12", (3, 12)),
        ("3 / 12", (3, 12)),
        ("/12", (None, 12)),
        ("3/", (3, None)),
        ("0/0", (None, None)),
        ("0", (None, None)),
        ("３/１２", (3, 12)),
        ("-1", (None, None)),
        ("9999", (9999, None)),
        ("10000", (None, None)),
        ("9" * 500, (None, None)),
        ("A1", (1, None)),
        ("b12", (12, None)),
        ("A", (1, None)),
        ("", (None, None)),
        ("x", (None, None)),
        ("3\x00", (3, None)),
        ("3.0", (3, None)),
        ("3.5", (None, None)),
        ("٣", (None, None)),
        ("²", (2, None)),
        ("1-03", (None, None)),
    ],
)
def test_position(text: str, expected: tuple[int | None, int | None]) -> None:
    assert numbers.parse_position(text) == expected


@pytest.mark.parametrize(
    ("text", "side"), [("A1", 1), ("B2", 2), ("c3", 3), ("D", 4), ("3", None), ("", None), ("Z1", None)]
)
def test_side(text: str, side: int | None) -> None:
    assert numbers.parse_side(text) == side


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2003-05-01T12:00:00Z", ("2003-05-01", 2003)),
        ("2003-05-01", ("2003-05-01", 2003)),
        ("2003-5-1", ("2003-05-01", 2003)),
        ("2003-05", ("2003-05", 2003)),
        ("2003", ("2003", 2003)),
        ("20030501", ("2003-05-01", 2003)),
        ("2003/05/01", ("2003-05-01", 2003)),
        ("2003.05.01", ("2003-05-01", 2003)),
        ("05/01/2003", ("2003", 2003)),
        ("May 2003", ("2003", 2003)),
        ("c1975?", ("1975", 1975)),
        ("2003-00-00", ("2003", 2003)),
        ("2003-13-01", ("2003", 2003)),
        ("2003-02-30", ("2003-02", 2003)),
        ("2000-02-29", ("2000-02-29", 2000)),
        ("2003-2005", ("2003", 2003)),
        ("２００３", ("2003", 2003)),
        ("0000", (None, None)),
        ("0999", (None, None)),
        ("2101", (None, None)),
        ("12345", (None, None)),
        ("", (None, None)),
        ("n/a", (None, None)),
    ],
)
def test_date(text: str, expected: tuple[str | None, int | None]) -> None:
    assert numbers.parse_date(text) == expected


@pytest.mark.parametrize(
    ("text", "gain"),
    [
        ("-6.3 dB", -6.3),
        ("+2,5 DB", 2.5),
        ("0", 0.0),
        ("nan", None),
        ("inf dB", None),
        ("-300", None),
        ("loud", None),
    ],
)
def test_gain(text: str, gain: float | None) -> None:
    assert numbers.parse_gain(text) == gain


@pytest.mark.parametrize(("text", "peak"), [("0.988", 0.988), ("1e-05", 1e-05), ("-1", None), ("1e400", None)])
def test_peak(text: str, peak: float | None) -> None:
    assert numbers.parse_peak(text) == peak


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("128", 128.0),
        ("128.5", 128.5),
        ("128 BPM", 128.0),
        ("0", None),
        ("9", None),
        ("1000", None),
        ("", None),
    ],
)
def test_bpm(text: str, bpm: float | None) -> None:
    """LESSONS 10: an unknown tempo is unknown, not 120."""
    assert numbers.parse_bpm(text) == bpm


@pytest.mark.parametrize(
    ("text", "uuid"),
    [
        (" 89AD4AC3-39F7-470E-963A-56509C546377 ", "89ad4ac3-39f7-470e-963a-56509c546377"),
        ("00000000-0000-0000-0000-000000000000", None),
        ("89ad4ac3", None),
        ("", None),
    ],
)
def test_uuid(text: str, uuid: str | None) -> None:
    assert numbers.parse_uuid(text) == uuid


def test_uuid_inside_a_printed_frame_is_no_uuid() -> None:
    """LESSONS 3: the recording id was stored as the text of the frame."""
    frame = "UFID(owner='http://musicbrainz.org', data=b'89ad4ac3-39f7-470e-963a-56509c546377')"
    assert numbers.parse_uuid(frame) is None


@pytest.mark.parametrize(("text", "isrc"), [("us-rc1-76-07839", "USRC17607839"), ("USRC1", None), ("", None)])
def test_isrc(text: str, isrc: str | None) -> None:
    assert numbers.parse_isrc(text) == isrc


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("True", True), (" YES ", True), ("0", False), ("", False)])
def test_flag(text: str, flag: bool) -> None:
    assert numbers.parse_flag(text) is flag


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Album (Disc 2)", ("Album", 2)),
        ("Album [CD1]", ("Album", 1)),
        ("Album CD 2", ("Album", 2)),
        ("Album - Disc 1", ("Album", 1)),
        ("Album, Disk 03", ("Album", 3)),
        ("Album (Disc One)", ("Album", 1)),
        ("Album (CD 1 of 2)", ("Album", 1)),
        ("Album (Disc 2: The Night)", ("Album", 2)),
        ("Album (Disc 1) [CD1]", ("Album", 1)),
        ("Album {cd 1}", ("Album", 1)),
        ("CD1", ("CD1", None)),
        ("(Disc 2)", ("(Disc 2)", None)),
        ("Disc 2 - CD 1", ("Disc 2", 1)),
        ("Disco 2000", ("Disco 2000", None)),
        ("Abcd 1", ("Abcd 1", None)),
        ("LP1", ("LP1", None)),
        ("Discovery", ("Discovery", None)),
        ("Compact Disc", ("Compact Disc", None)),
        ("Who Are You?", ("Who Are You?", None)),
    ],
)
def test_disc_suffix(title: str, expected: tuple[str, int | None]) -> None:
    assert numbers.split_disc_suffix(title) == expected


@given(st.one_of(ANY_TEXT, st.text("0123456789-/.:ABcdisk ()[]of,T", max_size=30)))
def test_any_text(text: str) -> None:
    for number in (*numbers.parse_position(text), numbers.parse_side(text)):
        assert number is None or 1 <= number <= numbers.MAX_POSITION
    date, year = numbers.parse_date(text)
    assert (date is None) == (year is None)
    if date is not None and year is not None:
        assert date.startswith(f"{year:04}") and numbers.MIN_YEAR <= year <= numbers.MAX_YEAR
        assert numbers.parse_date(date) == (date, year)
    for parse in (numbers.parse_gain, numbers.parse_peak, numbers.parse_bpm):
        value = parse(text)
        assert value is None or math.isfinite(value)
    numbers.parse_flag(text)
    numbers.parse_isrc(text)
    numbers.parse_uuid(text)
    title, _ = numbers.split_disc_suffix(text)
    assert numbers.split_disc_suffix(title) == (title, None)
