"""The health report: every finding of the library as it is now, in the table ``library_health``.

Here: running the kinds, what of it needs Python, reading the findings back. Not here: the kinds themselves
(``kinds``), how findings are shown (``page``, the command line, Dagster).

A report replaces the one before in one transaction, so a killed one leaves that in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.care.health.encodings import wrong_encoding
from soniquebay_pipeline.care.health.kinds import BEST_FIRST, KINDS, MAX_PATHS, PRESENT, SEVERITIES, Kind
from soniquebay_pipeline.care.health.recordings import find_same_recordings
from soniquebay_pipeline.db.bulk import copy_rows, temporary_select, temporary_table
from soniquebay_pipeline.db.locks import LOCK_HEALTH, hold_for_transaction
from soniquebay_pipeline.progress import Progress, Silent

COLUMNS = ("kind", "severity", "entity_type", "entity_id", "subject", "detail", "paths", "file_count")
MAX_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; paths are relative to the library's folder, as text of ``library.paths``."""

    kind: str
    severity: str
    entity_type: str
    entity_id: int | None
    subject: str
    detail: str
    paths: tuple[str, ...]
    file_count: int


def make_report(engine: Engine, progress: Progress | None = None) -> dict[str, int]:
    """Look for everything again; returns the number of findings by kind, in the order of ``KINDS``."""
    reporter = progress or Silent()
    find_same_recordings(engine, reporter)
    with engine.begin() as connection, reporter.stage("examining the library", len(KINDS)) as stage:
        hold_for_transaction(connection, LOCK_HEALTH)
        # Sorting and hashing a million tracks in 4 MB would spill to disk at every step.
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        temporary_select(connection, "present", PRESENT)
        connection.execute(text("CREATE INDEX ON present (id)"))
        connection.execute(text("CREATE INDEX ON present (album_id)"))
        connection.execute(text("DELETE FROM library_health"))
        for kind in KINDS:
            if kind.query:
                _insert(connection, kind)
            else:
                _copy(connection, kind, _FOUND_BY_PYTHON[kind.name](connection))
            stage(1)
    with engine.connect() as connection:
        connection.execute(text("ANALYZE library_health"))
        connection.commit()
    return count_findings(engine)


def _insert(connection: Connection, kind: Kind) -> None:
    connection.execute(
        text(
            f"""
            INSERT INTO library_health ({", ".join(COLUMNS)})
            SELECT :kind, :severity, entity_type, entity_id, left(subject, {MAX_TEXT}), left(detail, {MAX_TEXT}),
                   coalesce(paths, '{{}}'), file_count
            FROM ({kind.query}) AS found (entity_type, entity_id, subject, detail, paths, file_count)
            """
        ),
        {"kind": kind.name, "severity": kind.severity},
    )


def _copy(connection: Connection, kind: Kind, findings: Iterable[Sequence[Any]]) -> None:
    rows = [(kind.name, kind.severity, *finding) for finding in findings]  # asks the database: not during the COPY
    copy_rows(connection, "library_health", COLUMNS, rows)


def _wrong_encodings(connection: Connection) -> Iterator[Sequence[Any]]:
    """Titles, artists and albums that hold more than ASCII, each name looked at once."""
    paths = f"(array_agg(p.path ORDER BY p.path))[1:{MAX_PATHS}], count(*)"
    names = connection.execute(
        text(
            f"""
            SELECT 'artist' AS kind, a.id, a.name, {paths}
            FROM artists a JOIN track_artists t ON t.artist_id = a.id JOIN present p ON p.id = t.track_id
            WHERE a.name ~ '[^\\x01-\\x7f]' GROUP BY a.id
            UNION ALL
            SELECT 'album', b.id, b.title, {paths} FROM albums b JOIN present p ON p.album_id = b.id
            WHERE b.title ~ '[^\\x01-\\x7f]' GROUP BY b.id
            UNION ALL
            SELECT 'track', p.id, p.title, ARRAY[p.path], 1 FROM present p WHERE p.title ~ '[^\\x01-\\x7f]'
            ORDER BY 1, 3, 2
            """
        ),
        execution_options={"stream_results": True, "max_row_buffer": 5_000},
    )
    for entity_type, entity_id, name, files, count in names:
        if detail := wrong_encoding(name):
            yield entity_type, entity_id, name[:MAX_TEXT], detail[:MAX_TEXT], files, count


def _same_recordings(connection: Connection) -> Iterator[Sequence[Any]]:
    """Sets of tracks that are one recording; copies of the same audio are another kind and count once."""
    rows = connection.execute(
        text(
            """
            SELECT r.track_id, r.other_track_id FROM same_recordings r
            JOIN present p ON p.id = r.track_id JOIN present q ON q.id = r.other_track_id
            WHERE p.audio_hash IS DISTINCT FROM q.audio_hash ORDER BY 1, 2
            """
        )
    )
    together = _connected((one, other) for one, other in rows)
    temporary_table(connection, "recordings", "track_id bigint, first_id bigint")
    copy_rows(connection, "recordings", ("track_id", "first_id"), sorted(together.items()))
    found = connection.execute(
        text(
            f"""
            WITH files AS (
                SELECT DISTINCT ON (r.first_id, p.audio_hash) r.first_id, p.*
                FROM recordings r JOIN present p ON p.id = r.track_id
                ORDER BY r.first_id, p.audio_hash, {BEST_FIRST}
            )
            SELECT 'track', (array_agg(id ORDER BY {BEST_FIRST}))[1], (array_agg(title ORDER BY {BEST_FIRST}))[1],
                   'keep the first: ' || string_agg(concat_ws(' ', codec, bitrate_kbps || ' kbit/s'), ', '
                                                   ORDER BY {BEST_FIRST})
                   || CASE WHEN count(DISTINCT coalesce(album_id, 0)) > 1 THEN '; on different albums' ELSE '' END,
                   (array_agg(path ORDER BY {BEST_FIRST}))[1:{MAX_PATHS}], count(*)
            FROM files GROUP BY first_id HAVING count(*) > 1
            ORDER BY (array_agg(path ORDER BY {BEST_FIRST}))[1]
            """
        )
    )
    yield from found.all()


def _connected(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Each member of a pair, with the smallest id of those it is connected to."""
    parent: dict[int, int] = {}

    def root(member: int) -> int:
        parent.setdefault(member, member)
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {member: root(member) for member in parent}


_FOUND_BY_PYTHON = {"wrong_encoding": _wrong_encodings, "same_recording": _same_recordings}


def count_findings(engine: Engine) -> dict[str, int]:
    """Findings of the last report by kind, kinds without any included."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, count(*) FROM library_health GROUP BY kind"))
        counts = {row[0]: int(row[1]) for row in rows}
    return {kind.name: counts.get(kind.name, 0) for kind in KINDS}


def findings(engine: Engine, kinds: Sequence[str] = (), limit_a_kind: int | None = None) -> Iterator[Finding]:
    """Findings of the last report: by severity, then in the order of ``KINDS``, then as they were found."""
    names = [kind.name for kind in sorted(KINDS, key=lambda kind: SEVERITIES.index(kind.severity))]
    wanted = [name for name in names if not kinds or name in kinds]
    with engine.connect().execution_options(stream_results=True, yield_per=1_000) as connection:
        rows = connection.execute(
            text(
                f"""
                SELECT {", ".join(COLUMNS)}
                FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY id) AS place FROM library_health) AS h
                WHERE kind = ANY(:wanted) AND (CAST(:limit AS bigint) IS NULL OR place <= :limit)
                ORDER BY array_position(CAST(:wanted AS text[]), kind), id
                """
            ),
            {"wanted": wanted, "limit": limit_a_kind},
        )
        for row in rows:
            kind, severity, entity_type, entity_id, subject, detail, paths, count = row
            yield Finding(kind, severity, entity_type, entity_id, subject, detail, tuple(paths), count)
