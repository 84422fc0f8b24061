"""Chromaprint fingerprints: unpacking them, sketches that find candidates, and how alike two of them are.

Here: pure functions on arrays. Not here: which tracks are compared and where it is stored (``recordings``).

A fingerprint is a sequence of 32-bit values, about eight a second of music. Two encodes of one recording give
sequences that differ in a few of the bits, at some offset; unrelated music differs in about half of them. The
packed form is that of Chromaprint's ``FingerprintCompressor``: the bits that changed from one value to the next, as
distances of three bits, those of seven and more continued in a second part of five bits each.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.uint32]

VALUES_A_SECOND = 8.08
"""11,025 Hz / (4,096 samples a frame, two thirds overlapping)."""
MAX_VALUES = 4_096
"""fpcalc is asked for two minutes, 948 values; what says more is cut."""
MAX_OFFSET = 80
"""Ten seconds: how much more silence one rip may have in front than the other."""
MIN_DIFFERENT_VALUES = 24
"""Silence, a test tone or a drone has a handful of values, and equals every other drone."""
SKETCH_SIZE = 24


def unpack(fingerprint: str) -> Values | None:
    """The values of a packed fingerprint; None where it is damaged."""
    import numpy as np

    try:
        data = base64.urlsafe_b64decode(fingerprint + "=" * (-len(fingerprint) % 4))
    except (ValueError, binascii.Error):
        return None
    if len(data) < 5:
        return None
    count = int.from_bytes(data[1:4], "big")
    bits = np.unpackbits(np.frombuffer(data, np.uint8)[4:], bitorder="little")
    codes = bits[: len(bits) // 3 * 3].reshape(-1, 3) @ np.array([1, 2, 4], np.uint8)
    ends = np.flatnonzero(codes == 0)
    if count == 0 or len(ends) < count:
        return None
    codes = codes[: ends[count - 1] + 1].astype(np.int64)
    long = np.flatnonzero(codes == 7)
    if len(long):
        start = -(-len(codes) * 3 // 8) * 8
        rest = bits[start : start + len(long) * 5]
        if len(rest) < len(long) * 5:
            return None
        codes[long] += rest.reshape(-1, 5).astype(np.int64) @ np.array([1, 2, 4, 8, 16])
    item = np.zeros(len(codes), np.int64)
    item[1:] = np.cumsum(codes == 0)[:-1]
    reached = np.cumsum(codes)
    before = np.concatenate(([0], reached[codes == 0]))
    position = reached - before[item]
    set_bits = codes > 0
    if position.max(initial=0) > 32:
        return None
    changes = np.bincount(item[set_bits], weights=2.0 ** (position[set_bits] - 1), minlength=count)
    return np.bitwise_xor.accumulate(changes.astype(np.uint64).astype(np.uint32))[:MAX_VALUES]


def sketch(values: Values) -> list[int]:
    """Up to ``SKETCH_SIZE`` signed 32-bit keys; two encodes of one recording share some, other music hardly any.

    The smallest of the values after mixing (bottom-k MinHash, Broder 1997). Empty for sound without variety.
    """
    import numpy as np

    different = np.unique(values)
    if len(different) < MIN_DIFFERENT_VALUES:
        return []
    # The finaliser of MurmurHash3: neighbouring values, which share most bits, end far from each other.
    mixed = different.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    return [int(key) for key in np.sort(mixed)[:SKETCH_SIZE].view(np.int32)]


def similarity(one: Values, other: Values) -> float:
    """Share of equal bits at the best alignment, 0..1: 0.5 by chance, above 0.85 for encodes of one recording.

    Alignments that overlap in less than three quarters of the shorter one don't count.
    """
    import numpy as np

    least = max(1, min(len(one), len(other)) * 3 // 4)
    best = 0.0
    for offset in range(-MAX_OFFSET, MAX_OFFSET + 1):
        left, right = one[max(offset, 0) :], other[max(-offset, 0) :]
        length = min(len(left), len(right))
        if length < least:
            continue
        differing = int(np.bitwise_count(left[:length] ^ right[:length]).sum())
        best = max(best, 1.0 - differing / (32 * length))
    return best
