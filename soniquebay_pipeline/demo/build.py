"""Makes the demo library on disk, all of it or nothing.

Here: order of work, the temporary folder, the marker that it is complete. Not here: what is in the
library (``plan``), how it sounds (``synthesis``) or is stored (``writing``, ``tagging``).
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from soniquebay_pipeline.demo import plan
from soniquebay_pipeline.demo.synthesis import Song, render
from soniquebay_pipeline.demo.tagging import Tags, with_tags
from soniquebay_pipeline.demo.truth import TRUTH_NAME, DemoTruth, count_rows
from soniquebay_pipeline.demo.writing import cover_jpeg, encode

DEMO_VERSION = 1
Progress = Callable[[int, int], None]


def build_demo_library(root: Path, progress: Progress | None = None, *, tracks_limit: int | None = None) -> DemoTruth:
    """Make the demo library in ``root`` and say what is true of it.

    The truth is also written to ``demo-truth.json`` beside ``root``; with it there and the files in
    place nothing is done. ``tracks_limit`` makes that many tracks, spread over the albums.
    A folder that holds anything else is left alone: FileExistsError.
    """
    root = Path(root)
    marker = root.parent / TRUTH_NAME
    earlier = _load(marker)
    if earlier and _is_complete(root, earlier, tracks_limit):
        return earlier
    _refuse_foreign_files(root, earlier)

    tracks = _spread(plan.planned_tracks(), tracks_limit)
    truth = _truth(tracks, tracks_limit)
    root.parent.mkdir(parents=True, exist_ok=True)
    building = root.parent / f".{root.name}.building"
    shutil.rmtree(building, ignore_errors=True)  # what a killed build left
    try:
        _write_tracks(building, tracks, progress)
        _write_broken(building)
        for path, seed in plan.folder_pictures().items():
            _put(building, path, cover_jpeg(seed))
        marker.unlink(missing_ok=True)
        if root.exists():
            shutil.rmtree(root)
        building.rename(root)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    truth.save(marker)
    return truth


def _load(marker: Path) -> DemoTruth | None:
    try:
        return DemoTruth.load(marker)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_complete(root: Path, earlier: DemoTruth, tracks_limit: int | None) -> bool:
    if (earlier.version, earlier.tracks_limit) != (DEMO_VERSION, tracks_limit):
        return False
    return all((root / path).is_file() for path in earlier.all_paths())


def _refuse_foreign_files(root: Path, earlier: DemoTruth | None) -> None:
    """Only files that an earlier build listed may be replaced; a person's music must never be."""
    if not root.exists():
        return
    known = earlier.all_paths() if earlier else set()
    for folder, _, names in os.walk(root):
        for name in names:
            path = (Path(folder) / name).relative_to(root).as_posix()
            if path not in known:
                raise FileExistsError(f"{root} holds files that are not of the demo library, such as {path}")


def _spread(tracks: list[plan.PlannedTrack], limit: int | None) -> list[plan.PlannedTrack]:
    if limit is None or limit >= len(tracks):
        return tracks
    return [tracks[place * len(tracks) // limit] for place in range(limit)]


def _truth(tracks: list[plan.PlannedTrack], tracks_limit: int | None) -> DemoTruth:
    listing = tuple(track.truth for track in tracks)
    return DemoTruth(
        version=DEMO_VERSION,
        tracks_limit=tracks_limit,
        tracks=listing,
        rejected=plan.BROKEN,
        other_files=(plan.BAD_PICTURE, *plan.folder_pictures()),
        counts=count_rows(listing, plan.BROKEN),
    )


def _write_tracks(building: Path, tracks: list[plan.PlannedTrack], progress: Progress | None) -> None:
    """Two threads: the encoders and most of numpy work outside the interpreter's lock."""

    def make(track: plan.PlannedTrack) -> None:
        _put(building, track.truth.path, _audio_file(track))

    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(make, track) for track in tracks]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                if progress:
                    progress(done, len(tracks))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _audio_file(track: plan.PlannedTrack) -> bytes:
    audio = encode(render(track.song), track.song.sample_rate, track.file_format)
    tags = track.tags
    if track.cover_seed is not None:
        tags = replace(tags, picture=cover_jpeg(track.cover_seed))
    return with_tags(audio, track.file_format, tags)


def _write_broken(building: Path) -> None:
    """What every old library has some of: files that are not what their names say."""
    silence = Song(120, 0, "major", "organ", 1, 22_050, 1, 0)
    flac = with_tags(encode(render(silence), 22_050, "flac"), "flac", Tags())
    garbage = random.Random("garbage").randbytes(3000).replace(b"\xff", b"\x00")
    contents = {
        "Nothing Here.mp3": b"",
        "Shopping List.flac": b"two lemons\nbread\nstrings for the guitar\n",
        "Half a Header.flac": flac[:20],
        # An ID3 header that promises a megabyte, then noise without one MPEG frame.
        "Garbage.mp3": b"ID3\x04\x00\x00\x00\x40\x00\x00" + garbage,
    }
    for reject in plan.BROKEN:
        _put(building, reject.path, contents[reject.path.rpartition("/")[2]])
    _put(building, plan.BAD_PICTURE, b"<html><body>404 Not Found</body></html>\n")


def _put(building: Path, path: str, data: bytes) -> None:
    file = building / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
