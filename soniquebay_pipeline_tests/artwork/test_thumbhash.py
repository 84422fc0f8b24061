"""The placeholder's encoding against hashes that the format's own JavaScript (thumbhash 0.1.1) makes."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image

from soniquebay_pipeline.artwork.thumbhash import thumbhash

VECTORS = [
    (40, 40, False, "HvgFHwwHZmY0lYVmeWiHeId3x4CjCGkI"),
    (100, 60, False, "HwgGDIKGhiVmVwZ1ZYb8THNvkQ=="),
    (30, 90, False, "H/gFCgRlN1OQcnVnzC94+UM="),
    (64, 64, True, "HwiCDQIHdTZWB1Rkefpvhm+BQjBdTSXkRQ=="),
    (17, 80, True, "XhiGCQQHVTMHWKW6CbI5EIZ4GnJmt2A="),
    (16, 16, False, "1scNJwZweHiEeHiHh3eId3h3SPiAf8YI"),
    (90, 20, True, "HfiFCYIHJgR0h3c/m/6AhHd3KhoFZGk="),
]


def pattern(width: int, height: int, alpha: bool) -> Image.Image:
    """The pixels that the vectors were made of."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    opacity = x * 11 + y * 13 if alpha else np.full_like(x, 255)
    channels = np.stack([x * 7 + y * 3, x * x + y * 5, x * y + 40, opacity], axis=-1) % 256
    return Image.fromarray(channels.astype(np.uint8), "RGBA")


@pytest.mark.parametrize(("width", "height", "alpha", "expected"), VECTORS)
def test_vectors_of_the_format(width: int, height: int, alpha: bool, expected: str) -> None:
    assert base64.b64encode(thumbhash(pattern(width, height, alpha))).decode() == expected


@pytest.mark.parametrize("colour", ["black", "white", "#804020", (10, 20, 30, 0)])
def test_one_colour_and_nothing_at_all(colour: object) -> None:
    found = thumbhash(Image.new("RGBA", (20, 20), colour))  # type: ignore[arg-type]
    assert 5 <= len(found) <= 37
    assert set(found[6:]) <= {0}


def test_larger_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="100 x 100"):
        thumbhash(Image.new("RGB", (101, 20)))
