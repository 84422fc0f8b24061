"""Asking about a library: what is stored, whom it is believed for, what is due, what failures cost."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from soniquebay_pipeline.enrichment.gateway import CredentialsRefused
from soniquebay_pipeline.enrichment.lastfm import store
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline.enrichment.lastfm.due import count_due, describe
from soniquebay_pipeline.enrichment.lastfm.model import Info, Result, WeightedTag
from soniquebay_pipeline.enrichment.lastfm.run import Options, Report, enrich
from soniquebay_pipeline.enrichment.lastfm.status import numbers
from soniquebay_pipeline_tests.enrichment.lastfm_library import add, change, library_of, rows
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LICENCE, STAR, Answer, LastFmServer, error

NIRVANA = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
NIRVANA_UK = "9282c8b4-ca0b-4c6b-b7e3-4f7762dfc4d6"


def ask(empty: Engine, client: LastFm, kind: str = "artist", **options: object) -> Report:
    return enrich(empty, kind, client, Options(**options))  # type: ignore[arg-type]


def forget_failures(empty: Engine) -> None:
    """What a while without calls does: the circuit closes, retries come due."""
    change(empty, "DELETE FROM web_providers", "UPDATE deferred_tasks SET next_attempt_at = now()")


# --- what is stored --------------------------------------------------------------------------------------


def test_an_artist_is_described(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Nirvana"}, {"artist": "Nobody Knows Me"})
    lastfm.artist("Nirvana", mbid=NIRVANA, tags=[("Grunge", 100), ("seen live", 50)], bio="A <i>band</i>.")
    report = ask(empty, client)
    assert (report.asked, report.found, report.nothing, report.failed) == (2, 1, 1, 0)
    assert rows(
        empty,
        "SELECT name, lastfm_url, lastfm_listeners, lastfm_playcount, lastfm_tags, lastfm_biography,"
        " lastfm_biography_licence, musicbrainz_artistid, lastfm_musicbrainz_artistid,"
        " lastfm_info_fetched_at IS NOT NULL FROM artists ORDER BY name",
    ) == [
        (
            "Nirvana",
            "https://www.last.fm/music/Nirvana",
            1000,
            5000,
            [{"name": "Grunge", "weight": 100}, {"name": "seen live", "weight": 50}],
            "A band.",
            LICENCE,
            None,
            NIRVANA,
            True,
        ),
        ("Nobody Knows Me", None, None, None, None, None, None, None, None, True),
    ]
    assert lastfm.asked() == ["Nirvana", "Nirvana", "Nobody Knows Me"], "two calls for one that is known, else one"


def test_albums_and_tracks(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Cher", "album": "Believe", "title": "Strong Enough"})
    lastfm.album("Cher", "Believe", tags=[("pop", 100)], pictures={"large": "https://x/l.png", "mega": STAR})
    lastfm.track("Cher", "Strong Enough", tags=[("dance", 100)])
    assert ask(empty, client, "album").found == 1
    assert ask(empty, client, "track").found == 1
    assert rows(empty, "SELECT lastfm_url, lastfm_listeners, lastfm_tags, lastfm_picture_url FROM albums") == [
        ("https://www.last.fm/music/Cher/Believe", 1000, [{"name": "pop", "weight": None}], "https://x/l.png")
    ]
    assert rows(empty, "SELECT lastfm_url, lastfm_playcount, lastfm_tags FROM tracks") == [
        ("https://www.last.fm/music/Cher/_/Strong+Enough", 5000, [{"name": "dance", "weight": None}])
    ]
    assert len(lastfm.calls) == 2


def test_the_most_wanted_come_first(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "One"}, *[{"artist": "Three"}] * 3, *[{"artist": "Two"}] * 2)
    ask(empty, client)
    assert lastfm.asked("artist.getinfo") == ["Three", "Two", "One"]


def test_nobody_is_asked_about(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    various = {"albumartist": "Various Artists", "album": "Hits"}
    library_of(
        empty, {"artist": "[unknown]"}, {"artist": "Somebody", **various}, {"artist": "[Traditional]", "composer": "VA"}
    )
    for kind in ("artist", "similar", "album", "track"):
        ask(empty, client, kind)
    assert {about.partition(" / ")[0] for about in lastfm.asked()} == {"Somebody"}
    assert "Hits" not in " ".join(lastfm.asked("album.getinfo"))
    found = numbers(empty, 30)["kinds"]["artist"]
    assert (found["total"], found["asked"], found["due"]) == (1, 1, 0), "nobody is not missing either"


def test_a_row_that_vanished_meanwhile_is_left_out(empty: Engine, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Gone"})
    [due] = describe(empty, "artist", [id_ for (id_,) in rows(empty, "SELECT id FROM artists")], 30)
    [album] = describe(empty, "album", [id_ for (id_,) in rows(empty, "SELECT id FROM albums")], 30)
    change(empty, "TRUNCATE raw_files, artists CASCADE")
    info = Info("Gone", "Gone", tags=(WeightedTag("rock", 100),))
    store.write(empty, "artist", [Result(due, info)])
    store.write(empty, "album", [Result(album, info)])
    assert rows(empty, "SELECT count(*) FROM lastfm_labels") == [(0,)]


# --- whom it is about ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Guns and Roses", "Guns N' Roses"),
        ("Beatles", "The Beatles"),
        ("Bjork", "Björk"),
        ("Metalica", "Metallica"),
        ("Simon and Garfunkel", "Simon & Garfunkel"),
        ("P!nk", "P!nk"),
    ],
)
def test_a_correction_of_the_spelling_is_believed(
    empty: Engine, client: LastFm, lastfm: LastFmServer, ours: str, theirs: str
) -> None:
    library_of(empty, {"artist": ours})
    lastfm.artist(theirs)
    lastfm.corrections[ours] = theirs
    assert ask(empty, client).found == 1
    assert rows(empty, "SELECT name, lastfm_listeners, lastfm_corrected_to FROM artists") == [(ours, 1000, None)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("RHCP", "Red Hot Chili Peppers"), ("Various 1", "Various 2"), ("Kiss", "Prince"), ("!!!", "Chk")],
)
def test_a_correction_to_somebody_else_is_not(
    empty: Engine, client: LastFm, lastfm: LastFmServer, ours: str, theirs: str
) -> None:
    library_of(empty, {"artist": ours})
    lastfm.artist(theirs, tags=[("rock", 100)], similar=[("X", "", "1")])
    lastfm.corrections[ours] = theirs
    report = ask(empty, client)
    assert (report.not_believed, report.corrections) == (1, [(ours, theirs)])
    assert ask(empty, client, "similar").not_believed == 1
    assert rows(empty, "SELECT lastfm_url, lastfm_tags, lastfm_corrected_to FROM artists") == [(None, None, theirs)]
    assert rows(empty, "SELECT count(*) FROM artist_similar") == [(0,)]
    assert ask(empty, client).asked == 0, "asked and answered"


def test_the_same_id_makes_any_name_believable(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "RHCP", "musicbrainz_artistid": NIRVANA})
    lastfm.artist("Red Hot Chili Peppers", mbid=NIRVANA)
    lastfm.corrections["RHCP"] = "Red Hot Chili Peppers"
    assert ask(empty, client).found == 1


def test_where_the_name_fails_the_id_is_asked(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Kiss", "musicbrainz_artistid": NIRVANA})
    lastfm.artist("Prince")
    lastfm.artist("KISS (band)", mbid=NIRVANA)
    lastfm.corrections["Kiss"] = "Prince"
    assert ask(empty, client).found == 1
    assert rows(empty, "SELECT lastfm_url, lastfm_corrected_to FROM artists") == [
        ("https://www.last.fm/music/KISS+%28band%29", None)
    ]


def test_two_artists_of_one_name_are_asked_by_id(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(
        empty,
        {"artist": "Nirvana", "musicbrainz_artistid": NIRVANA},
        {"artist": "Nirvana", "musicbrainz_artistid": NIRVANA_UK, "album": "Other"},
        {"artist": "Nirvana", "album": "Third"},
    )
    lastfm.artist("Nirvana", mbid=NIRVANA)
    ask(empty, client)
    assert set(lastfm.asked()) == {NIRVANA, NIRVANA_UK}, "and the one without an id is not asked about"
    assert rows(empty, "SELECT musicbrainz_artistid FROM artists WHERE lastfm_url IS NOT NULL") == [(NIRVANA,)]


# --- what is due -----------------------------------------------------------------------------------------


def test_a_second_run_asks_nothing(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Cher"}, {"artist": "Nobody"})
    lastfm.artist("Cher", similar=[("X", "", "1")])
    for kind in ("artist", "similar", "album", "track"):
        assert ask(empty, client, kind).asked == 2
    calls = len(lastfm.calls)
    assert [ask(empty, client, kind).asked for kind in ("artist", "similar", "album", "track")] == [0] * 4
    assert len(lastfm.calls) == calls


def test_what_is_asked_again_soon_comes_from_the_cache(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Cher"}, {"artist": "Nobody"})
    lastfm.artist("Cher", tags=[("pop", 100)])
    ask(empty, client)
    before = rows(empty, "SELECT name, lastfm_url, lastfm_tags FROM artists ORDER BY 1")
    change(empty, "UPDATE artists SET lastfm_info_fetched_at = NULL, lastfm_url = NULL, lastfm_tags = NULL")
    calls = len(lastfm.calls)
    assert ask(empty, client).asked == 2
    assert rows(empty, "SELECT name, lastfm_url, lastfm_tags FROM artists ORDER BY 1") == before
    assert len(lastfm.calls) == calls


def test_old_answers_are_renewed(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Old"}, {"artist": "New"})
    lastfm.artist("Old", listeners=1)
    ask(empty, client)
    change(
        empty,
        "UPDATE artists SET lastfm_info_fetched_at = now() - interval '31 days' WHERE name = 'Old'",
        "TRUNCATE web_answers",
    )
    lastfm.artists["old"].listeners = 2
    assert count_due(empty, "artist", 30) == 1
    assert count_due(empty, "artist", 60) == 0
    assert ask(empty, client).found == 1
    assert rows(empty, "SELECT lastfm_listeners FROM artists WHERE name = 'Old'") == [(2,)]


def test_another_name_is_asked_anew_and_old_knowledge_goes(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library = library_of(empty, {"artist": "Cher", "musicbrainz_artistid": NIRVANA})
    lastfm.artist("Cher", tags=[("pop", 100)], similar=[("X", "", "1")])
    ask(empty, client)
    ask(empty, client, "similar")
    library.retag(0, {"artist": ["Somebody Else"], "musicbrainz_artistid": [NIRVANA], "title": ["Song"]})
    library.run()
    assert [count_due(empty, kind, 30) for kind in ("artist", "similar")] == [1, 1]
    ask(empty, client)
    ask(empty, client, "similar")
    assert rows(empty, "SELECT name, lastfm_url, lastfm_tags FROM artists") == [("Somebody Else", None, None)]
    assert rows(empty, "SELECT count(*) FROM artist_similar") == [(0,)]


def test_the_time_of_a_run_is_limited(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, *({"artist": f"Artist {number}"} for number in range(25)))
    report = ask(empty, client, run_seconds=0.0)
    assert (report.asked, report.left) == (0, 25)
    assert ask(empty, client).asked == 25


def test_one_artist_is_asked_about_due_or_not(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Cher"}, {"artist": "Abba"})
    lastfm.artist("Cher")
    ask(empty, client)
    change(empty, "TRUNCATE web_answers")
    lastfm.calls.clear()
    assert ask(empty, client, artist="CHER").found == 1
    assert set(lastfm.asked()) == {"Cher"}
    assert ask(empty, client, "album", artist="cher").asked == 1


# --- failures --------------------------------------------------------------------------------------------


def test_one_failure_is_that_artists(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, *({"artist": name} for name in ("A", "B", "C")))
    for name in ("A", "B", "C"):
        lastfm.artist(name)
    lastfm.scripts["B"] = [error(8)]
    report = ask(empty, client)
    assert (report.found, report.failed, report.failures) == (
        2,
        1,
        [("B", "server_error: error 8: Something went wrong")],
    )
    assert rows(empty, "SELECT entity_type, state, attempts, last_error FROM deferred_tasks") == [
        ("artist", "waiting", 1, "server_error: error 8: Something went wrong")
    ]
    assert ask(empty, client).asked == 0, "not before its time"
    forget_failures(empty)
    assert ask(empty, client).found == 1
    assert rows(empty, "SELECT count(*) FROM deferred_tasks") == [(0,)]


def test_it_is_given_up_after_six_attempts(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "A"})
    lastfm.always = error(7)
    for _ in range(6):
        assert ask(empty, client).failed == 1
        forget_failures(empty)
    assert ask(empty, client).asked == 0
    assert numbers(empty, 30)["kinds"]["artist"]["failed"] == 1
    # A new name is a new question.
    change(empty, "UPDATE artists SET name = 'B', name_key = 'b'")
    lastfm.always = None
    assert ask(empty, client).nothing == 1


@pytest.mark.parametrize("outage", [error(11), Answer(502), Answer(429), Answer(200, b"<html/>"), Answer(200, b"")])
def test_an_outage_stops_the_run_and_loses_nothing(
    empty: Engine, client: LastFm, lastfm: LastFmServer, outage: Answer
) -> None:
    names = [f"Artist {number:02}" for number in range(25)]
    library_of(empty, *({"artist": name} for name in names))
    for name in names:
        lastfm.artist(name)
    lastfm.always = outage
    report = ask(empty, client)
    assert report.failed == 3 and report.stopped, "three failures in a row open the circuit"
    assert report.left == 22
    assert len(lastfm.calls) == 3
    assert ask(empty, client).stopped and len(lastfm.calls) == 3, "while it is open nothing is asked"
    lastfm.always = None
    forget_failures(empty)
    report = ask(empty, client)
    assert (report.found, report.failed, report.left) == (25, 0, 0)
    assert rows(empty, "SELECT count(*) FROM deferred_tasks") == [(0,)]


def test_refused_credentials_stop_the_run_and_keep_what_came(
    empty: Engine, client: LastFm, lastfm: LastFmServer
) -> None:
    library_of(empty, *({"artist": name} for name in ("A", "B", "C")))
    lastfm.artist("A")
    lastfm.scripts["B"] = [error(26, "Suspended API key")]
    with pytest.raises(CredentialsRefused):
        ask(empty, client)
    assert rows(empty, "SELECT name FROM artists WHERE lastfm_info_fetched_at IS NOT NULL") == [("A",)]
    assert rows(empty, "SELECT count(*) FROM deferred_tasks WHERE attempts > 0") == [(0,)], "no artist is to blame"
    assert ask(empty, client).asked == 2


def test_the_key_is_in_no_table(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, *({"artist": name, "album": name} for name in ("A", "B", "C")))
    lastfm.artist("A", bio=API_KEY, tags=[(API_KEY, 100)], similar=[(API_KEY, "", "1")])
    lastfm.scripts["B"] = [error(8, f"no such key: {API_KEY}")]
    lastfm.scripts["C"] = [Answer(200, API_KEY.encode())]
    for kind in ("artist", "similar", "album", "track"):
        ask(empty, client, kind)
    assert all(call.parameters["api_key"] == API_KEY for call in lastfm.calls)
    tables = [name for (name,) in rows(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert "web_answers" in tables and "deferred_tasks" in tables
    for table in tables:
        for (row,) in rows(empty, f'SELECT t::text FROM "{table}" t'):
            assert API_KEY not in row, table
    for (body,) in rows(empty, "SELECT body FROM web_answers WHERE body IS NOT NULL"):
        assert API_KEY.encode() not in bytes(body)


# --- similar artists -------------------------------------------------------------------------------------

LINKS = """
    SELECT a.name, s.similar_name, s.weight, o.name FROM artist_similar s JOIN artists a ON a.id = s.artist_id
    LEFT JOIN artists o ON o.id = s.similar_artist_id ORDER BY 1, 3 DESC, 2
"""


def test_similar_artists_are_linked_by_id_then_by_name(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(
        empty,
        {"artist": "Cher"},
        {"artist": "Nirvana", "musicbrainz_artistid": NIRVANA},
        {"artist": "AC/DC"},
    )
    lastfm.artist(
        "Cher",
        similar=[
            ("Kurt's Band", NIRVANA, "1"),
            ("ac/dc", "", "0.9"),
            ("Not Here", NIRVANA_UK, "0.5"),
            ("AC/DC", "", "0.2"),
            ("CHER", "", "0.1"),
        ],
    )
    report = ask(empty, client, "similar")
    assert (report.found, report.nothing) == (1, 2)
    assert rows(empty, LINKS) == [
        ("Cher", "Kurt's Band", 1.0, "Nirvana"),
        ("Cher", "ac/dc", 0.9, "AC/DC"),
        ("Cher", "Not Here", 0.5, None),
    ], "once each, and nobody is similar to themselves"


def test_links_follow_when_artists_come_and_go(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library = library_of(empty, {"artist": "Cher"})
    lastfm.artist("Cher", similar=[("Madonna", "", "1"), ("Nirvana", NIRVANA, "0.5")])
    ask(empty, client, "similar")
    assert [link for *_, link in rows(empty, LINKS)] == [None, None]
    add(library, 1, artist="MADONNA")
    add(library, 2, artist="Somebody", musicbrainz_artistid=NIRVANA)
    library.run()
    assert ask(empty, client, "similar").linked == 2
    assert [link for *_, link in rows(empty, LINKS)] == ["MADONNA", "Somebody"]
    library.vanish(1)
    library.purge()
    assert [link for *_, link in rows(empty, LINKS)] == [None, "Somebody"], "and the name is kept"
    assert rows(empty, "SELECT similar_name FROM artist_similar ORDER BY weight DESC") == [("Madonna",), ("Nirvana",)]


def test_renewed_similar_artists_replace_the_old(empty: Engine, client: LastFm, lastfm: LastFmServer) -> None:
    library_of(empty, {"artist": "Cher"})
    lastfm.artist("Cher", similar=[("Madonna", "", "1"), ("Abba", "", "0.5")])
    ask(empty, client, "similar")
    before = rows(empty, "SELECT id FROM artist_similar WHERE similar_name = 'Abba'")
    lastfm.artists["cher"].similar = [("Abba", "", "1"), ("Kylie", "", "0.3")]
    change(empty, "TRUNCATE web_answers", "UPDATE artists SET lastfm_similar_artists_fetched = NULL")
    ask(empty, client, "similar")
    assert rows(empty, LINKS) == [("Cher", "Abba", 1.0, None), ("Cher", "Kylie", 0.3, None)]
    assert rows(empty, "SELECT id FROM artist_similar WHERE similar_name = 'Abba'") == before
