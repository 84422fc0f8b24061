"""What is accepted as a picture, what is made of it, and what hostile bytes cost."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from soniquebay_pipeline.artwork import decoding
from soniquebay_pipeline.artwork.decoding import RefusedPicture, decode, placeholder, stored_form, thumbnails
from soniquebay_pipeline_tests.artwork.picture_files import encoded, image, jpeg


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size, and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def animated(file_format: str) -> bytes:
    frames = [image(seed, 40) for seed in range(3)]
    return encoded(frames[0], file_format, save_all=True, append_images=frames[1:], duration=50)


def sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image(1, 40).resize((60, 30)), "JPEG", exif=exif)


REFUSED: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "empty"),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>", "not_a_picture"),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "not_a_picture"),
    "text": (b"image/jpeg", "not_a_picture"),
    "a pixel bomb": (png_header(60_000, 60_000), "too_many_pixels"),
    "just over the limit": (png_header(7_100, 7_100), "too_many_pixels"),
    "no width": (png_header(0, 100), "corrupt"),
    "one pixel": (encoded(Image.new("RGB", (1, 1)), "PNG"), "too_small"),
    "cut short JPEG": (jpeg(1)[:5_000], "corrupt"),
    "cut short PNG": (encoded(image(1), "PNG")[:5_000], "corrupt"),
    "cut short WebP": (encoded(image(1), "WEBP")[:500], "corrupt"),
    "a PNG without its pixels": (png_header(400, 400), "corrupt"),
    "only a JPEG's mark": (b"\xff\xd8\xff\xe0" + b"\0" * 50, "corrupt"),
    "TIFF": (encoded(image(1, 40), "TIFF"), "unsupported"),
    "AVIF": (b"\0\0\0\x1cftypavif" + b"\0" * 40, "unsupported"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(RefusedPicture) as refused:
        decode(data)
    assert refused.value.refused.reason == reason
    assert refused.value.refused.detail


ACCEPTED: dict[str, tuple[Callable[[], bytes], str, tuple[int, int], str]] = {
    "CMYK": (lambda: encoded(image(1, 40).convert("CMYK"), "JPEG"), "image/jpeg", (40, 40), "RGB"),
    "grey": (lambda: encoded(image(1, 40, "L"), "JPEG"), "image/jpeg", (40, 40), "RGB"),
    "transparent": (lambda: encoded(image(1, 40, "RGBA"), "PNG"), "image/png", (40, 40), "RGBA"),
    "opaque alpha": (lambda: encoded(image(1, 40).convert("RGBA"), "PNG"), "image/png", (40, 40), "RGB"),
    "palette": (lambda: encoded(image(1, 40).quantize(16), "PNG"), "image/png", (40, 40), "RGB"),
    "one bit": (lambda: encoded(image(1, 40).convert("1"), "PNG"), "image/png", (40, 40), "RGB"),
    "animated GIF": (lambda: animated("GIF"), "image/gif", (40, 40), "RGB"),
    "animated WebP": (lambda: animated("WEBP"), "image/webp", (40, 40), "RGB"),
    "BMP": (lambda: encoded(image(1, 40), "BMP"), "image/bmp", (40, 40), "RGB"),
    "turned by EXIF": (sideways, "image/jpeg", (30, 60), "RGB"),
    "filler after the end": (lambda: jpeg(1, 40) + b"\0" * 1_000, "image/jpeg", (40, 40), "RGB"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_upright_in_eight_bits(name: str) -> None:
    make, mime_type, size, mode = ACCEPTED[name]
    found = decode(make())
    assert (found.mime_type, (found.width, found.height), found.image.mode) == (mime_type, size, mode)
    assert found.image.size == size


def test_sixteen_bits_keep_their_shades() -> None:
    shades = np.linspace(0, 65_535, 64, dtype=np.uint16).reshape(1, 64).repeat(64, axis=0)
    found = np.asarray(decode(encoded(Image.fromarray(shades), "PNG")).image)
    assert found[0, 0, 0] == 0 and found[0, -1, 0] == 255 and abs(int(found[0, 32, 0]) - 129) <= 2


def test_a_large_jpeg_is_decoded_at_a_fraction() -> None:
    found = decode(encoded(image(1, 40).resize((4_000, 2_000)), "JPEG"))
    assert (found.width, found.height) == (4_000, 2_000)
    assert found.image.size == (2_000, 1_000)


def test_thumbnails_are_never_larger_than_the_picture() -> None:
    assert [side for side, _, _ in thumbnails(decode(jpeg(1, 300)))] == [150]
    wide = decode(encoded(image(1, 40).resize((1_000, 400)), "PNG"))
    found = {side: small.size for side, small, _ in thumbnails(wide)}
    assert found == {800: (800, 320), 500: (500, 200), 300: (300, 120), 150: (150, 60)}
    for side, _, data in thumbnails(wide):
        with Image.open(io.BytesIO(data)) as read:
            assert read.format == "WEBP" and read.size == found[side]


def test_transparency_is_kept_in_thumbnails() -> None:
    *_, (_, _, data) = thumbnails(decode(encoded(image(1, 200, "RGBA"), "PNG")))
    with Image.open(io.BytesIO(data)) as small:
        assert small.mode == "RGBA"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_is_too_heavy_is_encoded_smaller(mode: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (900, 900, len(mode)), dtype=np.uint8)
    data = encoded(Image.fromarray(noise, mode), "PNG")
    kept, mime_type = stored_form(data, decode(data), 300_000)
    assert len(kept) <= 300_000 < len(data)
    assert mime_type == ("image/jpeg" if mode == "RGB" else "image/webp")
    assert max(decode(kept).image.size) >= 300


def test_dominant_colours_are_the_most_frequent_first() -> None:
    picture = Image.new("RGB", (100, 100), "#c00000")
    picture.paste("#0000c0", (0, 0, 100, 20))
    colours, hash_ = placeholder(picture)
    assert colours == ["#c00000", "#0000c0"] and hash_


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    source=st.sampled_from([jpeg(1, 60), encoded(image(2, 60), "PNG"), encoded(image(3, 60), "WEBP"), animated("GIF")]),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=12),
    end=st.floats(0.2, 1.0),
)
def test_damage_is_refused_or_survived(source: bytes, places: list[tuple[float, int]], end: float) -> None:
    data = bytearray(source[: int(len(source) * end)])
    for place, value in places:
        data[int(place * len(data))] = value
    try:
        found = decode(bytes(data))
    except RefusedPicture:
        return
    assert found.image.mode in ("RGB", "RGBA")
    list(thumbnails(found))
    assert decoding.placeholder(found.image)[0]
