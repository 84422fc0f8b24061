"""Last.fm, its pictures and the Cover Art Archive, on local ports: what they answer depends on the question only.

Each can be out for a while: an error, an answer that is none, a closed connection, or no answer at all.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from zlib import crc32

from soniquebay_pipeline_tests.artwork.picture_files import jpeg
from soniquebay_pipeline_tests.lastfm_server import API_KEY, Answer, LastFmServer, Page, error, lastfm_server
from soniquebay_pipeline_tests.web_server import Reply, Request, WebServer

OUTAGE_SECONDS = (20.0, 60.0)
LABELS = ("rock", "jazz", "ambient", "indie", "melancholic", "happy", "seen live", "80s")
LASTFM_FAILURES = {
    "503": Answer(503),
    "hangs": Answer(hang_seconds=45.0),
    "garbage": Answer(200, b"<html>Be right back</html>"),
    "error 11": error(11, "Service Offline"),
}
WEB_FAILURES = {
    "503": Reply(503),
    "hangs": Reply(hang=True),
    "garbage": Reply(body=b"<html>Be right back</html>", content_type="text/html"),
    "closes": Reply(reset=True),
}


def picture_of(path: str) -> Reply:
    """The picture at this path, or 404 for every third."""
    number = crc32(path.encode())
    return Reply(404) if number % 3 == 0 else Reply(body=jpeg(number % 2**32, 200), content_type="image/jpeg")


class Encyclopedia(LastFmServer):
    """Knows something of four in five names, whatever they are."""

    def __init__(self, pictures: str) -> None:
        super().__init__()
        self._pictures = pictures

    def _page(self, parameters: dict[str, str]) -> Page | None:
        artist = parameters.get("artist", "")
        title = parameters.get("album", parameters.get("track", ""))
        number = crc32(f"{artist}/{title}".lower().encode())
        if number % 5 == 0 or not artist:
            return None
        chosen = [LABELS[(number >> shift) % len(LABELS)] for shift in (3, 7, 11)]
        return Page(
            title or artist,
            artist=artist if title else "",
            listeners=number % 100_000,
            playcount=number % 1_000_000,
            tags=[(label, 100 - 10 * place) for place, label in enumerate(dict.fromkeys(chosen))],
            bio=f"{artist} plays." if not title else "",
            similar=[(f"Artist {(number + step) % 15}", "", f"0.{9 - step}") for step in range(5)],
            pictures={"extralarge": f"{self._pictures}/{number}.jpg"} if number % 2 and "album" in parameters else {},
        )


@dataclass
class Services:
    """The three services, and which of them are out."""

    lastfm: LastFmServer
    pictures: WebServer
    archive: WebServer
    rng: random.Random
    outages: Counter[str] = field(default_factory=Counter)
    _out_until: dict[str, float] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, object]:
        """How an installation reaches them. Answers of Last.fm age within half an hour."""
        return {
            "coverartarchive_url": self.archive.url("").rstrip("/"),
            "coverartarchive_hosts": self.archive.host,
            "coverartarchive_calls_per_second": 10,
            "lastfm_api_key": API_KEY,
            "lastfm_url": self.lastfm.url,
            "lastfm_kinds": "artists,similar,albums,tracks",
            "lastfm_picture_hosts": self.pictures.host,
            "lastfm_calls_per_second": 20,
            "lastfm_max_age_days": 0.02,
        }

    def fail(self) -> None:
        """One of them goes out for a while, if it is not out already."""
        name = self.rng.choice(("lastfm", "pictures", "archive"))
        if name in self._out_until:
            return
        kind = self.rng.choice(list(LASTFM_FAILURES if name == "lastfm" else WEB_FAILURES))
        self._out_until[name] = time.monotonic() + self.rng.uniform(*OUTAGE_SECONDS)
        self.outages[f"{name} {kind}"] += 1
        if name == "lastfm":
            self.lastfm.always = LASTFM_FAILURES[kind]
        else:
            self._server(name).on("*", WEB_FAILURES[kind])

    def mend(self, everything: bool = False) -> None:
        """Those whose time has come answer again."""
        for name in [name for name, until in self._out_until.items() if everything or time.monotonic() > until]:
            del self._out_until[name]
            if name == "lastfm":
                self.lastfm.always = None
            else:
                self._server(name).on("*", _right)

    def calls(self) -> dict[str, int]:
        """Requests that reached each of them."""
        return {
            "lastfm": len(self.lastfm.calls),
            "pictures": self.pictures.count(),
            "archive": self.archive.count(),
        }

    def _server(self, name: str) -> WebServer:
        return {"pictures": self.pictures, "archive": self.archive}[name]


def _right(request: Request) -> Reply:
    return picture_of(request.path)


@contextmanager
def services(rng: random.Random) -> Iterator[Services]:
    """The services, up until the block ends."""
    with WebServer() as pictures, WebServer() as archive:
        for server in (pictures, archive):
            server.on("*", _right)
        with lastfm_server(Encyclopedia(pictures.url("/i/u"))) as lastfm:
            yield Services(lastfm, pictures, archive, rng)
