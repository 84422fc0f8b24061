"""Vectors as points on a plane: what is near there was near before.

Here: arithmetic on arrays, the same for the same input. Not here: which tracks, and drawing (``atlas``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

TSNE_POINTS = 2_000
"""t-SNE takes about 12 s for so many on one core; further points go to their neighbours."""
TSNE_FROM = 30
"""Fewer different points keep their two principal components; scikit-learn's t-SNE crashes where all are equal."""
COMPONENTS = 50
"""Principal components that t-SNE starts from, as van der Maaten and Hinton (2008) advise."""
NEIGHBOURS = 5
_CHUNK = 2_000


def project(vectors: Floats) -> Floats:
    """Points in -1..1, shape (n, 2), of vectors of shape (n, dimensions), n at least 1.

    The first TSNE_POINTS rows make the plane (t-SNE on principal components), so they should be a fair sample; the
    others are placed at the mean of their nearest neighbours among these, weighted by nearness.
    """
    import numpy as np

    components = principal_components(vectors, vectors[:TSNE_POINTS])
    first = components[:TSNE_POINTS]
    if len(np.unique(first, axis=0)) < TSNE_FROM:
        points = np.zeros((len(first), 2), np.float32)
        points[:, : min(2, first.shape[1])] = first[:, :2]
    else:
        points = _tsne(first)
    rest = components[TSNE_POINTS:]
    placed = [_among(rest[start : start + _CHUNK], first, points) for start in range(0, len(rest), _CHUNK)]
    return _within_one(np.concatenate([points, *placed]))


def principal_components(vectors: Floats, sample: Floats) -> Floats:
    """The vectors' coordinates along the first COMPONENTS principal axes of the sample; signs are fixed."""
    import numpy as np

    middle = sample.mean(axis=0)
    _, axes = np.linalg.eigh((sample - middle).T @ (sample - middle))
    axes = axes[:, ::-1][:, :COMPONENTS]
    # An axis and its opposite are equally good; the larger entry decides.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    components: Floats = ((vectors - middle) @ axes).astype(np.float32)
    return components


def _tsne(components: Floats) -> Floats:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    model = TSNE(
        2, init=_beginning(components), perplexity=min(30.0, (len(components) - 1) / 3), random_state=0, n_jobs=1
    )
    with threadpool_limits(1):  # sums in another order would move points
        points: Floats = model.fit_transform(components)
    return points


def _beginning(components: Floats) -> Floats:
    """The first two components, small as t-SNE wants them."""
    import numpy as np

    points = np.zeros((len(components), 2), np.float32)
    points[:, : min(2, components.shape[1])] = components[:, :2]
    return points * np.float32(1e-4 / max(float(points[:, 0].std()), 1e-12))


def _among(rest: Floats, first: Floats, points: Floats) -> Floats:
    import numpy as np

    squares = (rest**2).sum(axis=1)[:, None] - 2 * rest @ first.T + (first**2).sum(axis=1)[None, :]
    count = min(NEIGHBOURS, len(first))
    nearest = np.argpartition(squares, count - 1, axis=1)[:, :count]
    distances = np.sqrt(np.maximum(np.take_along_axis(squares, nearest, axis=1), 0.0))
    weights = 1 / (distances + 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    placed: Floats = (points[nearest] * weights[:, :, None]).sum(axis=1).astype(np.float32)
    return placed


def _within_one(points: Floats) -> Floats:
    import numpy as np

    points = points - (points.max(axis=0) + points.min(axis=0)) / 2
    largest = float(np.abs(points).max(initial=0.0))
    return points / largest if largest > 0 else points
