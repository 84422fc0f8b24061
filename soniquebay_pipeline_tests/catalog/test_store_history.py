"""Histories that once left the catalogue other than its files: each is the shortest way to one bug.

The property test (``test_order_independence``) looks for more of them; what it finds is named here.
"""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.catalog.store.metadata import due_files, write
from soniquebay_pipeline_tests.catalog.store_library import Fields, StoreLibrary, rows_of_fields
from soniquebay_pipeline_tests.normal_form import normal_form

ANN_ID, BO_ID = (f"{n}0000000-0000-4000-8000-000000000000" for n in "12")
RELEASE = "a0000000-0000-4000-8000-000000000000"
# Shards of three: One 1, Two 2, Four 0.


@pytest.fixture
def library(engine: Engine) -> StoreLibrary:
    return StoreLibrary(engine)


def tags(artist: str = "Ann", album: str = "Foo", **more: str) -> Fields:
    return {"title": ["Song"], "artist": [artist], "album": [album], **{name: [value] for name, value in more.items()}}


def assert_as_built_in_one_pass(library: StoreLibrary) -> None:
    found = normal_form(library.engine)
    library.rebuilt()
    expected = normal_form(library.engine)
    for table in expected:
        assert found[table] == expected[table], table


def column(library: StoreLibrary, query: str) -> list[object]:
    with library.engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def test_an_album_in_two_folders_is_described_anew_when_one_of_them_changes(library: StoreLibrary) -> None:
    library.add(0, "One", tags(album="Foo", musicbrainz_albumid=RELEASE, date="1999", compilation="1"))
    library.add(1, "One", tags(album="Foo", musicbrainz_albumid=RELEASE, date="1999", compilation="1"))
    library.add(2, "Two", tags(album="Foo Deluxe", musicbrainz_albumid=RELEASE, date="2005"))
    library.run()
    assert column(library, "SELECT title FROM albums") == ["Foo"]
    library.retag(0, tags(album="Bar"))
    library.retag(1, tags(album="Bar"))
    library.run()
    assert sorted(map(str, column(library, "SELECT title FROM albums"))) == ["Bar", "Foo Deluxe"]
    assert_as_built_in_one_pass(library)


def test_an_album_in_two_folders_is_described_anew_when_one_of_them_is_purged(library: StoreLibrary) -> None:
    library.add(0, "One", tags(album="Foo", musicbrainz_albumid=RELEASE, date="1999", genre="Rock"))
    library.add(1, "One", tags(album="Foo", musicbrainz_albumid=RELEASE, date="1999", genre="Rock"))
    library.add(2, "Two", tags(album="Foo Deluxe", musicbrainz_albumid=RELEASE, date="2005", genre="Jazz"))
    library.add(3, "Four", tags(artist="Bo", album="Bar", genre="Rock"))
    library.run()
    library.vanish(0)
    library.vanish(1)
    library.purge()
    library.run()
    assert_as_built_in_one_pass(library)


def test_an_artist_known_by_two_names_is_named_anew_when_one_of_them_goes(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", musicbrainz_artistid=ANN_ID))
    library.add(1, "One", tags(artist="Ann", musicbrainz_artistid=ANN_ID))
    library.add(2, "Two", tags(artist="Anna", musicbrainz_artistid=ANN_ID))
    library.run()
    library.retag(0, tags(artist="Bo"))
    library.retag(1, tags(artist="Bo"))
    library.run([1])
    assert sorted(map(str, column(library, "SELECT name FROM artists"))) == ["Anna", "Bo"]
    assert_as_built_in_one_pass(library)


def test_a_folder_that_moved_as_a_whole_leaves_no_album_behind(library: StoreLibrary) -> None:
    library.add(0, "One", {"title": ["Song"], "artist": ["Ann"]})  # the folder's name is the album
    library.run()
    library.move(0, "Two")
    library.run()
    assert column(library, "SELECT title FROM albums") == ["Two"]
    assert_as_built_in_one_pass(library)


def test_a_genre_is_spelled_anew_when_a_file_changes_twice_before_its_track_is_written(library: StoreLibrary) -> None:
    library.add(0, "One", tags(genre="Jazz"))
    library.add(1, "Two", tags(genre="rock"))
    library.run()
    library.retag(0, tags(genre="ROCK"))
    library.read([1])
    library.genres()
    library.retag(0, tags(genre="Jazz"))
    library.run()
    assert sorted(map(str, column(library, "SELECT name FROM genres"))) == ["Jazz", "rock"]
    assert_as_built_in_one_pass(library)


def test_a_new_file_waits_for_its_own_folder_to_be_grouped(library: StoreLibrary) -> None:
    library.add(0, "One", tags(genre="Rock"))
    library.read([1])
    library.artists(2)  # a concurrent run over another shard resolves the name
    library.tracks(1)
    library.run()
    assert column(library, "SELECT b.title FROM tracks t LEFT JOIN albums b ON b.id = t.album_id") == ["Foo"]
    assert_as_built_in_one_pass(library)


def test_a_retagged_file_waits_for_its_genres(library: StoreLibrary) -> None:
    library.add(0, "One", tags(genre="Rock"))
    library.run()
    library.retag(0, tags(genre="Jazz"))
    library.read([1])
    library.artists(1)
    library.albums()
    library.tracks(1)  # a concurrent run that is ahead
    library.run()
    assert column(library, "SELECT name FROM genres") == ["Jazz"]
    assert_as_built_in_one_pass(library)


def test_a_file_whose_artist_changed_keeps_its_turn_while_its_folder_is_regrouped(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", albumartist="Bo"))
    library.add(1, "One", tags(artist="Ann", albumartist="Bo"))
    library.add(2, "Two", tags(artist="Ann", album="Bar", musicbrainz_artistid=ANN_ID))
    library.add(3, "Four", tags(artist="Cy", album="Baz"))
    library.run()
    library.retag(3, tags(artist="Ann", album="Baz", musicbrainz_artistid=BO_ID))  # now two of this name
    library.read([0])
    library.artists(0)
    library.albums()
    library.retag(1, tags(artist="Ann", albumartist="Bo", genre="Rock"))
    library.read([1])
    library.artists(1)
    library.tracks(0)
    library.run()
    assert_as_built_in_one_pass(library)


def test_purging_a_guest_takes_their_genres_along(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Ann", album="Foo", genre="Rock", albumartist="Bo"))
    library.add(1, "Two", tags(artist="Ann", album="Bar", genre="Jazz"))
    library.add(2, "Four", tags(artist="Cy", album="Baz", genre="Rock"))
    library.run()
    library.vanish(0)
    library.purge()
    library.run()
    assert column(
        library,
        "SELECT g.name FROM artist_genres JOIN artists a ON a.id = artist_id"
        " JOIN genres g ON g.id = genre_id WHERE a.name = 'Ann'",
    ) == ["Jazz"]
    assert_as_built_in_one_pass(library)


def test_a_file_that_moves_to_another_shard_while_shards_are_read_is_described_once(library: StoreLibrary) -> None:
    library.add(0, "One", tags())
    old, new = [], []
    for shards, found in (((1,), old), ((2,), new)):
        due = list(due_files(library.engine, shards))
        found += [rows_of_fields(each, library.files[0].fields) for each in due]
        if not new:
            library.move(0, "Two")
    write(library.engine, old + new, [])
    assert column(library, "SELECT path FROM raw_metadata") == ["Two/0.flac"]
    library.files[0].read = ("Two/0.flac", library.files[0].fields)
    library.run()
    assert_as_built_in_one_pass(library)


def test_adopting_an_id_decides_the_artist_of_an_album_anew(library: StoreLibrary) -> None:
    library.add(0, "One", tags(artist="Bo", musicbrainz_albumid=RELEASE, musicbrainz_artistid=BO_ID))
    library.add(1, "Two", tags(artist="Ann", musicbrainz_albumid=RELEASE))
    library.run()
    library.add(2, "Four", tags(artist="Ann", album="Bar", musicbrainz_artistid=ANN_ID))
    for number in range(3, 8):
        library.add(number, "Four", tags(artist="Zoe", album="Bar", musicbrainz_artistid=ANN_ID))
    library.run()
    assert_as_built_in_one_pass(library)
