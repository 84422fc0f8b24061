"""Functions for worker processes that hang, crash or take all memory at files of certain names.

They stand in for readers that meet a file which does that to them; everything else is read as always.
"""

from __future__ import annotations

import os
import time

from soniquebay_pipeline.catalog import extract
from soniquebay_pipeline.library import scan
from soniquebay_pipeline.library.matching import FoundFile

_hash_file, _extract_file = scan.hash_file, extract.extract_file


def hash_file(file: scan.FileToHash) -> FoundFile | None:
    """``scan.hash_file``, but for the names below."""
    _misbehave(file.path)
    return _hash_file(file)


def extract_file(item: tuple[bytes, extract.DueFile]) -> extract.FileRows | extract.Rejection:
    """``extract.extract_file``, but for the names below."""
    _misbehave(item[1].path)
    return _extract_file(item)


def _misbehave(path: str) -> None:
    name = os.path.basename(path)
    if name.startswith("hang"):
        time.sleep(600)
    elif name.startswith("crash"):
        os.abort()
    elif name.startswith("swell"):
        bytearray(2**40)
