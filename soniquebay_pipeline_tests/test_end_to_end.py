"""The installed whole: daemon and webserver run, an album is copied into the library, and nobody clicks.

Real processes of ``soniquebay ui`` on an embedded server of the test's own, asked through Dagster's GraphQL API.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from soniquebay_pipeline.db.engine import catalogue_url
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.command_line import clean_environment, soniquebay
from soniquebay_pipeline_tests.graphql import Ui
from soniquebay_pipeline_tests.music_files import music_of

LONGEST_SECONDS = 300.0
"""For a machine that does other things as well; two cores that do nothing else take about 60 s."""
ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"


@dataclass
class Installation:
    """A home, a library, and `soniquebay ui` at work on them."""

    home: Path
    music: Path
    ui: Ui
    settings: dict[str, object]

    def wait_for(self, query: str, wanted: object) -> None:
        """Wait until the catalogue answers the query so."""
        engine = create_engine(catalogue_url(Settings(home=self.home)))
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            with engine.connect() as connection:
                found = connection.execute(text(query)).scalar_one()
            if found == wanted:
                break
            assert time.monotonic() < deadline, f"{query}: {found}, not {wanted}, after {LONGEST_SECONDS:.0f} s"
            time.sleep(1)
        engine.dispose()


@pytest.fixture(scope="module")
def installation(server_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    music = tmp_path_factory.mktemp("library")
    music_of(music / "First" / "Album" / "01.flac", artist=("First",))
    (music / "First" / "Album" / "02.flac").write_bytes(b"this is no music")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings: dict[str, object] = {
        "home": server_home,
        "music_dir": music,
        "workers": 1,
        "analysis_workers": 1,
        "settle_seconds": 1,
        "sensor_interval_seconds": 5,
        "analysis_interval_seconds": 5,
    }
    assert soniquebay("run", "--json", settings=settings).code == 0
    environment = {name: os.environ[name] for name in clean_environment()}
    environment |= {f"SONIQUEBAY_{name.upper()}": str(value) for name, value in settings.items()}
    with (server_home / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "soniquebay_pipeline.cli.main", "ui", "--port", str(port)],
            env=environment,
            cwd=server_home,
            start_new_session=True,
            stdout=log,
            stderr=log,
        )
    try:
        ui = Ui(port)
        ui.wait_until_up(LONGEST_SECONDS)
        yield Installation(server_home, music, ui, settings)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def documented_lineage() -> set[tuple[str, str]]:
    """The arrows of the picture of the assets in docs/architecture.md."""
    page = ARCHITECTURE.read_text("utf-8").partition("## The assets")[2]
    picture = page.partition("```mermaid")[2].partition("```")[0]
    arrows: set[tuple[str, str]] = set()
    for line in picture.splitlines():
        steps = [re.findall(r"\w+", step) for step in line.split("-->")]
        for froms, tos in itertools.pairwise(steps):
            arrows |= {(one, other) for one in froms for other in tos}
    return arrows


def test_the_lineage_is_the_documented_one(installation: Installation) -> None:
    assets = installation.ui.assets()
    lineage = {(dependency["path"][-1], name) for name, node in assets.items() for dependency in node["dependencyKeys"]}
    assert lineage == documented_lineage()


def test_every_asset_explains_itself(installation: Installation) -> None:
    for name, node in installation.ui.assets().items():
        assert node["description"], name
        assert node["kinds"] and node["owners"] and node["groupName"], name


def test_a_rejected_file_is_in_the_metadata_of_its_asset(installation: Installation) -> None:
    [last] = installation.ui.assets()["raw_metadata"]["assetMaterializations"]
    shown = {entry["label"]: entry.get("mdStr") for entry in last["metadataEntries"]}
    assert "First/Album/02.flac" in (shown.get("rejected_files") or "")


def test_a_shard_can_be_materialised_from_the_ui(installation: Installation) -> None:
    assert installation.ui.materialize("ingest", "00", LONGEST_SECONDS) == "SUCCESS"


def test_a_copied_album_flows_through_without_a_click(installation: Installation) -> None:
    album = installation.music / "Second" / "Other"
    for number in (1, 2):
        music_of(album / f"{number:02d}.flac", bpm=90.0 + 30 * number, artist=("Second",), album="Other")
    shutil.copyfile(album / "01.flac", album / "03.flac")
    installation.wait_for("SELECT count(*) FROM tracks t JOIN albums b ON b.id = t.album_id WHERE b.title = 'Other'", 3)
    installation.wait_for("SELECT count(*) FROM audio_features WHERE bpm IS NOT NULL", 4)
