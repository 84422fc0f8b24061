"""Front covers from the Cover Art Archive, by MusicBrainz id.

Here: which URLs to ask and what the answers mean. Not here: how often and how safely (``gateway``, ``http``), decoding,
checking and storing the picture (``artwork``).

The archive answers ``/release/<mbid>/front-1200`` with a redirect to archive.org, 404 where there is no front cover,
503 above its rate limit (https://musicbrainz.org/doc/Cover_Art_Archive/API). Thumbnails are JPEG; older uploads may
lack one of 1200 pixels, which shows as a 404 of archive.org: then the next smaller, then the original is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from soniquebay_pipeline.enrichment.gateway import NOT_STORED, WEEK, Gateway, Provider, ProviderFailure, answer_key
from soniquebay_pipeline.enrichment.http import Response, fetch_bytes, raise_unanswered, user_agent
from soniquebay_pipeline.settings import Settings, listed

MAX_BYTES = 20 * 2**20
SIZES = ("front-1200", "front-500", "front")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_IN_THIS_SIZE = b""


@dataclass(frozen=True, slots=True)
class FrontCover:
    """A picture as it came: JPEG, PNG or GIF by its first bytes, not decoded yet."""

    body: bytes
    url: str
    """Where the archive offers it."""


class CoverArtArchive:
    """Asks through the gateway; cheap to make, one a run."""

    def __init__(self, gateway: Gateway, settings: Settings) -> None:
        self._gateway = gateway
        self._base = settings.coverartarchive_url.rstrip("/")
        address = urlsplit(self._base)
        own = f"{address.hostname}:{address.port}" if address.port else str(address.hostname)
        self._hosts = [own, *listed(settings.coverartarchive_hosts)]
        self._user_agent = user_agent(settings.contact)
        self.provider = Provider(
            "coverartarchive", settings.coverartarchive_calls_per_second, timeout_seconds=30.0, max_wait_seconds=120.0
        )

    def front(self, *, release_id: str | None = None, release_group_id: str | None = None) -> FrontCover | None:
        """The front cover of the release, else that of its release group; None where the archive has none.

        Ids that are no MusicBrainz ids are not asked for. Raises ProviderFailure, among them CircuitOpen.
        """
        for kind, given in (("release", release_id), ("release-group", release_group_id)):
            mbid = _mbid(given)
            found = self._front_of(kind, mbid) if mbid else None
            if found is not None:
                return found
        return None

    def _front_of(self, kind: str, mbid: str) -> FrontCover | None:
        for size in SIZES:
            url = f"{self._base}/{kind}/{mbid}/{size}"
            key = answer_key(self.provider.name, 1, kind, mbid, size)
            answer = self._gateway.ask(
                self.provider, key, partial(self._fetch, url), lifetime=NOT_STORED, lifetime_not_found=WEEK
            )
            if not answer.body:
                if answer.body is None:
                    return None
                continue
            return FrontCover(answer.body, url)
        return None

    def _fetch(self, url: str) -> bytes | None:
        response = fetch_bytes(
            url,
            allowed_hosts=self._hosts,
            max_bytes=MAX_BYTES,
            user_agent=self._user_agent,
            timeout_seconds=self.provider.timeout_seconds,
            accept="image/jpeg, image/png, image/gif",
        )
        return self._meaning(response)

    def _meaning(self, response: Response) -> bytes | None:
        status = response.status
        raise_unanswered(status, response.retry_after)
        redirected = not response.url.startswith(self._base + "/")
        if status == 404:
            return _NOT_IN_THIS_SIZE if redirected else None
        if status in (403, 410, 451) and redirected:
            return None  # taken down at archive.org
        if status != 200 or not response.body.startswith(_SIGNATURES):
            raise ProviderFailure("invalid_answer", f"HTTP {status}, {response.content_type[:50] or 'no type'}")
        return response.body


def _mbid(text: str | None) -> str | None:
    # uuid.UUID takes braces, white space and underscores as well.
    lower = (text or "").lower()
    return lower if _MBID.fullmatch(lower) else None
