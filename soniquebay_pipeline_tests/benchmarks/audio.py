"""How right and how fast tempo and key are, beside plain librosa, on excerpts whose tempo and key are known.

    python -m soniquebay_pipeline_tests.benchmarks.audio [FOLDER] [--limit N] [--predictions FILE] [--json FILE]

FOLDER holds ``truth.csv`` (file, bpm, key, and set if there is one) and the files it names; without one
../shared/truth_audio is taken, and where that is missing the demo library with its own truth.

Plain librosa is what its tutorials show: ``load``, ``beat_track``, and Krumhansl-Schmuckler on the mean of
``chroma_cqt``. Accuracy1: within 4 % of the true tempo; Accuracy2: also of 2, 3, 1/2, 1/3 of it (Gouyon et al.
2006). Key: exactly right, and MIREX's weights (1 right, 0.5 a fifth above, 0.3 relative, 0.2 parallel).
CPU seconds are the process's, one thread, each side on each file right after the other. "All features" is
what ``audio_features`` stores; beside it stands librosa's own function for each of them, called on the whole
file one after the other (librosa measures no loudness). Last, the memory of one process that analyses a file
of two hours.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is imported

TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
KRUMHANSL = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
TOLERANCE = 0.04


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One file of the truth."""

    name: str
    path: Path
    group: str
    bpm: float | None
    key: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side says of one file."""

    bpm: float | None
    key: tuple[int, str] | None


@dataclass(slots=True)
class Tally:
    """Sums over the files of a group."""

    tempi: int = 0
    accuracy1: int = 0
    accuracy2: int = 0
    keys: int = 0
    key_exact: int = 0
    mirex: float = 0.0

    def add(self, truth: Excerpt, answer: Answer) -> None:
        if truth.bpm is not None:
            self.tempi += 1
            self.accuracy1 += is_near(answer.bpm, truth.bpm, (1.0,))
            self.accuracy2 += is_near(answer.bpm, truth.bpm, (1.0, 2.0, 3.0, 1 / 2, 1 / 3))
        if truth.key is not None:
            self.keys += 1
            self.key_exact += answer.key == truth.key
            self.mirex += mirex_weight(answer.key, truth.key)

    def shares(self) -> dict[str, float | None]:
        def share(part: float, whole: int) -> float | None:
            return round(part / whole, 4) if whole else None

        return {
            "accuracy1": share(self.accuracy1, self.tempi),
            "accuracy2": share(self.accuracy2, self.tempi),
            "key": share(self.key_exact, self.keys),
            "mirex": share(self.mirex, self.keys),
        }


@dataclass(slots=True)
class Cost:
    """CPU seconds and minutes of audio."""

    minutes: float = 0.0
    decode: float = 0.0
    ours: float = 0.0
    librosa: float = 0.0
    everything: float = 0.0
    librosa_everything: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)


def is_near(answer: float | None, truth: float, ratios: tuple[float, ...]) -> bool:
    """Within TOLERANCE of one of the multiples."""
    return answer is not None and any(abs(answer - truth * r) <= TOLERANCE * truth * r for r in ratios)


def mirex_weight(answer: tuple[int, str] | None, truth: tuple[int, str]) -> float:
    """The weight of an answer in MIREX's audio key detection."""
    if answer is None:
        return 0.0
    if answer == truth:
        return 1.0
    above = (answer[0] - truth[0]) % 12
    if answer[1] == truth[1]:
        return 0.5 if above == 7 else 0.0
    if above == (9 if truth[1] == "major" else 3):
        return 0.3
    return 0.2 if above == 0 else 0.0


def parse_key(text: str) -> tuple[int, str] | None:
    """``Bb minor`` as (10, "minor"); None for an empty field."""
    words = text.split()
    if not words:
        return None
    pitch = LETTERS[words[0][0].upper()] + words[0].count("#") - words[0][1:].count("b")
    return pitch % 12, words[1]


def read_truth(folder: Path) -> list[Excerpt]:
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        return [
            Excerpt(
                row["file"],
                folder / row["file"],
                row.get("set") or "all files",
                float(row["bpm"]) if row.get("bpm") else None,
                parse_key(row.get("key") or ""),
            )
            for row in csv.DictReader(file)
        ]


def demo_truth(folder: Path) -> list[Excerpt]:
    """The demo library, built in ``folder``."""
    from soniquebay_pipeline.demo import build_demo_library

    truth = build_demo_library(folder / "music")
    return [
        Excerpt(
            track.path,
            folder / "music" / track.path,
            track.instruments,
            track.bpm,
            (TONICS.index(track.key), track.scale),
        )
        for track in truth.tracks
    ]


def decode_only(path: Path) -> float:
    """Minutes of audio in the file, all of it decoded."""
    from soniquebay_pipeline.audio.decode import open_audio

    with open_audio(path) as audio:
        for _ in audio:
            pass
        return audio.frames / audio.format.sample_rate / 60


def answer_ours(path: Path, cost: Cost) -> Answer:
    from soniquebay_pipeline.audio.decode import open_audio
    from soniquebay_pipeline.audio.key import analyse_key
    from soniquebay_pipeline.audio.signal import SignalCollector
    from soniquebay_pipeline.audio.spectra import compute_spectra
    from soniquebay_pipeline.audio.tempo import analyse_rhythm

    with _stage(cost, "decode, mono, resample"), open_audio(path) as audio:
        collector = SignalCollector(audio.format)
        for block in audio:
            collector.add(block)
        signal = collector.finish()
    with _stage(cost, "spectrum"):
        spectra = compute_spectra(signal)
    with _stage(cost, "tempo"):
        tempo = analyse_rhythm(spectra)
    with _stage(cost, "key"):
        key = analyse_key(spectra)
    named = None if key.key is None or key.scale is None else (TONICS.index(key.key), str(key.scale))
    return Answer(tempo.bpm, named)


def answer_librosa(path: Path) -> Answer:
    import librosa
    import numpy as np

    samples, rate = librosa.load(str(path))
    tempo, _ = librosa.beat.beat_track(y=samples, sr=rate)
    chroma = librosa.feature.chroma_cqt(y=samples, sr=rate).mean(axis=1)
    keys = [(tonic, scale) for scale in KRUMHANSL for tonic in range(12)]
    fits = [np.corrcoef(chroma, np.roll(KRUMHANSL[scale], tonic))[0, 1] for tonic, scale in keys]
    bpm = float(np.atleast_1d(tempo)[0])
    return Answer(bpm if bpm > 0 else None, keys[int(np.argmax(fits))])


def everything_ours(path: Path) -> None:
    """All that audio_features stores."""
    from soniquebay_pipeline.audio.analysis import analyse_file

    analyse_file(str(path))


def everything_librosa(path: Path) -> None:
    """For each stored feature librosa's own function, each with a transform of its own."""
    import librosa

    samples, rate = librosa.load(str(path))
    librosa.beat.beat_track(y=samples, sr=rate)  # tempo
    librosa.feature.tempogram(y=samples, sr=rate)  # its alternative; how clear the pulse is (danceability)
    librosa.feature.chroma_cqt(y=samples, sr=rate)  # key; chroma
    librosa.piptrack(y=samples, sr=rate)  # partials, whose glides tell voices (instrumentalness)
    librosa.onset.onset_detect(y=samples, sr=rate)  # onset rate
    librosa.feature.mfcc(y=samples, sr=rate)
    librosa.feature.spectral_contrast(y=samples, sr=rate)
    librosa.feature.spectral_centroid(y=samples, sr=rate)
    librosa.feature.spectral_bandwidth(y=samples, sr=rate)
    librosa.feature.spectral_rolloff(y=samples, sr=rate)
    librosa.feature.spectral_flatness(y=samples)
    librosa.feature.zero_crossing_rate(samples)
    librosa.feature.rms(y=samples)  # level, dynamics


LONG_FILE = """
import resource, sys, time
from soniquebay_pipeline.audio.analysis import analyse_file, warm_up
warm_up()
features = analyse_file(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, features.seconds_spent)
"""


def measure_long_file(hours: float, folder: Path) -> tuple[float, float]:
    """(peak resident MB, CPU seconds) of a process that analyses an MP3 of so many hours."""
    import numpy as np
    import soundfile

    rate = 44_100
    beat = np.arange(rate * 60) / rate
    minute = 0.2 * np.sin(2 * np.pi * 220 * beat) + 0.4 * np.sin(2 * np.pi * 60 * beat) * np.exp(-20 * (beat % 0.5))
    path = folder / "long.mp3"
    with soundfile.SoundFile(path, "w", rate, 2, format="MP3") as file:
        for _ in range(round(hours * 60)):
            file.write(np.stack([minute, minute], axis=1).astype(np.float32))
    command = [sys.executable, "-c", LONG_FILE, str(path)]
    memory, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(memory), float(seconds)


@contextmanager
def _stage(cost: Cost, name: str) -> Iterator[None]:
    started = time.process_time()
    yield
    cost.stages[name] = cost.stages.get(name, 0.0) + time.process_time() - started


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def run(excerpts: list[Excerpt], predictions: Path | None, report: Path | None) -> int:
    """Analyse, print the tables and write what was asked for; returns the exit status."""
    tallies: dict[str, dict[str, Tally]] = {"pipeline": {}, "librosa": {}}
    cost, rows = Cost(), []
    first = excerpts[0].path
    answer_ours(first, Cost())  # imports, filter banks and numba's compiler are not what is measured
    everything_ours(first)
    everything_librosa(first)
    for number, excerpt in enumerate(excerpts, start=1):
        minutes, decode = _timed(lambda path=excerpt.path: decode_only(path))
        ours, own_seconds = _timed(lambda path=excerpt.path: answer_ours(path, cost))
        theirs, their_seconds = _timed(lambda path=excerpt.path: answer_librosa(path))
        cost.minutes += minutes
        cost.decode += decode
        cost.ours += own_seconds
        cost.librosa += their_seconds
        cost.everything += _timed(lambda path=excerpt.path: everything_ours(path))[1]
        cost.librosa_everything += _timed(lambda path=excerpt.path: everything_librosa(path))[1]
        for side, answer in (("pipeline", ours), ("librosa", theirs)):
            for group in ("all", excerpt.group):
                tallies[side].setdefault(group, Tally()).add(excerpt, answer)
        rows.append({"file": excerpt.name, "bpm": _bpm(ours), "key": _key(ours),
                     "librosa_bpm": _bpm(theirs), "librosa_key": _key(theirs)})  # fmt: skip
        print(f"\r{number}/{len(excerpts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    _print_accuracy(tallies)
    _print_cost(cost)
    if predictions:
        with predictions.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        print(f"\npredictions: {predictions}")
    if report:
        accuracy = {side: {group: t.shares() for group, t in groups.items()} for side, groups in tallies.items()}
        report.write_text(json.dumps({"accuracy": accuracy, "cost": asdict(cost)}, indent=1) + "\n")
    return 0


def _bpm(answer: Answer) -> str:
    return "" if answer.bpm is None else f"{answer.bpm:.3f}"


def _key(answer: Answer) -> str:
    return "" if answer.key is None else f"{TONICS[answer.key[0]]} {answer.key[1]}"


def _print_accuracy(tallies: dict[str, dict[str, Tally]]) -> None:
    print(f"{'set':18} {'':9} {'files':>5} {'Acc1':>6} {'Acc2':>6} {'key':>6} {'MIREX':>6}")
    for group in tallies["pipeline"]:
        for side, groups in tallies.items():
            tally = groups[group]
            cells = " ".join("     -" if share is None else f"{share:6.3f}" for share in tally.shares().values())
            print(f"{group:18} {side:9} {max(tally.tempi, tally.keys):5} {cells}")


def _print_cost(cost: Cost) -> None:
    print(f"\nCPU seconds a minute of audio ({cost.minutes:.1f} minutes)")
    print(f"  decoding alone            {cost.decode / cost.minutes:.3f}")
    print(f"  pipeline, tempo and key   {cost.ours / cost.minutes:.3f}")
    for name, seconds in cost.stages.items():
        print(f"    {name:23} {seconds / cost.minutes:.3f}")
    print(f"  librosa, tempo and key    {cost.librosa / cost.minutes:.3f}  ({cost.librosa / cost.ours:.1f} times ours)")
    print(f"  pipeline, all features    {cost.everything / cost.minutes:.3f}", end="")
    print(f"  ({cost.everything / cost.decode:.1f} times decoding)")
    print(f"  librosa, each feature     {cost.librosa_everything / cost.minutes:.3f}", end="")
    print(f"  ({cost.librosa_everything / cost.everything:.1f} times ours)")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="folder with truth.csv")
    parser.add_argument("--limit", type=int, help="only so many files, spread over the list")
    parser.add_argument("--predictions", type=Path, help="CSV to write: file, bpm, key of both sides")
    parser.add_argument("--json", type=Path, help="JSON to write: all figures")
    parser.add_argument("--hours", type=float, default=2.0, help="length of the long file; 0 leaves it out")
    options = parser.parse_args()
    folder = options.folder or Path(__file__).resolve().parents[3] / "shared" / "truth_audio"
    with tempfile.TemporaryDirectory() as temporary:
        if (folder / "truth.csv").is_file():
            excerpts = read_truth(folder)
        elif options.folder:
            parser.error(f"no truth.csv in {folder}")
        else:
            print("no truth folder: building the demo library", file=sys.stderr)
            excerpts = demo_truth(Path(temporary))
        if options.limit and options.limit < len(excerpts):
            excerpts = [excerpts[n * len(excerpts) // options.limit] for n in range(options.limit)]
        status = run(excerpts, options.predictions, options.json)
        if options.hours > 0:
            memory, seconds = measure_long_file(options.hours, Path(temporary))
            print(f"\na file of {options.hours:g} hours: peak {memory:.0f} MB, {seconds:.0f} CPU seconds")
        return status


if __name__ == "__main__":
    sys.exit(main())
