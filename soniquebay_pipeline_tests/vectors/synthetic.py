"""A catalogue out of thin air: tracks with vectors, tempo, key, genres and words, written in bulk.

Here: a few tracks by hand for tests (``Track``, ``write``), and any number of clustered ones for the benchmark
(``clustered``). Not here: how real vectors come about; these only look like them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector
from sqlalchemy import Connection, Engine, create_engine, text

from soniquebay_pipeline.db.bulk import driver
from soniquebay_pipeline.library.paths import shard_of
from soniquebay_pipeline.vectors.texts import folded
from soniquebay_pipeline_tests.database_server import DatabaseServer

Floats = NDArray[np.float32]

MODEL = "synthetic"
TEXT_WEIGHT = 0.4
BLOCKS = {"timbre": 51, "rhythm": 6, "tonality": 21, "dynamics": 5, "character": 3}
"""Dimensions of the audio vector by block, as the pipeline's own have them."""


@dataclass(frozen=True, slots=True)
class Track:
    """One track; ``sound`` and ``words`` are its audio and text vectors, of any length, None where it has none."""

    title: str
    artist: str = "Artist"
    album: str | None = "Album"
    words: Sequence[float] | Floats | None = None
    sound: Sequence[float] | Floats | None = None
    bpm: float | None = None
    key: str | None = None
    """Camelot code."""
    genres: tuple[str, ...] = ()
    year: int | None = None
    path: str | None = None
    model: str = MODEL
    audio_hash: str | None = None
    status: str = "present"
    seconds: float = 200.0
    featured: tuple[str, ...] = ()


@dataclass(slots=True)
class _Rows:
    tables: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    def add(self, table: str, *row: object) -> None:
        self.tables.setdefault(table, []).append(row)


@dataclass(slots=True)
class _Numbers:
    """Ids of what has a name, in order of appearance."""

    known: dict[object, int] = field(default_factory=dict)

    def of(self, name: object) -> tuple[int, bool]:
        if name in self.known:
            return self.known[name], False
        self.known[name] = len(self.known) + 1
        return self.known[name], True


COLUMNS = {
    "artists": ("id int8", "name text", "name_key text"),
    "albums": ("id int8", "title text", "title_key text", "album_artist_id int8"),
    "genres": ("id int8", "name text", "name_key text"),
    "raw_files": (
        "id int8", "path text", "folder text", "album_folder text", "shard int4", "size_bytes int8", "mtime_ns int8",
        "audio_hash text", "status text", "missing_since timestamptz",
    ),
    "tracks": (
        "id int8", "file_id int8", "title text", "track_artist_id int8", "album_id int8", "year int4",
        "duration_seconds float8", "revision int8",
    ),
    "track_artists": ("track_id int8", "artist_id int8", "role text", "position int4"),
    "track_genres": ("track_id int8", "genre_id int8"),
    "audio_features": ("track_id int8", "analysis_version int4", "bpm float8", "camelot_key text", "timbre _float4"),
    "embeddings": (
        "track_id int8", "kind text", "vector vector", "model text", "version int4", "source_hash text",
        "has_audio bool",
    ),
}  # fmt: skip
CHUNK = 5_000


def combined(words: Floats | None, sound: Floats | None, dimensions: tuple[int, int]) -> Floats:
    """Text and audio as the pipeline joins them: weighted, text first, unit length; zeros where there is no audio."""
    parts = [
        np.zeros(dimensions[0], np.float32) if words is None else np.sqrt(TEXT_WEIGHT) * words,
        np.zeros(dimensions[1], np.float32) if sound is None else np.sqrt(1 - TEXT_WEIGHT) * sound,
    ]
    vector = np.concatenate(parts)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def write(engine: Engine, tracks: Iterable[Track], *, blocks: dict[str, int] | None = None) -> list[int]:
    """Insert the tracks into an empty catalogue; returns their ids (1, 2, 3 …). ANALYZEs what it wrote.

    ``blocks``: dimensions of the audio vector by block; by default all of it is timbre.
    """
    ids: list[int] = []
    artists, albums, genres = _Numbers(), _Numbers(), _Numbers()
    pending = iter(tracks)
    with engine.begin() as connection:
        register_vector(driver(connection))
        dimensions: tuple[int, int] | None = None
        while chunk := list(islice(pending, CHUNK)):
            if dimensions is None:
                dimensions = (
                    next((len(t.words) for t in chunk if t.words is not None), 0),
                    next((len(t.sound) for t in chunk if t.sound is not None), 0),
                )
                _write_scaler(connection, blocks or {"timbre": dimensions[1]})
            rows = _Rows()
            for track in chunk:
                ids.append(len(ids) + 1)
                _add(rows, track, ids[-1], artists, albums, genres, dimensions)
            for table, columns in COLUMNS.items():
                _copy(connection, table, columns, rows.tables.get(table, []))
            _write_documents(connection, zip(ids[-len(chunk) :], chunk, strict=True))
        for table in ("artists", "albums", "genres", "raw_files", "tracks"):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1)) FROM {table}")
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return ids


@contextmanager
def catalogue_of(server: DatabaseServer, tracks: Iterable[Track]) -> Iterator[Engine]:
    """A catalogue of the tracks for several tests, which only read it."""
    with server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        write(engine, tracks)
        yield engine
        engine.dispose()


def unit(values: Sequence[float] | Floats) -> Floats:
    """The same direction, length 1."""
    array = np.asarray(values, np.float32)
    scaled: Floats = array / np.linalg.norm(array)
    return scaled


def _add(
    rows: _Rows,
    track: Track,
    number: int,
    artists: _Numbers,
    albums: _Numbers,
    genres: _Numbers,
    dimensions: tuple[int, int],
) -> None:
    credited = []
    for name in (track.artist, *track.featured):
        artist, is_new = artists.of(name)
        credited.append(artist)
        if is_new:
            rows.add("artists", artist, name, folded(name))
    album = None
    if track.album is not None:
        album, is_new = albums.of((track.artist, track.album))
        if is_new:
            rows.add("albums", album, track.album, folded(track.album), credited[0])
    path = track.path or f"{track.artist}/{track.album or 'single'}/{number}.flac".replace("\n", "")
    folder = path.rpartition("/")[0]
    gone = "2026-01-01" if track.status == "missing" else None
    sound_id = track.audio_hash or f"audio-{number}"
    rows.add("raw_files", number, path, folder, folder, shard_of(folder), 1, 1, sound_id, track.status, gone)
    rows.add("tracks", number, number, track.title, credited[0], album, track.year, track.seconds, 1)
    for position, artist in enumerate(credited):
        rows.add("track_artists", number, artist, "featured" if position else "main", position)
    for name in track.genres:
        genre, is_new = genres.of(name)
        if is_new:
            rows.add("genres", genre, name, folded(name))
        rows.add("track_genres", number, genre)
    if track.sound is not None:
        rows.add("audio_features", number, 1, track.bpm, track.key, [0.0] * 77)
    _add_vectors(rows, track, number, dimensions)


def _add_vectors(rows: _Rows, track: Track, number: int, dimensions: tuple[int, int]) -> None:
    words = None if track.words is None else unit(track.words)
    sound = None if track.sound is None else unit(track.sound)
    vectors = {"text": words, "audio": sound}
    if words is not None or sound is not None:
        vectors["combined"] = combined(words, sound, dimensions)
    for kind, vector in vectors.items():
        if vector is not None:
            source = f"{number:064d}"
            rows.add("embeddings", number, kind, Vector(vector), track.model, 1, source, sound is not None)


def _write_scaler(connection: Connection, blocks: dict[str, int]) -> None:
    names = [f"{block}.{number}" for block, count in blocks.items() for number in range(count)]
    connection.execute(
        text(
            "INSERT INTO audio_scalers (timbre_version, analysis_version, track_count, names, means, scales)"
            " VALUES (1, 1, 1, :names, :means, :scales)"
        ),
        {"names": names, "means": [0.0] * len(names), "scales": [1.0] * len(names)},
    )


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    names, types = zip(*(column.split() for column in columns), strict=True)
    binary = table == "embeddings"
    statement = f"COPY {table} ({', '.join(names)}) FROM STDIN" + (" (FORMAT BINARY)" if binary else "")
    with driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        if binary:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _write_documents(connection: Connection, tracks: Iterable[tuple[int, Track]]) -> None:
    connection.execute(
        text("CREATE TEMPORARY TABLE IF NOT EXISTS words (id bigint, title text, artists text, album text)")
    )
    connection.execute(text("TRUNCATE words"))
    rows = [
        (number, folded(t.title), folded(" ".join((t.artist, *t.featured))), folded(t.album or ""))
        for number, t in tracks
    ]
    _copy(connection, "words", ("id int8", "title text", "artists text", "album text"), rows)
    connection.execute(
        text(
            """
            INSERT INTO track_texts (track_id, sentence, sentence_hash, source_hash, document)
            SELECT id, title, md5(title || artists || album), '',
                   setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', artists), 'B')
                   || setweight(to_tsvector('simple', album), 'C')
            FROM words ORDER BY id
            """
        )
    )


GENRES = ("Rock", "Pop", "Electronic", "Jazz", "Classical", "Hip Hop", "Folk", "Metal", "Ambient", "Soul",
          "Reggae", "Punk", "House", "Techno", "Blues", "Country", "Latin", "Funk", "Disco", "Gamelan")  # fmt: skip
"""From common to rare: the first has about a quarter of the artists, the last about one in a thousand."""
KEYS = [f"{number}{letter}" for number in range(1, 13) for letter in "AB"]


def clustered(
    count: int, *, text_dimensions: int = 384, blocks: dict[str, int] = BLOCKS, seed: int = 1
) -> Iterator[Track]:
    """Tracks that cluster as music does: genres, artists in them, albums of artists, ten tracks an album.

    Vectors are those of a latent space of 40 dimensions (Gaussian: genre, artist, album, track), seen through a
    random matrix, plus a little noise in every dimension. One track in fifty has no audio.
    """
    draw = np.random.default_rng(seed)
    latent, audio_dimensions = 40, sum(blocks.values())
    see = {
        "words": draw.normal(size=(latent, text_dimensions)).astype(np.float32),
        "sound": draw.normal(size=(latent, audio_dimensions)).astype(np.float32),
    }
    spread = {"words": (0.8, 0.9, 0.5, 0.6), "sound": (0.7, 0.6, 0.4, 0.8)}
    shares = np.geomspace(1.0, 0.004, len(GENRES))
    shares /= shares.sum()
    centres = {kind: draw.normal(size=(len(GENRES), latent)) for kind in see}
    tempi = draw.normal(118, 18, len(GENRES))
    number = 0
    for artist in range(count):
        genre = int(draw.choice(len(GENRES), p=shares))
        second = int(draw.choice(len(GENRES), p=shares))
        own = {kind: draw.normal(size=latent) for kind in see}
        first_year = int(draw.integers(1960, 2020))
        for album in range(int(draw.integers(1, 6))):
            of_album = {kind: draw.normal(size=latent) for kind in see}
            means = {
                kind: centres[kind][genre] * a + own[kind] * b + of_album[kind] * c
                for kind, (a, b, c, _) in spread.items()
            }
            vectors = {
                kind: (means[kind] + draw.normal(size=(10, latent)) * spread[kind][3]).astype(np.float32) @ see[kind]
                for kind in see
            }
            for kind in vectors:
                vectors[kind] += draw.normal(size=vectors[kind].shape).astype(np.float32)
            for place in range(10):
                if number == count:
                    return
                number += 1
                heard = bool(draw.random() > 0.02)
                yield Track(
                    title=f"Song {number}",
                    artist=f"Artist {artist}",
                    album=f"Album {artist}-{album}",
                    words=vectors["words"][place],
                    sound=vectors["sound"][place] if heard else None,
                    bpm=float(np.clip(draw.normal(tempi[genre], 22), 50, 200)) if heard else None,
                    key=KEYS[int(draw.integers(24))] if heard else None,
                    genres=(GENRES[genre],) if second == genre else (GENRES[genre], GENRES[second]),
                    year=first_year + 2 * album,
                )
