"""Search by words and by meaning: accents, beginnings of words, hostile queries, the merged list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.search import search
from soniquebay_pipeline.vectors.texts import folded
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.vectors.synthetic import Track, catalogue_of, write

LIBRARY = [
    Track("Jóga", "Björk", "Homogenic"),
    Track("Army of Me", "Björk", "Post"),
    Track("Thunderstruck", "AC/DC", "The Razors Edge"),
    Track("Losing My Religion", "R.E.M.", "Out of Time"),
    Track("Don't Speak", "No Doubt", "Tragic Kingdom"),
    Track("Time", "Pink Floyd", "The Dark Side of the Moon"),
    Track("Heart of the Sunrise", "Yes", "Fragile"),
    Track("!!!", "!!!", None),
    Track("東京", "くるり", "さよならストレンジャー"),
    Track("Ænima & 'the' \\ rest | of : it*", "Tool", "<b>Ænima</b>"),
]


@pytest.fixture(scope="module")
def library(server: DatabaseServer) -> Iterator[Engine]:
    """LIBRARY in a catalogue that these tests only read."""
    with catalogue_of(server, LIBRARY) as engine:
        yield engine


def titles(engine: Engine, query: str, n: int = 20) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT t.title FROM search_tracks(:q, :n) s JOIN tracks t ON t.id = s.track_id ORDER BY rank DESC, 1"
            ),
            {"q": query, "n": n},
        )
        return list(rows.scalars())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bjork", {"Jóga", "Army of Me"}),
        ("BJÖRK joga", {"Jóga"}),
        ("björ", {"Jóga", "Army of Me"}),
        ("ac/dc", {"Thunderstruck"}),
        ("ac dc", {"Thunderstruck"}),
        ("rem", {"Losing My Religion"}),
        ("r.e.m. losing", {"Losing My Religion"}),
        ("dont speak", {"Don't Speak"}),
        ("don’t", {"Don't Speak"}),
        ("homogenic", {"Jóga"}),
        ("東京", {"東京"}),
        ("!!!", {"!!!"}),
        ("aenima", {"Ænima & 'the' \\ rest | of : it*"}),
        ("post thunderstruck", {"Army of Me", "Thunderstruck"}),  # no track has both: those with either
        ("zzz", set()),
        ("", set()),
        ("   ", set()),
        ("???", set()),
    ],
)
def test_words(library: Engine, query: str, expected: set[str]) -> None:
    assert set(titles(library, query)) == expected


def test_the_title_counts_more_than_the_album(library: Engine) -> None:
    assert titles(library, "time") == ["Time", "Losing My Religion"]
    assert titles(library, "time", n=1) == ["Time"]


def test_missing_files_are_not_found(engine: Engine) -> None:
    write(engine, [Track("Here", "A"), Track("Gone here", "B", status="missing")])
    assert titles(engine, "here") == ["Here"]


@pytest.mark.parametrize(
    "query",
    ["'", "''", "\\", "a\\", "a & | ! b", "a:*b", "(((", "<->", "a <2> b", "!", "x' OR '1'='1", "%", "a\tb\nc",
     "http://a.b/c?d&e='f'", "-1.5e10", "a@b.c", "x" * 5000, "é" * 5000, "\u0301", "\U0001f600", "\ufeff"],
)  # fmt: skip
def test_nothing_in_a_query_is_an_operator(library: Engine, query: str) -> None:
    titles(library, query)


@settings(max_examples=300, deadline=None)
@given(query=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60))
def test_no_query_fails(library: Engine, query: str) -> None:
    titles(library, query)
    titles(library, folded(query))


LATIN = st.text(
    st.sampled_from("abcXYZ 019-_./'&,!ßøŒæþđłıéÉüñçÅžŕ’" + "\u0301\u00a0"), max_size=30
)  # letters, accents and marks that names are written with


@settings(max_examples=300, deadline=None)
@given(words=LATIN)
def test_the_database_folds_as_the_pipeline_does(library: Engine, words: str) -> None:
    with library.connect() as connection:
        assert connection.execute(text("SELECT folded(:w)"), {"w": words}).scalar() == folded(words)


@pytest.mark.parametrize(
    "name", ["R.E.M.", "AC/DC", "Sigur Rós", "Don't", "a.b.c", "r.e.m.live", "V.A", "x_y", "ΣΊΣΥΦΟΣ"]
)
def test_folding_of_names(library: Engine, name: str) -> None:
    with library.connect() as connection:
        assert connection.execute(text("SELECT folded(:w)"), {"w": name}).scalar() == folded(name)


def test_both_lists_are_merged(engine: Engine) -> None:
    tracks = [
        Track("Night piano", "A", "1", words=[0.0, 1.0, 0.0]),
        Track("Nocturne", "B", "2", words=[1.0, 0.0, 0.0]),
        Track("Night and day", "C", "3", words=[0.9, 0.1, 0.0]),
    ]
    write(engine, tracks)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM find_tracks('night', '[1,0,0]', 'synthetic')")).all()
        by_words = connection.execute(text("SELECT * FROM find_tracks('night')")).all()
    assert [row.track_id for row in rows][-1] == 2, "the only one that is in one list alone"
    assert rows[0].score == pytest.approx(1 / (60 + rows[0].words_rank) + 1 / (60 + rows[0].meaning_rank))
    assert {row.track_id: row.words_rank is None for row in rows} == {1: False, 2: True, 3: False}
    assert {row.track_id for row in by_words} == {1, 3}
    assert all(row.meaning_rank is None and row.similarity is None for row in by_words)


def test_without_vectors_it_searches_by_words_and_says_so(engine: Engine, settings_env: Settings) -> None:
    write(engine, LIBRARY)
    found = search(engine, settings_env, "björk joga")
    assert [row["title"] for row in found.rows] == ["Jóga"]
    assert found.note and "no text vectors" in found.note
    assert search(engine, settings_env, "joga", by_meaning=False).note is None


@pytest.mark.parametrize("query", ["", "\0", " \0 ", "!!!"])
def test_odd_queries_through_the_program(engine: Engine, settings_env: Settings, query: str) -> None:
    write(engine, LIBRARY)
    rows: list[dict[str, Any]] = search(engine, settings_env, query).rows
    assert [row["title"] for row in rows] == (["!!!"] if query == "!!!" else [])
