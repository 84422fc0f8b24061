"""The commands; each reads its options, calls what does the work, and prints."""

from __future__ import annotations

import typer

from soniquebay_pipeline.cli import database, files, ingest, operate

app = typer.Typer(
    name="soniquebay",
    help="A folder of music becomes a catalogue in PostgreSQL. Settings: SONIQUEBAY_* (see README.md).",
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
app.add_typer(database.app, name="db")
app.command("ui")(operate.ui)
app.command("doctor")(operate.doctor)

if __name__ == "__main__":
    app()
