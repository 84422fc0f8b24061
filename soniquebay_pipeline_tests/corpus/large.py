"""A music library of any size with known truth, for benchmarks and tests that count.

Every file is valid audio of its own (no two have the same payload) with tags as real programs write
them. Here: making and keeping it. Not here: what is in it (``large_plan``), what is true of it
(``large_truth``).

    python -m soniquebay_pipeline_tests.corpus.large DIR --files 30000
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from soniquebay_pipeline.demo.tagging import with_tags
from soniquebay_pipeline.demo.writing import cover_jpeg, encode
from soniquebay_pipeline_tests.corpus.large_plan import PlannedFile, plan_library
from soniquebay_pipeline_tests.corpus.large_truth import LARGE_VERSION, FileTruth, LibraryTruth, truth_of

__all__ = ["FileTruth", "LibraryTruth", "generate_library"]

PROCESSES = 2
FILES_A_TASK = 96
FEW_FILES = 400
"""Up to so many, starting processes costs more than they bring."""
SAMPLE_RATE = 16_000


def truth_file(root: Path) -> Path:
    """Where the truth of the library in ``root`` is kept: beside it."""
    return root.parent / f"{root.name}-truth.json"


def generate_library(
    root: Path, files: int, seed: int = 0, *, progress: Callable[[int, int], None] | None = None
) -> LibraryTruth:
    """Make a library of ``files`` files in ``root``; reuse it if it is there already.

    A folder with no truth file beside it is not ours and is left alone: FileExistsError.
    """
    root = Path(root)
    marker = truth_file(root)
    earlier = _load(marker)
    if earlier and (earlier.version, earlier.files, earlier.seed) == (LARGE_VERSION, files, seed):
        if root.is_dir():
            return earlier
    elif root.exists() and not marker.exists() and any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty and was not made by this generator")

    planned = plan_library(files, seed)
    truth = truth_of(planned, seed)
    building = root.parent / f".{root.name}.building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    done = 0
    for count in _write_all(building, planned, seed):
        done += count
        if progress:
            progress(done, files)
    marker.unlink(missing_ok=True)
    if root.exists():
        shutil.rmtree(root)
    building.rename(root)
    truth.save(marker)
    return truth


def _load(marker: Path) -> LibraryTruth | None:
    try:
        return LibraryTruth.load(marker)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_all(building: Path, planned: list[PlannedFile], seed: int) -> Iterator[int]:
    tasks = (planned[start : start + FILES_A_TASK] for start in range(0, len(planned), FILES_A_TASK))
    write = functools.partial(_write_files, building, seed)
    if len(planned) <= FEW_FILES:
        yield from map(write, tasks)
        return
    # Not fork: what other tests loaded (jemalloc, OpenMP) has threads, and a forked child waits for their locks.
    method = "spawn"
    with multiprocessing.get_context(method).Pool(PROCESSES) as pool:
        yield from pool.imap_unordered(write, tasks)


def _write_files(building: Path, seed: int, planned: Iterable[PlannedFile]) -> int:
    count = 0
    for file in planned:
        target = building / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_file_bytes(file, seed))
        count += 1
    return count


def _file_bytes(file: PlannedFile, seed: int) -> bytes:
    tags = file.tags
    if file.cover_seed is not None:
        tags = replace(tags, picture=_small_cover(file.cover_seed))
    return with_tags(encode(_clip(file.index, seed), SAMPLE_RATE, file.file_format), file.file_format, tags)


@functools.lru_cache(maxsize=64)
def _small_cover(seed: int) -> bytes:
    return cover_jpeg(seed, size=120)


def _clip(index: int, seed: int) -> np.ndarray:
    """Half a second or more of a tone in noise; the noise makes each clip's encoding its own."""
    rng = np.random.default_rng([seed, index])
    time = np.arange(int(SAMPLE_RATE * (0.5 + index % 5 / 10)), dtype=np.float32) / SAMPLE_RATE
    tone = 0.4 * np.sin(2 * np.pi * (110 + index % 880) * time)
    return (tone + 0.1 * rng.standard_normal(len(time))).astype(np.float32)[:, None]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Generate a music library with known truth.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--files", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    def show(done: int, total: int) -> None:
        print(f"\r{done}/{total} files", end="", file=sys.stderr, flush=True)

    truth = generate_library(options.root, options.files, options.seed, progress=show)
    print(file=sys.stderr)
    print(f"{truth.files} files, {truth.artists} artists, {truth.albums} albums, {truth.genres} genres")
    print(f"credits: {truth.credits}; truth in {truth_file(options.root)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
