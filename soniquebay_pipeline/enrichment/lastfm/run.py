"""Asking Last.fm about everything that is due: batches, the time limit, the report.

Here: the loop, and whether an answer is believed. Not here: one call (``client``), SQL (``due``, ``store``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Engine

from soniquebay_pipeline.catalog.names import name_key
from soniquebay_pipeline.db.leases import Leases
from soniquebay_pipeline.enrichment.gateway import CircuitOpen, CredentialsRefused, ProviderFailure
from soniquebay_pipeline.enrichment.lastfm import due as due_rows
from soniquebay_pipeline.enrichment.lastfm import store
from soniquebay_pipeline.enrichment.lastfm.client import LastFm
from soniquebay_pipeline.enrichment.lastfm.model import Due, Info, RequestRejected, Result
from soniquebay_pipeline.enrichment.lastfm.names import is_same
from soniquebay_pipeline.progress import Progress, Silent

BATCH = 10
"""Rows that one worker leases and stores at once: about four seconds at five calls a second."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one kind is asked about."""

    max_age_days: float = 30.0
    run_seconds: float = 300.0
    similar_limit: int = 50
    lease_seconds: float = 60.0
    """What a killed worker had is asked about again after so long. Too short does no harm: the second worker gets
    the first one's answer from the gateway."""
    artist: str | None = None
    """Only this artist, due or not; None: everything that is due."""


@dataclass(slots=True)
class Report:
    """What came of one run over one kind."""

    found: int = 0
    nothing: int = 0
    """Last.fm does not know them."""
    not_believed: int = 0
    """Last.fm took them for somebody else."""
    failed: int = 0
    left: int = 0
    """Due rows that the time did not suffice for."""
    relabelled: int = 0
    linked: int = 0
    stopped: str | None = None
    """Why it ended before the time."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Up to twenty (artist or title, error)."""
    corrections: list[tuple[str, str]] = field(default_factory=list)
    """Up to twenty (name, whom Last.fm took it for)."""
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        """Rows that Last.fm was asked about."""
        return self.found + self.nothing + self.not_believed + self.failed

    def add(self, result: Result) -> None:
        """Count one row."""
        name = " / ".join(filter(None, (result.due.artist, result.due.title)))
        if result.error is not None:
            self.failed += 1
            self.failures = [*self.failures, (name, result.error)][:20]
        elif result.corrected_to is not None:
            self.not_believed += 1
            self.corrections = [*self.corrections, (name, result.corrected_to)][:20]
        elif result.found is None:
            self.nothing += 1
        else:
            self.found += 1


def enrich(engine: Engine, kind: str, client: LastFm, options: Options, progress: Progress | None = None) -> Report:
    """Ask about the due rows of one kind, those with the most tracks first, until all are done or time is up.

    Failures of single rows are noted in the ledger. CredentialsRefused ends it, with everything stored that
    came before; so does an open circuit, which is said in the report.
    """
    report = Report()
    started = time.monotonic()
    leases = Leases(engine, due_rows.QUEUE, kind, options.lease_seconds)
    if kind != "similar":
        report.relabelled = store.relabel(engine, kind)
    total = due_rows.count_due(engine, kind, options.max_age_days) if options.artist is None else None
    try:
        with (progress or Silent()).stage(f"asking Last.fm: {kind}", total) as stage:
            for batch in _batches(leases, kind, options, started + options.run_seconds):
                if not _ask_batch(leases, kind, client, options, batch, report):
                    break
                stage(len(batch))
    finally:
        report.seconds = time.monotonic() - started
        if options.artist is None:
            report.left = due_rows.count_left(engine, kind)
    if kind == "similar":
        report.linked = store.relink(engine)
    return report


def _batches(leases: Leases, kind: str, options: Options, deadline: float) -> Iterator[list[int]]:
    """Ids to ask about: leases of what is due until the time is up, or the rows of one artist."""
    if options.artist is None:
        leases.enrol(due_rows.wanted(kind), due_rows.parameters(options.max_age_days))
        yield from leases.batches(BATCH, deadline)
        return
    ids = due_rows.ids_of_artist(leases.engine, kind, name_key(options.artist))
    yield from (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _ask_batch(leases: Leases, kind: str, client: LastFm, options: Options, ids: list[int], report: Report) -> bool:
    """Ask about these rows and store what came; what was not asked is given back. False: nothing more can be asked."""
    rows = due_rows.describe(leases.engine, kind, ids, options.max_age_days, only_wanted=options.artist is None)
    results: list[Result] = []
    until: datetime | None = None
    try:
        for row in rows:
            results.append(_result(kind, client, row, options))
            leases.extend(ids)
    except CircuitOpen as error:
        report.stopped, until = f"Last.fm is not asked for a while: {error}", error.until
    finally:
        # Also when the credentials were refused: what came before is stored.
        store.write(leases.engine, kind, results)
        for result in results:
            report.add(result)
        asked = {result.due.entity_id for result in results}
        wanted = {row.entity_id for row in rows}
        # What somebody else has answered, or what has vanished, needs no attempt.
        leases.finish(done=set(ids) - wanted, untried=wanted - asked, until=until)
    return report.stopped is None


def _result(kind: str, client: LastFm, due: Due, options: Options) -> Result:
    try:
        return _ask(kind, client, due, options)
    except (CircuitOpen, CredentialsRefused):
        raise
    except (ProviderFailure, RequestRejected) as error:
        return Result(due, error=str(error))


def _ask(kind: str, client: LastFm, due: Due, options: Options) -> Result:
    if kind == "artist":
        return _ask_artist(client, due)
    if kind == "similar":
        return _ask_similar(client, due, options.similar_limit)
    found = client.album(due) if kind == "album" else client.track(due)
    if found is None or (is_same(due.artist, found.artist) and is_same(due.title or "", found.name)):
        return Result(due, found)
    return Result(due, corrected_to=f"{found.artist} / {found.name}")


def _ask_artist(client: LastFm, due: Due) -> Result:
    """By name, with Last.fm's correction of it; by id where the name does not say who is meant."""
    taken_for: str | None = None
    for by_id in _ways(due):
        found = client.artist(due, by_id=by_id)
        if found is not None and _is_meant(due, found, by_id):
            return Result(due, replace(found, tags=client.artist_tags(due, by_id=by_id)))
        if found is None:
            break
        taken_for = taken_for or found.name
    return Result(due, corrected_to=taken_for)


def _ask_similar(client: LastFm, due: Due, limit: int) -> Result:
    taken_for: str | None = None
    for by_id in _ways(due):
        found = client.similar(due, limit, by_id=by_id)
        if found is not None and (by_id or is_same(due.artist, found.artist)):
            return Result(due, found)
        if found is None:
            break
        taken_for = taken_for or found.artist
    return Result(due, corrected_to=taken_for)


def _ways(due: Due) -> list[bool]:
    """How to ask, one after the other: True by id, False by name."""
    return [True] if due.by_id else [False, True] if due.artist_id else [False]


def _is_meant(due: Due, found: Info, by_id: bool) -> bool:
    """Whether the answer is about the artist that we mean."""
    if found.musicbrainz_id is not None and found.musicbrainz_id == due.artist_id:
        return True
    return (by_id and found.musicbrainz_id is None) or is_same(due.artist, found.name)
