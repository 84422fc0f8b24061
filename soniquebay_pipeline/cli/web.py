"""`cache show`, `cache clear`: what is remembered of web services, and how they are doing."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import clear_errors, out, print_json, read_settings

app = typer.Typer(help="What web services have answered.", no_args_is_help=True)


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show for each web service: stored answers, how many came from the cache, and whether it may be asked."""
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.enrichment.report import provider_reports

    with clear_errors():
        engine = open_catalogue(read_settings())
        with engine.connect() as connection:
            reports = provider_reports(connection)
    if as_json:
        print_json({"providers": [report.as_json() for report in reports]})
        return
    if not reports:
        out.print("No web service has been asked yet.")
        return
    table = Table("service", "answers", "MB", "calls", "from cache", "failed", "state", box=None, padding=(0, 2))
    for report in reports:
        hits = "" if report.hit_rate is None else f"{report.hit_rate:.0%}"
        table.add_row(
            report.provider,
            f"{report.answers:,}  ({report.not_found:,} of them: nothing there; {report.expired:,} expired)",
            f"{report.bytes / 1e6:,.1f}",
            f"{report.calls:,}",
            hits,
            f"{report.failures:,}",
            escape(report.state + (f" until {report.until:%H:%M:%S}" if report.until else "")),
        )
    out.print(table)
    for report in reports:
        if report.last_error:
            out.print(f"{escape(report.provider)}: {escape(report.last_error)}", soft_wrap=True)


@app.command()
def clear(
    pattern: Annotated[
        str | None, typer.Argument(help="Only keys like this, such as 'lastfm:2:artist:*'; * is any text.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="Only this service's answers, e.g. lastfm.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Forget answers of web services, so that they are asked again: all, one service's, or those of a pattern.

    Running processes may still remember them for five minutes (SONIQUEBAY_WEB_MEMORY_SECONDS).
    """
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.enrichment.answers import forget

    with clear_errors():
        engine = open_catalogue(read_settings())
        with engine.begin() as connection:
            count = forget(connection, provider=provider, pattern=pattern)
    if as_json:
        result: dict[str, Any] = {"forgotten": count}
        print_json(result)
        return
    out.print(f"Forgot {count:,} answers.")
