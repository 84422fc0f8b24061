"""Small pictures for Dagster's metadata: PNG inside Markdown, a few kilobytes each."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEY_ORDER = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
DARK, LIGHT = "#3f3f74", "#a3bffa"


def tempo_histogram(tempi: Sequence[float]) -> dg.MarkdownMetadataValue:
    """How many tracks at which tempo, in steps of 4 beats a minute."""

    def draw(axes: Axes) -> None:
        axes.hist(tempi, bins=range(40, 224, 4), color=DARK)
        axes.set_xlabel("tempo (beats a minute)")
        axes.set_ylabel("tracks")

    return _picture("tempo", draw)


def key_bars(counts: Mapping[tuple[str, str], int]) -> dg.MarkdownMetadataValue:
    """How many tracks in which key; (tonic, scale) → tracks."""

    def draw(axes: Axes) -> None:
        major = [counts.get((tonic, "major"), 0) for tonic in KEY_ORDER]
        minor = [counts.get((tonic, "minor"), 0) for tonic in KEY_ORDER]
        places = range(len(KEY_ORDER))
        axes.bar([place - 0.2 for place in places], major, width=0.4, color=LIGHT, label="major")
        axes.bar([place + 0.2 for place in places], minor, width=0.4, color=DARK, label="minor")
        axes.set_xticks(list(places), KEY_ORDER)
        axes.set_ylabel("tracks")
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)

    return _picture("keys", draw)


def count_bars(name: str, counts: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """How many of each, the first on top; the axis is logarithmic, since a few kinds usually outnumber the rest."""

    def draw(axes: Axes) -> None:
        labels = list(counts)[::-1]
        bars = axes.barh(labels, [counts[label] for label in labels], color=DARK)
        axes.bar_label(bars, [f"{counts[label]:,}" for label in labels], padding=3, fontsize=7)
        axes.tick_params(labelsize=7)
        axes.set_xscale("log")
        axes.set_xlim(left=0.8, right=max(counts.values()) * 4)

    return _picture(name, draw)


def _picture(name: str, draw: Callable[[Axes], None]) -> dg.MarkdownMetadataValue:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 2.2), dpi=80, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{data})")
