"""Pictures of Dagster's UI for the documentation: ``python -m soniquebay_pipeline_tests.screenshots OUT_DIR``.

Here: which pages are shown, and headless Chromium (Debian's package ``chromium``) taking them from a running
``soniquebay ui``. Not here: starting the UI, and a catalogue to show: ``soniquebay run`` makes one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

DEFAULT_URL = "http://127.0.0.1:3000"
JOBS_WORTH_SHOWING = ("run_everything", "ingest")
MAX_BYTES = 200_000
PAGE_SECONDS = 120.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=30000",
)
_RUNS = "{ runsOrError(limit: 50) { ... on Runs { results { id jobName status } } } }"


@dataclass(frozen=True, slots=True)
class Page:
    """One picture: its file name, the page's path, and the window in pixels."""

    name: str
    path: str
    width: int = 1440
    height: int = 900


def pages(run_id: str | None) -> list[Page]:
    """What is shown; without a run there is no picture of one."""
    shown = [
        # The page of all assets shows only their groups at first.
        Page("lineage", "/assets/tracks?view=lineage&lineageScope=neighbors&lineageDepth=6", 2300, 900),
        Page("covers", "/assets/covers?view=overview", height=1180),
        Page("asset", "/assets/tracks?view=overview", height=1180),
        Page("partitions", "/assets/tracks?view=partitions&partition=00", height=1000),
        Page("sensor", "/locations/soniquebay/sensors/new_music_sensor", height=600),
    ]
    if run_id is not None:
        shown.append(Page("run", f"/runs/{run_id}", height=1100))
    return shown


def latest_run(url: str) -> str | None:
    """The newest successful run of every asset; where there is none, of the catalogue's."""
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": _RUNS}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        runs = json.load(answer)["data"]["runsOrError"].get("results", [])
    done = [run for run in runs if run["status"] == "SUCCESS" and run["jobName"] in JOBS_WORTH_SHOWING]
    done.sort(key=lambda run: JOBS_WORTH_SHOWING.index(run["jobName"]))
    return done[0]["id"] if done else None


def take(chromium: str, url: str, page: Page, target: Path) -> None:
    """Let Chromium open the page and write the picture."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        subprocess.run(
            [
                chromium,
                *FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={page.width},{page.height}",
                f"--screenshot={target}",
                url + page.path,
            ],
            check=True,
            timeout=PAGE_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def shrink(picture: Path) -> int:
    """Reduce the colours until the file is small enough for a repository; returns its size in bytes."""
    with Image.open(picture) as opened:
        original = opened.convert("RGB")
    for colours in (256, 128, 64, 32):
        original.quantize(colours, dither=Image.Dither.NONE).save(picture, optimize=True)
        if picture.stat().st_size <= MAX_BYTES:
            break
    return picture.stat().st_size


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Take pictures of Dagster's UI.")
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the running UI, {DEFAULT_URL} by default")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is needed: apt install chromium", file=sys.stderr)
        return 1
    url = options.url.rstrip("/")
    options.out_dir.mkdir(parents=True, exist_ok=True)
    for page in pages(latest_run(url)):
        target = options.out_dir.resolve() / f"{page.name}.png"
        take(chromium, url, page, target)
        print(f"{target} {shrink(target):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
