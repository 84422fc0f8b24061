"""A person's first visit to Dagster's UI, clicked by headless Chromium: a test, and the pictures of the documentation.

``make screenshots``, or ``python -m soniquebay_pipeline_tests.screenshots OUT_DIR``. It starts ``soniquebay ui`` over a
demo library and an empty catalogue, materialises a shard by clicks, waits until it is green, and reads the name of a
rejected file in the metadata. Then everything is run, and the other pages are shown. A step that fails ends the
command with exit code 1, the step's name and a picture of what was there instead.

A command and no pytest test, because it needs Chromium (Debian's package ``chromium``), which not every machine
that runs the tests has; ``test_end_to_end`` goes the same way through GraphQL, always.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from soniquebay_pipeline.defs.partitions import SHARD_KEYS
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline_tests.database_server import home_of_its_own
from soniquebay_pipeline_tests.installation import Installation

REJECTED = "Unsorted/Garbage.mp3"
"""A file of the demo library that is no music."""
MAX_BYTES = 200_000
STEP_SECONDS = 300.0
"""For a page to show what it should, a run included."""
RELOAD_SECONDS = 60.0
NEVER = 36_000
SETTINGS: dict[str, object] = {
    # What happens is what is clicked: no sensor starts anything, nobody asks the internet.
    "settle_seconds": NEVER,
    "analysis_interval_seconds": NEVER,
    "vectors_interval_seconds": NEVER,
    "cover_sources": "chosen,embedded,local",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of the finished catalogue: file name, page, a text that has to be there, the window in pixels."""

    name: str
    path: str
    text: str
    width: int = 1440
    height: int = 900


PAGES = (
    # The page of all assets shows only their groups at first.
    Shown("lineage", "/assets/tracks?view=lineage&lineageScope=neighbors&lineageDepth=6", "library_health", 2300, 1040),
    Shown("asset", "/assets/tracks?view=overview", "from raw_metadata.title", height=1180),
    Shown("partitions", "/assets/tracks?view=partitions&partition=00", "tracks_added", height=1000),
    Shown("covers", "/assets/covers?view=partitions&partition=00", "new_pictures", height=1000),
    Shown("health", "/assets/library_health?view=overview", "findings", height=1180),
    Shown("sensor", "/locations/soniquebay/sensors/new_music_sensor", "0 runs requested", height=600),
)


class Visit:
    """The browser at the UI, and the folder that pictures go to."""

    def __init__(self, page: Page, url: str, out_dir: Path) -> None:
        self.page = page
        self.url = url
        self.out_dir = out_dir
        page.set_default_timeout(STEP_SECONDS * 1000)
        expect.set_options(timeout=STEP_SECONDS * 1000)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what is tried; when it fails, keep a picture of what is there, outside the documentation."""
        print(what, flush=True)
        try:
            yield
        except Exception:
            seen = Path(tempfile.gettempdir()) / "soniquebay-screenshots-failed.png"
            self.page.screenshot(path=seen)
            print(f"failed: {what}. What was there: {seen}", file=sys.stderr)
            raise

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def open_until(self, path: str, wanted: Locator) -> None:
        """Load a page that does not update itself again and again, as a person would, until it shows something."""
        deadline = time.monotonic() + STEP_SECONDS
        while True:
            self.open(path)
            try:
                expect(wanted).to_be_visible(timeout=RELOAD_SECONDS * 1000)
                return
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def picture(self, name: str) -> None:
        """Write the page as a small PNG."""
        target = self.out_dir / f"{name}.png"
        # Pages draw themselves in parts; the last ones (graphs, icons) come without another request.
        expect(self.page.get_by_text(re.compile(r"^Loading\b"))).to_have_count(0)
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(2000)
        self.page.screenshot(path=target, animations="disabled")
        print(f"  {target} {shrink(target):,} bytes")

    def show(self, shown: Shown) -> None:
        """A picture of the page once it says what it should."""
        with self.step(f"{shown.path} shows {shown.text}"):
            self.page.set_viewport_size({"width": shown.width, "height": shown.height})
            self.open(shown.path)
            expect(self.page.get_by_text(shown.text).first).to_be_visible()
            self.picture(shown.name)


def materialize(visit: Visit, asset: str, shard: str, picture: str | None = None) -> None:
    """On the asset's page: Materialize, choose the partition, launch; wait until the partition is green."""
    page = visit.page
    with visit.step(f"{asset}: Materialize, partition {shard}, launch"):
        visit.open(f"/assets/{asset}")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_text("Select a partition or create one").click()
        page.get_by_placeholder("Filter partitions").fill(shard)
        page.get_by_role("menuitem").filter(has=page.get_by_title(shard, exact=True)).click()
        page.keyboard.press("Escape")  # closes the list of partitions
        if picture:
            visit.picture(picture)
        page.get_by_role("button", name="Launch 1 run").click()
        # The dialog closes when the run exists; whoever leaves the page before has launched nothing.
        expect(page.get_by_text(f"Launch runs to materialize {asset}")).to_be_hidden()
    with visit.step(f"{asset}: partition {shard} becomes green"):
        expect(page.get_by_text("Never materialized")).to_be_hidden()  # this page updates itself
        partition = f"/assets/{asset}?view=partitions&partition={shard}"
        visit.open_until(partition, page.get_by_text("Materialized (1)"))
        expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    with visit.step(f"{asset}: its run is a success"):
        page.locator('a[href*="/runs/"]').filter(has_text=re.compile("^[0-9a-f]{8}$")).first.click()
        expect(page.get_by_text("Success", exact=True).first).to_be_visible()
        visit.open_until(partition, page.get_by_text("Materialized (1)"))


def first_visit(visit: Visit) -> None:
    """From an empty catalogue to a shard whose rejected file is named."""
    folder = REJECTED.rpartition("/")[0]
    shard = SHARD_KEYS[shard_of(folder, len(SHARD_KEYS))]
    with visit.step("the UI opens and lists the assets"):
        visit.open("/assets/raw_metadata")
        expect(visit.page.get_by_text("Never materialized").first).to_be_visible()
    materialize(visit, "raw_files", shard)
    materialize(visit, "raw_metadata", shard, picture="materialize")
    with visit.step(f"the metadata of raw_metadata names {REJECTED}"):
        expect(visit.page.get_by_text(REJECTED)).to_be_visible()
        visit.picture("rejected")


def everything(visit: Visit, installation: Installation) -> None:
    """Run all, and show the pages of the finished catalogue."""
    with visit.step("soniquebay run"):
        installation.command("run", "--json")
    for shown in PAGES:
        visit.show(shown)
    run_id = installation.ui.assets()["tracks"]["assetMaterializations"][0]["runId"]
    visit.show(Shown("run", f"/runs/{run_id}", "Success", height=1100))


def shrink(picture: Path) -> int:
    """Reduce the colours until the file is small enough for a repository; returns its size in bytes."""
    with Image.open(picture) as opened:
        original = opened.convert("RGB")
    for colours in (256, 128, 64, 32):
        original.quantize(colours, dither=Image.Dither.NONE).save(picture, optimize=True)
        if picture.stat().st_size <= MAX_BYTES:
            break
    return picture.stat().st_size


def visit_all(chromium: str, out_dir: Path) -> None:
    """Start everything, visit it, end everything. Raises where a step fails."""
    with home_of_its_own() as home, tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        installation = Installation(home, Path(folder) / "library", SETTINGS)
        print("making the demo library, starting the UI", flush=True)
        installation.command("demo", str(installation.music))
        try:
            installation.start_and_wait()
            # Chromium refuses its own sandbox to root, which CI and containers often are; the pages are ours.
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 1000}, locale="en-GB")
            visit = Visit(page, installation.ui.url, out_dir)
            first_visit(visit)
            everything(visit, installation)
            browser.close()
        finally:
            installation.stop()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Click through Dagster's UI, and take pictures of it.")
    parser.add_argument("out_dir", type=Path, nargs="?", default=Path("docs/images"))
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("chromium-browser"))
    options = parser.parse_args()
    if options.chromium is None:
        print("Chromium is needed: apt install chromium, or --chromium PATH", file=sys.stderr)
        return 1
    options.out_dir.mkdir(parents=True, exist_ok=True)
    visit_all(options.chromium, options.out_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
