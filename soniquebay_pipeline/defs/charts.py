"""Small pictures for Dagster's metadata: inside Markdown, a few kilobytes each."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

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


def map_picture(
    points: NDArray[np.float32], groups: NDArray[np.int64], labels: Sequence[str], colours: Sequence[str]
) -> dg.MarkdownMetadataValue:
    """Points of shape (n, 2), coloured by group, with a legend of the groups that occur."""

    def draw(axes: Axes) -> None:
        size = min(12.0, 6000 / max(1, len(points)))
        for group, (label, colour) in enumerate(zip(labels, colours, strict=True)):
            chosen = points[groups == group]
            if len(chosen):
                axes.scatter(chosen[:, 0], chosen[:, 1], s=size, c=colour, linewidths=0, label=_plain(label))
        axes.set_axis_off()
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, markerscale=4 / size**0.5)

    return _picture("map", draw, size=(6.4, 4.6))


def genre_spread(genres: Sequence[tuple[str, float, int]]) -> dg.MarkdownMetadataValue:
    """How spread each genre is: (name, spread in 0..1, tracks)."""

    def draw(axes: Axes) -> None:
        axes.barh([_plain(f"{name} ({tracks})") for name, _, tracks in genres], [spread for _, spread, _ in genres],
                  color=DARK)  # fmt: skip
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("spread: 0 all alike, 1 nothing in common")

    return _picture("genres", draw, size=(5.2, 0.8 + 0.25 * len(genres)))


def _plain(name: str) -> str:
    """A name as a label: matplotlib reads mathematics between dollar signs, and hides what starts with _."""
    shown = name if len(name) <= 30 else name[:29] + "…"
    return shown.replace("$", r"\$").replace("_", "\u02cd", 1) if shown.startswith("_") else shown.replace("$", r"\$")


def _picture(
    name: str, draw: Callable[[Axes], None], size: tuple[float, float] = (5.2, 2.2)
) -> dg.MarkdownMetadataValue:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=80, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return inline_picture(name, buffer.getvalue())


def inline_picture(name: str, data: bytes, mime_type: str = "image/png") -> dg.MarkdownMetadataValue:
    """Markdown that shows a picture without a server."""
    return dg.MetadataValue.md(f"![{name}](data:{mime_type};base64,{base64.b64encode(data).decode()})")
