"""`health`: what is wrong with the library, and what to do about it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import Bars, clear_errors, fail, out, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

EXAMPLES_A_KIND = 3


def health(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with every finding.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a line a file as CSV.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page for the browser that sorts and filters.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Show only findings of this kind; may be repeated.")
    ] = None,
) -> None:
    """Say what is wrong with the library: broken files, torn albums, duplicates, gaps, odd tags. Changes no file."""
    from soniquebay_pipeline.care.health import page
    from soniquebay_pipeline.care.health.kinds import KIND_BY_NAME, KINDS
    from soniquebay_pipeline.care.health.report import findings, make_report
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.paths import display
    from soniquebay_pipeline.library.record import read_record

    wanted = kind or []
    if unknown := [name for name in wanted if name not in KIND_BY_NAME]:
        fail(f"There is no kind {unknown[0]!r}. The kinds: {', '.join(KIND_BY_NAME)}.", code=2)
    with clear_errors():
        engine = open_catalogue(read_settings())
        library = read_record(engine)
        if library is None:
            out.print("The catalogue is empty. `soniquebay run` fills it.")
            return
        with Bars() as bars:
            counts = make_report(engine, bars)
        counts = {name: count for name, count in counts.items() if not wanted or name in wanted}
        made_at = datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")
        if csv:
            _write(csv, lambda file: page.write_csv(file, findings(engine, wanted)))
        if html:
            some = findings(engine, wanted, page.MAX_ROWS_A_KIND)
            _write(html, lambda file: page.write_html(file, library.root, made_at, counts, some))
        if as_json:
            head = {"library": str(library.root), "made_at": made_at, "counts": counts}
            page.write_json(sys.stdout, head, findings(engine, wanted))
            return
        if not any(counts.values()):
            out.print("Nothing was found.")
            return
        examples: dict[str, list[str]] = {}
        for finding in findings(engine, wanted, EXAMPLES_A_KIND):
            examples.setdefault(finding.kind, []).append(f"{display(finding.subject)}: {display(finding.detail)}")
    table = Table("severity", "what", "findings", "for example", box=None, padding=(0, 2))
    colour = {"error": "red", "warning": "yellow", "note": "cyan"}
    for each in KINDS:
        if counts.get(each.name):
            shown = "\n".join(text[:100] + "…" if len(text) > 100 else text for text in examples.get(each.name, []))
            severity = f"[{colour[each.severity]}]{each.severity}[/]"
            table.add_row(severity, f"{each.title}\n[dim]{each.name}[/]", f"{counts[each.name]:,}", escape(shown))
    out.print(table)
    out.print("\n`soniquebay health --html FILE` writes all of it as a page, `--kind NAME` shows one kind.")


def _write(path: Path, write: Callable[[TextIO], object]) -> None:
    """Write a whole file or none: beside it first, then in its place."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        # surrogateescape: the library's folder may have a name that is not UTF-8.
        with temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            write(file)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        fail(f"{path} can't be written: {error.strerror}. Name another file.")
