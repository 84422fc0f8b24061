"""HTTP below pylast: every call bounded in time and size, at the address of the settings.

pylast makes a client for every call, with time limits a read and none for the whole; a server that sends a
byte a second holds it for ever. It takes transports where it takes proxies, so this one does the call.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx2 as httpx
import pylast

from soniquebay_pipeline.enrichment.gateway import ProviderFailure
from soniquebay_pipeline.enrichment.http import raise_unanswered, retry_after, user_agent

MAX_BYTES = 2_000_000
"""The largest honest answer, 250 similar artists, has about 200 kB."""
CONNECT_SECONDS = 5.0
MAX_RETRY_AFTER_SECONDS = 3600.0
"""At most an hour is believed."""


class Transport(httpx.BaseTransport):
    """Sends pylast's requests to ``url``; keeps its connection from call to call."""

    def __init__(self, url: str, timeout_seconds: float, secret: str) -> None:
        self._url = url
        self._secret = secret.encode()
        self._timeout = timeout_seconds
        self._client = httpx.Client(
            headers={"User-Agent": user_agent()}, verify=pylast.SSL_CONTEXT, follow_redirects=False
        )
        self._watch = _Watch(timeout_seconds)
        self.retry_after: float | None = None
        """Seconds that the last answer asked us to wait."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, read whole; ProviderFailure for everything but an answer of the service itself."""
        try:
            with self._watch.running():
                status, headers, body = self._exchange(request)
        except ProviderFailure:
            raise
        except httpx.TimeoutException as error:
            raise ProviderFailure("timeout", f"no answer within {self._timeout:g} s") from error
        except httpx.ConnectError as error:
            raise ProviderFailure("refused", "no connection") from error
        except httpx.HTTPError as error:
            kind = "timeout" if self._watch.expired else "invalid_answer"
            raise ProviderFailure(kind, "the answer did not come to its end") from error
        asked = retry_after(headers.get("Retry-After"))
        self.retry_after = None if asked is None else min(asked, MAX_RETRY_AFTER_SECONDS)
        raise_unanswered(status, self.retry_after)
        if 300 <= status < 400:
            # Followed, it would give our key to whoever is there.
            raise ProviderFailure("invalid_answer", f"HTTP {status}, a redirect")
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            # Last.fm has none. A page of HTML has, and so has XML that swells when it is read.
            raise ProviderFailure("invalid_answer", f"HTTP {status}, a page or a document type definition")
        # A service that repeats the key would bring it into logs and tables.
        return httpx.Response(status, content=body.replace(self._secret, b"***"), request=request)

    def _exchange(self, request: httpx.Request) -> tuple[int, Mapping[str, str], bytes]:
        limits = {"connect": min(CONNECT_SECONDS, self._timeout)}
        limits |= dict.fromkeys(("read", "write", "pool"), self._timeout)
        ours = self._client.build_request(
            "POST",
            self._url,
            content=request.read(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            extensions={"timeout": limits, "trace": self._watch.trace},
        )
        response = self._client.send(ours, stream=True)
        try:
            body = bytearray()
            for chunk in response.iter_bytes(65_536):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ProviderFailure("invalid_answer", f"more than {MAX_BYTES:,} bytes")
            return response.status_code, response.headers, bytes(body)
        finally:
            response.close()

    def close(self) -> None:
        """Nothing: pylast closes its transports after every call, and this one lives as long as the client."""

    def shut_down(self) -> None:
        """Close the connection."""
        self._client.close()


class _Watch:
    """Ends the connection when a whole call takes too long, whatever trickles in."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self.expired = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore with every step; those that open the connection carry its stream."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within this block the time of one call runs."""
        self.expired = False
        timer = threading.Timer(self._seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        if self._socket is not None:
            with suppress(OSError):  # closed already
                self._socket.shutdown(socket.SHUT_RDWR)
