"""Packing of Chromaprint fingerprints, the inverse of what the program reads, written from the format's description.

Here: the form that fpcalc prints. Not here: reading it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence


def pack(values: Sequence[int]) -> str:
    """The values (32 bits each) as fpcalc prints them."""
    normal: list[int] = []
    exceptional: list[int] = []
    before = 0
    for value in values:
        changes, last = value ^ before, 0
        before = value
        for bit in range(1, 33):
            if changes >> (bit - 1) & 1:
                distance, last = bit - last, bit
                normal.append(min(distance, 7))
                if distance >= 7:
                    exceptional.append(distance - 7)
        normal.append(0)
    data = b"\x01" + len(values).to_bytes(3, "big") + _bits(normal, 3) + _bits(exceptional, 5)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bits(codes: Sequence[int], width: int) -> bytes:
    text = "".join(f"{code:0{width}b}"[::-1] for code in codes)
    return int(text[::-1] or "0", 2).to_bytes(-(-len(text) // 8), "little")
