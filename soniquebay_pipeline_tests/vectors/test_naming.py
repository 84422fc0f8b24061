"""Which track a person means: by id, by path, by words; and what is said when it is not clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.vectors.naming import TrackNotNamed, name_track
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.vectors.synthetic import Track, catalogue_of

ROOT = Path("/srv/my music")
LIBRARY = [
    Track("Jóga", "Björk", "Homogenic", path="Björk/Homogenic/01 Jóga.flac"),
    Track("Hunter", "Björk", "Homogenic"),
    Track("Hunter", "Portishead", "Third"),
    Track("Hunter's Dream", "Someone", "Else"),
    Track("99", "Toto", "Hydra"),
    Track("5", "Numbers", "Digits"),
    Track("Latin", "Old", "Tape", path="Old/\U0010ffe9t\U0010ffe9.mp3"),
]


@pytest.fixture(scope="module")
def library(server: DatabaseServer) -> Iterator[Engine]:
    with catalogue_of(server, LIBRARY) as engine:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO library (id, root, shards) VALUES (1, :root, 4)"), {"root": str(ROOT)})
        yield engine


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("2", 2),
        (" 2 ", 2),
        ("99", 5),  # no such id: a title
        ("5", 5),  # an id before a title
        ("Björk/Homogenic/01 Jóga.flac", 1),
        ("./Björk/Homogenic/01 Jóga.flac", 1),
        ("/srv/my music/Björk/Homogenic/01 Jóga.flac", 1),
        ("/srv/./my music/../my music/Björk/Homogenic/01 Jóga.flac", 1),
        ("Old/\udce9t\udce9.mp3", 7),  # as Python hands over arguments that are not UTF-8
        ("joga", 1),
        ("bjork hunter", 2),
        ("Portishead - Hunter", 3),
        ("hunters dream", 4),
        ("homogenic joga", 1),
    ],
)
def test_names(library: Engine, named: str, expected: int) -> None:
    assert name_track(library, named)["track_id"] == expected


@pytest.mark.parametrize(
    ("named", "candidates"),
    [("hunter", {2, 3}), ("homogenic", {1, 2}), ("joga portishead", {1, 3}), ("nothing at all", set()), ("", set()),
     ("\0", set()), ("../../etc/passwd", set()), ("9" * 40, set()), ("'; --", set()), ("٣", set())],
)  # fmt: skip
def test_what_is_not_clear(library: Engine, named: str, candidates: set[int]) -> None:
    with pytest.raises(TrackNotNamed) as raised:
        name_track(library, named)
    assert {row["track_id"] for row in raised.value.candidates} == candidates
