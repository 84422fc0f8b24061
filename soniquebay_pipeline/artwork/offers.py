"""Pictures that somebody offers for one artist, album or track: a person's choice, a web service's answer.

Here: ``offer``, which checks and stores the picture and records the candidate, or the reason why it is none;
``withdraw``. Neither chooses: call ``choice.derive`` when all offers are made.
Not here: asking web services, and which entity is to be asked for.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.artwork import store
from soniquebay_pipeline.artwork.look import GIVEN, Place, Wanted, store_picture, warm_up
from soniquebay_pipeline.artwork.model import CHOSEN, Refused, StoredPicture
from soniquebay_pipeline.artwork.run import writing_pictures
from soniquebay_pipeline.library.paths import to_text
from soniquebay_pipeline.library.tags.pictures import MAX_PICTURE_BYTES
from soniquebay_pipeline.library.workers import PoolOptions, WorkerFailure


@dataclass(frozen=True, slots=True)
class Offer:
    """One picture for one entity.

    ``origin`` names where it comes from (a URL, the name of a file); ``about`` the state of what was asked for
    (the release id, say), so that a change of it can be seen to need another question. ``data`` None: the
    source was asked and has nothing, which is recorded with the reason ``none``.
    """

    entity_type: str
    entity_id: int
    source: str
    origin: str
    about: str
    data: bytes | None


def offer(
    engine: Engine, offers: Sequence[Offer], *, home: Path, max_bytes: int, pool: PoolOptions
) -> list[StoredPicture | Refused]:
    """Check, store and record the offers; what became of each, in their order.

    The pictures are decoded in worker processes. A source has one candidate for each entity: what it offered
    before is replaced, a refusal as well as a picture.
    """
    with writing_pictures(engine, home):
        results = _look_at(engine, offers, home, max_bytes, pool)
    answers: list[StoredPicture | Refused] = []
    with engine.begin() as connection:
        store.write_pictures(connection, list(results.items()))
        for each in offers:
            sha256 = _hash(each)
            refused = Refused("none", f"{each.source} has no picture") if sha256 is None else None
            answer = refused or results.get(sha256 or "") or _known(connection, sha256 or "")
            _record(connection, each, sha256, answer)
            answers.append(answer)
    return answers


def withdraw(connection: Connection, entity_type: str, entity_id: int, source: str) -> int:
    """Forget what a source offered for an entity; returns the number of candidates."""
    return connection.execute(
        text("DELETE FROM cover_candidates WHERE (entity_type, entity_id, source) = (:type, :id, :source)"),
        {"type": entity_type, "id": entity_id, "source": source},
    ).rowcount


def choose(
    engine: Engine,
    entity_type: str,
    entity_id: int,
    file: Path,
    *,
    home: Path,
    max_bytes: int,
    pool: PoolOptions,
) -> StoredPicture | Refused:
    """Make a picture file a person's choice; a refusal changes nothing."""
    size = file.stat().st_size
    if size > MAX_PICTURE_BYTES:
        return Refused("too_large", f"{size} bytes, at most {MAX_PICTURE_BYTES} are read")
    chosen = Offer(entity_type, entity_id, CHOSEN, to_text(os.fsencode(file.name)), "", file.read_bytes())
    with writing_pictures(engine, home):
        results = _look_at(engine, [chosen], home, max_bytes, pool)
    sha256 = _hash(chosen) or ""
    with engine.begin() as connection:
        store.write_pictures(connection, list(results.items()))
        answer = results.get(sha256) or _known(connection, sha256)
        if isinstance(answer, StoredPicture):
            _record(connection, chosen, sha256, answer)
    return answer


def _hash(each: Offer) -> str | None:
    return None if each.data is None else hashlib.sha256(each.data).hexdigest()


def _look_at(
    engine: Engine, offers: Sequence[Offer], home: Path, max_bytes: int, pool: PoolOptions
) -> dict[str, StoredPicture | Refused]:
    """What became of those contents that are not known yet, or were refused."""
    contents = {sha256: each.data for each in offers if (sha256 := _hash(each)) is not None}
    with engine.connect() as connection:
        query = text("SELECT sha256 FROM pictures WHERE sha256 = ANY(:contents) AND reason IS NULL")
        known = set(connection.execute(query, {"contents": list(contents)}).scalars())
    incoming = home / "covers" / "tmp"
    incoming.mkdir(parents=True, exist_ok=True)
    wanted = []
    for sha256, data in sorted(contents.items()):
        if sha256 not in known and data is not None:
            path = incoming / uuid.uuid4().hex
            path.write_bytes(data)
            wanted.append(Wanted(sha256, Place(GIVEN, 0, to_text(os.fsencode(path)), ""), home, max_bytes))
    results: dict[str, StoredPicture | Refused] = {}
    try:
        for content, result in pool.map(store_picture, wanted, initializer=warm_up):
            if isinstance(result, WorkerFailure):
                result = Refused(result.reason, result.detail)
            results[content.sha256] = result or Refused("empty", "the picture has no bytes")
    finally:
        for content in wanted:
            Path(content.place.path).unlink(missing_ok=True)
    return results


def _known(connection: Connection, sha256: str) -> StoredPicture | Refused:
    row = connection.execute(text("SELECT * FROM pictures WHERE sha256 = :sha256"), {"sha256": sha256}).one()
    if row.reason is not None:
        return Refused(row.reason, row.detail or "")
    return StoredPicture(
        row.sha256,
        row.mime_type,
        row.width,
        row.height,
        row.size_bytes,
        row.path,
        row.colours,
        row.thumbhash,
        row.thumbnails,
    )


def _record(connection: Connection, each: Offer, sha256: str | None, answer: StoredPicture | Refused) -> None:
    withdraw(connection, each.entity_type, each.entity_id, each.source)
    refused = answer if isinstance(answer, Refused) else None
    connection.execute(
        text(
            """
            INSERT INTO cover_candidates (entity_type, entity_id, source, origin, about, sha256, reason, detail)
            VALUES (:entity_type, :entity_id, :source, :origin, :about, :sha256, :reason, :detail)
            ON CONFLICT (entity_type, entity_id, source, origin) DO UPDATE SET
                about = excluded.about, sha256 = excluded.sha256, reason = excluded.reason,
                detail = excluded.detail, seen_at = now()
            """
        ),
        {
            "entity_type": each.entity_type,
            "entity_id": each.entity_id,
            "source": each.source,
            "origin": each.origin,
            "about": each.about,
            "sha256": sha256,
            "reason": refused.reason if refused else None,
            "detail": refused.detail[:1000] if refused else None,
        },
    )
