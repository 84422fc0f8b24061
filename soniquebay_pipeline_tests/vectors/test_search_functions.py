"""The SQL functions: what is similar, which filters hold, and why; called as any other program would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError

from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.vectors.synthetic import BLOCKS, Track, catalogue_of, clustered, write

KEYS = [f"{number}{letter}" for number in range(1, 13) for letter in "AB"]


def ask(engine: Engine, query: str, **parameters: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query), parameters).all())


def similar(engine: Engine, track: int, arguments: str = "", n: int = 20) -> list[int]:
    extra = f", {arguments}" if arguments else ""
    return [row[0] for row in ask(engine, f"SELECT track_id FROM similar_tracks({track}, n => {n}{extra})")]


def direction(degrees: float) -> list[float]:
    """A sound; those whose degrees are near are alike."""
    return [float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))]


def row_of(*degrees: float, **fields: Any) -> list[Track]:
    """Tracks of artists and albums of their own, each as far from the first as its degrees say."""
    return [
        Track(f"Song {n}", artist=f"Artist {n}", album=f"Album {n}", words=[1.0, 0.0], sound=direction(d), **fields)
        for n, d in enumerate(degrees, start=1)
    ]


@pytest.fixture(scope="module")
def two(server: DatabaseServer) -> Iterator[Engine]:
    """Two tracks in a catalogue that these tests only read."""
    with catalogue_of(server, row_of(0, 10)) as engine:
        yield engine


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("8B", {"8B", "7B", "9B", "8A"}),
        ("12A", {"12A", "11A", "1A", "12B"}),
        ("1B", {"1B", "12B", "2B", "1A"}),
    ],
)
def test_compatible_keys_are_neighbours_on_the_wheel(two: Engine, key: str, expected: set[str]) -> None:
    [[found]] = ask(two, "SELECT compatible_keys(:key)", key=key)
    assert set(found) == expected


@pytest.mark.parametrize("key", ["", "13A", "0B", "8C", "8a", "A8", "08A", "C minor"])
def test_what_is_no_key_has_no_compatible_ones(two: Engine, key: str) -> None:
    assert ask(two, "SELECT compatible_keys(:key)", key=key) == [(None,)]


def test_the_key_wheel_is_symmetric(two: Engine) -> None:
    pairs = {(a, b) for a in KEYS for b in ask(two, "SELECT compatible_keys(:key)", key=a)[0][0]}
    assert {(b, a) for a, b in pairs} == pairs and len(pairs) == 24 * 4


def test_the_nearest_come_first_and_the_track_itself_does_not(engine: Engine) -> None:
    write(engine, row_of(0, 40, 10, 25, 90))
    assert similar(engine, 1) == [3, 4, 2, 5]
    assert similar(engine, 1, n=2) == [3, 4]
    assert similar(engine, 1, n=0) == []


def test_the_parts_add_up_to_the_similarity(engine: Engine) -> None:
    write(engine, clustered(60, text_dimensions=20), blocks=BLOCKS)
    rows = ask(engine, "SELECT * FROM similar_tracks(5, max_per_artist => NULL, max_per_album => NULL)")
    assert len(rows) == 20
    for row in rows:
        parts = [row.by_text, row.by_timbre, row.by_rhythm, row.by_tonality, row.by_dynamics, row.by_character]
        assert row.similarity == pytest.approx(sum(part or 0 for part in parts), abs=1e-5)
    assert rows[0].by_timbre > 0.1 and rows[0].by_text > 0.1


def test_parts_of_one_kind_alone(engine: Engine) -> None:
    write(engine, row_of(0, 10))
    [audio] = ask(engine, "SELECT * FROM similar_tracks(1, kind => 'audio')")
    assert audio.by_text is None and audio.by_timbre == pytest.approx(np.cos(np.radians(10)), abs=1e-5)
    [words] = ask(engine, "SELECT * FROM similar_tracks(1, kind => 'text')")
    assert words.by_timbre is None and words.similarity == words.by_text == pytest.approx(1.0)


def test_a_track_without_audio_is_compared_by_its_words(engine: Engine) -> None:
    tracks = [
        Track("Loud", "A", "1", words=[1.0, 0.0], sound=[1.0, 0.0]),
        Track("Silent alike", "B", "2", words=[1.0, 0.1], sound=None),
        Track("Silent unlike", "C", "3", words=[0.0, 1.0], sound=None),
    ]
    write(engine, tracks)
    rows = ask(engine, "SELECT * FROM similar_tracks(2) ORDER BY similarity DESC")
    assert [(row.track_id, row.has_audio) for row in rows] == [(1, True), (3, False)]
    assert rows[0].by_timbre == 0.0 and rows[0].similarity == pytest.approx(rows[0].by_text)


def test_filters(engine: Engine) -> None:
    tracks = [
        Track("Seed", "A", "1", sound=direction(0), bpm=120, key="8B", genres=("Rock",), year=1990),
        Track("Faster", "B", "2", sound=direction(1), bpm=140, key="8B", genres=("Rock",), year=1991),
        Track("Compatible", "C", "3", sound=direction(2), bpm=121, key="9B", genres=("Jazz",), year=1999),
        Track("Clashing", "D", "4", sound=direction(3), bpm=118, key="2A", genres=("Rock", "Jazz"), year=2000),
        Track("Unknown", "E", "5", sound=direction(4), genres=(), year=None),
    ]
    write(engine, tracks)
    assert similar(engine, 1) == [2, 3, 4, 5]
    assert similar(engine, 1, "bpm_min => 116, bpm_max => 124") == [3, 4]
    assert similar(engine, 1, "bpm_min => 130") == [2]
    assert similar(engine, 1, "bpm_max => 120.5") == [4]
    assert similar(engine, 1, "key_rule => 'compatible'") == [2, 3]
    assert similar(engine, 1, "key_rule => 'same'") == [2]
    assert similar(engine, 1, "key_rule => '2a'") == [4]
    assert similar(engine, 1, "genres => ARRAY['JAZZ']") == [3, 4]
    assert similar(engine, 1, "genres => ARRAY['jazz', 'rock']") == [2, 3, 4]
    assert similar(engine, 1, "genres => ARRAY['polka']") == []
    assert similar(engine, 1, "genres => '{}'") == []
    assert similar(engine, 1, "year_min => 1991, year_max => 1999") == [2, 3]
    assert similar(engine, 1, "bpm_min => 116, bpm_max => 124, genres => ARRAY['rock'], year_min => 1995") == [4]
    assert similar(engine, 5, "key_rule => 'compatible'") == [], "its key is not known"


@pytest.mark.parametrize("rule", ["nearly", "13A", "", "'; DROP TABLE tracks; --"])
def test_an_unknown_key_rule_is_an_error(two: Engine, rule: str) -> None:
    with pytest.raises(DataError, match="compatible, same or a Camelot key"):
        ask(two, "SELECT * FROM similar_tracks(1, key_rule => :rule)", rule=rule)


def test_its_own_album_and_artists_can_be_left_out(engine: Engine) -> None:
    tracks = [
        Track("Seed", "A", "One", sound=direction(0), featured=("Guest",)),
        Track("Same album", "A", "One", sound=direction(1)),
        Track("Other album", "A", "Two", sound=direction(2)),
        Track("By the guest", "Guest", "Three", sound=direction(3)),
        Track("With the artist", "B", "Four", sound=direction(4), featured=("A",)),
        Track("Neither", "B", None, sound=direction(5)),
    ]
    write(engine, tracks)
    assert similar(engine, 1, "not_same_album => true") == [3, 4, 5, 6]
    assert similar(engine, 1, "not_same_artist => true") == [6]
    assert similar(engine, 6, "not_same_album => true") == [5, 4, 3, 2, 1], (
        "a track without album has none to leave out"
    )


def test_few_of_one_artist_and_album(engine: Engine) -> None:
    tracks = [Track("Seed", "Z", "Z", sound=direction(0))]
    tracks += [Track(f"A{n}", "A", f"Album {n // 4}", sound=direction(1 + n / 10)) for n in range(12)]
    tracks += [Track(f"B{n}", f"B{n}", "Sampler", sound=direction(5 + n)) for n in range(4)]
    write(engine, tracks)
    assert similar(engine, 1, "max_per_artist => 3, max_per_album => 2") == [2, 3, 6, 14, 15, 16, 17]
    assert similar(engine, 1, "max_per_artist => NULL, max_per_album => 1")[:3] == [2, 6, 10]
    assert len(similar(engine, 1, "max_per_artist => NULL, max_per_album => NULL")) == 16


def test_one_large_discography_does_not_empty_the_list(engine: Engine) -> None:
    """Three hundred nearer tracks of one artist: more than are looked at first."""
    tracks = [Track("Seed", "Z", "Z", sound=direction(0))]
    tracks += [Track(f"A{n}", "A", f"Album {n}", sound=direction(1 + n / 1000)) for n in range(300)]
    tracks += [Track(f"B{n}", f"B{n}", f"B{n}", sound=direction(20 + n)) for n in range(10)]
    write(engine, tracks)
    assert len(similar(engine, 1, "max_per_artist => 2", n=10)) == 10


def test_a_recording_comes_once(engine: Engine) -> None:
    tracks = [
        Track("Seed", "A", "One", sound=direction(0), audio_hash="x"),
        Track("Copy of the seed", "A", "Best of", sound=direction(0), audio_hash="x"),
        Track("SEED", "A", "Sampler", sound=direction(1)),
        Track("Other", "B", "Two", sound=direction(2), audio_hash="y"),
        Track("Other, copied", "B", "Three", sound=direction(2), audio_hash="y"),
        Track("Other", "C", "Four", sound=direction(3)),
    ]
    write(engine, tracks)
    assert similar(engine, 1) == [4, 6]


def test_missing_files_are_left_out(engine: Engine) -> None:
    tracks = row_of(0, 10, 20)
    write(engine, [tracks[0], Track("Gone", "X", "X", words=[1, 0], sound=direction(1), status="missing"), *tracks[1:]])
    assert similar(engine, 1) == [3, 4]


def test_only_vectors_of_one_model_and_length_are_compared(engine: Engine) -> None:
    write(engine, [*row_of(0, 10), *row_of(1, 11, model="another")])
    assert similar(engine, 1) == [2] and similar(engine, 3) == [4]
    with engine.begin() as connection:
        connection.execute(text("UPDATE embeddings SET vector = '[1,0,0]' WHERE track_id = 2 AND kind = 'combined'"))
    assert similar(engine, 1) == []


def test_a_track_without_vectors_has_nothing_similar(engine: Engine) -> None:
    write(engine, [Track("Unheard"), *row_of(0)])
    assert similar(engine, 1) == [] and similar(engine, 999) == []


def test_search_by_vector(engine: Engine) -> None:
    tracks = [
        Track("Calm", "A", "1", words=[1.0, 0.0], bpm=60, sound=direction(0)),
        Track("Calm again", "B", "2", words=[0.9, 0.1], bpm=70, sound=direction(0)),
        Track("Wild", "C", "3", words=[0.0, 1.0], bpm=170, sound=direction(0)),
    ]
    write(engine, tracks)
    found = ask(engine, "SELECT track_id FROM search_by_vector('[1,0]', 'synthetic', n => 2)")
    assert [row[0] for row in found] == [1, 2]
    assert ask(engine, "SELECT track_id FROM search_by_vector('[1,0]', 'synthetic', bpm_min => 65)")[0] == (2,)
    assert ask(engine, "SELECT * FROM search_by_vector('[1,0]', 'another')") == []
    assert ask(engine, "SELECT * FROM search_by_vector('[1,0,0]', 'synthetic')") == []
    assert ask(engine, "SELECT * FROM search_by_vector(NULL, 'synthetic')") == []


def test_the_overview_names_what_a_track_refers_to(engine: Engine) -> None:
    write(
        engine, [Track("Duet", "A", "One", featured=("B",), genres=("Rock", "Jazz"), year=1999, sound=[1.0], bpm=99.5)]
    )
    [row] = ask(engine, "SELECT * FROM track_overview")
    assert (row.title, row.artists, row.album, row.album_artist) == ("Duet", ["A", "B"], "One", "A")
    assert (row.genres, row.year, row.bpm, row.camelot_key) == (["Jazz", "Rock"], 1999, 99.5, None)
    assert row.path == "A/One/1.flac" and row.is_present


def test_a_search_leaves_the_session_as_it_was(engine: Engine) -> None:
    write(engine, row_of(0, 10))
    names = ("enable_sort", "enable_seqscan", "jit", "hnsw.ef_search")
    show = "SELECT " + ", ".join(f"current_setting('{name}', true)" for name in names)
    with engine.connect() as connection:
        connection.execute(text("SELECT '[1]'::vector"))
        before = connection.execute(text(show)).one()
        connection.execute(text("SELECT * FROM similar_tracks(1)")).all()
        assert connection.execute(text(show)).one() == before
