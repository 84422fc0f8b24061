"""``soniquebay ui`` as a person runs it: webserver, daemon and code location over a home and a library.

Here: its settings, starting it on a free port, waiting until it answers, asking its catalogue, ending it. Not here:
what is asked of Dagster (``graphql``), commands that end by themselves (``command_line``).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.db.engine import catalogue_url
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import CommandResult, clean_environment, soniquebay
from soniquebay_pipeline_tests.graphql import Ui

LONGEST_SECONDS = 300.0
"""For a machine that does other things as well; two cores that do nothing else take about 60 s."""
STOP_SECONDS = 120.0
WITHOUT_SIGINT = ("/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""As a shell starts what a script puts into the background: it must end when told to all the same."""


@dataclass
class Installation:
    """A home, a library, and ``soniquebay ui`` at work on them once it is started."""

    home: Path
    music: Path
    more: dict[str, object] = field(default_factory=dict)
    """Settings besides these two, by name without SONIQUEBAY_."""
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @property
    def settings(self) -> dict[str, object]:
        """Every setting that differs from its default."""
        return {"home": self.home, "music_dir": self.music, **self.more}

    def command(self, *arguments: str) -> CommandResult:
        """Run ``soniquebay`` with these settings; AssertionError with what it said when it fails."""
        done = soniquebay(*arguments, settings=self.settings)
        assert done.code == 0, f"soniquebay {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done

    def start(self) -> None:
        """``soniquebay ui`` in a process group of its own, on a free port; its output goes to ``ui.log``."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        environment = {name: os.environ[name] for name in clean_environment()}
        environment |= {f"SONIQUEBAY_{name.upper()}": str(value) for name, value in self.settings.items()}
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "ui.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*WITHOUT_SIGINT, sys.executable, "-m", "soniquebay_pipeline.cli.main", "ui", "--port", str(self.port)],
                env=environment,
                cwd=self.home,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

    @property
    def ui(self) -> Ui:
        """Dagster's GraphQL API."""
        return Ui(self.port)

    def start_and_wait(self) -> None:
        """Start, and wait until the UI lists the assets."""
        self.start()
        self.ui.wait_until_up(LONGEST_SECONDS)

    def stop(self) -> int | None:
        """End the group as a service manager does; its exit code, None if it had to be killed. PostgreSQL stays."""
        if self.process is None:
            return None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code, self.process = self.process.returncode, None
        return code

    @cached_property
    def engine(self) -> Engine:
        """The catalogue; one connection that nothing is left open on."""
        return create_engine(catalogue_url(Settings(home=self.home)), pool_size=1, pool_pre_ping=True)

    def wait_for(self, query: str, wanted: object) -> None:
        """Wait until the catalogue answers the query so."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            with self.engine.connect() as connection:
                found = connection.execute(text(query)).scalar_one()
            if found == wanted:
                return
            assert time.monotonic() < deadline, f"{query}: {found}, not {wanted}, after {LONGEST_SECONDS:.0f} s"
            time.sleep(1)
