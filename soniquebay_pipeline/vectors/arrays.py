"""Vectors between PostgreSQL and numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_HEADER_BYTES = 4
"""``vector_send``: dimensions and a reserved field, 16 bits each, then the values, all big-endian."""


def from_database(sent: list[bytes]) -> Floats:
    """The matrix, shape (rows, dimensions), of what ``vector_send(vector)`` gave for each row."""
    import numpy as np

    if not sent:
        return np.zeros((0, 0), np.float32)
    return np.stack([np.frombuffer(row, ">f4", offset=_HEADER_BYTES) for row in sent]).astype(np.float32)


def to_database(vector: Floats) -> str:
    """The vector as PostgreSQL's ``vector`` reads it."""
    return "[" + ",".join(f"{float(value):.8g}" for value in vector) + "]"
