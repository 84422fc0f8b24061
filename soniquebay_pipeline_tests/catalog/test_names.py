"""Names: cleaning, normal form, various artists."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.catalog.names import (
    MAX_KEY_CHARS,
    MAX_TEXT_BYTES,
    MAX_TEXT_CHARS,
    clean_text,
    is_various_artists,
    name_key,
)

# Any code point, lone surrogates and NUL included, and the ones that foldings stumble over.
ANY_TEXT = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cc", "Cf", "Zs", "Pd"]),
        st.sampled_from("\x00\u00b4\u00a8\u0345\u0130\u1e9e\u03a3\u03c2\ufdfa\u2011\u200d\u00ad\u3164\u2033 -'"),
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  A \t B\r\nC ", "A B C"),
        ("A\x00B", "A B"),
        ("e\u0301", "é"),
        ("\u202eevil\u202c", "evil"),
        ("\ufeffTitle\x07", "Title"),
        ("caf\udce9", "caf\ufffd"),
        ("\u3000名前\u3000", "名前"),
        ("\u200b\u200d\u00ad", ""),
        ("...And Justice for All", "...And Justice for All"),
        ('"Heroes"', '"Heroes"'),
        ("\u00ad-\u00ad", "\u00ad-\u00ad"),
        ("", ""),
    ],
)
def test_clean_text(text: str, expected: str) -> None:
    assert clean_text(text) == expected


def test_nul_in_a_tag_does_not_reach_postgresql() -> None:
    """LESSONS 4: multi-value ID3 text became ``A\\x00B``, which PostgreSQL rejects."""
    assert "\x00" not in clean_text("A\x00B\x00")


@given(ANY_TEXT)
def test_clean_text_is_storable_and_stable(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert len(cleaned) <= MAX_TEXT_CHARS
    assert len(cleaned.encode("utf-8")) <= MAX_TEXT_BYTES
    assert not {unicodedata.category(char) for char in cleaned} & {"Cc", "Cs"}
    assert cleaned == unicodedata.normalize("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())


@given(st.text(st.sampled_from("a é名😀\u0301\u200d"), min_size=400, max_size=2500))
def test_long_text_is_bounded(text: str) -> None:
    cleaned = clean_text(text)
    assert len(cleaned) <= MAX_TEXT_CHARS and len(cleaned.encode("utf-8")) <= MAX_TEXT_BYTES
    assert clean_text(cleaned) == cleaned
    assert name_key(name_key(text)) == name_key(text)


@given(ANY_TEXT)
def test_name_key_is_stable(text: str) -> None:
    key = name_key(text)
    assert name_key(key) == key
    assert name_key(clean_text(text)) == key
    assert bool(key) == bool(clean_text(text))
    assert len(key) <= MAX_KEY_CHARS
    assert not {unicodedata.category(char) for char in key} & {"Cc", "Cs"}


@pytest.mark.parametrize(
    "spellings",
    [
        ("ABBA", "Abba", "abba"),
        ("a-ha", "a\u2010ha", "A\u2011Ha", "a\u2013ha", "a\u2212ha", "a\ufe63ha"),
        ("Guns N' Roses", "Guns N\u2019 Roses", "guns n` roses", "Guns N\u00b4 Roses"),
        ("…And Justice for All", "...And Justice For All"),
        ("\u201cHeroes\u201d", '"Heroes"', "«Heroes»"),
        ("Sigur Rós", "Sigur Ro\u0301s", "SIGUR RÓS"),
        ("Straße", "STRASSE", "stra\u1e9ee"),
        ("ＹＭＯ", "YMO"),
        ("Daft  Punk", "Daft\u00a0Punk", "Daft Punk\u200b"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
    ],
)
def test_spellings_of_one_name_share_a_key(spellings: tuple[str, ...]) -> None:
    """Peers: artists doubled by case or by two kinds of hyphen."""
    assert len({name_key(name) for name in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "Beatles"),
        ("R.E.M.", "REM"),
        ("AC/DC", "ACDC"),
        ("Sigur Rós", "Sigur Ros"),
        ("Ё", "Е"),
        ('"Heroes"', "Heroes"),
        ("ー", "-"),
        ("x" * 600, "x" * 601),
        ("名" * 5000 + "a", "名" * 5000 + "b"),
    ],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("name", "key"),
    [("R.E.M.", "r.e.m."), ("AC/DC", "ac/dc"), ("…And Justice", "...and justice"), ("!!!", "!!!")],
)
def test_keys_keep_punctuation(name: str, key: str) -> None:
    assert name_key(name) == key


@pytest.mark.parametrize("name", ["R.E.M.", "ABBA", "McCartney", "deadmau5", "k.d. lang", "P!nk", "MØ"])
def test_names_are_never_recased(name: str) -> None:
    """LESSONS 11: R.E.M. became R.e.m., ABBA Abba, McCartney Mccartney."""
    assert clean_text(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Various Artists",
        "various artists",
        "VARIOUS",
        "VA",
        "V.A.",
        "v/a",
        "Verschiedene Interpreten",
        "Verschiedene Künstler",
        "Diverse",
        "Varios Artistas",
        "Artistes divers",
        "Artisti Vari",
        "Vários Artistas",
    ],
)
def test_various_artists(name: str) -> None:
    assert is_various_artists(name)


@pytest.mark.parametrize("name", ["", "Various Cruelties", "Eva", "The Various Artists Band", "Vampire Weekend"])
def test_not_various_artists(name: str) -> None:
    assert not is_various_artists(name)
