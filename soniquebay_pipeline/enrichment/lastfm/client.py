"""Asking Last.fm through pylast: one call a question, through the gateway, read from the kept answer.

pylast keeps answers in a cache that can be given to it. Here that cache holds exactly one answer: empty, so
that pylast fetches it once and fails as it fails; or filled with what the gateway kept, so that pylast reads
and never calls. The key is in the body of the request only; no message, key or log line carries it.
"""

from __future__ import annotations

import hashlib
import xml.parsers.expat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pylast

from soniquebay_pipeline.catalog.names import clean_text, name_key
from soniquebay_pipeline.enrichment.gateway import CredentialsRefused, Gateway, Provider, ProviderFailure
from soniquebay_pipeline.enrichment.lastfm import answers
from soniquebay_pipeline.enrichment.lastfm.model import Due, Info, RequestRejected, Similar, WeightedTag
from soniquebay_pipeline.enrichment.lastfm.transport import Transport

PROVIDER = "lastfm"
MAX_KEY_BYTES = 1000
"""PostgreSQL refuses a btree row above about 2,700 bytes."""

NOT_FOUND = {"6"}
CREDENTIALS = {"4", "9", "10", "13", "14", "26"}
FAILING = {"8", "11", "16"}
RATE_LIMITED = {"29"}
# What pylast's reading and ours stumble over in an answer that is none.
_UNREADABLE = (
    pylast.MalformedResponseError,
    xml.parsers.expat.ExpatError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
)

Read = TypeVar("Read")


class LastFm:
    """Last.fm's web service, version 2.0."""

    def __init__(self, gateway: Gateway, provider: Provider, api_key: str, url: str) -> None:
        self._gateway = gateway
        self._provider = provider
        self._transport = Transport(url, provider.timeout_seconds, api_key)
        # A name that no server has: a request that got past our transport would reach nobody.
        self._network: Any = pylast.LastFMNetwork(api_key=api_key, proxy={"https://": self._transport})
        self._network.ws_server = ("lastfm.invalid", "/2.0/")

    def artist(self, due: Due, *, by_id: bool) -> Info | None:
        """The artist, with tags in order; one call."""
        question = _Question(self._network, _whom(due, by_id))
        return self._ask(
            ("artist", _named(due, by_id)), lambda: answers.info(question.document("artist.getInfo"), "artist")
        )

    def artist_tags(self, due: Due, *, by_id: bool) -> tuple[WeightedTag, ...]:
        """The ten top tags of the artist with their weights, the heaviest first; one call."""
        question = _Question(self._network, _whom(due, by_id))

        def read() -> tuple[WeightedTag, ...]:
            found = (
                answers.tag(top.item.get_name(), str(top.weight)) for top in question.get_top_tags(answers.MAX_TAGS)
            )
            return tuple(tag for tag in found if tag)

        return self._ask(("artist_tags", _named(due, by_id)), read) or ()

    def similar(self, due: Due, limit: int, *, by_id: bool) -> Similar | None:
        """Similar artists, the most similar first, at most ``limit``; one call."""
        question = _Question(self._network, _whom(due, by_id) | {"limit": str(limit)})

        def read() -> Similar:
            matches = [(found.item.get_name(), found.match) for found in question.similar()]
            return answers.similar(question.document("artist.getSimilar"), matches)

        return self._ask(("similar", _named(due, by_id), str(limit)), read)

    def album(self, due: Due) -> Info | None:
        """The album with its tags in order, without weights; one call."""
        return self._opus("album", due)

    def track(self, due: Due) -> Info | None:
        """The track with its tags in order, without weights; one call."""
        return self._opus("track", due)

    def close(self) -> None:
        """Close the connection."""
        self._transport.shut_down()

    def _opus(self, kind: str, due: Due) -> Info | None:
        title = due.title or ""
        question = _Question(self._network, _whom(due, by_id=False) | {kind: title})
        return self._ask(
            (kind, name_key(due.artist), name_key(title)),
            lambda: answers.info(question.document(f"{kind}.getInfo"), kind),
        )

    def _ask(self, about: tuple[str, ...], read: Callable[[], Read]) -> Read | None:
        """What ``read`` reads of the answer; None where Last.fm says that there is nothing."""

        fresh: list[Read] = []

        def fetch() -> bytes | None:
            self._network.cache_backend = held = _Held()
            with self._translated() as nothing:
                # Read whole before it is kept: what can't be read is a failure, never an answer.
                fresh.append(read())
            return None if nothing else held.body.encode()

        answer = self._gateway.ask(
            self._provider,
            cache_key(*about),
            fetch,
            lifetime=timedelta(hours=24),
            lifetime_not_found=timedelta(days=7),
        )
        if not answer.found or answer.body is None:
            return None
        if fresh:
            return fresh[0]
        self._network.cache_backend = _Held(answer.body.decode())
        return read()

    @contextmanager
    def _translated(self) -> Iterator[list[str]]:
        """Errors of pylast as those of the gateway; the list is filled where the answer is "nothing there"."""
        nothing: list[str] = []
        try:
            yield nothing
        except pylast.WSError as error:
            code, details = str(error.status), self._line(error.details)
            if code in NOT_FOUND and "required parameter" not in details:
                nothing.append(details)
            elif code in CREDENTIALS:
                raise CredentialsRefused(
                    f"Last.fm refused the key (error {code}: {details}). Check SONIQUEBAY_LASTFM_API_KEY; "
                    "a key can be had at https://www.last.fm/api/account/create. What was fetched is kept."
                ) from None
            elif code in RATE_LIMITED:
                raise ProviderFailure(
                    "rate_limited", f"error 29: {details}", retry_after=self._transport.retry_after
                ) from None
            elif code in FAILING:
                raise ProviderFailure("server_error", f"error {code}: {details}") from None
            else:
                raise RequestRejected(f"error {code}: {details}") from None
        except pylast.NetworkError as error:
            cause = error.underlying_error
            raise (
                cause
                if isinstance(cause, ProviderFailure)
                else ProviderFailure("refused", self._line(type(cause).__name__))
            ) from None
        except _UNREADABLE as error:
            raise ProviderFailure("invalid_answer", f"not readable ({type(error).__name__})") from None

    @staticmethod
    def _line(text: object) -> str:
        """A bounded line."""
        return clean_text(str(text))[:200]


class _Question(pylast.Artist):
    """An artist, album or track as a question: pylast's class with the parameters that we send."""

    def __init__(self, network: Any, parameters: dict[str, str]) -> None:
        super().__init__(parameters.get("artist", ""), network)
        self._parameters = parameters

    def _get_params(self) -> dict[str, str]:
        return dict(self._parameters)

    def document(self, method: str) -> Any:
        """The whole answer as a DOM."""
        return self._request(method, True)

    def similar(self) -> list[pylast.SimilarItem]:
        """Similar artists as pylast gives them: (item, match)."""
        found: list[pylast.SimilarItem] = self.get_similar()  # type: ignore[no-untyped-call]
        return found


class _Held:
    """A cache of one answer, in the shape that pylast asks of one."""

    def __init__(self, body: str = "") -> None:
        self.body = body

    def __contains__(self, key: str) -> bool:
        return bool(self.body)

    def get_xml(self, key: str) -> str:
        """The answer."""
        return self.body

    def set_xml(self, key: str, body: str) -> None:
        """Keep what pylast fetched."""
        self.body = body


def cache_key(kind: str, *about: str) -> str:
    """``lastfm:2:album:<artist>:<title>``; a colon within a name is written %3A. A long one ends in a hash."""
    parts = [part.replace("%", "%25").replace(":", "%3A") for part in about]
    key = ":".join(("lastfm", "2", kind, *parts))
    data = key.encode()
    if len(data) > MAX_KEY_BYTES:
        return data[: MAX_KEY_BYTES - 80].decode("utf-8", "ignore") + "#" + hashlib.sha256(data).hexdigest()
    return key


def _whom(due: Due, by_id: bool) -> dict[str, str]:
    if by_id:
        return {"mbid": due.artist_id or ""}
    return {"artist": due.artist, "autocorrect": "1"}


def _named(due: Due, by_id: bool) -> str:
    return f"mbid {due.artist_id}" if by_id else name_key(due.artist)
