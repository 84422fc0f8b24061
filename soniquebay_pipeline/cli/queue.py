"""`queue`, `retry`: what waits, what failed, and trying it again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import clear_errors, out, print_json, read_settings

COLOURS = {"ok": "green", "warning": "yellow", "critical": "red"}


def queue(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the work that waits, is delayed, is being done or has failed, by queue, with the last errors.

    Critical: over 1,000 pending, 100 failed, or an hour of waiting. Warning: from half of that.
    """
    from soniquebay_pipeline.db.ledger_view import queue_states
    from soniquebay_pipeline.db.migrate import open_catalogue

    with clear_errors():
        engine = open_catalogue(read_settings())
        with engine.connect() as connection:
            states = queue_states(connection)
    if as_json:
        print_json({"queues": [state.as_json() for state in states]})
        return
    if not states:
        out.print("Nothing waits and nothing failed.")
        return
    names = ("queue", "health", "waiting", "delayed", "at work", "failed", "oldest", "next")
    table = Table(*names, box=None, padding=(0, 1))
    for state in states:
        table.add_row(
            escape(state.queue),
            f"[{COLOURS[state.health]}]{state.health}[/]",
            *(f"{count:,}" for count in (state.waiting, state.delayed, state.leased, state.failed)),
            _duration(state.oldest_seconds) if state.waiting else "",
            f"{state.next_attempt_at:%H:%M}" if state.next_attempt_at else "",
        )
    out.print(table)
    for state in states:
        errors = ", ".join(f"{count:,} {kind}" for kind, count in list(state.errors.items())[:5])
        if errors:
            out.print(f"{escape(state.queue)}: last errors: {escape(errors)}", soft_wrap=True)
    if any(state.failed for state in states):
        out.print("`soniquebay retry` lets what failed be tried again.")


def retry(
    queue: Annotated[str | None, typer.Option(help="Only this queue, e.g. analysis or enrichment.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let work that has failed for good be tried again, with all its attempts; the next run takes it."""
    from soniquebay_pipeline.db.ledger import retry_failed
    from soniquebay_pipeline.db.migrate import open_catalogue

    with clear_errors():
        engine = open_catalogue(read_settings())
        with engine.begin() as connection:
            count = retry_failed(connection, None if queue is None else [queue])
    if as_json:
        print_json({"retried": count})
        return
    out.print(f"{count:,} will be tried again." if count else "Nothing had failed for good.")


def _duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h``, ``2 d``"""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
