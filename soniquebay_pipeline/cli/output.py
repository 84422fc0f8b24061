"""How the command line speaks: consoles, errors in one line, JSON, progress bars."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from soniquebay_pipeline.progress import Stage
from soniquebay_pipeline.settings import Settings, get_settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(message: str, code: int = 1) -> NoReturn:
    """One line on standard error that says what happened and what to do; exits."""
    err.print(f"[bold red]error:[/] {escape(' '.join(message.split()))}", soft_wrap=True)
    raise typer.Exit(code)


def print_json(value: dict[str, Any]) -> None:
    """One object on one line of standard output."""
    typer.echo(json.dumps(value, ensure_ascii=True, default=str))


@contextmanager
def clear_errors() -> Iterator[None]:
    """Errors that a person can act on become one line; others keep their traceback."""
    from soniquebay_pipeline.care.errors import CareError
    from soniquebay_pipeline.db.errors import DatabaseUnavailable, WrongShardCount
    from soniquebay_pipeline.library.walk import LibraryRootError
    from soniquebay_pipeline.vectors.model import ModelError

    try:
        yield
    except (CareError, DatabaseUnavailable, WrongShardCount, LibraryRootError, ModelError) as error:
        fail(str(error))
    except Exception as error:
        name = type(error).__name__
        if type(error).__module__.startswith(("psycopg", "sqlalchemy")):
            # InterfaceError and DatabaseError are what the drivers raise when the server is stopped in between.
            if name in ("OperationalError", "InterfaceError", "DatabaseError", "AdminShutdown"):
                cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
                fail(
                    f"PostgreSQL can't be reached: {cause}. Check that the server runs and that "
                    "SONIQUEBAY_DATABASE_URL is right, and run the command again; nothing is lost."
                )
            if name == "ArgumentError":
                fail("SONIQUEBAY_DATABASE_URL is no URL such as postgresql://user:password@host/database.", code=2)
        raise


def read_settings() -> Settings:
    """The settings; one that can't be understood ends the command with a line that names it."""
    from pydantic import ValidationError

    try:
        return get_settings()
    except ValidationError as error:
        problems = [f"SONIQUEBAY_{str(e['loc'][0]).upper()}: {e['msg']}, not {e['input']!r}" for e in error.errors()]
        fail("; ".join(problems) + ".", code=2)


class Bars:
    """Draws one bar a stage on standard error; where that is no terminal, a line a finished stage."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        """Items and seconds of every stage that did anything."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=err,
        )

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        task = self._progress.add_task(name, total=total, rate="")
        started = time.monotonic()

        def advance(done: int = 1) -> None:
            self._progress.advance(task, done)
            speed = self._progress.tasks[task].speed
            if speed and speed >= 10:
                self._progress.update(task, rate=f"{speed:,.0f}/s")

        yield advance
        completed = self._progress.tasks[task].completed
        self._progress.update(task, total=completed, completed=completed)
        if completed:
            seconds = round(time.monotonic() - started, 2)
            self.stages[name] = {"items": completed, "seconds": seconds}
            if not err.is_terminal:
                err.print(f"{name}: {completed:,.0f} in {seconds:.1f} s")

    def __enter__(self) -> Bars:
        if err.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
