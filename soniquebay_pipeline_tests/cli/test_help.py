"""Every command, argument and option says what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from soniquebay_pipeline.cli.main import app


def commands(command: Any = None, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    command = command or typer.main.get_command(app)
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word, each in below.items():
        yield from commands(each, (*name, word))


COMMANDS = dict(commands())


def test_the_commands_are_there() -> None:
    assert {" ".join(name) for name in COMMANDS} >= {
        "run",
        "ingest",
        "status",
        "demo",
        "rejected",
        "purge",
        "queue",
        "retry",
        "cache show",
        "cache clear",
        "metrics",
        "health",
        "import",
        "ui",
        "worker",
        "doctor",
        "cover show",
        "cover set",
        "cover unset",
        "cover missing",
        "vectors validate",
        "vectors refit",
        "db url",
        "db migrate",
        "db stop",
        "db reshard",
        "lastfm status",
        "lastfm enrich",
        "db backup",
        "db restore",
        "results export",
        "results import",
        "search",
        "similar",
        "playlist",
        "map",
        "vectors rebuild",
    }


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_its_options(name: tuple[str, ...]) -> None:
    command = COMMANDS[name]
    assert command.help and len(command.help) > 20
    assert all(parameter.help for parameter in command.params)
    result = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0 and "Usage" in result.output and "Traceback" not in result.output


def test_without_arguments_it_prints_its_help() -> None:
    assert "Commands" in CliRunner().invoke(app, []).output


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["ingest", "--no-such-option"], ["db", "reshard", "0"], ["db", "reshard", "x"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
