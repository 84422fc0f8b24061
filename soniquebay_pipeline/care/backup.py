"""Both databases, and on request the pictures, in one file; and back.

Here: the file's form, writing it whole or not at all, restoring beside what is there and changing over at once.
Not here: asking the person (the command line).

The file is a ZIP without compression of its own: ``catalogue.dump`` and ``dagster.dump`` as ``pg_dump -Fc`` makes
them, ``covers/…``, and at the end ``manifest.json`` with the format's version and the SHA-256 of both dumps. The two
dumps are each a consistent snapshot, taken one after the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from soniquebay_pipeline.care.errors import BackupError
from soniquebay_pipeline.db.engine import catalogue_url, create_database, dagster_url, engine_for, get_engine, libpq_url
from soniquebay_pipeline.db.migrate import current_revision, head_revision
from soniquebay_pipeline.db.server import client_program
from soniquebay_pipeline.progress import Progress, Silent
from soniquebay_pipeline.settings import Settings

FORMAT = 1
MANIFEST = "manifest.json"
PICTURES = "covers"
_PICTURE_NAME = re.compile(r"covers/(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    program: str
    revision: str
    """Of the catalogue's tables."""
    created_at: str
    library: str | None
    tracks: int
    sha256: dict[str, str]
    pictures: int


def back_up(settings: Settings, file: Path, *, pictures: bool = False, progress: Progress | None = None) -> Manifest:
    """Write both databases into the file, in its place only when it is complete. Replaces a file of that name."""
    part = file.with_name(f".{file.name}.part")
    reporter = progress or Silent()
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            digests = {
                f"{name}.dump": _dump(archive, f"{name}.dump", url, reporter)
                for name, url in (("catalogue", catalogue_url(settings)), ("dagster", dagster_url(settings)))
            }
            count = _add_pictures(archive, settings.home / PICTURES, reporter) if pictures else 0
            manifest = _describe(settings, digests, count)
            archive.writestr(MANIFEST, json.dumps(_as_dict(manifest), indent=1))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    except OSError as error:
        raise BackupError(f"{file} can't be written: {error.strerror or error}. Nothing was left behind.") from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """What the backup says of itself; BackupError where it is no backup, damaged, or of a later program."""
    with _opened(file) as archive:
        return _manifest(archive, file)


def restore(settings: Settings, file: Path, *, progress: Progress | None = None) -> Manifest:
    """Put the backup's databases in the place of those of the settings; until the end those stay as they are.

    Each dump goes into a database of its own beside the one in use; when all of it is there, the names change in one
    transaction. Connections to the databases are ended.
    """
    reporter = progress or Silent()
    targets = {"catalogue.dump": catalogue_url(settings), "dagster.dump": dagster_url(settings)}
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        fresh: dict[str, URL] = {}
        try:
            for name, target in targets.items():
                fresh[name] = target.set(database=f"{target.database}_restoring")
                _drop(fresh[name])
                create_database(fresh[name])
                _load(archive, name, fresh[name], manifest.sha256.get(name, ""), file, reporter)
            with tempfile.TemporaryDirectory(prefix=".restoring-", dir=_made(settings.home)) as folder:
                restored = _extract_pictures(archive, Path(folder), file, reporter)
                _change_over([(fresh[name], target) for name, target in targets.items()])
                for path in restored:
                    goal = settings.home / path.relative_to(folder)
                    goal.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(goal)
        finally:
            for url in fresh.values():
                _drop(url)
    return manifest


# --- the file ----------------------------------------------------------------------------------------


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except FileNotFoundError as error:
        raise BackupError(f"{file} is not there. Nothing was changed.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BackupError(f"{file} is no backup, or is damaged ({error}). Nothing was changed.") from error
    except OSError as error:
        raise BackupError(f"{file} can't be read: {error.strerror or error}. Nothing was changed.") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > _BLOCK:
            raise ValueError("manifest too large")
        values = json.loads(archive.read(MANIFEST))
        if values["format"] > FORMAT:
            raise BackupError(f"{file} was made by a later version ({values['program']}); update this program first.")
        manifest = Manifest(**values)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BackupError(f"{file} is no backup of this program. Nothing was changed.") from error
    if manifest.revision > head_revision():
        raise BackupError(
            f"{file} has tables of version {manifest.revision}, this program knows {head_revision()}: update it first."
        )
    return manifest


def _describe(settings: Settings, digests: dict[str, str], pictures: int) -> Manifest:
    with psycopg.connect(libpq_url(catalogue_url(settings))) as connection:
        library = connection.execute("SELECT root FROM library").fetchone()
        [tracks] = connection.execute("SELECT count(*) FROM tracks").fetchone() or (0,)
    return Manifest(
        format=FORMAT,
        program=version("soniquebay-pipeline"),
        revision=current_revision(get_engine(settings)) or "",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        library=library[0] if library else None,
        tracks=tracks,
        sha256=digests,
        pictures=pictures,
    )


def _as_dict(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in Manifest.__slots__}


# --- the databases -----------------------------------------------------------------------------------


def _dump(archive: zipfile.ZipFile, name: str, url: URL, progress: Progress) -> str:
    """Write a dump of the database into the archive as it comes; returns its SHA-256."""
    digest = hashlib.sha256()
    with (
        tempfile.TemporaryFile() as said,
        _client("pg_dump", ["--format=custom"], url, stdout=subprocess.PIPE, stderr=said) as process,
        archive.open(name, "w", force_zip64=True) as entry,
        progress.stage(f"saving {name.removesuffix('.dump')} (MB)") as stage,
    ):
        assert process.stdout
        while block := process.stdout.read(_BLOCK):
            digest.update(block)
            entry.write(block)
            stage(1)
        if process.wait():
            raise BackupError(f"pg_dump failed: {_last_line(said)}. No backup was written.")
    return digest.hexdigest()


def _load(archive: zipfile.ZipFile, name: str, url: URL, sha256: str, file: Path, progress: Progress) -> None:
    digest = hashlib.sha256()
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    try:
        entry = archive.open(name)
    except KeyError as error:
        raise BackupError(f"{file} lacks {name}. Nothing was changed.") from error
    with (
        tempfile.TemporaryFile() as said,
        entry,
        _client("pg_restore", options, url, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said) as process,
        progress.stage(f"restoring {name.removesuffix('.dump')} (MB)") as stage,
    ):
        assert process.stdin
        try:
            while block := entry.read(_BLOCK):
                digest.update(block)
                process.stdin.write(block)
                stage(1)
            process.stdin.close()
        except BrokenPipeError:
            pass  # pg_restore says why
        failed = process.wait()
        if failed:
            raise BackupError(f"{name} of {file} can't be restored: {_last_line(said)}. Nothing was changed.")
    if digest.hexdigest() != sha256:
        raise BackupError(f"{name} of {file} is not what was written into it. Nothing was changed.")


@contextmanager
def _client(program: str, options: list[str], url: URL, **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A client program of PostgreSQL on this database; the password stays out of its command line."""
    environment = {**os.environ, "PGPASSWORD": str(url.password)} if url.password else None
    address = libpq_url(url.set(password=None))
    process = subprocess.Popen([client_program(program), *options, f"--dbname={address}"], env=environment, **pipes)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(100_000).decode("utf-8", "replace").strip().splitlines()
    named = [line for line in lines if "error:" in line]
    return (named or lines or ["no reason given"])[0][:500]


def _change_over(pairs: list[tuple[URL, URL]]) -> None:
    """Give each fresh database the name of the one in use, those of one server in one transaction."""
    servers: dict[URL, list[tuple[URL, URL]]] = {}
    for fresh, target in pairs:
        _close_connections(target)
        servers.setdefault(target.set(drivername="postgresql", database=""), []).append((fresh, target))
    for each in servers.values():
        _change_over_on_one_server(each)


def _change_over_on_one_server(pairs: list[tuple[URL, URL]]) -> None:
    old = [target.set(database=f"{target.database}_replaced") for _, target in pairs]
    for url in old:
        _drop(url)
    with closing(_maintenance(pairs[0][1])) as connection, connection.transaction():
        for (fresh, target), replaced in zip(pairs, old, strict=True):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s)"
                " AND pid <> pg_backend_pid()",
                [[fresh.database, target.database]],
            )
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(_name(target), _name(replaced)))
            connection.execute(rename.format(_name(fresh), _name(target)))
    for url in old:
        _drop(url)


def _close_connections(url: URL) -> None:
    """Close this process's own connections to the database."""
    engine_for(url.render_as_string(hide_password=False)).dispose()


def _drop(url: URL) -> None:
    with closing(_maintenance(url)) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_name(url)))


def _name(url: URL) -> sql.Identifier:
    return sql.Identifier(str(url.database))


def _maintenance(url: URL) -> psycopg.Connection[Any]:
    return psycopg.connect(libpq_url(url.set(database="postgres")), autocommit=True)


# --- the pictures --------------------------------------------------------------------------------------


def _add_pictures(archive: zipfile.ZipFile, folder: Path, progress: Progress) -> int:
    count = 0
    with progress.stage("saving pictures") as stage:
        for path in sorted(folder.rglob("*")):
            name = f"{PICTURES}/{path.relative_to(folder).as_posix()}"
            if path.is_file() and not path.is_symlink() and _PICTURE_NAME.fullmatch(name):
                archive.write(path, name)
                count += 1
                stage(1)
    return count


def _extract_pictures(archive: zipfile.ZipFile, folder: Path, file: Path, progress: Progress) -> list[Path]:
    """Write the archive's pictures below the folder; names that lead elsewhere are refused."""
    names = [name for name in archive.namelist() if name.startswith(f"{PICTURES}/")]
    written = []
    with progress.stage("restoring pictures", len(names)) as stage:
        for name in names:
            if not _PICTURE_NAME.fullmatch(name):
                raise BackupError(f"{file} holds a picture with the name {name!r}. Nothing was changed.")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as entry, path.open("wb") as target:
                shutil.copyfileobj(entry, target, _BLOCK)
            written.append(path)
            stage(1)
    return written


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
