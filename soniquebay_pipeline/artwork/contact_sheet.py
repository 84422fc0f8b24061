"""A contact sheet: many small pictures in one, for a report.

Here: drawing it from stored thumbnails, which are the pipeline's own files and safe to decode here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork import files

CELL = 64
COLUMNS = 10
MAX_CELLS = 30
_PALETTE = 64


def contact_sheet(engine: Engine, home: Path, pictures: Sequence[str]) -> bytes | None:
    """A PNG of up to thirty of the pictures, some 30 kB; None where none can be shown."""
    from PIL import Image, ImageOps

    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT sha256, path, thumbnails FROM pictures WHERE sha256 = ANY(:pictures) AND reason IS NULL"
                " ORDER BY array_position(CAST(:pictures AS text[]), sha256) LIMIT :most"
            ),
            {"pictures": list(pictures), "most": MAX_CELLS},
        ).all()
    cells = []
    for sha256, path, thumbnails in rows:
        small = files.thumbnail_path(sha256, thumbnails[0]) if thumbnails else path
        try:
            with Image.open(home / small) as image:
                cells.append(ImageOps.pad(image.convert("RGB"), (CELL, CELL), color="white"))
        except OSError:
            continue  # removed meanwhile
    if not cells:
        return None
    down = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (min(len(cells), COLUMNS) * CELL, down * CELL), "white")
    for number, cell in enumerate(cells):
        sheet.paste(cell, (number % COLUMNS * CELL, number // COLUMNS * CELL))
    stream = io.BytesIO()
    # A palette: a third of the bytes, which Dagster keeps for every run.
    sheet.quantize(_PALETTE).save(stream, format="PNG", optimize=True)
    return stream.getvalue()
