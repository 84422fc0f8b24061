"""A local server that answers like ws.audioscrobbler.com/2.0: real sockets, the service's XML, scripted failures.

Here: what it knows (artists, albums, tracks), how it says it, and what it does wrong when told to. Not here:
tests. It is as strict as Last.fm: a wrong key is error 10, an unknown name error 6.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, quoteattr

API_KEY = "0123456789abcdef0123456789abcdef"
STAR = "https://lastfm.freetls.fastly.net/i/u/300x300/2a96cbd8b46e442fc41c2b86b821562f.png"
LICENCE = "User-contributed text is available under the Creative Commons By-SA License; additional terms may apply."


@dataclass
class Page:
    """A page of Last.fm: of an artist, an album or a track."""

    name: str
    mbid: str = ""
    listeners: int | None = 1000
    playcount: int | None = 5000
    tags: list[tuple[str, int]] = field(default_factory=list)
    bio: str = ""
    similar: list[tuple[str, str, str]] = field(default_factory=list)
    """(name, MusicBrainz id, match as it is written)"""
    pictures: dict[str, str] = field(default_factory=dict)
    artist: str = ""


@dataclass
class Call:
    """One request."""

    method: str
    parameters: dict[str, str]
    at: float

    @property
    def about(self) -> str:
        """What was asked for, as one text."""
        parts = (self.parameters.get(name) for name in ("mbid", "artist", "album", "track"))
        return " / ".join(part for part in parts if part)


@dataclass
class Answer:
    """Something else than the right answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang_seconds: float = 0.0
    drip_seconds: float = 0.0
    """Between two bytes of the body."""
    drip_headers: bool = False


def error(code: int, message: str = "Something went wrong", status: int = 200) -> Answer:
    """Last.fm's own way to say that it failed."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<lfm status="failed">\n<error code="{code}">{message}</error></lfm>'
    )
    return Answer(status, body.encode())


class LastFmServer:
    """What it knows, what it is told to do wrong, and what it was asked."""

    def __init__(self) -> None:
        self.artists: dict[str, Page] = {}
        self.albums: dict[tuple[str, str], Page] = {}
        self.tracks: dict[tuple[str, str], Page] = {}
        self.corrections: dict[str, str] = {}
        """What autocorrect makes of a name, both in lower case or as written."""
        self.scripts: dict[str, list[Answer]] = {}
        """Method or "about" → answers to give first, one a request."""
        self.always: Answer | None = None
        self.delay_seconds = 0.0
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self.url = ""

    # --- what it knows -----------------------------------------------------------------------------------

    def artist(self, name: str, **fields: Any) -> Page:
        """Know an artist."""
        return self.artists.setdefault(name.lower(), Page(name, **fields))

    def album(self, artist: str, title: str, **fields: Any) -> Page:
        """Know an album."""
        return self.albums.setdefault((artist.lower(), title.lower()), Page(title, artist=artist, **fields))

    def track(self, artist: str, title: str, **fields: Any) -> Page:
        """Know a track."""
        return self.tracks.setdefault((artist.lower(), title.lower()), Page(title, artist=artist, **fields))

    def asked(self, method: str | None = None) -> list[str]:
        """What was asked for, in order."""
        return [call.about for call in self.calls if method in (None, call.method)]

    # --- answering ---------------------------------------------------------------------------------------

    def answer(self, parameters: dict[str, str]) -> Answer:
        """What the service says to a request."""
        call = Call(parameters.get("method", "").lower(), parameters, time.monotonic())
        with self._lock:
            self.calls.append(call)
            for script in (call.method, call.about):
                if self.scripts.get(script):
                    return self.scripts[script].pop(0)
        if self.always is not None:
            return self.always
        if parameters.get("api_key") != API_KEY:
            return error(10, "Invalid API key - You must be granted a valid key by last.fm", 403)
        page = self._page(parameters)
        if page is None:
            what = call.method.partition(".")[0].capitalize()
            return error(6, f"{what} not found", 404)
        writer = {"getinfo": _info, "gettoptags": _top_tags, "getsimilar": _similar}[call.method.partition(".")[2]]
        body = writer(call.method.partition(".")[0], page, parameters)
        return Answer(200, f'<?xml version="1.0" encoding="UTF-8"?>\n<lfm status="ok">{body}</lfm>'.encode())

    def _page(self, parameters: dict[str, str]) -> Page | None:
        if mbid := parameters.get("mbid"):
            return next((page for page in self.artists.values() if page.mbid == mbid), None)
        artist = parameters.get("artist", "")
        if parameters.get("autocorrect") == "1":
            artist = self.corrections.get(artist, artist)
        for kind, known in (("album", self.albums), ("track", self.tracks)):
            if kind in parameters:
                return known.get((artist.lower(), parameters[kind].lower()))
        return self.artists.get(artist.lower())


@contextmanager
def lastfm_server(server: LastFmServer | None = None) -> Iterator[LastFmServer]:
    """The server, listening on a port of its own until the block ends."""
    server = server or LastFmServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parameters = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            time.sleep(server.delay_seconds)
            answer = server.answer(parameters)
            try:
                self._send(answer)
            except OSError:
                self.close_connection = True

        def _send(self, answer: Answer) -> None:
            time.sleep(answer.hang_seconds)
            if answer.drip_headers:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.1)
            self.send_response(answer.status)
            usual = {"Content-Type": "text/xml; charset=UTF-8", "Content-Length": str(len(answer.body))}
            for name, value in (usual | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if not answer.drip_seconds:
                self.wfile.write(answer.body)
                return
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                time.sleep(answer.drip_seconds)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that gave up is what some tests are about."""

    listening = Server(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_port}/2.0/"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()


# --- Last.fm's XML -----------------------------------------------------------------------------------------


def _element(name: str, text: object | None) -> str:
    return "" if text is None else f"<{name}>{escape(str(text))}</{name}>\n"


def _url(*parts: str) -> str:
    from urllib.parse import quote_plus

    return "https://www.last.fm/music/" + "/".join(map(quote_plus, parts))


def _tags(element: str, page: Page) -> str:
    listed = "".join(
        f"<tag>{_element('name', name)}{_element('url', 'https://www.last.fm/tag/x')}</tag>"
        for name, _ in page.tags[:5]
    )
    return f"<{element}>{listed}</{element}>"


def _images(page: Page) -> str:
    return "".join(f"<image size={quoteattr(size)}>{escape(url)}</image>\n" for size, url in page.pictures.items())


def _info(kind: str, page: Page, parameters: dict[str, str]) -> str:
    counts = _element("listeners", page.listeners) + _element("playcount", page.playcount)
    mbid = _element("mbid", page.mbid) if page.mbid else ""
    if kind == "artist":
        similar = "".join(
            f"<artist>{_element('name', name)}<mbid>{id_}</mbid><url>{_url(name)}</url></artist>"
            for name, id_, _ in page.similar[:5]
        )
        link = f'<a href="{_url(page.name)}">Read more on Last.fm</a>'
        content = f"{page.bio} {link}. {LICENCE}" if page.bio else f" {link}"
        return (
            f"<artist>{_element('name', page.name)}{mbid}{_element('url', _url(page.name))}"
            f'<image size="small">{STAR}</image><image size="mega">{STAR}</image>'
            f"<streamable>0</streamable><ontour>0</ontour><stats>{counts}</stats>"
            f"<similar>{similar}</similar>{_tags('tags', page)}"
            f'<bio><links><link rel="original" href="https://last.fm/music/x/+wiki"></link></links>'
            f"<published>01 Jan 2006, 00:00</published><summary>{escape(content)}</summary>"
            f"<content>{escape(content)}</content></bio></artist>"
        )
    if kind == "album":
        songs = (
            '<tracks><track rank="1"><name>Song</name><url>https://www.last.fm/x</url><duration>222</duration>'
            f'<streamable fulltrack="0">0</streamable><artist>{_element("name", page.artist)}<mbid></mbid></artist>'
            "</track></tracks>"
        )
        return (
            f"<album>{_element('name', page.name)}{_element('artist', page.artist)}{mbid}"
            f"{_element('url', _url(page.artist, page.name))}{_images(page)}{counts}{songs}"
            f"{_tags('tags', page)}</album>"
        )
    return (
        f"<track>{_element('name', page.name)}{mbid}{_element('url', _url(page.artist, '_', page.name))}"
        f'<duration>222000</duration><streamable fulltrack="0">0</streamable>{counts}'
        f"<artist>{_element('name', page.artist)}<mbid></mbid></artist>"
        f'<album position="1">{_element("artist", page.artist)}<title>Album</title></album>'
        f"{_tags('toptags', page)}</track>"
    )


def _top_tags(kind: str, page: Page, parameters: dict[str, str]) -> str:
    listed = "".join(
        f"<tag>{_element('count', weight)}{_element('name', name)}{_element('url', 'https://www.last.fm/tag/x')}</tag>"
        for name, weight in page.tags
    )
    return f"<toptags artist={quoteattr(page.name)}>{listed}</toptags>"


def _similar(kind: str, page: Page, parameters: dict[str, str]) -> str:
    limit = int(parameters.get("limit", "100"))
    listed = "".join(
        f"<artist>{_element('name', name)}<mbid>{id_}</mbid>{_element('match', match)}{_element('url', _url(name))}"
        f'<image size="small">{STAR}</image><streamable>0</streamable></artist>'
        for name, id_, match in page.similar[:limit]
    )
    return f"<similarartists artist={quoteattr(page.name)}>{listed}</similarartists>"
