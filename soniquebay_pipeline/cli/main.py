"""The commands; each reads its options, calls what does the work, and prints."""

from __future__ import annotations

import logging
import os
import sys

import typer

from soniquebay_pipeline.cli import (
    cover,
    database,
    files,
    health,
    ingest,
    lastfm,
    metrics,
    operate,
    queue,
    results,
    search,
    soniquebay,
    vectors,
    web,
    worker,
)

app = typer.Typer(
    name="soniquebay",
    help="A folder of music becomes a catalogue in PostgreSQL. Settings: SONIQUEBAY_* (see docs/settings.md).",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(ingest.run)
app.command("ingest")(ingest.ingest)
app.command("status")(ingest.status)
app.command("demo")(ingest.demo)
app.command("rejected")(files.rejected)
app.command("purge")(files.purge)
app.command("queue")(queue.queue)
app.command("retry")(queue.retry)
app.add_typer(web.app, name="cache")
app.command("metrics")(metrics.metrics)
app.add_typer(cover.app, name="cover")
app.add_typer(database.app, name="db")
app.command("import")(soniquebay.import_soniquebay)
app.command("health")(health.health)
app.add_typer(results.app, name="results")
app.add_typer(lastfm.app, name="lastfm")
app.add_typer(vectors.app, name="vectors")
app.command("search")(search.search)
app.command("similar")(search.similar)
app.command("playlist")(search.playlist)
app.command("map")(search.show_map)
app.command("ui")(operate.ui)
app.command("worker")(worker.worker)
app.command("doctor")(operate.doctor)


def main() -> None:
    """Entry of the command. Ends the process at once: taking Dagster's modules apart costs 0.5 to 1 s."""
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    else:
        code = 0
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
