"""`vectors …`: the vectors and their index."""

from __future__ import annotations

import typer

from soniquebay_pipeline.cli import search

app = typer.Typer(help="The vectors of the tracks.", no_args_is_help=True)
app.command("rebuild")(search.rebuild)
