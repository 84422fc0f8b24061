"""pylast over a real socket: what is read of Last.fm's answers, what is kept, and what every failure becomes."""

from __future__ import annotations

import logging
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from soniquebay_pipeline.catalog.names import name_key
from soniquebay_pipeline.enrichment.gateway import (
    CircuitOpen,
    CredentialsRefused,
    Gateway,
    ProviderFailure,
)
from soniquebay_pipeline.enrichment.lastfm.client import MAX_KEY_BYTES, LastFm, cache_key
from soniquebay_pipeline.enrichment.lastfm.model import Due, Info, RequestRejected, WeightedTag
from soniquebay_pipeline.enrichment.report import resting_until
from soniquebay_pipeline_tests.enrichment.conftest import FAST
from soniquebay_pipeline_tests.lastfm_server import API_KEY, LICENCE, STAR, Answer, LastFmServer, error

CHER = "bfcc6d75-a6a5-4bc6-8282-47aec8531818"


def due(artist: str, title: str | None = None, mbid: str | None = None) -> Due:
    return Due(1, artist, artist, mbid, False, title)


def forget_failures(empty: Engine) -> None:
    """What a while without calls does: the circuit closes."""
    with empty.begin() as connection:
        connection.execute(text("DELETE FROM web_providers"))


# --- answers ---------------------------------------------------------------------------------------------


def test_an_artist(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.artist(
        "Cher",
        mbid=CHER.upper(),
        listeners=1_234_567,
        playcount=98_765_432_100,
        tags=[("pop", 100), ("female vocalists", 61), ("80s", 45)],
        bio='Cher is <b>an American</b> singer &amp; actress.\n\nBorn in <a href="https://x/">El Centro</a>.',
    )
    found = client.artist(due("Cher"), by_id=False)
    assert found == Info(
        name="Cher",
        artist="Cher",
        url="https://www.last.fm/music/Cher",
        listeners=1_234_567,
        playcount=98_765_432_100,
        tags=tuple(WeightedTag(name, None) for name in ("pop", "female vocalists", "80s")),
        musicbrainz_id=CHER,
        biography="Cher is an American singer & actress.\n\nBorn in El Centro.",
        biography_licence=LICENCE,
    )
    assert client.artist_tags(due("Cher"), by_id=False) == (
        WeightedTag("pop", 100),
        WeightedTag("female vocalists", 61),
        WeightedTag("80s", 45),
    )
    assert lastfm.asked() == ["Cher", "Cher"]
    assert all(call.parameters["autocorrect"] == "1" for call in lastfm.calls)


def test_what_an_answer_does_not_say_is_not_invented(client: LastFm, lastfm: LastFmServer) -> None:
    # pylast says 0 listeners here, and takes the id of the first similar artist for the artist's own.
    lastfm.artist("Nobody Much", listeners=None, playcount=None, similar=[("Cher", CHER, "1")])
    found = client.artist(due("Nobody Much"), by_id=False)
    assert found is not None
    assert (found.listeners, found.playcount, found.musicbrainz_id, found.biography, found.biography_licence) == (
        (None,) * 5
    )
    assert client.artist_tags(due("Nobody Much"), by_id=False) == ()


def test_only_ten_tags_are_kept(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.artist("Cher", tags=[(f"tag {n}", 100 - n) for n in range(40)])
    assert len(client.artist_tags(due("Cher"), by_id=False)) == 10


def test_similar_artists_have_the_match_as_weight(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.artist(
        "Cher",
        similar=[
            ("Sonny & Cher", "3D6E4B6D-2700-458C-9722-9021965A8164", "1"),
            ("Madonna", "", "0.425"),
            ("X", "", "7"),
        ],
    )
    found = client.similar(due("Cher"), 50, by_id=False)
    assert found is not None and found.artist == "Cher"
    assert [(each.name, each.weight, each.musicbrainz_id) for each in found.artists] == [
        ("Sonny & Cher", 1.0, "3d6e4b6d-2700-458c-9722-9021965a8164"),
        ("Madonna", 0.425, None),
    ], "a match beyond 1 is no match"


def test_the_limit_is_sent(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.artist("Cher", similar=[(f"Artist {n}", "", "0.5") for n in range(30)])
    found = client.similar(due("Cher"), 7, by_id=False)
    assert found is not None and len(found.artists) == 7
    assert lastfm.calls[0].parameters["limit"] == "7"


def test_an_album(client: LastFm, lastfm: LastFmServer) -> None:
    pictures = {"small": "https://x/s.png", "extralarge": "https://x/xl.png", "mega": "https://x/mega.png"}
    lastfm.album("Cher", "Believe", tags=[("pop", 100)], pictures=pictures)
    found = client.album(due("Cher", "Believe"))
    assert found is not None
    assert (found.name, found.artist, found.url) == ("Believe", "Cher", "https://www.last.fm/music/Cher/Believe")
    assert (found.listeners, found.playcount, found.tags) == (1000, 5000, (WeightedTag("pop", None),))
    assert found.picture_url == "https://x/mega.png"
    assert found.musicbrainz_id is None, "not that of its first track"


@pytest.mark.parametrize(
    ("pictures", "kept"),
    [
        ({"large": STAR, "mega": STAR}, None),
        ({"large": "https://x/large.png", "mega": STAR}, "https://x/large.png"),
        ({"mega": "", "small": "https://x/s.png"}, "https://x/s.png"),
        ({"mega": "javascript:alert(1)"}, None),
        ({"mega": "file:///etc/passwd"}, None),
        ({}, None),
    ],
)
def test_the_star_is_no_picture(
    client: LastFm, lastfm: LastFmServer, pictures: dict[str, str], kept: str | None
) -> None:
    lastfm.album("Cher", "Believe", pictures=pictures)
    found = client.album(due("Cher", "Believe"))
    assert found is not None and found.picture_url == kept


def test_a_track(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.track("Cher", "Believe", tags=[("dance", 100), ("pop", 90)])
    found = client.track(due("Cher", "Believe"))
    assert found is not None
    assert (found.name, found.artist, found.tags) == (
        "Believe",
        "Cher",
        (WeightedTag("dance", None), WeightedTag("pop", None)),
    )
    assert found.url == "https://www.last.fm/music/Cher/_/Believe"


@pytest.mark.parametrize(
    "name",
    [
        "AC/DC",
        "Simon & Garfunkel",
        "C+C Music Factory",
        "Sigur Rós",
        "椎名林檎",
        "100%",
        "a=b&c",
        "<b>",
        "é" * 900,
        "🎵",
    ],
)
def test_every_name_arrives_as_it_is(client: LastFm, lastfm: LastFmServer, name: str) -> None:
    lastfm.artist(name)
    found = client.artist(due(name), by_id=False)
    assert found is not None and found.name == name
    assert lastfm.asked() == [name]


def test_by_id(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.artist("Cher", mbid=CHER)
    assert client.artist(due("Nobody", mbid=CHER), by_id=True) is not None
    assert lastfm.asked() == [CHER]


# --- the cache ---------------------------------------------------------------------------------------------


def test_a_kept_answer_is_read_without_a_call(client: LastFm, lastfm: LastFmServer, empty: Engine) -> None:
    lastfm.artist("Cher", tags=[("pop", 100)], similar=[("Madonna", "", "0.4")])
    lastfm.album("Cher", "Believe")

    def everything(of: LastFm) -> list[object]:
        artist = due("Cher")
        return [
            of.artist(artist, by_id=False),
            of.artist_tags(artist, by_id=False),
            of.similar(artist, 5, by_id=False),
            of.album(due("Cher", "Believe")),
            of.album(due("Cher", "Not There")),
        ]

    first = everything(client)
    calls = len(lastfm.calls)
    assert calls == 5
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    without_network = LastFm(Gateway(empty), FAST, API_KEY, f"http://127.0.0.1:{closed.getsockname()[1]}/")
    closed.close()
    assert everything(without_network) == first
    assert len(lastfm.calls) == calls


def test_nothing_there_is_an_answer(client: LastFm, lastfm: LastFmServer, empty: Engine) -> None:
    assert client.artist(due("Nobody"), by_id=False) is None
    assert client.artist(due("Nobody"), by_id=False) is None
    assert len(lastfm.calls) == 1
    with empty.connect() as connection:
        [row] = connection.execute(text("SELECT key, found, body, expires_at - fetched_at AS life FROM web_answers"))
    assert (row.key, row.found, row.body, row.life.days) == ("lastfm:2:artist:nobody", False, None, 7)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2), st.lists(st.text(max_size=20), min_size=2, max_size=2))
def test_two_questions_never_share_a_key(left: list[str], right: list[str]) -> None:
    keys = [[name_key(part) for part in parts] for parts in (left, right)]
    assert (cache_key("album", *keys[0]) == cache_key("album", *keys[1])) == (keys[0] == keys[1])


def test_keys_are_bounded() -> None:
    long = [cache_key("album", "椎" * 500, "林" * 500 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(key.encode()) <= MAX_KEY_BYTES for key in long)
    assert cache_key("album", "ac/dc", "a:b") == "lastfm:2:album:ac/dc:a%3Ab"


# --- failures ----------------------------------------------------------------------------------------------

HTML = b"<html><head><title>502</title></head><body><p>Bad gateway</p></body></html>"
FAILURES = {
    "operation failed": (error(8), "server_error"),
    "operation failed, HTTP 500": (error(8, status=500), "server_error"),
    "offline": (error(11), "server_error"),
    "temporarily unavailable": (error(16, status=503), "server_error"),
    "rate limit": (error(29, "Rate Limit Exceeded"), "rate_limited"),
    "HTTP 429": (Answer(429, HTML), "rate_limited"),
    "HTTP 502": (Answer(502, HTML), "server_error"),
    "html": (Answer(200, HTML), "invalid_answer"),
    "html page": (Answer(200, b"<!DOCTYPE html>" + HTML), "invalid_answer"),
    "html, HTTP 403": (Answer(403, HTML), "invalid_answer"),
    "empty": (Answer(200, b""), "invalid_answer"),
    "json": (Answer(200, b'{"artist": {"name": "Cher"}}'), "invalid_answer"),
    "bytes": (Answer(200, bytes(range(256)) * 40), "invalid_answer"),
    "cut": (Answer(200, b'<lfm status="ok"><artist><name>Cher</na'), "invalid_answer"),
    "an error without words": (Answer(200, b'<lfm status="failed"><error code="8"/></lfm>'), "invalid_answer"),
    "ok without an artist": (Answer(200, b'<lfm status="ok"></lfm>'), "invalid_answer"),
    "an artist without a name": (Answer(200, b'<lfm status="ok"><artist><name/></artist></lfm>'), "invalid_answer"),
    "a redirect": (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), "invalid_answer"),
    "too large": (Answer(200, b'<lfm status="ok">' + b" " * 3_000_000 + b"</lfm>"), "invalid_answer"),
    "nested without end": (
        Answer(200, b'<lfm status="ok">' + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</lfm>"),
        "invalid_answer",
    ),
    "entities": (
        Answer(
            200,
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;">]>'
            b'<lfm status="ok"><artist><name>&y;</name></artist></lfm>',
        ),
        "invalid_answer",
    ),
    "shorter than announced": (Answer(200, b"<lfm", {"Content-Length": "500"}), "timeout"),
    "hangs": (Answer(200, b"<lfm/>", hang_seconds=3.0), "timeout"),
    "drips": (Answer(200, b"<lfm>" + b" " * 500, drip_seconds=0.05), "timeout"),
    "drips its headers": (Answer(drip_headers=True), "timeout"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_no_answer(client: LastFm, lastfm: LastFmServer, empty: Engine, name: str) -> None:
    answer, kind = FAILURES[name]
    lastfm.artist("Cher")
    lastfm.scripts["Cher"] = [answer]
    started = time.monotonic()
    with pytest.raises(ProviderFailure) as failure:
        client.artist(due("Cher"), by_id=False)
    assert failure.value.kind == kind
    assert time.monotonic() - started < 20, "it did not wait for ever"
    assert API_KEY not in repr(failure.value) + str(failure.value)
    forget_failures(empty)
    assert client.artist(due("Cher"), by_id=False) is not None, "the failure was not kept, and the client still works"


def test_retry_after_is_handed_on(client: LastFm, lastfm: LastFmServer, empty: Engine) -> None:
    lastfm.scripts["a"] = [Answer(429, b"", {"Retry-After": "17"})]
    lastfm.scripts["b"] = [Answer(503, b"", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})]
    for name, seconds in (("a", 17.0), ("b", 0.0)):
        forget_failures(empty)
        with pytest.raises(ProviderFailure) as failure:
            client.artist(due(name), by_id=False)
        assert failure.value.retry_after == seconds


def test_nobody_listens(empty: Engine) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    client = LastFm(Gateway(empty), FAST, API_KEY, f"http://127.0.0.1:{port}/2.0/")
    with pytest.raises(ProviderFailure) as failure:
        client.artist(due("Cher"), by_id=False)
    assert failure.value.kind == "refused"


def test_three_failures_in_a_row_open_the_circuit(client: LastFm, lastfm: LastFmServer, empty: Engine) -> None:
    lastfm.always = error(8)
    for name in ("a", "b", "c"):
        with pytest.raises(ProviderFailure):
            client.artist(due(name), by_id=False)
    with pytest.raises(CircuitOpen):
        client.artist(due("d"), by_id=False)
    assert lastfm.asked() == ["a", "b", "c"]
    assert resting_until(empty, "lastfm") is not None


@pytest.mark.parametrize("answer", [error(6, "The artist you supplied could not be found", 404), error(7)])
def test_not_found_and_rejected_are_no_failures_of_the_service(
    client: LastFm, lastfm: LastFmServer, empty: Engine, answer: Answer
) -> None:
    lastfm.always = answer
    for name in ("a", "b", "c", "d"):
        try:
            assert client.artist(due(name), by_id=False) is None
        except RequestRejected as rejected:
            assert "error 7" in str(rejected)
    assert len(lastfm.calls) == 4
    assert resting_until(empty, "lastfm") is None


def test_a_missing_parameter_is_not_kept_as_nothing_there(client: LastFm, lastfm: LastFmServer) -> None:
    lastfm.artist("Cher")
    lastfm.scripts["Cher"] = [error(6, "Invalid parameters - Your request is missing a required parameter", 400)]
    with pytest.raises(RequestRejected):
        client.artist(due("Cher"), by_id=False)
    assert client.artist(due("Cher"), by_id=False) is not None


@pytest.mark.parametrize("code", [4, 9, 10, 13, 26])
def test_refused_credentials_name_the_setting(client: LastFm, lastfm: LastFmServer, code: int) -> None:
    lastfm.always = error(code, f"Invalid API key {API_KEY}", 403)
    with pytest.raises(CredentialsRefused, match="SONIQUEBAY_LASTFM_API_KEY") as refused:
        client.artist(due("Cher"), by_id=False)
    assert API_KEY not in str(refused.value)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__


def test_the_key_is_in_no_log_and_in_no_table(
    client: LastFm, lastfm: LastFmServer, empty: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lastfm.artist("Cher", bio=f"She sings {API_KEY}.", tags=[(API_KEY, 100)])
    client.artist(due("Cher"), by_id=False)
    for name, answer in (("a", error(8, API_KEY)), ("b", Answer(200, API_KEY.encode())), ("c", error(29, API_KEY))):
        lastfm.scripts[name] = [answer]
        with pytest.raises(ProviderFailure):
            client.artist(due(name), by_id=False)
    assert any(call.parameters["api_key"] == API_KEY for call in lastfm.calls), "it was sent"
    logged = "\n".join(f"{record.getMessage()} {record.exc_info}" for record in caplog.records)
    assert "artist.getInfo" in logged, "pylast's own log was captured"
    assert "She sings" in logged, "and the answers as it logs them"
    assert API_KEY not in logged
    with empty.connect() as connection:
        answers = connection.execute(text("SELECT coalesce(body, '') FROM web_answers")).scalars().all()
        provider = connection.execute(text("SELECT last_error FROM web_providers")).scalar_one()
    assert all(API_KEY.encode() not in bytes(body) for body in answers)
    assert API_KEY not in provider
