"""Covers from web services: real sockets to local servers that answer as the Cover Art Archive and Last.fm do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork.model import CoverRules
from soniquebay_pipeline.artwork.web import WebReport, count_due, fetch_covers, forget_settled, services_of
from soniquebay_pipeline.enrichment.gateway import Gateway
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.artwork.picture_files import RULES, cover, jpeg, put, shown, stored_files
from soniquebay_pipeline_tests.music_files import song
from soniquebay_pipeline_tests.pipeline_steps import INLINE
from soniquebay_pipeline_tests.web_server import Reply, WebServer

STAR = "/i/u/300x300/2a96cbd8b46e442fc41c2b86b821562f.png"
SOURCES = ("coverartarchive", "lastfm")


def release(number: int) -> str:
    return str(UUID(int=number))


def of(data: bytes) -> str:
    return sha256(data).hexdigest()


@dataclass
class Web:
    """Two services, and a catalogue whose albums they are asked about."""

    engine: Engine
    music: Path
    home: Path
    archive: WebServer
    lastfm: WebServer

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            coverartarchive_url=self.archive.url(""),
            coverartarchive_hosts=self.archive.host,
            coverartarchive_calls_per_second=50.0,
            lastfm_calls_per_second=50.0,
            lastfm_picture_hosts=self.lastfm.host,
        )

    def album(self, number: int, artist: str = "Artist", identified: bool = True) -> None:
        """An album of one song without a picture."""
        song(
            self.music / artist / f"Album {number}" / "1.flac",
            number,
            artist=(artist,),
            album=f"Album {number}",
            release_id=release(number) if identified else "",
        )

    def fetch(self, *sources: str, rules: CoverRules = RULES) -> dict[str, WebReport]:
        """The asset web_covers."""
        with Gateway(self.engine, memory_seconds=0) as gateway:
            services = services_of(self.settings, gateway, INLINE)
            return {source: fetch_covers(self.engine, source, services, rules)[0] for source in sources or SOURCES}

    def offered(self, number: int, *replies: Reply) -> None:
        """What the archive answers for the album's release."""
        self.archive.on(f"/release/{release(number)}/front-1200", *replies)

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def web(engine: Engine, music: Path, tmp_path: Path) -> Iterator[Web]:
    with WebServer() as archive, WebServer() as lastfm:
        yield Web(engine, music, tmp_path / "home", archive, lastfm)


def picture(seed: int) -> Reply:
    return Reply(body=jpeg(seed), content_type="image/jpeg")


def test_what_nothing_better_covers_is_asked_for_once(web: Web) -> None:
    web.album(1)
    web.album(2)
    web.album(3, identified=False)
    put(web.music / "Artist/Album 2/cover.jpg", jpeg(2))
    web.offered(1, picture(1))
    cover(web.engine, web.music, web.home)
    found = web.fetch()
    assert (found["coverartarchive"].asked, found["coverartarchive"].found) == (1, 1)
    assert found["lastfm"].asked == 0, "nobody knows an address there"
    assert shown(web.engine) == {
        "Album 1": ("coverartarchive", of(jpeg(1))),
        "Album 2": ("local", of(jpeg(2))),
    }
    files, requests = stored_files(web.home), len(web.archive.requests)
    assert web.fetch()["coverartarchive"].asked == 0
    assert (stored_files(web.home), len(web.archive.requests)) == (files, requests)


def test_attempts_end_with_what_a_better_source_covers(web: Web) -> None:
    for number in (1, 2):
        web.album(number)
        web.offered(number, Reply(503))
    cover(web.engine, web.music, web.home)
    assert web.fetch("coverartarchive")["coverartarchive"].failed == 2
    put(web.music / "Artist/Album 1/cover.jpg", jpeg(9))
    cover(web.engine, web.music, web.home)
    with web.engine.begin() as connection:
        assert forget_settled(connection, RULES, 30) == 1
        assert forget_settled(connection, CoverRules.of(Settings(cover_sources="local")), 30) == 1


def test_a_better_source_takes_the_place_and_gives_it_back(web: Web) -> None:
    web.album(1)
    web.offered(1, picture(1))
    cover(web.engine, web.music, web.home)
    web.fetch()
    local = put(web.music / "Artist/Album 1/cover.jpg", jpeg(9))
    cover(web.engine, web.music, web.home)
    assert shown(web.engine) == {"Album 1": ("local", of(jpeg(9)))}
    local.unlink()
    cover(web.engine, web.music, web.home)
    assert shown(web.engine) == {"Album 1": ("coverartarchive", of(jpeg(1)))}
    assert len(web.archive.requests) == 1


def test_what_the_archive_lacks_comes_from_lastfm_until_the_archive_has_it(web: Web) -> None:
    web.album(1)
    web.offered(1, Reply(404), picture(1))
    web.lastfm.on("/i/u/one.jpg", picture(7))
    cover(web.engine, web.music, web.home)
    web.execute(f"UPDATE albums SET lastfm_picture_url = '{web.lastfm.url('/i/u/one.jpg')}'")
    found = web.fetch()
    assert found["coverartarchive"].nothing == 1 and found["lastfm"].found == 1
    assert shown(web.engine) == {"Album 1": ("lastfm", of(jpeg(7)))}
    assert count_due(web.engine, "coverartarchive", RULES, 30) == 0, "it was asked a moment ago"
    # A month later it is asked again, and the better source takes the place.
    web.execute("UPDATE cover_candidates SET seen_at = now() - interval '31 days'")
    web.execute("TRUNCATE web_answers")
    assert web.fetch("coverartarchive")["coverartarchive"].found == 1
    assert shown(web.engine) == {"Album 1": ("coverartarchive", of(jpeg(1)))}


def test_other_ids_are_another_question(web: Web) -> None:
    web.album(1)
    web.offered(1, Reply(404))
    web.offered(2, picture(2))
    cover(web.engine, web.music, web.home)
    web.fetch()
    web.execute(f"UPDATE albums SET musicbrainz_albumid = '{release(2)}'")
    assert web.fetch()["coverartarchive"].found == 1


def test_a_failure_is_that_albums_and_comes_again_later(web: Web) -> None:
    for number in (1, 2):
        web.album(number)
    web.offered(1, Reply(200, body=b"<html>not a picture</html>", content_type="text/html"), picture(1))
    web.offered(2, picture(2))
    cover(web.engine, web.music, web.home)
    report = web.fetch("coverartarchive")["coverartarchive"]
    assert (report.found, report.failed) == (1, 1)
    assert web.fetch("coverartarchive")["coverartarchive"].asked == 0, "its next attempt is minutes away"
    web.execute("UPDATE deferred_tasks SET next_attempt_at = now()")
    assert web.fetch("coverartarchive")["coverartarchive"].found == 1
    assert set(shown(web.engine)) == {"Album 1", "Album 2"}


@pytest.mark.parametrize("outage", [Reply(503), Reply(429, headers={"Retry-After": "60"}), Reply(reset=True)])
def test_an_outage_uses_up_no_attempts_and_holds_up_no_other_service(web: Web, outage: Reply) -> None:
    for number in range(1, 7):
        web.album(number)
        web.offered(number, outage)
    web.lastfm.on("/i/u/one.jpg", picture(7))
    cover(web.engine, web.music, web.home)
    web.execute(f"UPDATE albums SET lastfm_picture_url = '{web.lastfm.url('/i/u/one.jpg')}' WHERE title = 'Album 1'")
    found = web.fetch()
    assert found["coverartarchive"].stopped and found["coverartarchive"].asked <= 3
    assert found["lastfm"].found == 1
    with web.engine.connect() as connection:
        untried = text("SELECT count(*) FROM deferred_tasks WHERE entity_type = 'coverartarchive' AND attempts = 0")
        assert connection.execute(untried).scalar_one() >= 3
    web.archive._behaviours.clear()
    for number in range(1, 7):
        web.offered(number, picture(number))
    web.execute("DELETE FROM web_providers")
    web.execute("UPDATE deferred_tasks SET next_attempt_at = now()")
    web.fetch()
    assert {source for source, _ in shown(web.engine).values()} == {"coverartarchive"}
    assert len(shown(web.engine)) == 6


def test_what_is_no_picture_is_refused_with_a_reason_and_not_asked_again(web: Web) -> None:
    web.album(1)
    web.offered(1, Reply(body=b"\xff\xd8\xff\xe0 and no more", content_type="image/jpeg"))
    cover(web.engine, web.music, web.home)
    assert web.fetch()["coverartarchive"].refused == 1
    assert shown(web.engine) == {}
    with web.engine.connect() as connection:
        [(reason,)] = connection.execute(text("SELECT reason FROM cover_candidates")).all()
    assert reason
    assert web.fetch()["coverartarchive"].asked == 0


def test_the_star_of_lastfm_is_never_fetched(web: Web) -> None:
    web.album(1)
    cover(web.engine, web.music, web.home)
    web.execute(f"UPDATE albums SET lastfm_picture_url = '{web.lastfm.url(STAR)}'")
    assert web.fetch("lastfm")["lastfm"].nothing == 1
    assert not web.lastfm.requests


def test_one_picture_for_albums_of_many_artists_is_a_placeholder_whoever_offers_it(web: Web) -> None:
    for number in range(1, 6):
        web.album(number, artist=f"Artist {number}")
        web.offered(number, picture(66))
    cover(web.engine, web.music, web.home)
    web.fetch()
    assert shown(web.engine) == {}
    put(web.music / "Artist 1/Album 1/cover.jpg", jpeg(66))
    put(web.music / "Artist 2/Album 2/cover.jpg", jpeg(2))
    cover(web.engine, web.music, web.home)
    assert shown(web.engine) == {"Album 2": ("local", of(jpeg(2)))}


def test_a_picture_that_the_settings_refuse_is_no_cover(web: Web) -> None:
    web.album(1)
    put(web.music / "Artist/Album 1/cover.jpg", jpeg(5))
    rules = CoverRules.of(Settings(cover_refused=of(jpeg(5)).upper()))
    cover(web.engine, web.music, web.home, rules=rules)
    assert shown(web.engine) == {}


def test_pictures_come_from_listed_hosts_only(web: Web) -> None:
    web.album(1)
    cover(web.engine, web.music, web.home)
    with WebServer() as other:
        other.on("/x.jpg", picture(1))
        web.execute(f"UPDATE albums SET lastfm_picture_url = '{other.url('/x.jpg')}'")
        assert web.fetch("lastfm")["lastfm"].failed == 1
        assert not other.requests
