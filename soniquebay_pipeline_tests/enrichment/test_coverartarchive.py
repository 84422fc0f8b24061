"""The Cover Art Archive client against a local server with the archive's answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.enrichment.coverartarchive import SIZES, CoverArtArchive
from soniquebay_pipeline.enrichment.gateway import CircuitOpen, Gateway, ProviderFailure
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.web_server import Reply, WebServer

RELEASE = "76df3287-6cda-33eb-8e9a-044b5e15ffdd"
GROUP = "c31a5e2b-0bf8-32e0-8aeb-ef4ba9973932"
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 100


@pytest.fixture
def caa() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture
def archive_org() -> Iterator[WebServer]:
    with WebServer() as running:
        running.on("/picture.jpg", Reply(body=JPEG, content_type="image/jpeg"))
        running.on("/download", Reply(302, headers={"Location": running.url("/picture.jpg")}))
        yield running


@pytest.fixture
def client(engine: Engine, caa: WebServer, archive_org: WebServer) -> Iterator[CoverArtArchive]:
    settings = Settings(
        coverartarchive_url=caa.url(""),
        coverartarchive_hosts=archive_org.host,
        coverartarchive_calls_per_second=50.0,
        contact="me@example.org",
    )
    with Gateway(engine) as gateway:
        yield CoverArtArchive(gateway, settings)


def offer(caa: WebServer, archive_org: WebServer, mbid: str = RELEASE, kind: str = "release") -> None:
    """The archive has a front cover of this."""
    caa.on(f"/{kind}/{mbid}/front-1200", Reply(307, headers={"Location": archive_org.url("/download")}))


def test_a_front_cover(client: CoverArtArchive, caa: WebServer, archive_org: WebServer, engine: Engine) -> None:
    offer(caa, archive_org)
    found = client.front(release_id=RELEASE.upper(), release_group_id=GROUP)
    assert found is not None and found.body == JPEG
    assert found.url == caa.url(f"/release/{RELEASE}/front-1200")
    [request] = caa.requests
    assert request.headers["user-agent"].startswith("soniquebay-pipeline")
    assert request.headers["user-agent"].endswith(" (me@example.org)")
    with engine.connect() as connection:  # the picture itself is not kept in the cache
        assert connection.execute(text("SELECT count(*) FROM web_answers")).scalar_one() == 0


def test_the_release_group_is_asked_where_the_release_has_none(
    client: CoverArtArchive, caa: WebServer, archive_org: WebServer
) -> None:
    offer(caa, archive_org, GROUP, "release-group")
    found = client.front(release_id=RELEASE, release_group_id=GROUP)
    assert found is not None and "/release-group/" in found.url
    assert [request.path for request in caa.requests] == [
        f"/release/{RELEASE}/front-1200",
        f"/release-group/{GROUP}/front-1200",
    ]


def test_nothing_there_is_remembered(client: CoverArtArchive, caa: WebServer) -> None:
    for _ in range(3):
        assert client.front(release_id=RELEASE, release_group_id=GROUP) is None
    assert caa.count() == 2


@pytest.mark.parametrize("wrong", ["", "no id", "../../etc/passwd", "76df3287-6cda-33eb-8e9a-044b5e15ffd\n", None])
def test_what_is_no_id_is_not_asked_for(client: CoverArtArchive, caa: WebServer, wrong: str | None) -> None:
    assert client.front(release_id=wrong, release_group_id=wrong) is None
    assert caa.count() == 0


def test_a_size_that_was_never_made(client: CoverArtArchive, caa: WebServer, archive_org: WebServer) -> None:
    for size, target in zip(SIZES, ("/no-1200", "/no-500", "/picture.jpg"), strict=True):
        caa.on(f"/release/{RELEASE}/{size}", Reply(307, headers={"Location": archive_org.url(target)}))
    found = client.front(release_id=RELEASE)
    assert found is not None and found.url.endswith("/front")
    assert caa.count() == 3


def test_taken_down(client: CoverArtArchive, caa: WebServer, archive_org: WebServer) -> None:
    offer(caa, archive_org)
    archive_org.on("/download", Reply(403))
    assert client.front(release_id=RELEASE) is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, headers={"Retry-After": "30"}), "server_error"),
        (Reply(429, headers={"Retry-After": "30"}), "rate_limited"),
        (Reply(400), "invalid_answer"),
        (Reply(403), "invalid_answer"),
        (Reply(body=b"<html>Sign in to the hotel's network", content_type="text/html"), "invalid_answer"),
        (Reply(body=b"<svg onload=alert(1)>", content_type="image/jpeg"), "invalid_answer"),
        (Reply(body=b"", declared_length=10**9), "too_large"),
        (Reply(307, headers={"Location": "http://169.254.169.254/"}), "forbidden"),
        (Reply(307, headers={"Location": "https://evil.example/a.jpg"}), "forbidden"),
    ],
)
def test_failures(client: CoverArtArchive, caa: WebServer, reply: Reply, kind: str, engine: Engine) -> None:
    caa.on("*", reply)
    with pytest.raises(ProviderFailure) as raised:
        client.front(release_id=RELEASE, release_group_id=GROUP)
    assert raised.value.kind == kind and caa.count() == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM web_answers")).scalar_one() == 0
    if reply.headers.get("Retry-After"):
        with pytest.raises(CircuitOpen):
            client.front(release_id=RELEASE)
        assert caa.count() == 1


def test_the_real_archive_is_the_default() -> None:
    settings = Settings(coverartarchive_hosts="*.archive.org")
    assert settings.coverartarchive_url == "https://coverartarchive.org"
    assert settings.coverartarchive_calls_per_second == 1.0


def test_a_contact_cannot_forge_headers() -> None:
    with pytest.raises(ValueError, match="contact"):
        Settings(contact="me\r\nX-Evil: 1")
