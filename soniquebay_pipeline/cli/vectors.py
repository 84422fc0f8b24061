"""`vectors`: looking at the vectors, fitting the scale of the audio vectors anew, building the index."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli import search
from soniquebay_pipeline.cli.output import Bars, clear_errors, err, out, print_json, read_settings

app = typer.Typer(help="The vectors that find what reads and sounds alike.", no_args_is_help=True)
app.command("rebuild")(search.rebuild)


@app.command()
def validate(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check coverage, dimensions, lengths, models and scaler of the vectors; exit code 1 if something is wrong."""
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.validate import validate as look

    settings = read_settings()
    with clear_errors():
        findings = look(open_catalogue(settings), settings)
    ok = all(finding.ok for finding in findings)
    if as_json:
        print_json(
            {
                "ok": ok,
                "findings": [{"name": f.name, "ok": f.ok, "text": f.text, "numbers": f.numbers} for f in findings],
            }
        )
    else:
        table = Table(box=None, show_header=False, padding=(0, 2))
        for finding in findings:
            state = "[green]ok[/]" if finding.ok else "[red]problem[/]" if finding.serious else "[yellow]warning[/]"
            table.add_row(finding.name, state, escape(finding.text))
        out.print(table)
    raise typer.Exit(0 if ok else 1)


@app.command()
def refit() -> None:
    """Fit the scale of the audio vectors on the whole library, and write them and the combined ones anew.

    All in one transaction: searches see the old vectors until it ends. Worth it when the library has grown a
    lot; the nightly maintenance does it when the tracks have become four times as many.
    """
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.run import refit as fit_anew

    settings = read_settings()
    with clear_errors():
        engine = open_catalogue(settings)
        with Bars() as bars:
            report = fit_anew(engine, settings, bars)
    if not report.sounds:
        err.print("No track has audio features yet; `soniquebay run` makes them. Nothing was changed.")
        return
    out.print(
        f"Scaler {report.scaler_version} is in force: {report.sounds:,} audio and {report.combined:,} combined "
        "vectors written."
    )
