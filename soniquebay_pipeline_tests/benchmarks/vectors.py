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
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")


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
    from soniquebay_pipeline_tests.benchmarks.vectors_precision import precision, print_priors
    from soniquebay_pipeline_tests.benchmarks.vectors_speed import embed_only, speed

    if arguments.embed:
        embed_only(arguments.embed)
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


if __name__ == "__main__":
    main()
