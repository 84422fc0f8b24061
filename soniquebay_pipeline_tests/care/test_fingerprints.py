"""Fingerprints are unpacked as Chromaprint packs them, and compared whatever offset and noise they have."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.care.health.fingerprints import SKETCH_SIZE, similarity, sketch, unpack
from soniquebay_pipeline_tests.care.packed_fingerprints import pack
from soniquebay_pipeline_tests.care.test_health import write_recording

VALUES = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=300)


@given(VALUES)
def test_unpacking_is_the_inverse_of_packing(values: list[int]) -> None:
    unpacked = unpack(pack(values))
    assert unpacked is not None and unpacked.tolist() == values


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.hex()))
def test_damaged_fingerprints_are_none_or_values(fingerprint: str) -> None:
    unpacked = unpack(fingerprint)
    assert unpacked is None or unpacked.dtype == np.uint32


@given(VALUES, st.integers(5, 100))
def test_a_cut_fingerprint_never_raises(values: list[int], length: int) -> None:
    unpack(pack(values)[:length])


@pytest.mark.skipif(shutil.which("fpcalc") is None, reason="fpcalc is not installed")
def test_what_fpcalc_prints_is_what_fpcalc_prints_raw(tmp_path: Path) -> None:
    write_recording(tmp_path, 1, "one.flac")

    def fpcalc(*options: str) -> str:
        done = subprocess.run(
            ["fpcalc", "-length", "15", *options, tmp_path / "one.flac"], capture_output=True, text=True, check=True
        )
        return dict(line.split("=", 1) for line in done.stdout.splitlines())["FINGERPRINT"]

    unpacked = unpack(fpcalc())
    assert unpacked is not None and len(unpacked) > 50
    assert unpacked.tolist() == [int(value) & 0xFFFFFFFF for value in fpcalc("-raw").split(",")]


def noisy(values: np.ndarray, share: float, seed: int) -> np.ndarray:
    flips = np.random.default_rng(seed).random((len(values), 32)) < share
    return (values ^ (flips @ (1 << np.arange(32, dtype=np.uint64))).astype(np.uint32)).astype(np.uint32)


@given(st.integers(0, 2**31), st.integers(0, 60), st.floats(0, 0.06))
def test_the_same_music_is_alike_and_other_music_is_not(seed: int, offset: int, share: float) -> None:
    random = np.random.default_rng(seed)
    one = random.integers(0, 2**32, 500, dtype=np.uint32)
    same = np.concatenate((random.integers(0, 2**32, offset, dtype=np.uint32), noisy(one, share, seed)))
    assert similarity(one, same) == similarity(same, one) > 0.9
    assert similarity(one, random.integers(0, 2**32, 500, dtype=np.uint32)) < 0.6


def test_sketches_share_keys_where_values_are_shared() -> None:
    random = np.random.default_rng(1)
    one = random.integers(0, 2**32, 900, dtype=np.uint32)
    half = np.where(random.random(900) < 0.5, one, random.integers(0, 2**32, 900, dtype=np.uint32)).astype(np.uint32)
    assert len(sketch(one)) == SKETCH_SIZE and sketch(one) == sketch(one[::-1])
    assert len({*sketch(one)} & {*sketch(half)}) >= 2
    assert not {*sketch(one)} & {*sketch(random.integers(0, 2**32, 900, dtype=np.uint32))}
    assert sketch(np.full(900, 7, np.uint32)) == [], "a test tone equals every other"
