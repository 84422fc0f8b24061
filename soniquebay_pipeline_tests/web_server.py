"""A local HTTP server whose behaviour on each path a test writes down, and which records every request.

    with WebServer() as server:
        server.on("/artist", Reply(body=b"...", delay=0.1))
        server.on("/flaky", Reply(status=503), Reply(body=b"fine"))     # one after the other, the last for ever
        ... server.url("/artist") ... server.requests ... server.most_in_a_second()

Here: what real servers do wrong. Not here: what Last.fm or the Cover Art Archive say.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer, or one way of not answering."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    """Chunks are sent as they come, without a Content-Length; an endless iterable never ends."""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "text/plain"
    delay: float = 0.0
    """Seconds before the status line."""
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    hang: bool = False
    """Accept the request and never answer."""
    reset: bool = False
    """Close the connection without a word."""
    raw: bytes | None = None
    """Send exactly this instead of an HTTP answer."""
    declared_length: int | None = None
    """A Content-Length that is not true."""


Behaviour = Reply | Callable[["Request"], Reply]


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    """Without the query."""
    query: dict[str, list[str]]
    """Of the URL and of a form in the body."""
    headers: dict[str, str]
    """Names in lower case."""
    at: float
    """time.monotonic() when its first line had been read."""


class WebServer:
    """Listens on a free port of 127.0.0.1 while in its ``with`` block."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._behaviours: dict[str, list[Behaviour]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None: ...

        self._http = _Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def host(self) -> str:
        """``127.0.0.1:port``, as an allow-list names it."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    def url(self, path: str = "/") -> str:
        """Address of a path here."""
        return f"http://{self.host}{path}"

    def on(self, path: str, *behaviours: Behaviour) -> None:
        """What to do at a path, one after the other, the last for ever; ``*`` is every other path."""
        with self._lock:
            self._behaviours[path] = list(behaviours)

    def count(self, path: str | None = None) -> int:
        """Requests so far, of one path or all."""
        with self._lock:
            return sum(path is None or request.path == path for request in self.requests)

    def most_in_a_second(self) -> int:
        """The most requests that any window of one second held."""
        with self._lock:
            return most_in_a_second([request.at for request in self.requests])

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        at = time.monotonic()
        parts = urlsplit(handler.path)
        form = handler.rfile.read(int(handler.headers.get("content-length") or 0)).decode("utf-8", "replace")
        query = parse_qs(parts.query, keep_blank_values=True) | parse_qs(form, keep_blank_values=True)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, parts.path, query, headers, at)
        with self._lock:
            self.requests.append(request)
            left = self._behaviours.get(parts.path) or self._behaviours.get("*") or [Reply(404)]
            behaviour = left.pop(0) if len(left) > 1 else left[0]
        reply = behaviour if isinstance(behaviour, Reply) else behaviour(request)
        handler.close_connection = True
        with suppress(OSError):  # a client that gave up is what many tests want
            self._send(handler, reply)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        self._closing.wait(1e6 if reply.hang else reply.delay)
        if reply.hang or reply.reset:
            return
        if reply.raw is not None:
            handler.wfile.write(reply.raw)
            return
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.content_type)
        if isinstance(reply.body, bytes):
            handler.send_header("Content-Length", str(reply.declared_length or len(reply.body)))
        handler.send_header("Connection", "close")
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        chunks = [reply.body] if isinstance(reply.body, bytes) else reply.body
        for chunk in chunks:
            for piece in [chunk[i : i + 1] for i in range(len(chunk))] if reply.drip else [chunk]:
                if self._closing.wait(reply.drip) if reply.drip else self._closing.is_set():
                    return
                handler.wfile.write(piece)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None: ...


def most_in_a_second(times: list[float]) -> int:
    """The most of these times, in seconds, that any half-open window of one second holds."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


@contextmanager
def closed_port() -> Iterator[str]:
    """``127.0.0.1:port`` where nobody listens, and nobody else will meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
