"""Bounded HTTP: against a real server that does everything wrong."""

from __future__ import annotations

import gzip
import itertools
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from soniquebay_pipeline.enrichment.http import MAX_REDIRECTS, Response, _is_public, _matches, fetch_bytes
from soniquebay_pipeline.enrichment.provider import ProviderFailure
from soniquebay_pipeline_tests.web_server import Reply, Request, WebServer, closed_port


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


def get(web: WebServer, path: str = "/", **options: Any) -> Response:
    given = {"allowed_hosts": [web.host], "max_bytes": 100_000, "user_agent": "tests", "timeout_seconds": 5.0}
    return fetch_bytes(web.url(path), **(given | options))


def failure(web: WebServer, path: str = "/", **options: Any) -> str:
    with pytest.raises(ProviderFailure) as raised:
        get(web, path, **options)
    return raised.value.kind


def test_an_answer(web: WebServer) -> None:
    web.on("/a", Reply(body=b"hello", content_type="Text/XML; charset=utf-8"))
    answer = get(web, "/a?name=Bj%C3%B6rk&x=ö y")
    assert (answer.status, answer.body, answer.content_type) == (200, b"hello", "text/xml")
    [request] = web.requests
    assert request.headers["user-agent"] == "tests"
    assert request.query == {"name": ["Björk"], "x": ["ö y"]}


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_status_is_passed_on_with_what_it_asks(web: WebServer, status: int) -> None:
    web.on("/", Reply(status, headers={"Retry-After": "7"}))
    answer = get(web)
    assert (answer.status, answer.retry_after) == (status, 7.0)


def test_retry_after_may_be_a_date(web: WebServer) -> None:
    from email.utils import formatdate

    web.on("/", Reply(503, headers={"Retry-After": formatdate(time.time() + 60, usegmt=True)}))
    assert 50 < (get(web).retry_after or 0) <= 60
    web.on("/", Reply(503, headers={"Retry-After": "tomorrow-ish"}))
    assert get(web).retry_after is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(hang=True),
        Reply(body=b"x" * 1000, drip=0.1),
        Reply(delay=30.0),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", hang=False, declared_length=None, drip=0.0),
    ],
    ids=["hangs", "drips", "is late", "stops half way"],
)
def test_a_slow_server_costs_the_deadline_and_no_more(web: WebServer, reply: Reply) -> None:
    web.on("/", reply)
    started = time.monotonic()
    assert failure(web, timeout_seconds=0.5) in ("timeout", "invalid_answer")
    assert time.monotonic() - started < 10  # dripping would take 100 s


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(reset=True), "invalid_answer"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n"), "invalid_answer"),
        (Reply(body=b"short", declared_length=5000), "invalid_answer"),
        (Reply(body=b"x" * 200_000), "too_large"),
        (Reply(body=b"", declared_length=10**15), "too_large"),
        (Reply(body=b"what?", headers={"Content-Encoding": "br"}), "invalid_answer"),
        (Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}), "invalid_answer"),
        (Reply(body=gzip.compress(b"cut" * 999)[:-9], headers={"Content-Encoding": "gzip"}), "invalid_answer"),
        (Reply(301, headers={"Location": "/"}), "forbidden"),
        (Reply(302, headers={"Location": "file:///etc/passwd"}), "forbidden"),
        (Reply(302, headers={"Location": "http://elsewhere.example/"}), "forbidden"),
        (Reply(302, headers={"Location": "http://169.254.169.254/latest"}), "forbidden"),
        (Reply(302, headers={"Location": "http://[::1"}), "forbidden"),
        (Reply(302, headers={"Location": "http://user@127.0.0.1/"}), "forbidden"),
    ],
)
def test_what_servers_do_wrong(web: WebServer, reply: Reply, kind: str) -> None:
    web.on("/", reply)
    assert failure(web) == kind


def test_an_endless_body_is_left_at_the_limit(web: WebServer) -> None:
    web.on("/", Reply(body=itertools.repeat(b"x" * 10_000)))
    assert failure(web) == "too_large"


def test_a_compressed_answer_that_was_not_asked_for_is_read(web: WebServer) -> None:
    web.on("/gzip", Reply(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"}))
    web.on("/deflate", Reply(body=zlib.compress(b"text"), headers={"Content-Encoding": "deflate"}))
    assert get(web, "/gzip").body == get(web, "/deflate").body == b"text"
    assert web.requests[0].headers["accept-encoding"] == "identity"


def test_a_bomb_is_not_unpacked(web: WebServer) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    web.on("/", Reply(body=bomb, headers={"Content-Encoding": "gzip"}))
    tracemalloc.start()
    assert failure(web) == "too_large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20 * 8  # of 64 MB


def test_nobody_listens() -> None:
    with closed_port() as host, pytest.raises(ProviderFailure) as raised:
        fetch_bytes(f"http://{host}/", allowed_hosts=[host], max_bytes=10, user_agent="tests")
    assert raised.value.kind == "refused" and raised.value.counts


def test_redirects_are_followed_to_allowed_hosts_only(web: WebServer) -> None:
    with WebServer() as other:
        other.on("/picture", Reply(body=b"jpeg"))
        web.on("/", Reply(307, headers={"Location": other.url("/picture")}))
        assert failure(web) == "forbidden"
        assert other.count() == 0
        answer = get(web, allowed_hosts=[web.host, other.host])
        assert (answer.body, answer.url) == (b"jpeg", other.url("/picture"))


def test_a_chain_of_redirects_ends(web: WebServer) -> None:
    def onwards(request: Request) -> Reply:
        number = int(request.query["n"][0])
        return Reply(body=b"there") if number == 0 else Reply(302, headers={"Location": f"/?n={number - 1}"})

    web.on("/", onwards)
    assert get(web, f"/?n={MAX_REDIRECTS}").body == b"there"
    assert failure(web, f"/?n={MAX_REDIRECTS + 1}") == "forbidden"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_name_without_a_port_must_be_on_the_internet(name: str) -> None:
    for allowed in ([name], ["*.example"]):
        with pytest.raises(ProviderFailure) as raised:
            fetch_bytes(f"http://{name}/", allowed_hosts=allowed, max_bytes=10, user_agent="tests")
        assert raised.value.kind == "forbidden" and not raised.value.counts


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    ],
)
def test_addresses_of_this_machine_and_network_are_not_public(address: str) -> None:
    assert not _is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert _is_public(address)


def test_host_patterns() -> None:
    assert _matches("archive.org", "archive.org") and _matches("ia800.us.archive.org", "*.archive.org")
    assert not _matches("evilarchive.org", "*.archive.org") and not _matches("archive.org.evil.com", "*.archive.org")
    assert not _matches("sub.archive.org", "archive.org")
