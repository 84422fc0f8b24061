"""Album pictures of Last.fm: fetching what ``album.getInfo`` names.

Here: which hosts may be asked, and what the answers mean. Not here: learning the address (``client``), checking and
storing the picture (``artwork``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from soniquebay_pipeline.enrichment.gateway import NOT_STORED, WEEK, Gateway, Provider, ProviderFailure, answer_key
from soniquebay_pipeline.enrichment.http import fetch_bytes, raise_unanswered, user_agent
from soniquebay_pipeline.enrichment.lastfm.answers import PLACEHOLDER
from soniquebay_pipeline.settings import Settings, listed

MAX_BYTES = 20 * 2**20


@dataclass(frozen=True, slots=True)
class LastfmPictures:
    """Asks through the gateway; its own provider, since another host serves the pictures."""

    gateway: Gateway
    settings: Settings

    @property
    def provider(self) -> Provider:
        """How often it is asked: like Last.fm itself."""
        return Provider("lastfm_pictures", self.settings.lastfm_calls_per_second, timeout_seconds=30.0)

    def picture(self, url: str) -> bytes | None:
        """The picture at the address; None where there is none, or the star that stands for none."""
        if PLACEHOLDER in url:
            return None
        key = answer_key(self.provider.name, 1, "picture", url)
        fetch = partial(self._fetch, url)
        return self.gateway.ask(self.provider, key, fetch, lifetime=NOT_STORED, lifetime_not_found=WEEK).body

    def _fetch(self, url: str) -> bytes | None:
        response = fetch_bytes(
            url,
            allowed_hosts=listed(self.settings.lastfm_picture_hosts),
            max_bytes=MAX_BYTES,
            user_agent=user_agent(self.settings.contact),
            timeout_seconds=self.provider.timeout_seconds,
            accept="image/*",
        )
        raise_unanswered(response.status, response.retry_after)
        if response.status in (403, 404, 410):
            return None
        if response.status != 200:
            raise ProviderFailure("invalid_answer", f"HTTP {response.status}")
        return response.body
