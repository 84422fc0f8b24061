"""A library without files: rows of raw_files and tags by hand, so that thousands of histories run fast.

Here: a disk that exists in memory, the steps of the catalogue over it, and the same state built in one clean
pass. Not here: walking, hashing and reading real files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from soniquebay_pipeline.catalog.extract import DueFile, FileRows, rows_of
from soniquebay_pipeline.catalog.metadata import describe
from soniquebay_pipeline.catalog.store import metadata as metadata_store
from soniquebay_pipeline.catalog.store.albums import resolve_albums
from soniquebay_pipeline.catalog.store.artists import resolve_artists
from soniquebay_pipeline.catalog.store.labels import resolve_labels
from soniquebay_pipeline.catalog.store.maintenance import forget_everything, purge, remove_orphans
from soniquebay_pipeline.catalog.store.tracks import write_tracks
from soniquebay_pipeline.db.locks import LOCK_CATALOG, LOCK_FILES, hold_for_transaction
from soniquebay_pipeline.library import files_store
from soniquebay_pipeline.library.matching import Changes, FoundFile, KnownFile
from soniquebay_pipeline.library.tags.model import AudioProperties, TagSet

Fields = Mapping[str, Sequence[str]]
AUDIO = AudioProperties("flac", "flac", 180.0, bitrate_kbps=900, sample_rate_hz=44_100, channels=2)


@dataclass(slots=True)
class FakeFile:
    """One file: where it is, what its tags say, and what the catalogue read of it last."""

    number: int
    path: str
    fields: Fields
    version: int = 1
    """Modification time; the audio is ``number``, whatever the tags."""
    present: bool = True
    read: tuple[str, Fields] | None = None
    """(path, fields) that raw_metadata was made from."""

    @property
    def size(self) -> int:
        return 1_000 + self.number

    def found(self) -> FoundFile:
        return FoundFile(self.path, self.size, self.version, f"audio-{self.number}")


@dataclass(slots=True)
class StoreLibrary:
    """Fake files in a real catalogue; each method is one thing that may happen, in any order."""

    engine: Engine
    shards: int = 3
    files: dict[int, FakeFile] = field(default_factory=dict)

    # --- what a scan finds --------------------------------------------------------------------------

    def add(self, number: int, folder: str, fields: Fields) -> None:
        """A file appears, ``<folder>/<number>.flac``."""
        file = FakeFile(number, f"{folder}/{number}.flac", fields)
        self.files[number] = file
        self._apply(Changes(added=[file.found()]))

    def retag(self, number: int, fields: Fields) -> None:
        """The file gets other tags."""
        file = self.files[number]
        row = self._row(number)
        file.fields, file.version = fields, file.version + 1
        self._apply(Changes(retagged=[(row, file.found())]))

    def move(self, number: int, folder: str) -> None:
        """The file goes to another folder."""
        file = self.files[number]
        row = self._row(number)
        file.path = f"{folder}/{number}.flac"
        self._apply(Changes(moved=[(row, file.found())]))

    def move_all(self, folders: Mapping[int, str]) -> None:
        """Many files go to other folders at once, as when a person renames folders."""
        pairs = []
        for number, folder in folders.items():
            row = self._row(number)
            self.files[number].path = f"{folder}/{number}.flac"
            pairs.append((row, self.files[number].found()))
        self._apply(Changes(moved=pairs))

    def vanish(self, number: int) -> None:
        """The file is gone."""
        self._apply(Changes(missing=[self._row(number)]))
        self.files[number].present = False

    def come_back(self, number: int) -> None:
        """The file is at its place again."""
        row = self._row(number)
        self.files[number].present = True
        self._apply(Changes(returned=[(row, self.files[number].found())]))

    def _apply(self, changes: Changes) -> None:
        with self.engine.begin() as connection:
            hold_for_transaction(connection, LOCK_FILES)
            hold_for_transaction(connection, LOCK_CATALOG)
            files_store.apply(connection, changes, self.shards)

    def _row(self, number: int) -> KnownFile:
        file = self.files[number]
        query = text("SELECT id FROM raw_files WHERE audio_hash = :hash")
        with self.engine.connect() as connection:
            id_ = connection.execute(query, {"hash": f"audio-{number}"}).scalar_one()
        return KnownFile(id_, file.path, f"audio-{number}", "present" if file.present else "missing")

    # --- the steps ------------------------------------------------------------------------------------

    def read(self, shards: Iterable[int], batch: int = 1_000) -> None:
        """raw_metadata: describe what is due and store it in batches."""
        waiting: list[FileRows] = []
        for due in metadata_store.due_files(self.engine, list(shards)):
            file = self.files[int(due.path.rpartition("/")[2].removesuffix(".flac"))]
            waiting.append(rows_of_fields(due, file.fields))
            file.read = (due.path, file.fields)
            if len(waiting) >= batch:
                metadata_store.write(self.engine, waiting, [])
                waiting = []
        metadata_store.write(self.engine, waiting, [])

    def artists(self, shard: int) -> None:
        resolve_artists(self.engine, shard)

    def albums(self) -> None:
        resolve_albums(self.engine)

    def genres(self) -> None:
        resolve_labels(self.engine)

    def tracks(self, shard: int) -> None:
        write_tracks(self.engine, shard)

    def orphans(self) -> None:
        remove_orphans(self.engine)

    def purge(self) -> None:
        """Delete what is missing."""
        purge(self.engine)
        self.files = {number: file for number, file in self.files.items() if file.present}

    def run(self, shards: Sequence[int] | None = None) -> None:
        """All steps over these shards, as one run of the job does."""
        chosen = list(range(self.shards)) if shards is None else list(shards)
        self.read(chosen)
        for shard in chosen:
            self.artists(shard)
        self.albums()
        self.genres()
        for shard in chosen:
            self.tracks(shard)
        self.orphans()

    # --- the same in one go -----------------------------------------------------------------------------

    def rebuilt(self) -> StoreLibrary:
        """Empty the catalogue, and build the state that it is in now in one clean pass."""
        with self.engine.begin() as connection:
            forget_everything(connection)
        clean = StoreLibrary(self.engine, self.shards)
        for file in self.files.values():
            if not file.present and file.read is None:
                continue
            clean.files[file.number] = FakeFile(file.number, file.path, file.fields, file.version, read=file.read)
        clean._apply(Changes(added=[file.found() for file in clean.files.values()]))
        rows = []
        for file in clean.files.values():
            path, fields = (file.path, file.fields) if self.files[file.number].present else file.read or ("", {})
            rows.append(rows_of_fields(DueFile(clean._row(file.number).id, path, file.size, file.version), fields))
        metadata_store.write(self.engine, rows, [])
        clean.run()
        for file in clean.files.values():
            if not self.files[file.number].present:
                clean.vanish(file.number)
        return clean


def rows_of_fields(due: DueFile, fields: Fields) -> FileRows:
    """What reading a file with these tags gives."""
    tags = TagSet(
        raw={name.upper(): list(values) for name, values in fields.items()},
        fields={name: list(values) for name, values in fields.items()},
        audio=AUDIO,
    )
    return rows_of(due, tags, describe(tags, due.path))
