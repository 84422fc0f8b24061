"""The pictures in Dagster's metadata are small PNGs that show what they were given."""

from __future__ import annotations

import base64
import io
import re

import dagster as dg
import pytest
from PIL import Image

from soniquebay_pipeline.defs.charts import key_bars, tempo_histogram


def picture(value: dg.MarkdownMetadataValue) -> Image.Image:
    found = re.fullmatch(r"!\[\w+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", str(value.md_str))
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (tempo_histogram([120.0]), tempo_histogram([120.0, 90.0, 90.0, 174.0])),
        (key_bars({("C", "major"): 1}), key_bars({("C", "major"): 1, ("A", "minor"): 3})),
    ],
)
def test_a_small_picture_that_depends_on_the_data(
    few: dg.MarkdownMetadataValue, many: dg.MarkdownMetadataValue
) -> None:
    assert picture(few).format == "PNG"
    assert picture(few).tobytes() != picture(many).tobytes()
    assert len(str(many.md_str)) < 20_000
