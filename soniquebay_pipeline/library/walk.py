"""Lists the folders of the library and what the file system knows of their files.

Here: one pass over the directory tree, in a fixed order that can be resumed. Not here: opening files,
comparing with what is known, deciding that something is missing (an *absent* folder is only evidence
when its parent was listed without an error).

Symbolic links are never followed, the root itself excepted. A link into the library needs no
following, its target is listed under its own path; a link out of it, or to something in it that is
not listed, is reported as refused. So nothing outside the root is ever read and no link makes a loop.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import paths

_DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK


MAX_PICTURES: Final = 100
"""Picture files of one folder that are listed: somebody's photographs are no reason for millions of rows."""
_COVER_NAMES: Final = (b"cover", b"folder", b"front", b"album", b"artist", b"fanart")


class LibraryRootError(Exception):
    """The library root cannot be listed, so that nothing may be concluded from what is not there."""


@dataclass(slots=True)
class FileStat:
    """A regular file with the name of an audio file; ``name`` is its name in the folder, as text."""

    name: str
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True)
class PictureStat(FileStat):
    """Something with the name of a picture. ``reason``: why it is not to be opened (``link``, ``special``)."""

    reason: str | None = None


@dataclass(slots=True)
class Refusal:
    """A name that was not followed. Reasons: ``outside`` (a link out of the library), ``not_listed``
    (a link to a hidden folder or a file that is not listed under its own path), ``broken``."""

    name: str
    reason: str


@dataclass(slots=True)
class FolderListing:
    """One folder.

    ``file_count`` counts the audio files also when ``files`` is not filled because the caller did not
    want this folder. With ``error`` set nothing is known of the folder nor of anything below it.
    ``errors`` names the files that could not be asked for size and time. ``pictures`` holds the files named
    like covers, where the caller wants them: at most MAX_PICTURES, those that are named like one first.
    """

    folder: str
    files: list[FileStat] = field(default_factory=list)
    file_count: int = 0
    mtime_ns: int | None = None
    refused: list[Refusal] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None
    pictures: list[PictureStat] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What of a folder the caller wants."""

    accept: Callable[[bytes], bool]
    with_pictures: bool


@dataclass(slots=True)
class _Pending:
    """A folder to list, with the identities of the folders above it."""

    folder: bytes
    ancestors: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Entries:
    """What one directory holds, sorted by bytes."""

    folders: list[bytes]
    files: list[os.DirEntry[str]]
    links: list[bytes]
    pictures: list[os.DirEntry[str]]


def walk(
    root: bytes | str | Path,
    *,
    want: Callable[[str], bool] | None = None,
    after: str | None = None,
    accept: Callable[[bytes], bool] = paths.is_audio_name,
    with_pictures: bool = False,
) -> Iterator[FolderListing]:
    """List every folder of the library, parents before children, children by the bytes of their names.

    ``want`` tells whether the files of a folder are asked for size and time (all by default).
    ``after`` resumes behind a folder listed earlier, which need not exist any more: of the part
    already listed only the folders above it are read again, and are not listed again.
    ``accept`` tells by name which files count. ``with_pictures`` lists the pictures beside them too.

    Raises ``LibraryRootError``, before anything is listed, when the root is no readable folder.
    """
    real_root = _open_root(os.fsencode(root))
    return _walk(real_root, want, paths.sort_key(after) if after is not None else None, _Choice(accept, with_pictures))


def list_folder(
    root: bytes | str | Path,
    folder: str,
    *,
    accept: Callable[[bytes], bool] = paths.is_audio_name,
    with_pictures: bool = False,
) -> FolderListing:
    """List one folder as ``walk`` would; its ``error`` is set when it is gone or leads out of the library.

    Raises ``LibraryRootError`` as ``walk`` does.
    """
    real_root = _open_root(os.fsencode(root))
    listing = FolderListing(folder)
    pending = _Pending(paths.to_bytes(folder), ())
    path = os.path.join(real_root, pending.folder)
    if os.path.realpath(path) != (path.rstrip(b"/") or b"/"):
        listing.error = "the folder was exchanged for a link"
    else:
        _list_folder(real_root, pending, listing, True, _Choice(accept, with_pictures))
    return listing


def _walk(
    root: bytes,
    want: Callable[[str], bool] | None,
    after: tuple[bytes, ...] | None,
    choice: _Choice,
) -> Iterator[FolderListing]:
    stack = [_Pending(b"", ())]
    while stack:
        pending = stack.pop()
        listing = FolderListing(paths.to_text(pending.folder))
        key = _key(pending.folder)
        listed_before = after is not None and key <= after
        wanted = not listed_before and (want is None or want(listing.folder))
        children = _list_folder(root, pending, listing, wanted, choice)
        if listing.error is not None and not pending.folder:
            raise LibraryRootError(f"The library root could not be listed: {listing.error}.")
        if listed_before and after is not None and after[: len(key)] == key and len(after) > len(key):
            # A folder above the one to resume behind: only its children from there on.
            children = [child for child in children if _name(child.folder) >= after[len(key)]]
        if not listed_before or listing.error is not None:
            yield listing
        stack.extend(reversed(children))


def _list_folder(
    root: bytes, pending: _Pending, listing: FolderListing, wanted: bool, choice: _Choice
) -> list[_Pending]:
    """Fill the listing and return the folders in it; an error leaves nothing but the error."""
    path = os.path.join(root, pending.folder) if pending.folder else root
    try:
        # Opened once and used by descriptor: what is checked is what is read. O_NOFOLLOW refuses a
        # folder that was exchanged for a link after its parent was listed.
        descriptor = os.open(path, _DIRECTORY_FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        listing.error = _reason(error)
        return []
    try:
        status = os.fstat(descriptor)
        identity = (status.st_dev, status.st_ino)
        if identity in pending.ancestors:
            # Only folders *above* are compared: that ends every loop that mounts can make, while a
            # file system with unreliable inode numbers cannot make unrelated albums disappear.
            listing.error = "the folder is mounted inside itself"
            return []
        entries = _entries(descriptor, choice)
        listing.mtime_ns = status.st_mtime_ns
        listing.file_count = len(entries.files)
        listing.refused = _refusals(root, pending.folder, entries.links, choice.accept)
        if wanted:
            _stat_files(entries.files, listing)
            _stat_pictures(entries.pictures, listing)
    except OSError as error:
        listing.files, listing.file_count, listing.refused, listing.errors = [], 0, [], []
        listing.pictures = []
        listing.error = _reason(error)
        return []
    finally:
        os.close(descriptor)
    above = (*pending.ancestors, identity)
    prefix = pending.folder + b"/" if pending.folder else b""
    return [_Pending(prefix + name, above) for name in entries.folders]


def _entries(descriptor: int, choice: _Choice) -> _Entries:
    folders: list[bytes] = []
    files: list[tuple[bytes, os.DirEntry[str]]] = []
    links: list[bytes] = []
    pictures: list[tuple[bytes, os.DirEntry[str]]] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                if paths.is_walked_folder(name):
                    folders.append(name)
                continue
            if choice.with_pictures and paths.is_picture_name(name):
                pictures.append((name, entry))
            if entry.is_file(follow_symlinks=False):
                if choice.accept(name):
                    files.append((name, entry))
            elif entry.is_symlink():
                links.append(name)
    folders.sort()
    files.sort(key=lambda pair: pair[0])
    links.sort()
    pictures.sort(key=lambda pair: (not pair[0].lower().startswith(_COVER_NAMES), pair[0]))
    return _Entries(folders, [e for _, e in files], links, [e for _, e in pictures[:MAX_PICTURES]])


def _stat_files(entries: list[os.DirEntry[str]], listing: FolderListing) -> None:
    for entry in entries:
        name = paths.to_text(os.fsencode(entry.name))
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            listing.errors.append((name, _reason(error)))
            continue
        listing.files.append(FileStat(name, status.st_size, status.st_mtime_ns))


def _stat_pictures(entries: list[os.DirEntry[str]], listing: FolderListing) -> None:
    for entry in entries:
        name = paths.to_text(os.fsencode(entry.name))
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # gone meanwhile; a disk that fails says so of the music
        reason = None if stat.S_ISREG(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "special"
        listing.pictures.append(PictureStat(name, status.st_size, status.st_mtime_ns, reason))


def _refusals(root: bytes, folder: bytes, links: list[bytes], accept: Callable[[bytes], bool]) -> list[Refusal]:
    refused = []
    for name in links:
        link = os.path.join(root, folder, name)
        target = os.path.realpath(link)
        is_folder = os.path.isdir(target)
        if not (paths.is_walked_folder(name) if is_folder else accept(name)):
            continue  # would not be listed either if it were no link
        reason = _refusal_reason(root, target, is_folder, accept)
        if reason is not None:
            refused.append(Refusal(paths.to_text(name), reason))
    return refused


def _refusal_reason(root: bytes, target: bytes, is_folder: bool, accept: Callable[[bytes], bool]) -> str | None:
    """Why a link to ``target`` loses something; None when the target is listed under its own path."""
    if target == root:
        return None
    if not target.startswith(root.rstrip(b"/") + b"/"):
        return "outside"
    if not os.path.lexists(target) or os.path.islink(target):
        return "broken"  # nothing there, or a link to itself
    *above, last = target[len(root.rstrip(b"/")) + 1 :].split(b"/")
    listed = all(map(paths.is_walked_folder, above)) and (paths.is_walked_folder(last) if is_folder else accept(last))
    return None if listed else "not_listed"


def _open_root(root: bytes) -> bytes:
    """The real path of the root, after a check that it can be listed."""
    shown = paths.display(paths.to_text(root))
    real_root = os.path.realpath(root)
    try:
        descriptor = os.open(real_root, _DIRECTORY_FLAGS)
        try:
            with os.scandir(descriptor) as entries:
                next(entries, None)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        message = f"The library root {shown} does not exist: mount it, or correct the setting."
        raise LibraryRootError(message) from None
    except NotADirectoryError:
        message = f"The library root {shown} is not a folder: set it to the folder that holds the music."
        raise LibraryRootError(message) from None
    except PermissionError:
        message = f"The library root {shown} may not be read: grant this user read and execute rights on it."
        raise LibraryRootError(message) from None
    except OSError as error:
        message = f"The library root {shown} cannot be read ({_reason(error)}): check the disk or the mount."
        raise LibraryRootError(message) from None
    return real_root


def _key(folder: bytes) -> tuple[bytes, ...]:
    return tuple(folder.split(b"/")) if folder else ()


def _name(folder: bytes) -> bytes:
    return folder.rpartition(b"/")[2]


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
