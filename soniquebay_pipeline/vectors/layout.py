"""What each dimension of an audio vector is, and how much each block of them counts.

Here: names, blocks, weights, and how text and audio stand beside each other in the combined vectors.
Not here: the values (``sound``) and how they are scaled (``scaler``).

An audio vector is (block after block) unit length::

    timbre.mfcc_1_mean … rhythm.tempo_cos … tonality.fifths_cos … dynamics.crest … character.energy …

A combined vector is the text vector times sqrt(text share), then the audio vector times sqrt(1 - text share),
so that the cosine of two is the weighted mean of their cosines. Without audio the second part is zero and the
first has unit length.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

from soniquebay_pipeline.audio.timbre import NAMES as TIMBRE_NAMES

LAYOUT_VERSION = 1
"""Raise it when a dimension comes or goes or means another thing: all audio vectors are then made again."""

_ELSEWHERE = {
    "rhythm": ("onset_rate", "flux_mean", "flux_deviation"),
    "tonality": tuple(name for name in TIMBRE_NAMES if name.startswith(("chroma_", "harmony_"))),
    "dynamics": ("level_deviation", "level_range", "crest", "low_energy"),
}
"""Figures of the timbre vector that say something else than timbre."""

_OF_BLOCK = {
    "timbre": tuple(n for n in TIMBRE_NAMES if not any(n in names for names in _ELSEWHERE.values())),
    "rhythm": ("tempo_cos", "tempo_sin", "danceability", *_ELSEWHERE["rhythm"]),
    "tonality": ("fifths_cos", "fifths_sin", "scale", *_ELSEWHERE["tonality"]),
    "dynamics": ("loudness_range", *_ELSEWHERE["dynamics"]),
    "character": ("energy", "acousticness", "instrumentalness"),
}

NAMES: tuple[str, ...] = tuple(f"{block}.{name}" for block, names in _OF_BLOCK.items() for name in names)
"""All dimensions of an audio vector, in order."""

DIMENSIONS = len(NAMES)

_ENDS = list(accumulate((len(names) for names in _OF_BLOCK.values()), initial=0))
BLOCKS: dict[str, slice] = {
    block: slice(start, end) for block, (start, end) in zip(_OF_BLOCK, pairwise(_ENDS), strict=True)
}
"""Where each block is in an audio vector; in a combined one it is as much further on as the text has dimensions."""

BLOCK_WEIGHTS: dict[str, float] = {
    "timbre": 0.50,
    "rhythm": 0.25,
    "tonality": 0.05,
    "dynamics": 0.10,
    "character": 0.10,
}
"""Share of each block in the squared length of a typical audio vector (docs/decisions/0016-audio-vectors.md)."""

CIRCULAR = frozenset({"rhythm.tempo_cos", "rhythm.tempo_sin", "tonality.fifths_cos", "tonality.fifths_sin"})
"""Halves of an angle: they are not centred, which would bend the circle, and both have the same scale."""


def audio_model(timbre_version: int) -> str:
    """What ``embeddings.model`` of an audio vector is: rows of two layouts are never compared."""
    return f"audio-{LAYOUT_VERSION}.{timbre_version}"


def combined_model(text_model: str, audio: str, text_share: float) -> str:
    """What ``embeddings.model`` of a combined vector is: both models and the share of the text."""
    return f"{text_model} {text_share:.3f} + {audio}"
