"""How fast sentences become vectors; ``vectors`` says how it is measured."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from soniquebay_pipeline_tests.benchmarks.vectors_words import BUILD, GENRES, WORDS

BATCH_SIZES = (32, 64, 128, 256, 512)


def speed(count: int, rounds: int) -> dict[str, Any]:
    """Sentences a second of each side, and the memory of an embedding process."""
    from soniquebay_pipeline.settings import Settings
    from soniquebay_pipeline.vectors import run
    from soniquebay_pipeline.vectors.model import load_model
    from soniquebay_pipeline_tests.database_server import shared_server

    settings = Settings(home=BUILD / "home")
    model = load_model(settings)
    sentences = _sentences(count)
    unique = sorted(set(sentences), key=lambda s: (-len(s), s))

    def direct(batch_size: int) -> None:
        model._loaded.encode(unique, batch_size=batch_size, show_progress_bar=False)

    def chunked() -> None:
        for start in range(0, len(unique), run.CHUNK):
            run.encode_each(model, unique[start : start + run.CHUNK])

    sides: dict[str, Callable[[], None]] = {f"encode, batches of {size}": _bound(direct, size) for size in BATCH_SIZES}
    sides["pipeline, encoding"] = chunked
    with shared_server(f"bench-{os.getpid()}") as server, server.database() as url:
        engine = _library(url, count)
        counted: list[int] = []

        def whole() -> None:
            counted.append(run.make_due_vectors(engine, settings, range(4), load=lambda _: model).encoded)

        sides["pipeline, rows to stored vectors"] = whole
        model.encode(unique[:64])
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, side in sides.items():
                _forget_vectors(engine)
                wall, cpu = time.perf_counter(), time.process_time()
                side()
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
                print(f"{name}: {taken[name][-1][0]:.1f} s", file=sys.stderr)
        whole()  # the last side's vectors are there
        _forget_vectors(engine)
        memory = _memory_of_embedding(url)
        engine.dispose()
    print(f"\n{len(unique):,} sentences of {count:,} tracks, {settings.encoder_threads} threads, {rounds} rounds\n")
    print(f"{'':36} sentences/s   a CPU second")
    rates = {}
    for name, times in taken.items():
        wall, cpu = (statistics.median(values) for values in zip(*times, strict=True))
        rates[name] = {"per_second": len(unique) / wall, "per_cpu_second": len(unique) / cpu}
        print(f"{name:36} {len(unique) / wall:11.1f} {len(unique) / cpu:14.1f}")
    best = max(rates[name]["per_second"] for name in rates if name.startswith("encode"))
    best_cpu = max(rates[name]["per_cpu_second"] for name in rates if name.startswith("encode"))
    for name in ("pipeline, encoding", "pipeline, rows to stored vectors"):
        rates[name]["of_best"] = rates[name]["per_second"] / best
        rates[name]["of_best_cpu"] = rates[name]["per_cpu_second"] / best_cpu
        print(f"{name}: {rates[name]['of_best']:.2f} of the best, {rates[name]['of_best_cpu']:.2f} by CPU time")
    print(f"encoded by the model: {counted[0]:,} for {len(unique):,} sentences; by a second run: {counted[-1]}")
    print(f"largest memory of an embedding process: {memory} MB")
    return {"sides": rates, "encoded": counted[0], "encoded_again": counted[-1], "memory_mb": memory}


def _bound(function: Callable[[int], None], size: int) -> Callable[[], None]:
    return lambda: function(size)


def _words_of(number: int) -> dict[str, Any]:
    """A track of a library in which an artist has about 25 tracks on two albums."""
    rng = random.Random(number)
    artist = random.Random(f"artist {number // 25}")
    album = random.Random(f"album {number // 12}")
    return {
        "title": " ".join(rng.choices(WORDS, k=rng.randint(1, 5))).title() + (" (Live)" if rng.random() < 0.08 else ""),
        "artist": "The " * (artist.random() < 0.4) + " ".join(artist.sample(WORDS, 2)).title(),
        "album": " ".join(album.choices(WORDS, k=album.randint(1, 4))).title(),
        "genres": album.sample(GENRES, album.randint(1, 3)),
        "year": album.randint(1958, 2025),
        # Of each thousand tracks some are there twice, as on a sampler.
        "twin": number % 50 == 49,
    }


def _tracks(count: int) -> list[Any]:
    from soniquebay_pipeline_tests.vectors.catalogue import Track, any_sound

    tracks: list[Track] = []
    for number in range(count):
        words = _words_of(number)
        if words.pop("twin"):
            words = _words_of(number - 1)
            words.pop("twin")
        tracks.append(Track(**words, sound=any_sound(number), shard=number % 4))
    return tracks


def _sentences(count: int) -> list[str]:
    from soniquebay_pipeline.vectors.texts import TrackWords, track_text

    return [
        track_text(
            TrackWords(t.title, [t.artist], t.album, album_artist=t.artist, genres=t.genres, year=t.year)
        ).sentence
        for t in _tracks(count)
    ]


def _library(url: str, count: int) -> Any:
    from sqlalchemy import create_engine

    from soniquebay_pipeline_tests.vectors.catalogue import add_tracks

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    add_tracks(engine, _tracks(count))
    return engine


def _forget_vectors(engine: Any) -> None:
    from sqlalchemy import text

    with engine.begin() as connection:
        connection.execute(text("TRUNCATE embeddings, track_texts, audio_scalers, next_text_vectors RESTART IDENTITY"))


def _memory_of_embedding(url: str) -> int:
    command = [sys.executable, "-m", "soniquebay_pipeline_tests.benchmarks.vectors", "--embed", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def embed_only(url: str) -> None:
    """Embed the catalogue at this URL as an asset does; print the largest memory in MB."""
    from sqlalchemy import create_engine

    import soniquebay_pipeline.definitions  # noqa: F401  the process of a run has Dagster loaded
    from soniquebay_pipeline.settings import Settings
    from soniquebay_pipeline.vectors.run import make_due_vectors

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    make_due_vectors(engine, Settings(home=BUILD / "home"), range(4))
    # Not ru_maxrss, which a process inherits from the one that started it.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(int(peak.split()[1]) // 1024)
