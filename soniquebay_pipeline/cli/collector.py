"""What Prometheus reads: figures from the catalogue's tables and from Dagster's, asked for at each scrape.

Here: which figures there are, and their SQL. Not here: serving them (``metrics``), alerts and dashboards (``docker/``).

Nothing is kept between scrapes, so the figures are those of the database, whichever process did the work. One scrape at
a time, on one connection to each database, with a time limit a statement.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

STATEMENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A gauge whose labels and value one query gives: label columns first, then the value."""

    name: str
    help: str
    labels: tuple[str, ...]
    query: str


CATALOGUE = (
    Figure("files", "Files by status.", ("status",), "SELECT status, count(*) FROM raw_files GROUP BY 1"),
    Figure(
        "files_rejected",
        "Rejected files by reason.",
        ("reason",),
        "SELECT reject_reason, count(*) FROM raw_files WHERE status = 'rejected' GROUP BY 1",
    ),
    Figure(
        "catalogue_rows",
        "Rows of the catalogue's main tables.",
        ("table",),
        "SELECT 'tracks', count(*) FROM tracks UNION ALL SELECT 'artists', count(*) FROM artists"
        " UNION ALL SELECT 'albums', count(*) FROM albums UNION ALL SELECT 'genres', count(*) FROM genres"
        " UNION ALL SELECT 'pictures', count(*) FROM pictures",
    ),
    Figure(
        "tracks_analysed",
        "Tracks by the outcome of their analysis; ok has features.",
        ("outcome",),
        "SELECT coalesce(failure_reason, 'ok'), count(*) FROM audio_features GROUP BY 1",
    ),
    Figure("embeddings", "Vectors by kind.", ("kind",), "SELECT kind, count(*) FROM embeddings GROUP BY 1"),
    Figure(
        "covers",
        "Covers by what they are of and where they come from.",
        ("entity_type", "source"),
        "SELECT entity_type, source, count(*) FROM covers GROUP BY 1, 2",
    ),
    Figure(
        "lastfm_fetched",
        "Artists and albums that Last.fm was asked about.",
        ("table",),
        "SELECT 'artists', count(lastfm_info_fetched_at) FROM artists"
        " UNION ALL SELECT 'albums', count(lastfm_info_fetched_at) FROM albums",
    ),
    Figure(
        "last_scan_timestamp_seconds",
        "When the shard that was scanned longest ago was scanned.",
        (),
        "SELECT extract(epoch FROM min(scanned_at)) FROM shard_scans",
    ),
)

DAGSTER = (
    Figure(
        "runs",
        "Runs created in the last 24 hours.",
        ("job", "status"),
        "SELECT pipeline_name, lower(status), count(*) FROM runs"
        " WHERE create_timestamp > now() AT TIME ZONE 'utc' - interval '1 day' GROUP BY 1, 2",
    ),
    Figure(
        "run_seconds",
        "Seconds of the runs that ended in the last 24 hours.",
        ("job",),
        "SELECT pipeline_name, sum(end_time - start_time) FROM runs"
        " WHERE end_time > extract(epoch FROM now()) - 86400 GROUP BY 1",
    ),
    Figure(
        "steps",
        "Steps that ended in the last 24 hours.",
        ("step", "outcome"),
        "SELECT step_key, CASE dagster_event_type WHEN 'STEP_SUCCESS' THEN 'success' ELSE 'failure' END, count(*)"
        " FROM event_logs WHERE dagster_event_type IN ('STEP_SUCCESS', 'STEP_FAILURE')"
        " AND timestamp > now() AT TIME ZONE 'utc' - interval '1 day' GROUP BY 1, 2",
    ),
    Figure(
        "step_seconds",
        "Seconds of the steps that succeeded in the last 24 hours.",
        ("step",),
        "SELECT step_key,"
        " sum((event::jsonb #>> '{dagster_event,event_specific_data,duration_ms}')::float8) / 1000"
        " FROM event_logs WHERE dagster_event_type = 'STEP_SUCCESS'"
        " AND timestamp > now() AT TIME ZONE 'utc' - interval '1 day' GROUP BY 1",
    ),
)


class DatabaseCollector(Collector):
    """Reads everything when it is asked; ``catalogue_up`` and ``dagster_up`` say whether a database answered."""

    def __init__(self, catalogue: Engine, dagster: Engine | None) -> None:
        self._catalogue = catalogue
        self._dagster = dagster
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """All figures, those of a database that does not answer left out."""
        with self._lock:
            started = time.monotonic()
            metrics = [*self._read("catalogue", self._catalogue), *self._read("dagster", self._dagster)]
            metrics.append(_gauge("scrape_seconds", "How long reading all this took.", time.monotonic() - started))
        yield from metrics

    def _read(self, name: str, engine: Engine | None) -> list[Metric]:
        metrics: list[Metric] = []
        up = 0.0
        try:
            if engine is not None:
                with engine.connect() as connection:
                    connection.execute(
                        text("SELECT set_config('statement_timeout', :limit, true)"),
                        {"limit": str(int(STATEMENT_SECONDS * 1000))},
                    )
                    if name == "catalogue":
                        metrics += [_figure(connection, figure) for figure in CATALOGUE]
                        metrics += [*_queues(connection), *_web(connection)]
                    else:
                        metrics += [_figure(connection, figure) for figure in DAGSTER]
                up = 1.0
        except SQLAlchemyError:
            metrics = []
        return [_gauge(f"{name}_up", f"Whether the database of {name} answered.", up), *metrics]


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"soniquebay_{name}", help, value=value)


def _figure(connection: Connection, figure: Figure) -> Metric:
    metric = GaugeMetricFamily(f"soniquebay_{figure.name}", figure.help, labels=figure.labels)
    for *labels, value in connection.execute(text(figure.query)):
        if value is not None:
            metric.add_metric([str(label) for label in labels], float(value))
    return metric


def _queues(connection: Connection) -> Iterator[Metric]:
    from soniquebay_pipeline.db.ledger_view import queue_states

    tasks = GaugeMetricFamily("soniquebay_queue_tasks", "Rows of the ledger by state.", labels=("queue", "state"))
    oldest = GaugeMetricFamily(
        "soniquebay_queue_oldest_seconds", "How long the longest waiting could have been tried.", labels=("queue",)
    )
    health = GaugeMetricFamily("soniquebay_queue_health", "0 ok, 1 warning, 2 critical.", labels=("queue",))
    for state in queue_states(connection):
        for name in ("waiting", "delayed", "leased", "failed"):
            tasks.add_metric([state.queue, name], getattr(state, name))
        oldest.add_metric([state.queue], state.oldest_seconds)
        health.add_metric([state.queue], ("ok", "warning", "critical").index(state.health))
    yield from (tasks, oldest, health)


def _web(connection: Connection) -> Iterator[Metric]:
    from soniquebay_pipeline.enrichment.report import provider_reports

    labels = ("provider", "outcome")
    calls = CounterMetricFamily("soniquebay_web_questions", "Questions to web services by outcome.", labels=labels)
    seconds = HistogramMetricFamily("soniquebay_web_call_seconds", "Seconds a question took.", labels=labels)
    buckets: dict[tuple[str, str], list[tuple[float, int, float]]] = {}
    query = "SELECT provider, outcome, le, calls, seconds FROM web_calls ORDER BY provider, outcome, le"
    for provider, outcome, bound, count, total in connection.execute(text(query)):
        buckets.setdefault((provider, outcome), []).append((bound, count, total))
    for (provider, outcome), filled in buckets.items():
        calls.add_metric([provider, outcome], sum(count for _, count, _ in filled))
        seconds.add_metric([provider, outcome], *_cumulative(filled))
    answers = GaugeMetricFamily("soniquebay_web_answers", "Stored answers that have not expired.", labels=("provider",))
    closed = GaugeMetricFamily("soniquebay_web_may_be_asked", "1 closed, 0 open or waiting.", labels=("provider",))
    for report in provider_reports(connection):
        answers.add_metric([report.provider], report.answers - report.expired)
        closed.add_metric([report.provider], float(report.state in ("closed", "half_open")))
    yield from (calls, seconds, answers, closed)


def _cumulative(filled: list[tuple[float, int, float]]) -> tuple[list[tuple[str, float]], float]:
    """Prometheus' buckets, each with all below it, and the sum of seconds."""
    from soniquebay_pipeline.enrichment.calls import BUCKETS

    return (
        [
            ("+Inf" if bound == inf else str(bound), sum(count for le, count, _ in filled if le <= bound))
            for bound in BUCKETS
        ],
        sum(total for _, _, total in filled),
    )
