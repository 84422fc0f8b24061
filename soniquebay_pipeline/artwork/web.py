"""Covers from web services, for albums that no better source gives one.

An album is due for a service when no source before it in the order has a cover for it, when there is something to
ask with (a MusicBrainz id, the address of a picture), and when the service was not asked with that before, or said
long ago that it has nothing. Each service has work of its own in the ledger (queue ``covers``, the service's name as
entity type), so one that is down holds up none of the others.

Here: what is due, asking, offering, the report. Not here: the services' clients (``enrichment``), checking and
storing pictures (``offers``), the choice (``choice``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.artwork.choice import Changes, derive
from soniquebay_pipeline.artwork.model import WEB_SOURCES, CoverRules, Refused
from soniquebay_pipeline.artwork.offers import Offer, offer
from soniquebay_pipeline.db import ledger
from soniquebay_pipeline.db.leases import Leases
from soniquebay_pipeline.db.ledger import FailedAttempt, priority_of
from soniquebay_pipeline.enrichment.coverartarchive import CoverArtArchive
from soniquebay_pipeline.enrichment.gateway import CircuitOpen, Gateway, ProviderFailure
from soniquebay_pipeline.enrichment.lastfm.pictures import LastfmPictures
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline.logs import logger
from soniquebay_pipeline.progress import Progress, Silent
from soniquebay_pipeline.settings import Settings

log = logger("web_covers")
QUEUE = "covers"
BATCH = 10
LEASE_SECONDS = 120.0
"""Longer than one question with its wait for a turn; extended after each."""


@dataclass(frozen=True, slots=True)
class Album:
    """What a service is asked with."""

    album_id: int
    about: str
    release_id: str | None
    release_group_id: str | None
    picture_url: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A picture as it came, and where from."""

    data: bytes
    url: str


Ask = Callable[[Album], Found | None]
"""None: the service has nothing. Raises ProviderFailure."""

_ABOUT = {
    "coverartarchive": "nullif(concat_ws(' ', b.musicbrainz_albumid, b.musicbrainz_releasegroupid), '')",
    "lastfm": "b.lastfm_picture_url",
}


@dataclass(slots=True)
class WebReport:
    """What came of asking one service."""

    asked: int = 0
    found: int = 0
    nothing: int = 0
    refused: int = 0
    failed: int = 0
    left: int = 0
    stopped: str | None = None
    """Why it ended before the time."""
    examples: list[tuple[str, str]] = field(default_factory=list)
    """Up to twenty (album, why there is no cover)."""
    pictures: list[str] = field(default_factory=list)
    """SHA-256 of what was stored."""


@dataclass(frozen=True, slots=True)
class Services:
    """How the services are asked, by source, and where pictures go."""

    ask: dict[str, Ask]
    home: Path
    max_bytes: int
    max_age_days: float
    run_seconds: float
    pool: PoolOptions


def services_of(settings: Settings, gateway: Gateway, pool: PoolOptions) -> Services:
    """The services as the settings say, asked through the gateway."""
    archive, lastfm = CoverArtArchive(gateway, settings), LastfmPictures(gateway, settings)

    def from_archive(album: Album) -> Found | None:
        front = archive.front(release_id=album.release_id, release_group_id=album.release_group_id)
        return Found(front.body, front.url) if front else None

    def from_lastfm(album: Album) -> Found | None:
        data = lastfm.picture(album.picture_url) if album.picture_url else None
        return Found(data, album.picture_url or "") if data else None

    return Services(
        {"coverartarchive": from_archive, "lastfm": from_lastfm},
        settings.home,
        settings.cover_max_bytes,
        settings.cover_max_age_days,
        settings.cover_run_seconds,
        pool,
    )


def asked_sources(rules: CoverRules) -> list[str]:
    """The web services among the sources, in their order."""
    return [source for source in rules.sources if source in WEB_SOURCES]


def _due(source: str) -> str:
    return f"""
        SELECT b.id AS entity_id, {_ABOUT[source]} AS about,
               {priority_of("SELECT count(*) FROM tracks t WHERE t.album_id = b.id")} AS priority
        FROM albums b
        WHERE {_ABOUT[source]} IS NOT NULL
          AND NOT EXISTS (SELECT FROM covers c WHERE c.entity_type = 'album' AND c.entity_id = b.id
                          AND c.source = ANY(:better))
          AND NOT EXISTS (SELECT FROM cover_candidates k WHERE k.entity_type = 'album' AND k.entity_id = b.id
                          AND k.source = '{source}' AND k.about = {_ABOUT[source]}
                          AND (k.reason IS NULL OR k.seen_at > now() - make_interval(secs => :max_age)))
    """


def _parameters(source: str, rules: CoverRules, max_age_days: float) -> dict[str, object]:
    place = rules.sources.index(source)
    return {"better": list(rules.sources[:place]), "max_age": max_age_days * 86_400}


def count_due(engine: Engine, source: str, rules: CoverRules, max_age_days: float) -> int:
    """Albums that the service would be asked about now."""
    query = f"""
        SELECT count(*) FROM ({_due(source)}) AS w
        LEFT JOIN deferred_tasks d ON d.queue = :queue AND d.entity_type = :source AND d.entity_id = w.entity_id
             AND d.about = w.about
        WHERE d.entity_id IS NULL OR (d.state = 'waiting' AND d.next_attempt_at <= now())
    """
    parameters = _parameters(source, rules, max_age_days) | {"queue": QUEUE, "source": source}
    with engine.connect() as connection:
        return int(connection.execute(text(query), parameters).scalar_one())


def forget_settled(connection: Connection, rules: CoverRules, max_age_days: float) -> int:
    """Forget attempts at albums that a better source covers meanwhile, and at services that are not asked any more."""
    asked = asked_sources(rules)
    return sum(
        ledger.forget_settled(connection, QUEUE, source, _due(source), _parameters(source, rules, max_age_days))
        if source in asked
        else ledger.forget_settled(connection, QUEUE, source, ledger.NOTHING)
        for source in WEB_SOURCES
    )


def fetch_covers(
    engine: Engine, source: str, services: Services, rules: CoverRules, progress: Progress | None = None
) -> tuple[WebReport, Changes]:
    """Ask one service about every album that is due, until all are done, the time is up or it may not be asked."""
    report = WebReport()
    deadline = time.monotonic() + services.run_seconds
    leases = Leases(engine, QUEUE, source, LEASE_SECONDS)
    leases.enrol(_due(source), _parameters(source, rules, services.max_age_days))
    total = count_due(engine, source, rules, services.max_age_days)
    try:
        with (progress or Silent()).stage(f"asking {source}", total) as stage:
            for batch in leases.batches(BATCH, deadline):
                _one_batch(leases, services, batch, report)
                stage(len(batch))
                if report.stopped is not None:
                    break
    finally:
        # Once, not a batch: the choice is one over the whole library. What a killed run stored is chosen by the
        # next run of this asset or of ``covers``.
        changes = derive(engine, rules)
    report.left = count_due(engine, source, rules, services.max_age_days)
    return report, changes


def _one_batch(leases: Leases, services: Services, ids: Sequence[int], report: WebReport) -> None:
    source = leases.entity_type
    albums = _describe(leases.engine, source, ids)
    offers: list[Offer] = []
    failures: list[FailedAttempt] = []
    until: datetime | None = None
    try:
        for album in albums:
            try:
                found = services.ask[source](album)
            except CircuitOpen as error:
                report.stopped, until = f"{source} is not asked for a while: {error}", error.until
                break
            except ProviderFailure as error:
                failures.append(FailedAttempt(album.album_id, album.about, str(error)))
                report.examples = [*report.examples, (str(album.album_id), str(error))][:20]
                log.warning("failed", source=source, album_id=album.album_id, reason=error.kind)
            else:
                url, data = (found.url, found.data) if found else (album.about, None)
                offers.append(Offer("album", album.album_id, source, url, album.about, data))
            leases.extend(ids)
    finally:
        _store(leases.engine, services, offers, report)
        failed = {failure.entity_id for failure in failures}
        untried = {album.album_id for album in albums} - failed - {made.entity_id for made in offers}
        report.failed += len(failures)
        report.asked += len(failures) + len(offers)
        leases.finish(done=set(ids) - failed - untried, failed=failures, untried=untried, until=until)


def _store(engine: Engine, services: Services, offers: Sequence[Offer], report: WebReport) -> None:
    answers = offer(engine, offers, home=services.home, max_bytes=services.max_bytes, pool=services.pool)
    for made, answer in zip(offers, answers, strict=True):
        if made.data is None:
            report.nothing += 1
        elif isinstance(answer, Refused):
            report.refused += 1
            report.examples = [*report.examples, (str(made.entity_id), f"{answer.reason}: {answer.detail}")][:20]
            log.warning("refused", source=made.source, album_id=made.entity_id, reason=answer.reason)
        else:
            report.found += 1
            report.pictures.append(answer.sha256)


def _describe(engine: Engine, source: str, ids: Sequence[int]) -> list[Album]:
    query = f"""
        SELECT b.id, {_ABOUT[source]} AS about, b.musicbrainz_albumid, b.musicbrainz_releasegroupid,
               b.lastfm_picture_url
        FROM albums b WHERE b.id = ANY(:ids) AND {_ABOUT[source]} IS NOT NULL
        ORDER BY array_position(CAST(:ids AS bigint[]), b.id)
    """
    with engine.connect() as connection:
        return [Album(*row) for row in connection.execute(text(query), {"ids": list(ids)})]
