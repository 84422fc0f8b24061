"""Pictures of what ``scale`` measured, for the documentation.

python -m soniquebay_pipeline_tests.benchmarks.scale_plots FIGURES.json OUT_DIR
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from soniquebay_pipeline.defs.charts import DARK

COLOURS = (DARK, "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#a3bffa", "#78716c")
Sizes = list[dict[str, Any]]


def _by_size(sizes: Sizes, part: str, factor: Callable[[int], float]) -> dict[str, tuple[list[int], list[float]]]:
    """Name → (files, value times the factor of that size), of the sizes that have it."""
    lines: dict[str, tuple[list[int], list[float]]] = {}
    for figures in sizes:
        for name, value in figures.get(part, {}).items():
            xs, ys = lines.setdefault(name, ([], []))
            xs.append(figures["files"])
            ys.append(value * factor(figures["files"]))
    return lines


def _draw(axes: Axes, lines: dict[str, tuple[list[int], list[float]]], label: str) -> None:
    for place, (name, (xs, ys)) in enumerate(lines.items()):
        again, colour = divmod(place, len(COLOURS))
        axes.plot(xs, ys, marker="o", markersize=4, color=COLOURS[colour], linestyle=("-", "--")[again % 2], label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("files")
    axes.set_ylabel(label)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def rate(sizes: Sizes) -> dict[str, tuple[list[int], list[float]]]:
    """First run: files a second, whole and by stage."""
    stages = _by_size(sizes, "seconds", lambda files: 1.0)
    lines = {name: (xs, [x / y for x, y in zip(xs, ys, strict=True)]) for name, (xs, ys) in stages.items()}
    totals = [(figures["files"], figures["files"] / sum(figures["seconds"].values())) for figures in sizes]
    return {"all stages": ([files for files, _ in totals], [value for _, value in totals]), **lines}


def write(sizes: Sizes, folder: Path) -> list[Path]:
    """Draw every picture; returns the files."""
    searches = [
        {**figures, "searches": {name: times["median_ms"] for name, times in figures.get("searches", {}).items()}}
        for figures in sizes
    ]
    disk = [
        {**figures, "tables": {name: sum(parts.values()) for name, parts in figures.get("tables", {}).items()}}
        for figures in sizes
    ]
    tables = _by_size(disk, "tables", lambda _: 1e-6)
    largest = dict(sorted(tables.items(), key=lambda item: -max(item[1][1]))[:8])
    pictures = {
        "scale-rate": (rate(sizes), "first run: files a second"),
        "scale-daily": (_by_size(sizes, "later", lambda _: 1e3), "full catalogue: ms"),
        "scale-search": (_by_size(searches, "searches", lambda _: 1.0), "median, ms"),
        "scale-disk": (largest, "MB, rows and indexes"),
    }
    written = []
    for name, (lines, label) in pictures.items():
        if not lines:
            continue
        figure = Figure(figsize=(8.0, 3.4), dpi=80, layout="constrained")
        axes = figure.subplots()
        _draw(axes, lines, label)
        axes.spines[["top", "right"]].set_visible(False)
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1])
    return written


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path, help="what scale --json wrote")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    for path in write(json.loads(options.figures.read_text()), options.folder):
        print(f"{path} {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
