"""The folder of music, and what people do to it in a week."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import mutagen

from soniquebay_pipeline_tests.artwork.picture_files import jpeg
from soniquebay_pipeline_tests.music_files import music_of, song

GENRES = ("Rock", "Jazz", "Electronic", "Classical", "Folk")
LEAST_ALBUMS = 10
"""Fewer are not deleted: the guard against an unmounted disk has a word to say then."""


@dataclass
class Library:
    """The folder of music and what people do to it."""

    root: Path
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    _number: int = 0

    def change(self) -> None:
        """One change of a kind that is possible now."""
        kinds: list[tuple[int, Callable[[], None]]] = [(6, self.add)]
        if len(self._albums()) > 3:
            kinds += [
                (4, self.retag),
                (3, self.move),
                (1, self.copy),
                (1, self.replace),
                (2, self.break_file),
                (2, self.cover),
                (2, self.music),
            ]
        if len(self._albums()) > LEAST_ALBUMS:
            kinds += [(2, self.delete), (1, self.delete_file)]
        [(_, work)] = self.rng.choices(kinds, weights=[weight for weight, _ in kinds])
        # A file that is no music any more has no tags to write; a folder may hold nothing but covers.
        with suppress(IndexError, FileNotFoundError, FileExistsError, mutagen.MutagenError):
            work()
            self.done[work.__name__] += 1

    def _albums(self) -> list[Path]:
        return sorted(folder for folder in self.root.glob("*/*") if any(folder.glob("*.flac")))

    def _some_album(self) -> Path:
        return self.rng.choice(self._albums())

    def _some_file(self) -> Path:
        return self.rng.choice(sorted(self._some_album().glob("*.flac")))

    def add(self) -> None:
        """An album; every second one knows its MusicBrainz release, one in four brings its cover."""
        self._number += 1
        artist, album = f"Artist {self.rng.randrange(12)}", f"Album {self._number}"
        release = str(uuid5(NAMESPACE_URL, album)) if self.rng.random() < 0.5 else ""
        picture = jpeg(self._number, 200) if self.rng.random() < 0.25 else b""
        for track in range(1, self.rng.randint(2, 6)):
            number = self._number * 10 + track
            song(
                self.root / artist / album / f"{track:02d}.flac",
                number,
                title=f"Song {number}",
                artist=(artist,),
                album=album,
                track=track,
                genres=(self.rng.choice(GENRES),),
                release_id=release,
                picture=picture,
            )

    def music(self) -> None:
        """Something that is long enough to be analysed; all else has "too short" as its reason."""
        self._number += 1
        music_of(
            self.root / "Band" / f"Live {self._number}" / "01.flac",
            bpm=self.rng.choice((84.0, 97.0, 110.0, 120.0, 128.0, 141.0)),
            title=f"Live {self._number}",
            artist=("Band",),
            album=f"Live {self._number}",
        )

    def retag(self) -> None:
        """Another title, sometimes another genre, around the same audio."""
        file = mutagen.File(self._some_file())  # type: ignore[attr-defined]
        if file is None:
            raise mutagen.MutagenError
        file["title"] = f"Retagged {self.rng.randrange(1000)}"
        if self.rng.random() < 0.3:
            file["genre"] = self.rng.choice(GENRES)
        file.save()

    def replace(self) -> None:
        """Other audio under the same name."""
        path = self._some_file()
        self._number += 1
        song(path, self._number * 10, title=f"Replaced {self._number}", artist=(path.parts[-3],))

    def move(self) -> None:
        album = self._some_album()
        album.rename(album.parent / f"{album.name} ({self.rng.randrange(1000)})")

    def copy(self) -> None:
        """The same audio and tags a second time."""
        album = self._some_album()
        shutil.copytree(album, self.root / "Copies" / f"{album.name} {self.rng.randrange(1000)}")

    def delete(self) -> None:
        shutil.rmtree(self._some_album())

    def delete_file(self) -> None:
        self._some_file().unlink()

    def break_file(self) -> None:
        path = self._some_file()
        path.write_bytes(self.rng.choice((b"", b"not music at all", path.read_bytes()[:30])))

    def cover(self) -> None:
        (self._some_album() / "cover.jpg").write_bytes(jpeg(self.rng.randrange(10**6), 200))
