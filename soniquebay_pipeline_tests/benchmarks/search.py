"""How fast and how complete similarity search is: by size, with and without the index, and with filters.

    python -m soniquebay_pipeline_tests.benchmarks.search [--sizes 1000,10000,…] [--tracks 100000] [--json FILE]

Synthetic libraries (``vectors.synthetic.clustered``: 384 text and 86 audio dimensions, artists, albums, genres,
tempo, key) in an embedded server of its own, in a temporary folder. Each search is a call of the SQL function
``similar_tracks`` for ten tracks over one connection, the first three calls left out. Recall@10: the share of
what comparing everything finds, over the sampled tracks. --tracks 1000000 takes about 10 GB of disk and, on two
cores, well over an hour; before it starts it prints what to expect.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.migrate import open_catalogue
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.index import INDEXED_KINDS, Group, memory_mb, rebuild
from soniquebay_pipeline_tests.database_server import home_of_its_own
from soniquebay_pipeline_tests.vectors.synthetic import BLOCKS, clustered, write

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
FILTERS = {
    "none": "",
    "tempo ±4 and compatible key": ", bpm_min => {bpm} - 4, bpm_max => {bpm} + 4, key_rule => 'compatible'",
    "tempo ±4": ", bpm_min => {bpm} - 4, bpm_max => {bpm} + 4",
    "compatible key": ", key_rule => 'compatible'",
    "common genre": ", genres => ARRAY['Rock']",
    "rare genre": ", genres => ARRAY['Gamelan']",
    "ten years": ", year_min => 1990, year_max => 1999",
    "not same album or artist": ", not_same_album => true, not_same_artist => true",
}
TABLES = "artists, albums, genres, raw_files, tracks, track_texts, embeddings, audio_features, audio_scalers"
WARM_UP = 3


def fill(engine: Engine, count: int) -> float:
    """A library of so many tracks in place of what was there; seconds."""
    started = time.monotonic()
    rebuild(engine, exact_up_to=10**9)  # drops the indexes: rows that go into them one by one take far longer
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES} CASCADE"))
    write(engine, clustered(count), blocks=BLOCKS)
    with engine.begin() as connection:
        for kind in ("combined", "text", "audio"):
            connection.execute(text(f"SELECT count(vector_norm(vector)) FROM embeddings WHERE kind = '{kind}'"))
    return time.monotonic() - started


def measure(connection: Connection, seeds: list[tuple[int, float]], filters: str, *, without_index: bool) -> Any:
    """(milliseconds of each call, CPU milliseconds of the server's process in each, what each found)."""
    process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    times, cpu, found = [], [], []
    for track, bpm in [*seeds[:WARM_UP], *seeds]:
        query = f"SELECT track_id FROM similar_tracks({track}, n => 10, without_index => {without_index}"
        started, worked = time.perf_counter(), cpu_ms(process)
        rows = connection.execute(text(query + filters.format(bpm=bpm) + ")")).scalars().all()
        times.append((time.perf_counter() - started) * 1000)
        cpu.append(cpu_ms(process) - worked)
        found.append(set(rows))
    return times[WARM_UP:], cpu[WARM_UP:], found[WARM_UP:]


def cpu_ms(process: int) -> float:
    """CPU time of a process so far, in ms, by the kernel's count of nanoseconds; NaN where there is none."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e6
    except OSError:
        return float("nan")


def compare(engine: Engine, count: int, filters: str, samples: int) -> dict[str, float]:
    """Medians and 95th percentiles in ms with and without index, and recall@10."""
    with engine.connect() as connection:
        draw = random.Random(1)
        ids = [draw.randint(1, count) for _ in range(samples)]
        bpm = dict(
            connection.execute(
                text("SELECT track_id, coalesce(bpm, 120) FROM audio_features WHERE track_id = ANY(:ids)"), {"ids": ids}
            ).all()
        )
        seeds = [(track, float(bpm.get(track, 120.0))) for track in ids]
        indexed, index_cpu, by_index = measure(connection, seeds, filters, without_index=False)
        exact, exact_cpu, truth = measure(connection, seeds, filters, without_index=True)
    shares = [len(a & b) / len(b) for a, b in zip(by_index, truth, strict=True) if b]
    return {
        "index_ms": statistics.median(indexed),
        "index_p95_ms": statistics.quantiles(indexed, n=20)[-1],
        "index_cpu_ms": statistics.median(index_cpu),
        "exact_ms": statistics.median(exact),
        "exact_cpu_ms": statistics.median(exact_cpu),
        "recall": statistics.mean(shares) if shares else 1.0,
        "worst": min(shares, default=1.0),
        "results": statistics.mean(len(found) for found in by_index),
    }


def by_size(engine: Engine, sizes: list[int], samples: int) -> list[dict[str, float]]:
    """With and without index at each size; the index is built whatever the size."""
    print(
        f"{'tracks':>9} {'fill s':>7} {'build s':>8} {'MB':>6}"
        f" {'exact ms':>9} {'(CPU)':>7} {'index ms':>9} {'(CPU)':>7} {'recall@10':>9}"
    )
    rows = []
    for count in sizes:
        seconds = fill(engine, count)
        [report] = [r for r in rebuild(engine, exact_up_to=0) if r.kind == "combined"]
        row: dict[str, float] = {"tracks": count, "fill": seconds, "build": report.seconds, "bytes": report.size_bytes}
        row |= compare(engine, count, "", samples)
        rows.append(row)
        print(
            f"{count:9,} {seconds:7.1f} {report.seconds:8.1f} {report.size_bytes / 2**20:6.0f}"
            f" {row['exact_ms']:9.1f} {row['exact_cpu_ms']:7.1f} {row['index_ms']:9.1f} {row['index_cpu_ms']:7.1f}"
            f" {row['recall']:9.3f}",
            flush=True,
        )
    return rows


def by_filter(engine: Engine, count: int, samples: int) -> dict[str, dict[str, float]]:
    """All filters over the library that is there."""
    print(
        f"\n{count:,} tracks\n{'filter':28} {'median ms':>9} {'(CPU)':>7} {'p95 ms':>8} {'exact ms':>9} {'(CPU)':>7}"
        f" {'recall@10':>9} {'worst':>6} {'results':>8}"
    )
    answer = {}
    for name, filters in FILTERS.items():
        row = answer[name] = compare(engine, count, filters, samples)
        print(
            f"{name:28} {row['index_ms']:9.1f} {row['index_cpu_ms']:7.1f} {row['index_p95_ms']:8.1f}"
            f" {row['exact_ms']:9.1f} {row['exact_cpu_ms']:7.1f} {row['recall']:9.3f} {row['worst']:6.2f}"
            f" {row['results']:8.1f}",
            flush=True,
        )
    return answer


def expect(count: int) -> None:
    """What a library of that size takes, from the sizes of rows and of the index."""
    dimensions = {"combined": 384 + sum(BLOCKS.values()), "text": 384, "audio": sum(BLOCKS.values())}
    table = sum(4 * d + 150 for d in dimensions.values()) * count
    print(f"{count:,} tracks: vectors {table / 2**30:.1f} GB", end="")
    for kind in INDEXED_KINDS:
        group = Group(kind, "", dimensions[kind], count, "")
        print(f"; index {kind}: {memory_mb(group, 1e9):,} MB to build at once", end="")
    print(flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="sizes of the first table; empty: none")
    parser.add_argument("--tracks", type=int, default=100_000, help="size of the library for the filters")
    parser.add_argument("--samples", type=int, default=40, help="tracks searched from")
    parser.add_argument("--json", type=Path, help="JSON to write: all figures")
    options = parser.parse_args()
    sizes = sorted({*(int(size) for size in options.sizes.split(",") if size), options.tracks})
    sizes.remove(options.tracks)
    expect(options.tracks)
    with home_of_its_own() as home:
        engine = open_catalogue(Settings(home=home, database_url=None))
        # The library for the filters comes last and stays for the second table.
        rows = by_size(engine, [*sizes, options.tracks], options.samples)
        filters = by_filter(engine, options.tracks, options.samples)
        engine.dispose()
    if options.json:
        options.json.write_text(json.dumps({"sizes": rows, "filters": filters}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
