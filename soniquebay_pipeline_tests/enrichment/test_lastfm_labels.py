"""Last.fm's tags as genres and moods of the tracks: which tags, whose, and beside what the files say."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from soniquebay_pipeline.catalog.labels import genre_key
from soniquebay_pipeline.catalog.store.maintenance import forget_everything
from soniquebay_pipeline.db.locks import LOCK_CATALOG, hold_for_transaction
from soniquebay_pipeline.enrichment.lastfm import store
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline.enrichment.lastfm.model import WeightedTag
from soniquebay_pipeline.enrichment.lastfm.run import Options, enrich
from soniquebay_pipeline.enrichment.lastfm.vocabulary import GENRES, MAX_OF_A_KIND, MOODS, labels_of
from soniquebay_pipeline_tests.catalog.store_library import StoreLibrary
from soniquebay_pipeline_tests.enrichment.lastfm_library import change, labels, library_of, rows
from soniquebay_pipeline_tests.lastfm_server import LastFmServer
from soniquebay_pipeline_tests.normal_form import normal_form
from soniquebay_pipeline_tests.test_order_independence import finish, happen, tags


def weighted(*names: str, weight: int | None = 100) -> list[WeightedTag]:
    return [WeightedTag(name, weight) for name in names]


def named(tags_: list[WeightedTag], artist: str = "Somebody") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"genre_tag": [], "mood": []}
    for label in labels_of(tags_, artist):
        found[label.kind].append(label.name)
    return found


# --- the vocabulary --------------------------------------------------------------------------------------


def test_tags_that_are_neither_genre_nor_mood_are_dropped() -> None:
    noise = weighted(
        "seen live", "favourites", "80s", "1994", "german", "female vocalists", "albums I own", "<3", "rock"
    )
    assert named(noise) == {"genre_tag": ["Rock"], "mood": []}


def test_spellings_of_one_genre_are_one() -> None:
    assert named(weighted("hip hop", "Hip-Hop", "hiphop", "DnB", "drum n bass", "RnB", "R&B", "Melancholy", "sad")) == {
        "genre_tag": ["Hip-Hop", "Drum and Bass", "R&B"],
        "mood": ["Melancholic", "Sad"],
    }


def test_the_name_of_the_artist_is_no_genre() -> None:
    assert named(weighted("Garage", "Rock"), artist="GARAGE") == {"genre_tag": ["Rock"], "mood": []}


def test_light_tags_are_dropped_and_unweighted_ones_are_not() -> None:
    assert named([WeightedTag("rock", 100), WeightedTag("jazz", 9), WeightedTag("pop", 10)])["genre_tag"] == [
        "Rock",
        "Pop",
    ]
    assert named(weighted("rock", "jazz", weight=None))["genre_tag"] == ["Rock", "Jazz"]


def test_at_most_five_of_a_kind() -> None:
    assert len(named(weighted(*GENRES))["genre_tag"]) == MAX_OF_A_KIND == len(named(weighted(*MOODS))["mood"])


def test_every_name_of_the_vocabulary_finds_itself() -> None:
    assert len(set(GENRES.values())) > 350 and len(set(MOODS.values())) > 100
    assert not set(GENRES) & set(MOODS), "a tag is one or the other"
    for kind, names in (("genre_tag", GENRES), ("mood", MOODS)):
        for key, name in names.items():
            assert genre_key(key) == key
            assert named(weighted(key))[kind] == named(weighted(name))[kind] == [name]


# --- the links -------------------------------------------------------------------------------------------


def ask(empty: Engine, client: LastFm, *kinds: str) -> None:
    for kind in kinds:
        enrich(empty, kind, client, Options())


def test_a_track_has_its_own_labels_else_its_albums_else_its_artists(
    empty: Engine, client: LastFm, lastfm: LastFmServer
) -> None:
    library_of(
        empty,
        {"artist": "A", "album": "X", "title": "Own"},
        {"artist": "A", "album": "X", "title": "Of the album"},
        {"artist": "A", "album": "Y", "title": "Of the artist"},
    )
    lastfm.artist("A", tags=[("rock", 100), ("sad", 100)])
    lastfm.album("A", "X", tags=[("jazz", 100), ("seen live", 100)])
    lastfm.track("A", "Own", tags=[("techno", 100), ("happy", 100)])
    ask(empty, client, "artist")
    by_artist = [("lastfm genre", "Rock"), ("lastfm mood", "Sad")]
    assert labels(empty) == dict.fromkeys(("Own", "Of the album", "Of the artist"), by_artist)
    ask(empty, client, "album", "track")
    assert labels(empty) == {
        "Own": [("lastfm genre", "Techno"), ("lastfm mood", "Happy")],
        "Of the album": [("lastfm genre", "Jazz"), ("lastfm mood", "Sad")],
        "Of the artist": by_artist,
    }, "genres and moods each from the nearest that has some"
    assert rows(empty, "SELECT count(*) FROM genres") == [(0,)], "genres are what people wrote into their files"


def test_what_files_say_stands(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library = library_of(empty, {"artist": "A", "title": "Song", "mood": "SAD; Odd", "ab:genre": "ROCK"})
    lastfm.artist("A", tags=[("rock", 100), ("pop", 90), ("sad", 100), ("happy", 90)])
    ask(empty, client, "artist")
    assert labels(empty) == {
        "Song": [
            ("file genre", "ROCK"),
            ("file mood", "Odd"),
            ("file mood", "SAD"),
            ("lastfm genre", "Pop"),
            ("lastfm mood", "Happy"),
        ]
    }
    # The file no longer says so: Last.fm still does, and spells it.
    library.retag(0, {"artist": ["A"], "title": ["Song"]})
    library.run()
    assert labels(empty) == {
        "Song": [("lastfm genre", "Pop"), ("lastfm genre", "Rock"), ("lastfm mood", "Happy"), ("lastfm mood", "Sad")]
    }
    assert rows(empty, "SELECT name FROM mood_tags ORDER BY 1") == [("Happy",), ("Sad",)]


def test_labels_that_only_lastfm_holds_up_are_no_orphans(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library = library_of(empty, {"artist": "A"}, {"artist": "B", "title": "Other"})
    lastfm.artist("A", tags=[("rock", 100)])
    ask(empty, client, "artist")
    library.orphans()
    assert rows(empty, "SELECT name FROM genre_tags") == [("Rock",)]
    library.vanish(0)
    library.purge()
    assert rows(empty, "SELECT name FROM genre_tags") == [], "gone with the artist"


def test_a_new_track_has_the_labels_at_once(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library = library_of(empty, {"artist": "A"})
    lastfm.artist("A", tags=[("rock", 100)])
    ask(empty, client, "artist")
    library.add(7, "A", {"artist": ["A"], "title": ["Later"]})
    library.run()
    assert labels(empty)["Later"] == [("lastfm genre", "Rock")]


def test_renewed_tags_replace_the_old(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library = library_of(empty, {"artist": "A", "title": "Song"})
    lastfm.artist("A", tags=[("rock", 100), ("pop", 50)])
    ask(empty, client, "artist")
    lastfm.artists["a"].tags = [("jazz", 100), ("pop", 50)]
    change(empty, "TRUNCATE web_answers", "UPDATE artists SET lastfm_info_fetched_at = NULL")
    ask(empty, client, "artist")
    library.orphans()
    assert labels(empty) == {"Song": [("lastfm genre", "Jazz"), ("lastfm genre", "Pop")]}
    assert rows(empty, "SELECT name FROM genre_tags ORDER BY 1") == [("Jazz",), ("Pop",)]


def test_another_vocabulary_makes_the_labels_anew_without_asking(
    empty: Engine, client: LastFm, lastfm: LastFmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    library_of(empty, {"artist": "A", "title": "Song"})
    lastfm.artist("A", tags=[("rock", 100), ("seen live", 50)])
    ask(empty, client, "artist")
    calls = len(lastfm.calls)
    monkeypatch.setitem(GENRES, genre_key("seen live"), "Seen Live")
    monkeypatch.setattr(store, "VOCABULARY_VERSION", 2)
    ask(empty, client, "artist")
    assert labels(empty) == {"Song": [("lastfm genre", "Rock"), ("lastfm genre", "Seen Live")]}
    assert len(lastfm.calls) == calls
    assert store.relabel(empty, "artist") == 0


# --- order does not matter -------------------------------------------------------------------------------

SAID = {
    "air-bag": ("rock", "Calm"),
    "bo": ("JAZZ", "sad", "seen live"),
    "cy": (),
    "foo": ("Trip-Hop", "calm"),
    "song": ("Techno",),
}
"""What Last.fm says of whatever has this name, be it an artist, an album or a track."""


def lastfm_says(engine: Engine, kind: str, share: float, order: random.Random) -> None:
    """Store what Last.fm says of some of the rows."""
    name = {"artist": "name_key", "album": "title_key", "track": "lower(title)"}[kind]
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_CATALOG)
        found = connection.execute(text(f"SELECT id, {name} FROM {store.TABLES[kind]} ORDER BY id")).all()
        chosen = [row for row in found if order.random() < share]
        store.write_labels(
            connection, kind, {id_: labels_of(weighted(*SAID.get(key, ())), "Nobody") for id_, key in chosen}
        )


def lastfm_says_all(engine: Engine) -> None:
    for kind in ("artist", "album", "track"):
        lastfm_says(engine, kind, 1.0, random.Random(0))


numbers = st.integers(0, 4)
folders = st.sampled_from(["One", "Two", "Set/CD1"])
events = st.one_of(
    st.tuples(st.just("write"), numbers, folders, tags()),
    st.tuples(st.just("write"), numbers, folders, tags()),
    st.tuples(st.just("vanish"), numbers),
    st.tuples(st.just("purge")),
    st.tuples(st.just("run"), st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)),
    st.tuples(st.sampled_from(["artists", "tracks"]), st.integers(0, 2)),
    st.tuples(st.sampled_from(["albums", "genres", "orphans"])),
    st.tuples(st.just("lastfm"), st.sampled_from(["artist", "album", "track"])),
    st.tuples(st.just("lastfm"), st.sampled_from(["artist", "album", "track"])),
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(history=st.lists(events, min_size=3, max_size=14), order=st.randoms(use_true_random=False))
def test_when_lastfm_answers_does_not_matter(
    catalogue: Engine, history: list[tuple[Any, ...]], order: random.Random
) -> None:
    with catalogue.begin() as connection:
        forget_everything(connection)
    library = StoreLibrary(catalogue)
    for event in [*history, ("purge",)]:
        if event[0] == "lastfm":
            lastfm_says(catalogue, event[1], 0.7, order)
        else:
            happen(library, event)
    # Last.fm's answers come before or after the last steps of the catalogue.
    if order.random() < 0.5:
        lastfm_says_all(catalogue)
    finish(library, order)
    lastfm_says_all(catalogue)
    library.orphans()
    found = normal_form(catalogue)
    sources = labels(catalogue)
    library.rebuilt()
    lastfm_says_all(catalogue)
    library.orphans()
    expected = normal_form(catalogue)
    for table in expected:
        assert found[table] == expected[table], table
    assert sources == labels(catalogue)
