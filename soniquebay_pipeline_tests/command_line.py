"""Runs the ``soniquebay`` command as a person does: a process of its own, with an environment.

Here: the environment, the process, what it printed. Not here: what the output should be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command answered."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The last line of standard output, parsed."""
        return json.loads(self.stdout.splitlines()[-1])


_REMOVED = ("SONIQUEBAY_", "DAGSTER_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")


def clean_environment(*, removed: bool = False) -> list[str]:
    """Names of this process's variables that a test keeps; with ``removed`` those that would change what it sees."""
    return [name for name in os.environ if name.startswith(_REMOVED) == removed]


def soniquebay(
    *arguments: str | os.PathLike[str],
    settings: Mapping[str, object],
    stdin: str = "",
    cwd: Path | None = None,
) -> CommandResult:
    """Run ``soniquebay`` with ``settings`` (``home=…, music_dir=…``) as SONIQUEBAY_* and no others.

    The working directory holds no ``.env``: the home, made if it is missing.
    """
    environment = {name: os.environ[name] for name in clean_environment()}
    environment |= {f"SONIQUEBAY_{name.upper()}": str(value) for name, value in settings.items()}
    # Rich breaks lines at the width of the terminal; without one it takes 80.
    environment |= {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
    directory = cwd or Path(str(settings["home"]))
    directory.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "soniquebay_pipeline.cli.main", *map(os.fspath, arguments)],
        env=environment,
        cwd=directory,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)
