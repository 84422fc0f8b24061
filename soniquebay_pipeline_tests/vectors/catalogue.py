"""Catalogues of tracks that no file stands behind, written straight into the tables; and a tiny real model.

Here: rows for tests and benchmarks of the vectors. Not here: what the vectors should be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.audio.model import ANALYSIS_VERSION
from soniquebay_pipeline.audio.timbre import NAMES, TIMBRE_VERSION
from soniquebay_pipeline.catalog.names import name_key
from soniquebay_pipeline.vectors.scaler import prior_scaler
from soniquebay_pipeline.vectors.sound_vectors import Sound

SHARDS = 4
POISON = "poison"
"""The word that a small model can not encode."""
ALL = range(SHARDS)


@dataclass(frozen=True)
class Track:
    """A track as the catalogue would hold it."""

    title: str
    artist: str = "Artist"
    album: str | None = "Album"
    genres: Sequence[str] = ()
    moods: Sequence[str] = ()
    year: int | None = None
    tags: Sequence[str] = ()
    sound: Sound | None = None
    shard: int = 0
    more_artists: Sequence[tuple[str, str]] = field(default=())
    """(name, role)"""


def add_tracks(engine: Engine, tracks: Iterable[Track]) -> list[int]:
    """Write the tracks and all that they refer to; returns their ids in order."""
    with engine.begin() as connection:
        return [_add(connection, track) for track in tracks]


def any_sound(seed: int, **known: object) -> Sound:
    """A sound of likely figures."""
    rng = np.random.default_rng(seed)
    prior = prior_scaler()
    timbre = rng.normal(prior.means[: len(NAMES)], prior.scales[: len(NAMES)])
    values: dict[str, object] = {
        "bpm": float(rng.uniform(70, 160)),
        "bpm_confidence": float(rng.uniform(0.3, 1)),
        "key": ("C", "D", "E", "F", "G", "A", "B")[seed % 7],
        "scale": ("major", "minor")[seed % 2],
        "key_confidence": 0.8,
        "loudness_range_lu": float(rng.uniform(1, 9)),
        "energy": float(rng.uniform(0, 1)),
        "danceability": float(rng.uniform(0, 1)),
        "acousticness": float(rng.uniform(0, 1)),
        "instrumentalness": 1.0,
    }
    return Sound(timbre=[float(v) for v in timbre], **{**values, **known})  # type: ignore[arg-type]


def set_sound(connection: Connection, track_id: int, sound: Sound | None, audio_hash: str | None = None) -> None:
    """The row of ``audio_features``; without a sound the analysis failed."""
    values = {
        "track_id": track_id,
        "audio_hash": audio_hash or f"hash {track_id}",
        "analysis_version": ANALYSIS_VERSION,
        "failure_reason": None if sound else "silent",
        "timbre": list(sound.timbre) if sound else None,
        "timbre_version": TIMBRE_VERSION if sound else None,
        "bpm_measured": sound and sound.bpm,
        "key_measured": sound and sound.key,
        "scale_measured": sound and sound.scale,
    }
    names = ("bpm_confidence", "key_confidence", "loudness_range_lu", "energy", "danceability", "acousticness")
    values |= {name: getattr(sound, name) if sound else None for name in (*names, "instrumentalness")}
    updates = ", ".join(f"{name} = excluded.{name}" for name in values if name != "track_id")
    connection.execute(
        text(
            f"INSERT INTO audio_features ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})"
            f" ON CONFLICT (track_id) DO UPDATE SET {updates}, analyzed_at = now()"
        ),
        values,
    )


def _add(connection: Connection, track: Track) -> int:
    artist = _named(connection, "artists", track.artist)
    album = _album(connection, track.album, artist, track.year) if track.album else None
    file_id = connection.execute(
        text(
            "INSERT INTO raw_files (path, folder, album_folder, shard, size_bytes, mtime_ns, status, audio_hash)"
            " SELECT n || '.flac', '', '', :shard, 1, 1, 'present', 'hash ' || n"
            " FROM (SELECT count(*) AS n FROM raw_files) c RETURNING id"
        ),
        {"shard": track.shard},
    ).scalar_one()
    track_id: int = connection.execute(
        text(
            "INSERT INTO tracks (file_id, title, track_artist_id, album_id, year, revision, lastfm_tags)"
            " VALUES (:file, :title, :artist, :album, :year, 1, CAST(:tags AS jsonb)) RETURNING id"
        ),
        {
            "file": file_id,
            "title": track.title,
            "artist": artist,
            "album": album,
            "year": track.year,
            "tags": json.dumps([{"name": tag, "weight": 100 - n} for n, tag in enumerate(track.tags)])
            if track.tags
            else None,
        },
    ).scalar_one()
    for place, (name, role) in enumerate([(track.artist, "main"), *track.more_artists]):
        connection.execute(
            text("INSERT INTO track_artists (track_id, artist_id, role, position) VALUES (:t, :a, :r, :p)"),
            {"t": track_id, "a": _named(connection, "artists", name), "r": role, "p": place},
        )
    for table, column, names in (
        ("genres", "track_genres (track_id, genre_id)", track.genres),
        ("mood_tags", "track_mood_tags (track_id, mood_tag_id)", track.moods),
    ):
        for name in names:
            row = {"t": track_id, "n": _named(connection, table, name)}
            connection.execute(text(f"INSERT INTO {column} VALUES (:t, :n) ON CONFLICT DO NOTHING"), row)
    if track.sound:
        set_sound(connection, track_id, track.sound)
    return track_id


def _named(connection: Connection, table: str, name: str) -> int:
    row = {"name": name, "key": name_key(name)}
    connection.execute(
        text(
            f"INSERT INTO {table} (name, name_key) SELECT :name, :key"
            f" WHERE NOT EXISTS (SELECT FROM {table} WHERE name_key = :key)"
        ),
        row,
    )
    found = connection.execute(text(f"SELECT id FROM {table} WHERE name_key = :key"), row).scalar_one()
    return int(found)


def _album(connection: Connection, title: str, artist: int, year: int | None) -> int:
    row = {"title": title, "key": name_key(title), "artist": artist, "year": year}
    known = connection.execute(
        text("SELECT id FROM albums WHERE title_key = :key AND album_artist_id = :artist"), row
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    query = (
        "INSERT INTO albums (title, title_key, album_artist_id, release_year)"
        " VALUES (:title, :key, :artist, :year) RETURNING id"
    )
    return int(connection.execute(text(query), row).scalar_one())


def tiny_model(folder: Path, *, dimensions: int = 16, seed: int = 0, poisoned: str | None = None) -> Path:
    """A real sentence-transformers model of random weights, saved as safetensors; small enough for any test.

    The sentence that holds the word ``poisoned`` has no finite vector.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:&'/-"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    if poisoned:
        words.append(poisoned)
    source = folder.with_name(folder.name + "-source")
    source.mkdir(parents=True)
    (source / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = BertTokenizerFast(vocab=str(source / "vocab.txt"), vocab_file=str(source / "vocab.txt"))
    tokenizer.save_pretrained(source)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=dimensions,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=dimensions,
        max_position_embeddings=128,
    )
    model = BertModel(config)
    if poisoned:
        with torch.no_grad():
            model.embeddings.word_embeddings.weight[len(words) - 1] = float("nan")
    model.save_pretrained(source, safe_serialization=True)
    transformer = Transformer(str(source), max_seq_length=128)
    SentenceTransformer(modules=[transformer, Pooling(dimensions)], device="cpu").save_pretrained(str(folder))
    return folder
