"""From figures in their own units to audio vectors: centred, scaled by their spread, clipped, weighted, unit length.

Here: the scaler and how it is fitted. Not here: where scalers are kept (``store``), the priors' figures (``priors``).

A scaler is fitted on a library together with a prior that weighs as much as ``PRIOR_TRACKS`` tracks. So one
track, or twenty of one album, do not define what is usual; a large library does so almost alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from soniquebay_pipeline.vectors.layout import BLOCK_WEIGHTS, BLOCKS, CIRCULAR, NAMES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PRIOR_TRACKS = 30.0
"""How many tracks the prior weighs as much as."""
CLIP = 2.5
"""Deviations beyond which a figure says no more: one odd figure must not be the whole vector."""
LEAST_SCALE = 0.1
"""Of the prior's deviation: what hardly differs within a library must not be blown up."""
_OUTLIERS = (1.0, 99.0)
"""Percentiles that a library's figures are cut at before mean and deviation are taken."""


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each dimension, shape (DIMENSIONS,) each; deviations are above zero."""

    means: Floats
    scales: Floats
    track_count: int
    version: int = 0
    """Of the row that holds it; 0 while it is not stored."""

    def vectors(self, figures: Floats) -> NDArray[np.float32]:
        """Audio vectors of unit length of these figures, shape (n, DIMENSIONS) each.

        A figure that is missing (NaN) counts as the mean. A row in which nothing differs from the mean has
        no direction and comes back as NaN.
        """
        import numpy as np

        scaled = np.clip((figures - self.means) / self.scales, -CLIP, CLIP)
        scaled = np.where(np.isfinite(scaled), scaled, 0.0) * _weights()
        lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
        unit = np.divide(scaled, lengths, out=np.full_like(scaled, np.nan), where=lengths > 1e-9)
        vectors: NDArray[np.float32] = unit.astype(np.float32)
        return vectors


def fit(figures: Floats) -> Scaler:
    """The scaler of a library with these figures, shape (n, DIMENSIONS), NaN where missing; n may be 0."""
    import numpy as np

    prior = prior_scaler()
    means, scales = prior.means.copy(), prior.scales.copy()
    for place, name in enumerate(NAMES):
        values = figures[:, place]
        values = values[np.isfinite(values)]
        if name in CIRCULAR or not len(values):
            continue
        low, high = np.percentile(values, _OUTLIERS)
        means[place], scales[place] = _pooled(np.clip(values, low, high), prior.means[place], prior.scales[place])
    return Scaler(means, np.maximum(scales, LEAST_SCALE * prior.scales), len(figures))


def _pooled(values: Floats, mean: float, scale: float) -> tuple[float, float]:
    """Mean and deviation of the values and of the prior's tracks, as of one set."""
    count, total = float(len(values)), len(values) + PRIOR_TRACKS
    difference = float(values.mean()) - mean
    variance = count * float(values.var()) + PRIOR_TRACKS * scale**2 + count * PRIOR_TRACKS / total * difference**2
    return mean + difference * count / total, float((variance / total) ** 0.5)


@lru_cache(maxsize=1)
def prior_scaler() -> Scaler:
    """What music is like where no library says so."""
    import numpy as np

    from soniquebay_pipeline.vectors.priors import PRIORS

    means, scales = (np.array([PRIORS[name][which] for name in NAMES]) for which in (0, 1))
    return Scaler(means, scales, 0)


@lru_cache(maxsize=1)
def _weights() -> Floats:
    """Factor of each dimension, so that a block of unit variances has its weight as mean squared length."""
    import numpy as np

    factors = np.empty(len(NAMES))
    for block, places in BLOCKS.items():
        factors[places] = (BLOCK_WEIGHTS[block] / (places.stop - places.start)) ** 0.5
    return factors
