"""Pictures with known content, and the steps of the room over a library."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork.model import CoverRules
from soniquebay_pipeline.artwork.run import CoversReport, cover_shards
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.pipeline_steps import INLINE, SHARDS, ingest

RULES = CoverRules.of(Settings())


def image(seed: int, side: int = 400, mode: str = "RGB") -> Image.Image:
    """A picture that no other seed gives: a smooth pattern."""
    channels = len(mode) if mode != "L" else 1
    small = np.random.default_rng(seed).integers(0, 255, (6, 6, channels), dtype=np.uint8)
    if mode == "RGBA":
        small[0, :, 3], small[1:, :, 3] = 0, 255
    return Image.fromarray(small if channels > 1 else small[..., 0], mode).resize((side, side))


def jpeg(seed: int, side: int = 400) -> bytes:
    return encoded(image(seed, side), "JPEG", quality=80)


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def cover(
    engine: Engine, root: Path, home: Path, *, pool: PoolOptions = INLINE, rules: CoverRules = RULES, scan: bool = True
) -> CoversReport:
    """Ingest, and the asset covers over all shards."""
    if scan:
        ingest(engine, root)
    return cover_shards(engine, root, list(range(SHARDS)), home=home, rules=rules, max_bytes=2_000_000, pool=pool)


def shown(engine: Engine, entity_type: str = "album") -> dict[str, tuple[str, str]]:
    """(source, sha256) of the covers, by the name of what they are of."""
    column = {"album": "title FROM albums", "artist": "name FROM artists", "track": "title FROM tracks"}[entity_type]
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                f"SELECT e.{column.split()[0]}, c.source, c.sha256 FROM covers c JOIN {column.split()[2]} e"
                " ON e.id = c.entity_id WHERE c.entity_type = :type"
            ),
            {"type": entity_type},
        )
        return {row[0]: (row[1], row[2]) for row in rows}


def stored_files(home: Path) -> list[str]:
    """Every file below the folder of pictures."""
    folder = home / "covers"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
