"""How fast sentences become vectors, and whether the vectors find what sounds alike.

    python -m soniquebay_pipeline_tests.benchmarks.vectors [--sentences N] [--rounds N] [--only speed|precision]
        [--audio FOLDER] [--priors FOLDER] [--json FILE]

Speed: generated sentences of a library, through ``SentenceTransformer.encode`` with batches of 32 to 512 (what its
documentation shows), and through the pipeline: its encoding alone, and everything from the catalogue's rows to the
stored vectors. Sides take turns in each round; the figures are medians of the rounds. Also: how many sentences the
model was given for how many there are, and the largest memory of a process that embeds and does nothing else.

Precision@5: of the five nearest tracks, the share that is of the same kind. Two libraries: the demo library (kind: the
instruments) and 180 renderings of its synthesis (kind: instruments and tempo; notes, key, melody and seed differ; two
artists a kind; of ten genres one at random, three missing). Beside it the same with shuffled labels. ``--audio`` adds a
folder of other music, whose subfolders are the kinds (sound only).

``--priors FOLDER`` measures the folder's files and the demo library and prints the table of ``vectors/priors.py``:
every subfolder, and the demo, count the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_SIZES = (32, 64, 128, 256, 512)
KINDS_BPM = (72, 92, 112, 132, 160)
EACH_KIND = 6
BUILD = Path(__file__).resolve().parents[2] / "build" / "bench-vectors"

GENRES = ("Rock", "Indie Pop", "Jazz", "Electronic", "Ambient", "Folk", "Hip-Hop", "Metal", "Soul", "Chamber Music")
# fmt: off
WORDS = (
    "night", "river", "glass", "summer", "paper", "golden", "slow", "electric", "winter", "garden", "mirror",
    "ocean", "silver", "letters", "broken", "radio", "harbour", "light", "shadow", "dancing", "stone", "morning",
    "blue", "wild", "empty", "city", "fire", "dream", "machine", "distant", "heart", "road", "falling", "white",
)
SYLLABLES = ("ba", "do", "fen", "gri", "hal", "ji", "kor", "lu", "mar", "ne", "os", "pel", "quo", "ra", "sti", "tur")
# fmt: on
INSTRUMENT_GENRES = {
    "electric piano": "Soul",
    "saw synth": "Electronic",
    "bells": "Ambient",
    "plucked strings": "Folk",
    "bowed strings": "Chamber Music",
    "organ": "Jazz",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["speed", "precision"])
    parser.add_argument("--audio", type=Path)
    parser.add_argument("--priors", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--embed", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.embed:
        _embed_only(arguments.embed)
        return
    if arguments.priors:
        print_priors(arguments.priors)
        return
    results: dict[str, Any] = {}
    if arguments.only != "precision":
        results["speed"] = speed(arguments.sentences, arguments.rounds)
    if arguments.only != "speed":
        results["precision"] = precision(arguments.audio)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), "utf-8")


# Speed


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


def _embed_only(url: str) -> None:
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


# Precision


@dataclass(frozen=True)
class Library:
    """Tracks with their kinds: what a neighbour should share."""

    name: str
    kinds: Sequence[str]
    sentences: Sequence[str] | None
    figures: NDArray[np.float64]


def precision(audio: Path | None) -> dict[str, Any]:
    """Precision@5 of text, audio and combined vectors, for several shares of the text."""
    import numpy as np

    from soniquebay_pipeline.settings import Settings
    from soniquebay_pipeline.vectors.layout import BLOCKS
    from soniquebay_pipeline.vectors.model import load_model
    from soniquebay_pipeline.vectors.scaler import fit

    model = load_model(Settings(home=BUILD / "home"))
    shares = (0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8)
    libraries = [_demo(), _renderings(), *([_folders(audio)] if audio else [])]
    results: dict[str, Any] = {}
    for library in libraries:
        sounds = fit(library.figures).vectors(library.figures).astype(np.float64)
        row = {"audio": at_5(sounds @ sounds.T, library.kinds)}
        shuffled = random.Random(0).sample(list(library.kinds), len(library.kinds))
        row["shuffled"] = at_5(sounds @ sounds.T, shuffled)
        for block, places in BLOCKS.items():
            part = sounds[:, places]
            part = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9)
            row[f"{block} alone"] = at_5(part @ part.T, library.kinds)
        if library.sentences:
            texts = model.encode(library.sentences).astype(np.float64)
            row["text"] = at_5(texts @ texts.T, library.kinds)
            for share in shares:
                both = share * (texts @ texts.T) + (1 - share) * (sounds @ sounds.T)
                row[f"combined {share}"] = at_5(both, library.kinds)
        results[library.name] = row
    names = list(dict.fromkeys(name for row in results.values() for name in row))
    print("\nprecision@5".ljust(22), *(library.name.rjust(16) for library in libraries))
    for name in names:
        print(name.ljust(21), *(f"{row[name]:16.3f}" if name in row else " " * 16 for row in results.values()))
    return results


def at_5(similarity: NDArray[np.float64], kinds: Sequence[str]) -> float:
    """Mean share of the five nearest that is of the same kind, over the tracks whose kind has others."""
    import numpy as np

    similarity = similarity.copy()
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :5]
    labels = np.array(kinds)
    shares = (labels[nearest] == labels[:, None]).mean(axis=1)
    judged = np.array([(labels == label).sum() > 1 for label in labels])
    return float(shares[judged].mean())


def _demo() -> Library:
    from soniquebay_pipeline.demo import build_demo_library
    from soniquebay_pipeline.vectors.texts import TrackWords, track_text

    root = BUILD / "demo" / "library"
    truth = build_demo_library(root)
    sentences = [
        track_text(
            TrackWords(
                t.title,
                [*t.artists, *t.featured],
                t.album,
                album_artist=t.album_artist,
                genres=t.genres,
                year=t.year,
            )
        ).sentence
        for t in truth.tracks
    ]
    return Library(
        "demo",
        [t.instruments for t in truth.tracks],
        sentences,
        _measured("demo", [root / t.path for t in truth.tracks]),
    )


def _renderings() -> Library:
    from soniquebay_pipeline.demo.synthesis import TIMBRES, Song, render
    from soniquebay_pipeline.demo.writing import encode
    from soniquebay_pipeline.vectors.texts import TrackWords, track_text

    rng = random.Random(5)
    kinds, sentences, paths = [], [], []
    for instruments in TIMBRES:
        for bpm in KINDS_BPM:
            artists = ["".join(rng.choices(SYLLABLES, k=3)).title() for _ in range(2)]
            for number in range(EACH_KIND):
                scale, tonic = rng.choice(["major", "minor"]), rng.randrange(12)
                song = Song(bpm, tonic, scale, instruments, 20, 22_050, 1, rng.randrange(10**6), rng.random() < 0.7)
                path = BUILD / "renderings" / f"{len(paths)}.flac"
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(encode(render(song), 22_050, "flac"))
                paths.append(path)
                kinds.append(f"{instruments} {bpm}")
                chance = rng.random()
                genre = INSTRUMENT_GENRES[instruments] if chance < 0.6 else rng.choice(GENRES)
                words = TrackWords(
                    " ".join(rng.choices(WORDS, k=2)).title(),
                    [artists[number % 2]],
                    f"{artists[number % 2]} {rng.choice(['One', 'Two'])}",
                    genres=[genre] if chance < 0.7 else [],
                    year=rng.randint(1970, 2024),
                )
                sentences.append(track_text(words).sentence)
    return Library("renderings", kinds, sentences, _measured("renderings", paths))


def _folders(root: Path) -> Library:
    paths = _music(root)
    kinds = [path.relative_to(root).parts[0] for path in paths]
    return Library(root.name, kinds, None, _measured(str(root), paths))


def _music(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in (".flac", ".ogg", ".mp3", ".m4a", ".opus", ".wav"))


def _measured(name: str, paths: Sequence[Path]) -> NDArray[np.float64]:
    """The figures of the files, kept below build/ so that they are measured once."""
    import numpy as np

    from soniquebay_pipeline.audio.analysis import analyse_file
    from soniquebay_pipeline.audio.decode import AnalysisFailure
    from soniquebay_pipeline.audio.model import ANALYSIS_VERSION
    from soniquebay_pipeline.vectors.layout import NAMES
    from soniquebay_pipeline.vectors.sound import Sound, figures

    kept = BUILD / f"figures-{name.strip('/').replace('/', '_')}-{ANALYSIS_VERSION}-{len(paths)}.json"
    if not kept.exists():
        sounds: list[dict[str, Any] | None] = []
        for number, path in enumerate(paths, start=1):
            print(f"\rmeasuring {name}: {number} of {len(paths)}", end="", file=sys.stderr)
            try:
                f = analyse_file(str(path))
            except AnalysisFailure:
                sounds.append(None)
                continue
            known = {"bpm": f.bpm_measured, "key": f.key_measured, "scale": f.scale_measured}
            same = ("timbre", "bpm_confidence", "key_confidence", "loudness_range_lu", "energy", "danceability")
            known |= {each: getattr(f, each) for each in (*same, "acousticness", "instrumentalness")}
            sounds.append(known if f.timbre else None)
        print(file=sys.stderr)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as file:
            json.dump(sounds, file)
        Path(file.name).replace(kept)
    rows = json.loads(kept.read_text("utf-8"))
    table = np.full((len(rows), len(NAMES)), np.nan)
    for place, row in enumerate(rows):
        if row:
            table[place] = figures([Sound(**row)])[0]
    return table


def print_priors(root: Path) -> None:
    """Mean and deviation of each dimension, each subfolder and the demo library counting the same."""
    import numpy as np

    from soniquebay_pipeline.vectors.layout import CIRCULAR, NAMES

    sets = [_measured(str(folder), _music(folder)) for folder in sorted(root.iterdir()) if folder.is_dir()]
    sets.append(_demo().figures)
    means = np.array([np.nanmean(each, axis=0) for each in sets])
    variances = np.array([np.nanvar(each, axis=0) for each in sets]) + (means - means.mean(axis=0)) ** 2
    mean, deviation = means.mean(axis=0), np.sqrt(variances.mean(axis=0))
    chroma = [place for place, name in enumerate(NAMES) if ".chroma_" in name]
    deviation[chroma] = np.sqrt(np.mean(deviation[chroma] ** 2 + (mean[chroma] - mean[chroma].mean()) ** 2))
    mean[chroma] = mean[chroma].mean()
    for place, name in enumerate(NAMES):
        values = (0.0, 0.5) if name in CIRCULAR else (float(mean[place]), float(deviation[place]))
        print(f'    "{name}": ({float(f"{values[0]:.3g}")}, {float(f"{values[1]:.3g}")}),')


if __name__ == "__main__":
    main()
