"""What went wrong in other libraries, one test each: identity of artists and albums, credits, genres.

Here: small scenarios through all steps in SQL. Not here: how one file's tags are read (``test_credits``,
``test_albums``, ``test_labels``), random histories (``test_order_independence``).
"""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.catalog.names import VARIOUS_ARTISTS_MBID
from soniquebay_pipeline_tests.catalog.store_library import Fields, StoreLibrary

FIRST_ID, SECOND_ID = (f"{n}0000000-0000-4000-8000-000000000000" for n in "12")
RELEASE, OTHER_RELEASE = (f"{n}0000000-0000-4000-8000-000000000000" for n in "ab")


@pytest.fixture
def library(engine: Engine) -> StoreLibrary:
    return StoreLibrary(engine)


def tags(title: str = "Song", **more: str | list[str]) -> Fields:
    listed = {name: [value] if isinstance(value, str) else value for name, value in more.items()}
    return {"title": [title], **listed}


def rows(library: StoreLibrary, query: str) -> list[tuple[object, ...]]:
    with library.engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(text(query))), key=repr)


def artists(library: StoreLibrary) -> list[tuple[object, ...]]:
    return rows(library, "SELECT name, musicbrainz_artistid FROM artists")


def albums(library: StoreLibrary) -> list[tuple[object, ...]]:
    return rows(
        library,
        "SELECT b.title, a.name, (SELECT count(*) FROM tracks t WHERE t.album_id = b.id)"
        " FROM albums b JOIN artists a ON a.id = b.album_artist_id",
    )


def credits(library: StoreLibrary) -> list[tuple[object, ...]]:
    return rows(
        library,
        "SELECT t.title, c.role, c.position, a.name FROM track_artists c"
        " JOIN tracks t ON t.id = c.track_id JOIN artists a ON a.id = c.artist_id",
    )


def test_an_id_on_some_tracks_only_is_one_artist(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann"))
    library.add(1, "Two", tags(artist="Ann", musicbrainz_artistid=FIRST_ID))
    library.add(2, "Four", tags(artist="ANN"))
    library.run([1])
    before = rows(library, "SELECT id FROM artists")
    library.run()
    assert artists(library) == [("Ann", FIRST_ID)]
    assert rows(library, "SELECT id FROM artists") == before, "the row and what hangs on it are kept"


def test_two_ids_of_one_name_are_two_and_a_credit_without_is_a_third(library: StoreLibrary) -> None:
    library.add(0, "One", tags("A", artist="Ann", musicbrainz_artistid=FIRST_ID))
    library.add(1, "Two", tags("B", artist="Ann"))
    library.run()
    assert artists(library) == [("Ann", FIRST_ID)]
    library.add(2, "Four", tags("C", artist="Ann", musicbrainz_artistid=SECOND_ID))
    library.run()
    assert artists(library) == [("Ann", FIRST_ID), ("Ann", SECOND_ID), ("Ann", None)]
    of = "SELECT t.title, a.musicbrainz_artistid FROM tracks t JOIN artists a ON a.id = t.track_artist_id"
    assert rows(library, of) == [("A", FIRST_ID), ("B", None), ("C", SECOND_ID)]


@pytest.mark.parametrize(
    "spellings",
    [
        ("Air-Bag", "Air\u2010Bag", "Air\u2013Bag", "AIR-BAG"),
        ("Bj\u00f6rk", "Bjo\u0308rk", "BJ\u00d6RK"),
        ("Foo Fighters", "foo  fighters", "Foo\u00a0Fighters"),
        ("Guns N' Roses", "Guns N\u2019 Roses"),
    ],
)
def test_case_dashes_white_space_and_unicode_form_do_not_matter(
    library: StoreLibrary, spellings: tuple[str, ...]
) -> None:
    for number, name in enumerate((spellings[0], *spellings)):
        library.add(number, ("One", "Two", "Four")[number % 3], tags(artist=name))
    library.run()
    assert artists(library) == [(spellings[0], None)], "the most common spelling is shown"


@pytest.mark.parametrize(
    "name",
    [
        "AC/DC", "R.E.M.", "ABBA", "McCartney", "K/DA", "Simon & Garfunkel", "Earth, Wind & Fire", "Fred again..",
        "...And You Will Know Us by the Trail of Dead", "Tyler, The Creator", "Florence + the Machine", "!!!", "P!nk",
    ],
)  # fmt: skip
def test_names_stay_whole_and_as_written(library: StoreLibrary, name: str) -> None:
    library.add(0, "One", tags(artist=name, album="Foo", albumartist=name))
    library.run()
    assert artists(library) == [(name, None)]
    assert albums(library) == [("Foo", name, 1)]


def test_featured_artists_have_their_roles(library: StoreLibrary) -> None:
    library.add(0, "One", tags("A", artist="Ann feat. Bo"))
    library.add(1, "One", tags("B", artist=["Ann", "Cy"], composer="Dee"))
    library.add(2, "One", tags("C (ft. Bo)", artist="Ann"))
    library.add(3, "One", tags("D", artist="Ann; Bo"))
    library.run()
    assert credits(library) == [
        ("A", "featured", 0, "Bo"),
        ("A", "main", 0, "Ann"),
        ("B", "composer", 0, "Dee"),
        ("B", "main", 0, "Ann"),
        ("B", "main", 1, "Cy"),
        ("C (ft. Bo)", "featured", 0, "Bo"),
        ("C (ft. Bo)", "main", 0, "Ann"),
        ("D", "main", 0, "Ann"),
        ("D", "main", 1, "Bo"),
    ]


@pytest.mark.parametrize("how", ["flag", "album artist", "nothing"])
def test_a_compilation_is_one_album(library: StoreLibrary, how: str) -> None:
    more = {"flag": {"compilation": "1"}, "album artist": {"albumartist": "VA"}, "nothing": {}}[how]
    for number in range(12):
        artist = f"Artist {number}"
        library.add(number, "Hits", tags(artist=artist, album="Summer Hits", tracknumber=str(number + 1), **more))
    library.run()
    assert albums(library) == [("Summer Hits", "Various Artists", 12)]
    ids = dict(artists(library))
    assert ids["Various Artists"] == VARIOUS_ARTISTS_MBID and len(ids) == 13
    assert rows(library, "SELECT is_compilation FROM albums") == [(True,)]


def test_the_discs_of_a_set_are_one_album(library: StoreLibrary) -> None:
    library.add(0, "Set/CD1", tags(artist="Ann", album="Box", discnumber="1", tracknumber="1"))
    library.add(1, "Set/CD2", tags(artist="Ann", album="Box", discnumber="2", tracknumber="1"))
    library.add(2, "Set/Disc 3", tags(artist="Ann", album="Box (Disc 3)", tracknumber="1"))
    library.run()
    assert albums(library) == [("Box", "Ann", 3)]
    assert rows(library, "SELECT disc_number FROM tracks") == [(1,), (2,), (3,)]


def test_one_title_by_two_artists_is_two_albums(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", album="Greatest Hits"))
    library.add(1, "Two", tags(artist="Bo", album="Greatest Hits"))
    library.run()
    assert albums(library) == [("Greatest Hits", "Ann", 1), ("Greatest Hits", "Bo", 1)]


def test_one_title_of_two_years_is_two_albums_and_without_a_year_it_is_the_only_one(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", album="Ann", date="1994"))
    library.add(1, "Two", tags(artist="Ann", album="ANN"))
    library.run()
    assert albums(library) == [("ANN", "Ann", 2)]
    library.add(2, "Four", tags(artist="Ann", album="Ann", date="2001"))
    library.run()
    years = rows(library, "SELECT release_year, title FROM albums")
    assert [year for year, _ in years] == [1994, 2001, None]


def test_a_release_id_is_one_album_wherever_its_files_are(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", album="Foo", musicbrainz_albumid=RELEASE))
    library.add(1, "Two", tags(artist="Ann", album="Foo (Deluxe)", musicbrainz_albumid=RELEASE))
    library.add(2, "Four", tags(artist="Ann", album="Foo", musicbrainz_albumid=OTHER_RELEASE))
    library.run()
    assert sorted(n for _, _, n in albums(library)) == [1, 2]  # type: ignore[type-var]


def test_a_retag_moves_the_track_and_its_old_artist_goes(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Unknwon", album="Foo", genre="Rok", mood="Cam"))
    library.run()
    before = rows(library, "SELECT id, file_id FROM tracks")
    library.retag(0, tags(artist="Ann", album="Bar", genre="Rock", mood="Calm"))
    library.run()
    assert artists(library) == [("Ann", None)]
    assert albums(library) == [("Bar", "Ann", 1)]
    assert rows(library, "SELECT name FROM genres UNION ALL SELECT name FROM mood_tags") == [("Calm",), ("Rock",)]
    assert rows(library, "SELECT id, file_id FROM tracks") == before, "the track and what hangs on it are kept"


def test_a_moved_file_keeps_its_track(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", album="Foo"))
    library.add(1, "One", tags(artist="Ann", album="Foo"))
    library.run()
    before = rows(library, "SELECT id, file_id, title FROM tracks")
    library.move(0, "Two")
    library.run()
    assert rows(library, "SELECT id, file_id, title FROM tracks") == before
    assert albums(library) == [("Foo", "Ann", 2)]


def test_a_missing_file_keeps_its_track_until_it_is_purged(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", album="Foo", genre="Rock"))
    library.add(1, "Two", tags(artist="Bo", album="Bar", genre="Jazz"))
    library.run()
    library.vanish(0)
    library.run()
    assert len(rows(library, "SELECT FROM tracks")) == 2
    library.purge()
    assert artists(library) == [("Bo", None)]
    assert albums(library) == [("Bar", "Bo", 1)]
    assert rows(library, "SELECT name FROM genres") == [("Jazz",)]


def test_genres_are_split_merged_and_numbers_resolved(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", genre="Rock/Pop; electronic"))
    library.add(1, "Two", tags(artist="Ann", genre=["ROCK", "R&B", "Drum & Bass"]))
    library.add(2, "Four", tags(artist="Ann", genre=["rock", "(17)", "8"]))
    library.add(3, "Four", tags(artist="Ann", genre=["Rock", "Hip-Hop, hip hop"]))
    library.run()
    assert [name for (name,) in rows(library, "SELECT name FROM genres")] == [
        "Drum & Bass", "Hip-Hop", "Jazz", "Pop", "R&B", "Rock", "electronic",
    ]  # fmt: skip
    assert (
        rows(
            library,
            "SELECT g.name FROM artist_genres JOIN genres g ON g.id = genre_id EXCEPT SELECT name FROM genres",
        )
        == []
    )
    assert len(rows(library, "SELECT FROM artist_genres")) == 7


def test_an_artist_nobody_names_any_more_is_no_row_but_a_composer_is(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", composer="Dee", albumartist="Bo", album="Foo"))
    library.run()
    assert [name for name, _ in artists(library)] == ["Ann", "Bo", "Dee"]
    library.retag(0, tags(artist="Ann", album="Foo"))
    library.run()
    assert [name for name, _ in artists(library)] == ["Ann"]
