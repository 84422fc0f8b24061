"""Fixtures of the vectors' tests: small real models, settings that name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.vectors.catalogue import POISON, tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two models of random weights and of different dimensions."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "one": tiny_model(folder / "one", dimensions=16, seed=1, poisoned=POISON),
        "two": tiny_model(folder / "two", dimensions=24, seed=2),
    }


@pytest.fixture
def settings(models: dict[str, Path], tmp_path: Path) -> Settings:
    """Settings of a catalogue whose sentences go through the small model ``one``."""
    return Settings(home=tmp_path / "home", text_model=str(models["one"]), encoder_threads=1)
