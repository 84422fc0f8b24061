"""ThumbHash: a placeholder of some 25 bytes that shows a blur of the picture while it loads.

The format is Evan Wallace's (https://evanw.github.io/thumbhash/, public domain and MIT): the lowest terms of
cosine transforms of luminance, two colour differences and, where there is any, opacity, packed as nibbles.
Here: encoding. Not here: decoding, which is the viewer's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 100
"""Longest side in pixels that the format allows; more would not change the hash much."""

_NOISE = 1e-9
"""Terms of a picture of one colour are rounding errors, and would differ from machine to machine."""


def thumbhash(image: Image) -> bytes:
    """The hash of an image of at most 100 x 100 pixels, of any mode; 5 to 37 bytes."""
    import numpy as np

    width, height = image.size
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"{width} x {height} pixels, at most {MAX_SIDE} x {MAX_SIDE} are allowed")
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float64) / 255.0
    alpha = pixels[..., 3]
    weight = float(alpha.sum())
    colour = pixels[..., :3] * alpha[..., None]
    average = colour.sum(axis=(0, 1)) / weight if weight else np.zeros(3)
    red, green, blue = np.moveaxis(colour + average * (1.0 - alpha)[..., None], -1, 0)
    has_alpha = weight < width * height
    limit, longest = (5 if has_alpha else 7), max(width, height)
    across = max(1, _round(limit * width / longest))
    down = max(1, _round(limit * height / longest))
    luminance = _encode((red + green + blue) / 3.0, max(3, across), max(3, down))
    yellow_blue = _encode((red + green) / 2.0 - blue, 3, 3)
    red_green = _encode(red - green, 3, 3)

    landscape = width > height
    header = (
        _round(63 * luminance.constant)
        | _round(31.5 + 31.5 * yellow_blue.constant) << 6
        | _round(31.5 + 31.5 * red_green.constant) << 12
        | _round(31 * luminance.scale) << 18
        | has_alpha << 23
    )
    shape = (
        (down if landscape else across)
        | _round(63 * yellow_blue.scale) << 3
        | _round(63 * red_green.scale) << 9
        | landscape << 15
    )
    packed = bytearray(header.to_bytes(3, "little") + shape.to_bytes(2, "little"))
    nibbles = [*luminance.terms, *yellow_blue.terms, *red_green.terms]
    if has_alpha:
        opacity = _encode(alpha, 5, 5)
        packed.append(_round(15 * opacity.constant) | _round(15 * opacity.scale) << 4)
        nibbles += opacity.terms
    nibbles += [0] * (len(nibbles) % 2)
    packed += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes(packed)


class _Channel:
    """One channel: its mean, the largest of its other terms, and those as numbers from 0 to 15."""

    __slots__ = ("constant", "scale", "terms")

    def __init__(self, constant: float, others: list[float]) -> None:
        self.constant = constant
        largest = max((abs(term) for term in others), default=0.0)
        self.scale = largest if largest > _NOISE else 0.0
        self.terms = [_round(15 * (0.5 + 0.5 / self.scale * term)) if self.scale else 0 for term in others]


def _encode(channel: Any, across: int, down: int) -> _Channel:
    """The terms of the cosine transform in the triangle below the diagonal, row by row."""
    import numpy as np

    height, width = channel.shape
    columns = np.cos(np.pi / width * np.outer(np.arange(across), np.arange(width) + 0.5))
    rows = np.cos(np.pi / height * np.outer(np.arange(down), np.arange(height) + 0.5))
    terms = rows @ channel @ columns.T / (width * height)
    chosen = [float(terms[y, x]) for y in range(down) for x in range(across) if x * down < across * (down - y)]
    return _Channel(chosen[0], chosen[1:])


def _round(value: float) -> int:
    """Halves upwards, as the format's own implementation does; Python rounds them to even."""
    return math.floor(value + 0.5)
