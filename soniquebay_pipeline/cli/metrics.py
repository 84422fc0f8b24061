"""`metrics`: figures for Prometheus."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from soniquebay_pipeline.cli.output import clear_errors, err, fail, read_settings


def metrics(
    port: Annotated[int | None, typer.Option(help="Port; default SONIQUEBAY_METRICS_PORT.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the figures and end.")] = False,
) -> None:
    """Serve figures for Prometheus at /metrics, read from the database at each scrape, until Ctrl-C."""
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server

    from soniquebay_pipeline.cli.collector import DatabaseCollector
    from soniquebay_pipeline.db.engine import dagster_url, engine_for
    from soniquebay_pipeline.db.migrate import open_catalogue

    settings = read_settings()
    with clear_errors():
        catalogue = open_catalogue(settings)
        dagster = engine_for(dagster_url(settings).render_as_string(hide_password=False))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector(catalogue, dagster))
    if once:
        typer.echo(generate_latest(registry).decode(), nl=False)
        return
    chosen = port or settings.metrics_port
    try:
        _, thread = start_http_server(chosen, addr=settings.metrics_host, registry=registry)
    except OSError as error:
        fail(f"Port {chosen} of {settings.metrics_host}: {error.strerror}. Set SONIQUEBAY_METRICS_PORT or --port.")
    err.print(f"Metrics: http://{settings.metrics_host}:{chosen}/metrics (Ctrl-C ends it)", soft_wrap=True)
    # A service ends when it is told to, also where whoever started it ignores the signal, which is inherited.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        thread.join()
    except KeyboardInterrupt:
        err.print("Ended.")
