"""A path through tracks that moves smoothly in sound, tempo and key: pure arithmetic on arrays.

Here: what a step costs, and the search for a cheap path. Not here: where candidates come from (``playlist``).

Each place of the path has a target: a point on the great circle from the first track's vector to the last one's,
or the first track's vector itself where there is no last one. A path costs, for each step, how unlike two
neighbours sound, how far the tempo jumps and the key moves; and for each place, how far the track is from the
target. Beam search: the best ``BEAM`` beginnings are kept at each place, and each goes on in its ``BRANCHES``
cheapest ways. A recording comes once; an artist who was heard a moment ago costs extra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

BEAM, BRANCHES = 32, 8

PLACE = 1.0
"""Weight of the distance from the target (1 - cosine) against the distance of neighbours (1 - cosine)."""
TEMPO = 2.0
"""Cost of a jump by an octave; a tenth of it, 7 % of tempo, costs as much as a fifth of a cosine."""
OCTAVE = 0.15
"""Half or double the tempo keeps the pulse: it counts as a jump of so many octaves."""
UNKNOWN_TEMPO = 0.1
"""Octaves that stand for a jump from or to a track without tempo."""
KEY = 0.3
"""Cost of the farthest key; compatible keys cost nothing."""
UNKNOWN_KEY = 0.5
"""Share of it for a track without a key."""
ARTIST, ARTIST_DISTANCE = 0.5, 5
"""Cost of an artist who is among the last few already."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """Candidates; the first one begins the path, and with ``has_end`` the second one ends it."""

    vectors: Floats
    """Unit length, shape (n, dimensions)."""
    bpm: NDArray[np.float64]
    """NaN where unknown; shape (n,)."""
    keys: list[str | None]
    """Camelot codes."""
    artists: NDArray[np.int64]
    recordings: NDArray[np.int64]
    """Equal for copies of one recording."""
    has_end: bool


def targets(vectors: Floats, length: int, has_end: bool) -> Floats:
    """The point that each place of the path aims at, shape (length, dimensions), unit length."""
    import numpy as np

    start = vectors[0].astype(np.float64)
    if not has_end:
        return np.repeat(vectors[:1], length, axis=0)
    end = vectors[1].astype(np.float64)
    angle = np.arccos(np.clip(start @ end, -1.0, 1.0))
    share = np.linspace(0.0, 1.0, length)[:, None]
    if np.sin(angle) < 1e-6:  # the same direction, or opposite ones, between which no great circle is the shortest
        mixed = (1 - share) * start + share * end
    else:
        mixed = (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    points: Floats = np.where(lengths > 1e-6, mixed / np.maximum(lengths, 1e-6), start).astype(np.float32)
    return points


def step_costs(tracks: Tracks) -> Floats:
    """What it costs to go from each track to each other, shape (n, n)."""
    import numpy as np

    sound = 1 - tracks.vectors @ tracks.vectors.T
    return (sound + TEMPO * tempo_jumps(tracks.bpm) + KEY * key_moves(tracks.keys)).astype(np.float32)


def tempo_jumps(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the tempo jumps between any two, in octaves; half and double count as OCTAVE. Shape (n, n)."""
    import numpy as np

    octaves = np.abs(np.log2(bpm)[:, None] - np.log2(bpm)[None, :])
    jumps: NDArray[np.float64] = np.minimum(octaves, np.abs(octaves - 1) + OCTAVE)
    return np.where(np.isnan(jumps), UNKNOWN_TEMPO, jumps)


def key_moves(keys: list[str | None]) -> NDArray[np.float64]:
    """How far any two keys are apart: 0 for compatible ones, 1 for the farthest. Shape (n, n)."""
    import numpy as np

    number = np.array([int(key[:-1]) if key else 0 for key in keys])
    letter = np.array([key[-1] if key else "" for key in keys])
    around = np.abs(number[:, None] - number[None, :])
    steps = np.minimum(around, 12 - around) + (letter[:, None] != letter[None, :])
    moves: NDArray[np.float64] = np.maximum(steps - 1, 0) / 6
    unknown = number == 0
    return np.where(unknown[:, None] | unknown[None, :], UNKNOWN_KEY, moves)


def find_path(tracks: Tracks, length: int) -> list[int]:
    """Rows of ``tracks`` in playing order, at most ``length`` of them; fewer where the recordings run out."""
    import numpy as np

    length = min(length, len(set(tracks.recordings.tolist())))
    costs = step_costs(tracks)
    places = PLACE * (1 - targets(tracks.vectors, length, tracks.has_end) @ tracks.vectors.T)
    beams: list[list[int]] = [[0]]
    totals = np.zeros(1)
    last_place = length - 1 if tracks.has_end else length
    for place in range(1, last_place):
        options: list[tuple[float, int, int]] = []
        for number, path in enumerate(beams):
            cost = totals[number] + costs[path[-1]] + places[place]
            recent = tracks.artists[path[-(ARTIST_DISTANCE - 1) :]]
            cost = cost + ARTIST * np.isin(tracks.artists, recent)
            taken = tracks.recordings[[*path, 1] if tracks.has_end else path]
            cost[np.isin(tracks.recordings, taken)] = np.inf
            for row in np.argsort(cost, kind="stable")[:BRANCHES]:
                if np.isfinite(cost[row]):
                    options.append((float(cost[row]), number, int(row)))
        if not options:
            break
        if tracks.has_end and place == last_place - 1:
            # The step to the last track is part of the choice of the one before it.
            options = [(cost + float(costs[row, 1]), number, row) for cost, number, row in options]
        best = sorted(options)[:BEAM]
        beams = [[*beams[number], row] for _, number, row in best]
        totals = np.array([cost for cost, _, _ in best])
    return [*beams[0], 1] if tracks.has_end and length > 1 else beams[0]
