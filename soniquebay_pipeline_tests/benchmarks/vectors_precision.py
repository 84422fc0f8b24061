"""Whether the vectors find what sounds alike; ``vectors`` says how it is measured."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline_tests.benchmarks.vectors_words import BUILD, GENRES, WORDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS_BPM = (72, 92, 112, 132, 160)
EACH_KIND = 6
# fmt: off
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
    from soniquebay_pipeline.audio.model import ANALYSIS_VERSION
    from soniquebay_pipeline.audio.stream import AnalysisFailure
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
