"""What worker processes do: find the pictures of one file, and check and store one picture.

Both take a file by its name and return plain data; the bytes of a picture never travel between processes.
Not here: which files are looked at (``store``) and the loop over them (``run``).
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from soniquebay_pipeline.artwork import decoding, files
from soniquebay_pipeline.artwork.model import Refused, StoredPicture
from soniquebay_pipeline.library.paths import to_bytes
from soniquebay_pipeline.library.tags.model import UnreadableFile
from soniquebay_pipeline.library.tags.pictures import MAX_PICTURE_BYTES, EmbeddedPicture, read_picture, read_pictures
from soniquebay_pipeline.library.tags.source import open_source

FILE, FOLDER_PICTURE, GIVEN = "file", "folder_picture", "given"


@dataclass(frozen=True, slots=True)
class Place:
    """Where pictures are looked for: inside an audio file (``file``), or a picture file itself."""

    kind: str
    """``file``, ``folder_picture``; or ``given``: an absolute path that a person or a download gave."""
    id: int
    path: str
    about: str
    """The state of the file, for the record."""
    root: bytes = b""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A content that is to be stored, and where it was found."""

    sha256: str
    place: Place
    home: Path
    max_bytes: int


def find_pictures(place: Place) -> list[EmbeddedPicture] | Refused:
    """The pictures in one place, the best first, without decoding any."""
    path = os.path.join(place.root, to_bytes(place.path))
    try:
        if place.kind == FILE:
            return read_pictures(path)
        data = _read_whole(path)
    except UnreadableFile as error:
        return Refused(error.reason, error.detail)
    return [EmbeddedPicture(None, len(data), hashlib.sha256(data).hexdigest())]


def store_picture(wanted: Wanted) -> StoredPicture | Refused | None:
    """Check one picture, write it with its thumbnails, and describe it; None when it is not there any more."""
    place = wanted.place
    path = os.path.join(place.root, to_bytes(place.path))
    try:
        data = read_picture(path, wanted.sha256) if place.kind == FILE else _read_whole(path)
    except UnreadableFile:
        return None
    if data is None or hashlib.sha256(data).hexdigest() != wanted.sha256:
        return None
    try:
        return _store(wanted, data)
    except decoding.RefusedPicture as error:
        return error.refused


def _store(wanted: Wanted, data: bytes) -> StoredPicture:
    picture = decoding.decode(data)
    sides = []
    smallest = picture.image
    for side, image, encoded in decoding.thumbnails(picture):
        files.write(wanted.home, files.thumbnail_path(wanted.sha256, side), encoded)
        sides.append(side)
        smallest = image
    colours, placeholder = decoding.placeholder(smallest)
    kept, mime_type = decoding.stored_form(data, picture, wanted.max_bytes)
    path = files.picture_path(wanted.sha256, decoding.EXTENSION_OF[mime_type])
    files.write(wanted.home, path, kept)
    return StoredPicture(
        sha256=wanted.sha256,
        mime_type=mime_type,
        width=picture.width,
        height=picture.height,
        size_bytes=len(kept),
        path=path,
        colours=colours,
        thumbhash=base64.b64encode(placeholder).decode("ascii"),
        thumbnails=sorted(sides),
    )


def _read_whole(path: bytes) -> bytes:
    """A picture file's bytes. It is no link: one that took its place since the scan is not followed."""
    try:
        with open_source(path, follow_link=False) as source:
            if source.file_size > MAX_PICTURE_BYTES:
                raise UnreadableFile("too_large", f"{source.file_size} bytes, at most {MAX_PICTURE_BYTES} are read")
            return source.read()
    except OSError as error:
        raise UnreadableFile("io_error", error.strerror or str(error)) from error


def warm_up() -> None:
    """Import what every item needs, before the clock of the first one runs."""
    import numpy as np  # noqa: F401
    from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401
