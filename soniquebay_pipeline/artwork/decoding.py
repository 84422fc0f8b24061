"""From untrusted bytes to a decoded picture, within bounds; and what is made from it.

Here: which formats and sizes are accepted, decoding the right way up in eight bits, thumbnails, the stored
original, dominant colours. Runs in worker processes, under their limits of time and memory.
Not here: where the bytes come from and where the files go (``look``, ``files``).
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from soniquebay_pipeline.artwork.model import THUMBNAIL_SIDES, Refused
from soniquebay_pipeline.library.tags.pictures import MAX_PICTURE_BYTES

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS: Final = 50_000_000
"""About 7,000 x 7,000. Decoding takes at most 4 bytes a pixel and as much again for a conversion: 400 MB."""
MIN_SIDE: Final = 16
"""Smaller ones are tracking pixels and icons."""
MAX_COLOURS: Final = 5
_PLACEHOLDER_SIDE: Final = 64
"""The hash holds seven waves across at most. From 100 pixels, which its format allows, it takes 2.2 times as long."""
_COLOUR_SIDE: Final = 32
"""Median cut over 100 x 100 pixels takes as long as two thumbnails, over this a tenth of that."""

EXTENSION_OF: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/bmp": "bmp",
}
_MIME_OF: Final = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"} | {
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_OTHER_FORMATS: Final = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
)
_MARKS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8")
_WEBP: Final[dict[str, Any]] = {"format": "WEBP", "quality": 80, "method": 0}
"""Measured in docs/decisions/0019-pictures.md against JPEG and slower methods."""
_REENCODED_SIDES: Final = (3000, 2000, 1400, 1000, 700, 500, 300)
_ORIENTATION: Final = 0x0112


class RefusedPicture(Exception):
    """The bytes are not used; ``refused`` says why."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.refused = Refused(reason, detail)


@dataclass(slots=True)
class Decoded:
    """A decoded picture: upright, RGB or RGBA, at least 800 pixels on its longest side if it had them."""

    image: Image
    mime_type: str
    width: int
    height: int
    """Of the whole picture, after the EXIF rotation."""


def decode(data: bytes, at_least: int = THUMBNAIL_SIDES[0]) -> Decoded:
    """Decode the first frame; JPEGs at a fraction of their size where that is still ``at_least`` pixels a side.

    Raises ``RefusedPicture``; MemoryError where the process may not take what the picture needs.
    """
    if not data:
        raise RefusedPicture("empty", "the picture has no bytes")
    if len(data) > MAX_PICTURE_BYTES:
        raise RefusedPicture("too_large", f"{len(data)} bytes, at most {MAX_PICTURE_BYTES} are read")
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, at_least)
    except Image.DecompressionBombError as error:
        raise RefusedPicture("too_many_pixels", str(error)) from error
    except UnidentifiedImageError:
        raise _not_a_picture(data) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error) as error:
        # What Pillow's readers raise over damaged bytes.
        raise RefusedPicture("corrupt", _one_line(error)) from error


def _decode(data: bytes, at_least: int) -> Decoded:
    from PIL import Image

    image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
    mime_type = _MIME_OF[image.format or ""]
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise RefusedPicture("too_many_pixels", f"{width} x {height}, at most {MAX_PIXELS:,} pixels are decoded")
    if min(width, height) < MIN_SIDE:
        raise RefusedPicture("too_small", f"{width} x {height} pixels")
    image.draft(None, (at_least, at_least))
    image.load()
    rotation = _rotation(image)
    image = _eight_bits(image)
    if rotation is not None:
        image = image.transpose(rotation)
        if rotation in _SIDEWAYS:
            width, height = height, width
    return Decoded(image, mime_type, width, height)


_SIDEWAYS: Final = frozenset((2, 4, 5, 6))
"""Pillow's ROTATE_90, ROTATE_270, TRANSPOSE and TRANSVERSE."""


def _rotation(image: Image) -> Any:
    """How to turn the picture upright, as EXIF says; None where it is, or where EXIF is damaged."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return None


def _eight_bits(image: Image) -> Image:
    """RGB, or RGBA where anything is transparent."""
    if image.mode.startswith("I"):
        # Sixteen bits of grey: convert() would clip them at 255.
        import numpy as np
        from PIL import Image

        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        is_opaque = with_alpha.getchannel("A").getextrema() == (255, 255)
        return with_alpha.convert("RGB") if is_opaque else with_alpha
    return image.convert("RGB")


def _not_a_picture(data: bytes) -> RefusedPicture:
    for offset, mark, name in _OTHER_FORMATS:
        if data[offset : offset + len(mark)] == mark:
            return RefusedPicture("unsupported", name)
    if data.startswith(_MARKS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return RefusedPicture("corrupt", "the header is damaged")
    return RefusedPicture("not_a_picture", "the bytes are no JPEG, PNG, WebP, GIF or BMP")


def thumbnails(picture: Decoded) -> Iterator[tuple[int, Image, bytes]]:
    """(longest side, image, WebP) of each size that is smaller than the picture, the largest first."""
    image = picture.image
    longest = max(picture.width, picture.height)
    for side in THUMBNAIL_SIDES:
        if side >= longest:
            continue
        image = _within(image, side)
        stream = io.BytesIO()
        image.save(stream, **_WEBP)
        yield side, image, stream.getvalue()


def stored_form(data: bytes, picture: Decoded, max_bytes: int) -> tuple[bytes, str]:
    """(bytes, MIME type) to keep: those that were found if they are few enough, else a smaller encoding."""
    if len(data) <= max_bytes:
        return data, picture.mime_type
    whole = decode(data, at_least=_REENCODED_SIDES[0]).image
    for side in _REENCODED_SIDES:
        whole = _within(whole, side)
        stream = io.BytesIO()
        if whole.mode == "RGBA":
            whole.save(stream, **_WEBP)
        else:
            whole.save(stream, format="JPEG", quality=88)
        if stream.tell() <= max_bytes:
            break
    return stream.getvalue(), "image/webp" if whole.mode == "RGBA" else "image/jpeg"


def _within(image: Image, side: int) -> Image:
    """A copy whose longest side is ``side`` at most."""
    from PIL.Image import Resampling

    width, height = image.size
    longest = max(width, height)
    if longest <= side:
        return image
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return image.resize(size, Resampling.LANCZOS, reducing_gap=2.0)


def placeholder(image: Image) -> tuple[list[str], bytes]:
    """Dominant colours as #rrggbb, the most frequent first, and the ThumbHash."""
    from PIL import Image as Images

    from soniquebay_pipeline.artwork.thumbhash import thumbhash

    flat = image.resize((_COLOUR_SIDE, _COLOUR_SIDE), Images.Resampling.NEAREST)
    if flat.mode == "RGBA":
        opaque = Images.new("RGB", flat.size, "white")
        opaque.paste(flat, mask=flat.getchannel("A"))
        flat = opaque
    reduced = flat.quantize(colors=MAX_COLOURS, method=Images.Quantize.MEDIANCUT)
    palette = reduced.getpalette() or []
    counts = reduced.histogram()[: len(palette) // 3]
    order = sorted((index for index, count in enumerate(counts) if count), key=lambda index: (-counts[index], index))
    colours = dict.fromkeys(bytes(palette[3 * index : 3 * index + 3]).hex() for index in order)
    return [f"#{colour}" for colour in colours], thumbhash(_within(image, _PLACEHOLDER_SIDE))


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
