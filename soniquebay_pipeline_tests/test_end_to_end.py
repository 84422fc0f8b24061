"""The installed whole: daemon and webserver run, an album is copied into the library, and nobody clicks.

Real processes of ``soniquebay ui`` on an embedded server of the test's own, asked through Dagster's GraphQL API.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from soniquebay_pipeline.defs.lineage import LINEAGE
from soniquebay_pipeline_tests.artwork.picture_files import jpeg, put
from soniquebay_pipeline_tests.installation import LONGEST_SECONDS, Installation
from soniquebay_pipeline_tests.music_files import music_of

ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def installation(server_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    music = tmp_path_factory.mktemp("library")
    music_of(music / "First" / "Album" / "01.flac", artist=("First",))
    (music / "First" / "Album" / "02.flac").write_bytes(b"this is no music")
    settings: dict[str, object] = {
        "workers": 1,
        "analysis_workers": 1,
        "settle_seconds": 1,
        "sensor_interval_seconds": 5,
        "analysis_interval_seconds": 5,
    }
    started = Installation(server_home, music, settings)
    started.command("run", "--json")
    try:
        started.start_and_wait()
        yield started
    finally:
        assert started.stop() is not None, "`soniquebay ui` does not end when it is told to"


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


def test_every_materialisation_says_what_its_columns_are_made_from(installation: Installation) -> None:
    assets = installation.ui.assets()
    for name in LINEAGE.keys() & {name for name, node in assets.items() if node["assetMaterializations"]}:
        [last] = assets[name]["assetMaterializations"]
        [lineage] = [entry["lineage"] for entry in last["metadataEntries"] if "lineage" in entry]
        said = {
            each["columnName"]: {f"{dep['assetKey']['path'][-1]}.{dep['columnName']}" for dep in each["columnDeps"]}
            for each in lineage
        }
        assert said == {column: set(sources.split()) for column, sources in LINEAGE[name].items()}


def test_a_shard_can_be_materialised_from_the_ui(installation: Installation) -> None:
    assert installation.ui.materialize("ingest", "00", LONGEST_SECONDS) == "SUCCESS"


def test_a_copied_album_flows_through_without_a_click(installation: Installation) -> None:
    album = installation.music / "Second" / "Other"
    for number in (1, 2):
        music_of(album / f"{number:02d}.flac", bpm=90.0 + 30 * number, artist=("Second",), album="Other")
    shutil.copyfile(album / "01.flac", album / "03.flac")
    put(album / "cover.jpg", jpeg(1))
    of_the_album = "JOIN albums b ON b.id = t.album_id WHERE b.title = 'Other'"
    installation.wait_for(f"SELECT count(*) FROM tracks t {of_the_album}", 3)
    installation.wait_for(
        f"SELECT count(DISTINCT t.id) FROM track_covers c JOIN tracks t ON t.id = c.track_id {of_the_album} "
        "AND c.cover_of = 'album' AND c.source = 'local'",
        3,
    )
    installation.wait_for(
        f"SELECT count(*) FROM audio_features a JOIN tracks t ON t.id = a.track_id {of_the_album} "
        "AND a.bpm IS NOT NULL",
        3,
    )
    for kind in ("text", "audio", "combined"):
        installation.wait_for(
            f"SELECT count(*) FROM embeddings e JOIN tracks t ON t.id = e.track_id {of_the_album} "
            f"AND e.kind = '{kind}' AND (e.kind = 'text' OR e.has_audio)",
            3,
        )
