"""Which weights are loaded, and which are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors import model
from soniquebay_pipeline.vectors.model import DEFAULT_MODEL, KNOWN_WEIGHTS, ModelError, load_model, model_files


def named(name: str | Path, home: Path) -> Settings:
    return Settings(text_model=str(name), home=home)


def packaged(tmp_path: Path) -> Path:
    return model_files(Settings(home=tmp_path)).folder


def test_the_default_comes_with_a_package_and_is_the_published_one(tmp_path: Path) -> None:
    files = model_files(Settings(home=tmp_path))
    assert files.name == f"{DEFAULT_MODEL}@{KNOWN_WEIGHTS[DEFAULT_MODEL][:12]}"
    assert files.dimensions == 384
    assert model_files(named(f"sentence-transformers/{DEFAULT_MODEL}", tmp_path)) == files


def test_the_default_knows_what_words_mean(tmp_path: Path) -> None:
    loaded = load_model(Settings(home=tmp_path))
    vectors = loaded.encode(["sad songs for the piano", "melancholic piano ballads", "death metal"])
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert loaded.encode([]).shape == (0, 384)


def test_other_weights_under_a_known_name_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / DEFAULT_MODEL
    shutil.copytree(packaged(tmp_path), folder)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelError, match="are not those of all-MiniLM-L6-v2"):
        model_files(named(folder, tmp_path / "home"))


def test_the_same_name_with_other_weights_is_another_model(models: dict[str, Path], tmp_path: Path) -> None:
    for which in ("one", "two"):
        shutil.copytree(models[which], tmp_path / which / "mine")
    names = {model_files(named(tmp_path / which / "mine", tmp_path)).name for which in ("one", "two")}
    assert len(names) == 2 and all(name.startswith("mine@") for name in names)


def test_a_pickle_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(models["one"], folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle"):
        model_files(named(folder, tmp_path / "home"))


def test_a_pickled_layer_beside_good_weights_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "layered"
    shutil.copytree(models["one"], folder)
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="is a pickle"):
        model_files(named(folder, tmp_path / "home"))


def test_code_that_comes_with_a_model_is_not_run(models: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "coded"
    shutil.copytree(models["one"], folder)
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    modules.append({"idx": len(modules), "name": "x", "path": "", "type": "own_code.Layer"})
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    trace = tmp_path / "was run"
    (folder / "own_code.py").write_text(f"open({str(trace)!r}, 'w')\nclass Layer: pass\n", "utf-8")
    with pytest.raises(ModelError, match="own_code"):
        load_model(named(folder, tmp_path / "home"))
    assert not trace.exists()


def test_a_folder_without_a_model_and_an_unknown_name_say_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        model_files(named(tmp_path, tmp_path / "home"))
    with pytest.raises(ModelError, match="can't be fetched"):
        model_files(named("no-such/model-anywhere", tmp_path / "home"))


def test_weights_are_hashed_once(models: dict[str, Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = named(models["one"], home)
    name = model_files(settings).name
    kept = home / "model-weights.json"
    verdict = json.loads(kept.read_text("utf-8"))
    kept.write_text(json.dumps(verdict | {"sha256": "f" * 64}), "utf-8")
    model._checked.cache_clear()
    assert model_files(settings).name == f"one@{'f' * 12}"  # what was kept was believed
    later = models["one"] / "model.safetensors"
    later.touch()
    model._checked.cache_clear()
    assert model_files(settings).name == name  # another time: hashed again
