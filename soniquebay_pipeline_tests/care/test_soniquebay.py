"""What is taken over from a SoniqueBay database, and what hostile values in it come to."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from soniquebay_pipeline.care.errors import SourceError
from soniquebay_pipeline.care.soniquebay import values
from soniquebay_pipeline.care.soniquebay.source import opened
from soniquebay_pipeline.care.soniquebay.take import Picture, TakenOver, take_over
from soniquebay_pipeline_tests.care.soniquebay_database import SoniqueBay, soniquebay_database
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.normal_form import all_rows
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

ABBA = "d87e52c5-bb8d-4da8-b941-9f4928627dc8"
RELEASE = "f5093c06-23e3-404f-aeaa-40f72885ee3a"
JPEG = b"\xff\xd8\xff\xe0 a picture"


@pytest.fixture
def theirs(server: DatabaseServer) -> Iterator[SoniqueBay]:
    with soniquebay_database(server) as found:
        yield found


@pytest.fixture
def ours(engine: Engine, music: Path) -> Engine:
    """Abba (with an id) and Björk (without), an album and two tracks each."""
    for name, ids, release in (("ABBA", (ABBA,), RELEASE), ("Björk", (), "")):
        for number in (1, 2):
            song(music / name / "Album" / f"{number} é.flac", ord(name[0]) * 10 + number, artist=(name,),
                 artist_ids=ids, release_id=release, album=f"{name} Album", track=number)  # fmt: skip
    ingest(engine, music)
    return engine


def fill(theirs: SoniqueBay) -> None:
    abba = theirs.add(
        "artists", name="Agnetha & Co", musicbrainz_artistid=ABBA, lastfm_url="https://www.last.fm/music/ABBA",
        lastfm_listeners=4_000_000, lastfm_playcount=200_000_000, lastfm_tags='["pop", "70s"]',
        lastfm_info_fetched_at="2025-03-01 10:00:00",
    )  # fmt: skip
    bjork = theirs.add("artists", name="björk", lastfm_tags='[{"name": "art pop", "weight": 100}]', lastfm_listeners=5)
    roxette = theirs.add("artists", name="Roxette")
    first = theirs.add("albums", title="Other title", album_artist_id=abba, musicbrainz_albumid=RELEASE)
    second = theirs.add("albums", title="BJÖRK ALBUM", album_artist_id=bjork)
    one = theirs.add("tracks", path="/volume1/music/ABBA/Album/1 é.flac", album_id=first)
    two = theirs.add("tracks", path="/volume1/music/Björk/Album/1 é.flac", album_id=second)
    theirs.add("tracks", path="/volume1/music/Roxette/1.flac")
    theirs.add("track_audio_features", track_id=one, bpm=101.5, key="Db", scale="minor", danceability=0.5)
    theirs.add("track_audio_features", track_id=two, bpm=120.0, key="C minor", acousticness=0.25, instrumentalness=7)
    theirs.add("artist_similar", artist_id=abba, similar_artist_id=bjork, weight=0.75)
    theirs.add("artist_similar", artist_id=abba, similar_artist_id=roxette, weight=0.5)
    theirs.add("artist_similar", artist_id=roxette, similar_artist_id=abba, weight=0.5)
    picture = base64.b64encode(JPEG).decode()
    theirs.add("covers", entity_type="album", entity_id=first, cover_data=picture, mime_type="image/jpeg",
               url="https://coverartarchive.org/release/x/front")  # fmt: skip
    theirs.add("covers", entity_type="artist", entity_id=bjork, cover_data=f"data:image/jpeg;base64,{picture}")
    theirs.add("covers", entity_type="artist", entity_id=abba, cover_data=picture,
               url=f"https://lastfm.freetls.fastly.net/i/u/{values.PLACEHOLDER}.png")  # fmt: skip
    theirs.add("covers", entity_type="artist", entity_id=roxette, cover_data=picture)
    theirs.add("covers", entity_type="track", entity_id=one, cover_data="no base64!")


class Store:
    """Takes pictures as the room of pictures does: a candidate each, in the database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pictures: list[Picture] = []

    def __call__(self, pictures: Sequence[Picture]) -> int:
        self.pictures += pictures
        with self.engine.begin() as connection:
            for each in pictures:
                connection.execute(
                    text(
                        "INSERT INTO cover_candidates (entity_type, entity_id, source, origin, about, reason)"
                        " VALUES (:type, :id, :source, :origin, :origin, 'test')"
                    ),
                    {"type": each.entity_type, "id": each.entity_id, "source": each.source, "origin": each.origin},
                )
        return len(pictures)


EXPECTED = TakenOver(
    artists=3, artists_matched=2, albums=2, albums_matched=2, tracks=3, tracks_matched=2,
    music_folder="/volume1/music/", lastfm_taken=2, similar_taken=2, features_taken=2, pictures=2,
    pictures_unreadable=1,
)  # fmt: skip


def test_what_is_matched_is_taken_over_once(ours: Engine, theirs: SoniqueBay) -> None:
    fill(theirs)
    before, there = all_rows(ours), theirs.everything()
    store = Store(ours)
    assert take_over(ours, theirs.url, dry_run=True, offer_pictures=store) == EXPECTED
    assert all_rows(ours) == before and not store.pictures, "a dry run changes nothing"

    taken = take_over(ours, theirs.url, dry_run=False, offer_pictures=store)
    assert taken.pictures_taken == 2 and taken.lastfm_taken == 2
    with ours.connect() as connection:
        artists = {row.name: row for row in connection.execute(text("SELECT * FROM artists"))}
        abba, bjork = artists["ABBA"], artists["Björk"]
        assert (abba.lastfm_url, abba.lastfm_listeners) == ("https://www.last.fm/music/ABBA", 4_000_000)
        assert abba.lastfm_tags == [{"name": "pop", "weight": None}, {"name": "70s", "weight": None}]
        assert abba.lastfm_info_fetched_at.isoformat() == "2025-03-01T10:00:00+00:00"
        assert (bjork.lastfm_tags, bjork.lastfm_info_fetched_at) == ([{"name": "art pop", "weight": 100}], None)
        similar = connection.execute(text("SELECT * FROM artist_similar ORDER BY similar_name")).all()
        assert [(s.similar_name, s.similar_artist_id, s.weight, s.source) for s in similar] == [
            ("Roxette", None, 0.5, "soniquebay"),
            ("björk", bjork.id, 0.75, "soniquebay"),
        ]
        query = text("SELECT f.* FROM imported_features f JOIN tracks t ON t.id = f.track_id ORDER BY t.title, bpm")
        stand_ins = {(row.bpm, row.key, row.scale, row.danceability, row.acousticness, row.instrumentalness)
                     for row in connection.execute(query)}  # fmt: skip
        assert stand_ins == {(101.5, "C#", None, 0.5, None, None), (None, "C", None, None, 0.25, None)}
        assert connection.execute(text("SELECT count(*) FROM audio_features")).scalar_one() == 0
    assert {(p.entity_type, p.source, p.data) for p in store.pictures} == {
        ("album", "coverartarchive", JPEG),
        ("artist", "soniquebay", JPEG),
    }
    assert theirs.everything() == there, "nothing there is changed"

    after = all_rows(ours)
    again = take_over(ours, theirs.url, dry_run=False, offer_pictures=store)
    assert (again.lastfm_taken, again.similar_taken, again.features_taken, again.pictures) == (0, 0, 0, 0)
    assert all_rows(ours) == after, "twice adds nothing"


def test_what_is_known_here_stays(ours: Engine, theirs: SoniqueBay) -> None:
    fill(theirs)
    with ours.begin() as connection:
        connection.execute(text("UPDATE artists SET lastfm_listeners = 1, lastfm_info_fetched_at = now(),"
                                " lastfm_similar_artists_fetched = now()"))  # fmt: skip
        connection.execute(text("INSERT INTO audio_features (track_id, analysis_version) SELECT id, 1 FROM tracks"))
    before = all_rows(ours)
    taken = take_over(ours, theirs.url, dry_run=False)
    assert (taken.lastfm_taken, taken.similar_taken, taken.features_taken) == (0, 0, 0)
    assert all_rows(ours) == before


def test_two_of_one_name_are_told_apart_or_left(ours: Engine, theirs: SoniqueBay) -> None:
    other = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
    theirs.add("artists", name="ABBA", musicbrainz_artistid=other, lastfm_listeners=1)
    assert take_over(ours, theirs.url, dry_run=True).artists_matched == 0


def test_hostile_values_come_to_nothing(ours: Engine, theirs: SoniqueBay) -> None:
    theirs.execute("ALTER TABLE artists ALTER lastfm_listeners TYPE text, ALTER lastfm_info_fetched_at TYPE text")
    theirs.execute("ALTER TABLE track_audio_features ALTER bpm TYPE text")
    bomb = "[" * 100_000
    theirs.add("artists", name="ABBA", lastfm_url="javascript:alert(1)", lastfm_listeners="many", lastfm_tags=bomb,
               lastfm_info_fetched_at="never")  # fmt: skip
    theirs.add("artists", name="", lastfm_listeners="5")
    theirs.add("artists", name="Björk", lastfm_listeners="-5", lastfm_tags='{"a": 1}', musicbrainz_artistid="x' OR 1=1")
    track = theirs.add("tracks", path="ABBA/Album/1 é.flac")
    theirs.add("tracks", path="")
    theirs.add(
        "track_audio_features", track_id=track, bpm="NaN", key="'; DROP TABLE artists", danceability=float("inf")
    )
    theirs.add("artist_similar", artist_id=1, similar_artist_id=3, weight=float("nan"))
    theirs.add("artist_similar", artist_id=1, similar_artist_id=99, weight=0.5)
    theirs.add("covers", entity_type="galaxy", entity_id=1, cover_data="AAAA")
    before = all_rows(ours)
    taken = take_over(ours, theirs.url, dry_run=False)
    assert (taken.artists_matched, taken.tracks_matched) == (2, 1) and taken.music_folder == ""
    assert (taken.lastfm_taken, taken.similar_taken, taken.features_taken, taken.pictures) == (0, 0, 0, 0)
    assert all_rows(ours) == before


def test_an_older_version_lacks_columns_and_tables(ours: Engine, theirs: SoniqueBay) -> None:
    theirs.execute("DROP TABLE covers, artist_similar, track_audio_features, albums")
    theirs.execute("ALTER TABLE artists DROP lastfm_tags, DROP lastfm_info_fetched_at, DROP musicbrainz_artistid")
    theirs.add("artists", name="Abba", lastfm_listeners=7)
    assert take_over(ours, theirs.url, dry_run=False).lastfm_taken == 1


def test_the_session_cannot_write(theirs: SoniqueBay) -> None:
    with opened(theirs.url) as source, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        source._connection.execute("DELETE FROM artists")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:secret-word@127.0.0.1:1/soniquebay", "can't be opened"),
        ("not a url", "can't be opened"),
        (None, "no SoniqueBay database"),
    ],
)
def test_what_is_no_soniquebay_database(ours: Engine, server: DatabaseServer, url: str | None, words: str) -> None:
    with server.database() as empty:
        with psycopg.connect(empty) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
        with pytest.raises(SourceError, match=words) as error:
            take_over(ours, url or empty, dry_run=False)
    assert "secret-word" not in str(error.value)


def test_the_command_asks(ours: Engine, theirs: SoniqueBay, tmp_path: Path) -> None:
    fill(theirs)
    url = ours.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings: dict[str, object] = {"home": tmp_path / "home", "database_url": url, "shards": SHARDS}
    before = all_rows(ours)
    dry = soniquebay("import", theirs.url, "--dry-run", "--json", settings=settings)
    assert dry.code == 0 and dry.json["features_taken"] == 2, dry.stderr
    refused = soniquebay("import", theirs.url, settings=settings, stdin="n\n")
    assert refused.code == 1 and "Would take over: Last.fm's data of 2 artists" in refused.stdout
    assert all_rows(ours) == before
    done = soniquebay("import", theirs.url, settings=settings, stdin="y\n")
    assert done.code == 0 and "Took over: Last.fm's data of 2 artists" in done.stdout, done.stderr
    again = soniquebay("import", theirs.url, "--yes", settings=settings)
    assert "Took over: Last.fm's data of 0 artists, 0 similar artists" in again.stdout


ANYTHING = st.one_of(st.text(), st.floats().map(str), st.integers().map(str), st.none())


@given(ANYTHING)
def test_no_text_breaks_a_value(value: str | None) -> None:
    bpm = values.tempo(value)
    assert bpm is None or (20 <= bpm <= 400 and bpm != 120)
    assert values.tonic(value) in {None, "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"}
    assert values.count(value) is None or values.count(value) >= 0  # type: ignore[operator]
    for function in (values.uuid, values.lastfm_url, values.moment, values.picture, values.tags):
        function(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["name", "weight", "count"]), inner),
)


@given(JSON)
def test_tags_are_bounded_whatever_the_json_is(value: Any) -> None:
    for tag in values.tags(json.dumps(value)) or []:
        assert 0 < len(tag["name"]) <= 100 and "\0" not in tag["name"]
        assert tag["weight"] is None or 0 <= tag["weight"] <= 100
        tag["name"].encode()
