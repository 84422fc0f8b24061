"""Vectors, search and likeness in the large catalogues that ``scale`` fills.

Every step is the pipeline's own code, but for the two that would take days: features are drawn at random (clustered
by artist and album, as sound is), and sentences are encoded by adding up a random vector a word instead of by the
model. Storing, scaling, combining, indexing and searching are real.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, text

from soniquebay_pipeline.audio import store
from soniquebay_pipeline.audio.camelot import TONICS
from soniquebay_pipeline.audio.model import ANALYSIS_VERSION, AudioFeatures, DueTrack
from soniquebay_pipeline.audio.timbre import NAMES as TIMBRE_NAMES
from soniquebay_pipeline.audio.timbre import TIMBRE_VERSION
from soniquebay_pipeline.cli.collector import DatabaseCollector
from soniquebay_pipeline.db.bulk import driver
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors import layout, run, sound_vectors, text_store
from soniquebay_pipeline.vectors.arrays import to_database
from soniquebay_pipeline.vectors.index import rebuild
from soniquebay_pipeline.vectors.model import TextModel, model_files
from soniquebay_pipeline.vectors.recall import measure_recall
from soniquebay_pipeline.vectors.search import Filters, has_vector, search, similar
from soniquebay_pipeline.vectors.texts import SENTENCE_VERSION

BATCH = 2_000
LATENT = 40
SAMPLES = 60
WARM_UP = 5
KINDS = ("text", "audio", "combined")
N = 20

Floats = NDArray[np.float32]
Timed = Callable[[str, Callable[[], object]], None]


class BagOfWords(TextModel):
    """Stands for the model: the sum of one random vector a word, and a little noise; unit length."""

    def __init__(self, settings: Settings) -> None:
        files = model_files(settings)
        super().__init__(files, None)
        self._draw = np.random.default_rng(1)
        self._words: dict[str, Floats] = {}
        self.seconds = 0.0

    def encode(self, sentences: Sequence[str]) -> Floats:
        """As the model's: shape (n, dimensions)."""
        started = time.monotonic()
        vectors = self._draw.normal(scale=0.3, size=(len(sentences), self.dimensions)).astype(np.float32)
        for vector, sentence in zip(vectors, sentences, strict=True):
            for word in sentence.split():
                vector += self._word(word)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.seconds += time.monotonic() - started
        return vectors

    def _word(self, word: str) -> Floats:
        if word not in self._words:
            self._words[word] = self._draw.normal(size=self.dimensions).astype(np.float32)
        return self._words[word]


def add_features(engine: Engine, shards: int) -> None:
    """Features for every track, stored as an analysis stores them, with what the tags say."""
    draw = np.random.default_rng(2)
    see = draw.normal(size=(LATENT, len(TIMBRE_NAMES)))
    with engine.connect() as connection:
        most = connection.execute(text("SELECT (SELECT max(id) FROM artists), (SELECT max(id) FROM albums)")).one()
        of_artist, of_album = (draw.normal(size=(most_id + 1, LATENT)).astype(np.float32) for most_id in most)
        rows = connection.execution_options(yield_per=BATCH).execute(
            text(
                "SELECT t.id, f.path, f.audio_hash, t.track_artist_id, coalesce(t.album_id, 0)"
                " FROM tracks t JOIN raw_files f ON f.id = t.file_id ORDER BY t.id"
            )
        )
        for part in rows.partitions(BATCH):
            places = np.array([(row[3], row[4]) for row in part])
            latent = of_artist[places[:, 0]] + 0.7 * of_album[places[:, 1]] + draw.normal(size=(len(part), LATENT))
            figures = (latent @ see + draw.normal(size=(len(part), see.shape[1]))).astype(np.float32)
            store.write(
                engine,
                [
                    (DueTrack(row[0], row[1], row[2], None), _features(timbre, draw))
                    for row, timbre in zip(part, figures, strict=True)
                ],
            )
    for shard in range(shards):
        store.apply_tag_values(engine, [shard], prefer_tags=False)


def _features(timbre: Floats, draw: np.random.Generator) -> AudioFeatures:
    shares = draw.random(8).tolist()
    tempo = float(np.clip(draw.normal(118, 25), 50, 200))
    return AudioFeatures(
        bpm_measured=tempo,
        bpm_confidence=shares[0],
        bpm_alternative=tempo / 2,
        key_measured=TONICS[int(shares[1] * 12)],
        scale_measured="major" if shares[2] < 0.5 else "minor",
        key_confidence=shares[3],
        key_runner_up="A minor",
        loudness_lufs=-14.0,
        loudness_range_lu=shares[4] * 10,
        sample_peak=1.0,
        energy=shares[5],
        danceability=shares[6],
        acousticness=shares[7],
        instrumentalness=shares[0],
        timbre=timbre.tolist(),
        timbre_version=TIMBRE_VERSION,
        acoustid_fingerprint=None,
        seconds_analysed=90.0,
        seconds_spent=1.0,
    )


def add_vectors(engine: Engine, settings: Settings, shards: int, timed: Timed) -> dict[str, float]:
    """Everything from features to indexes; returns seconds and bytes that the steps themselves report."""
    model = BagOfWords(settings)
    timed("features", lambda: add_features(engine, shards))
    for shard in range(shards):
        timed("texts", lambda shard=shard: text_store.write_due_texts(engine, [shard]))  # type: ignore[misc]
    timed("audio vectors", lambda: run.refit(engine, settings))
    for shard in range(shards):
        timed(
            "text and combined vectors",
            lambda shard=shard: run.make_due_vectors(engine, settings, [shard], load=lambda _: model),  # type: ignore[misc]
        )
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    return {"encoding (not counted)": model.seconds}


def copy_vectors(engine: Engine, settings: Settings, shards: int, kinds: Sequence[str] = KINDS) -> None:
    """Rows as ``add_vectors`` leaves them, drawn at random and copied into the table: a fraction of its time.

    For sizes where searching is to be measured, and making vectors is not. Both halves cluster by artist and album.
    """
    model, draw = model_files(settings), np.random.default_rng(4)
    size = {"text": model.dimensions, "audio": layout.DIMENSIONS}
    see = {half: draw.normal(size=(LATENT, dimensions)).astype(np.float32) for half, dimensions in size.items()}
    share = settings.text_share
    names = {
        "text": model.name,
        "audio": sound_vectors.MODEL,
        "combined": layout.combined_model(model.name, sound_vectors.MODEL, share),
    }
    with engine.begin() as connection:
        most = connection.execute(text("SELECT (SELECT max(id) FROM artists), (SELECT max(id) FROM albums)")).one()
        scaler = connection.execute(
            text(
                "INSERT INTO audio_scalers (timbre_version, analysis_version, track_count, names, means, scales)"
                " SELECT :timbre, :analysis, count(*), :names, :means, :scales FROM tracks RETURNING version"
            ),
            {
                "timbre": TIMBRE_VERSION,
                "analysis": ANALYSIS_VERSION,
                "names": list(layout.NAMES),
                "means": [0.0] * layout.DIMENSIONS,
                "scales": [1.0] * layout.DIMENSIONS,
            },
        ).scalar_one()
    versions = {"text": SENTENCE_VERSION, "audio": scaler, "combined": scaler}
    clusters = {
        half: [
            draw.normal(size=(last + 1, LATENT)).astype(np.float32) * width
            for last, width in zip(most, (1, 0.7), strict=True)
        ]
        for half in size
    }
    for shard in range(shards):
        with engine.begin() as connection:
            register_vector(driver(connection))
            rows = connection.execute(
                text(
                    "SELECT t.id, t.track_artist_id, coalesce(t.album_id, 0), x.sentence_hash, f.audio_hash"
                    " FROM tracks t JOIN raw_files f ON f.id = t.file_id LEFT JOIN track_texts x ON x.track_id = t.id"
                    " WHERE f.shard = :shard ORDER BY t.id"
                ),
                {"shard": shard},
            ).all()
            places = np.array([row[1:3] for row in rows])
            vectors = {}
            for half, (of_artist, of_album) in clusters.items():
                latent = of_artist[places[:, 0]] + of_album[places[:, 1]]
                latent += draw.normal(size=latent.shape).astype(np.float32)
                seen = latent @ see[half]
                seen += draw.normal(size=seen.shape).astype(np.float32)
                vectors[half] = seen / np.linalg.norm(seen, axis=1, keepdims=True)
            vectors["combined"] = np.concatenate(
                [vectors["text"] * np.float32(share**0.5), vectors["audio"] * np.float32((1 - share) ** 0.5)], axis=1
            )
            with driver(connection).cursor() as cursor, cursor.copy(_COPY_VECTORS) as copy:
                copy.set_types(["int8", "text", "vector", "text", "int4", "text", "bool"])
                for place, row in enumerate(rows):
                    sound = f"{row.audio_hash}/{ANALYSIS_VERSION}/{TIMBRE_VERSION}"
                    sources = {
                        "text": row.sentence_hash or "", "audio": sound, "combined": f"{row.sentence_hash} {sound}",
                    }  # fmt: skip
                    for kind in kinds:
                        vector = Vector(vectors[kind][place])
                        copy.write_row(
                            (row.id, kind, vector, names[kind], versions[kind], sources[kind], kind != "text")
                        )
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE embeddings"))


_COPY_VECTORS = (
    "COPY embeddings (track_id, kind, vector, model, version, source_hash, has_audio) FROM STDIN (FORMAT BINARY)"
)


def add_indexes(engine: Engine) -> dict[str, dict[str, float]]:
    """kind → seconds, bytes of its index; built whatever the size."""
    return {
        report.kind: {"seconds": report.seconds, "bytes": report.size_bytes}
        for report in rebuild(engine, exact_up_to=0)
    }


def recall(engine: Engine, samples: int) -> dict[str, dict[str, float]]:
    """kind → recall@10, and the median of a search with and without the index, ms."""
    return {
        measured.kind: {"recall": measured.mean, "index_ms": measured.index_ms, "exact_ms": measured.exact_ms}
        for measured in measure_recall(engine, samples=samples)
    }


def searches(engine: Engine, settings: Settings) -> dict[str, dict[str, float]]:
    """Name of the search → median, 95th percentile, slowest, in ms, through the code of the commands."""
    draw = random.Random(3)
    with engine.connect() as connection:
        last = connection.execute(text("SELECT max(id) FROM tracks")).scalar_one()
        ids = [draw.randint(1, last) for _ in range((SAMPLES + WARM_UP) * 2)]
        rows = connection.execute(
            text(
                "SELECT t.id, t.title, a.name, f.bpm FROM tracks t JOIN artists a ON a.id = t.track_artist_id"
                " LEFT JOIN audio_features f ON f.track_id = t.id WHERE t.id = ANY(:ids)"
                " ORDER BY md5(t.id::text) LIMIT :n"
            ),
            {"ids": ids, "n": SAMPLES + WARM_UP},
        ).all()
        with_text = has_vector(engine, rows[0].id, "text")
    model = BagOfWords(settings)

    def by_words(words: str) -> object:
        return search(engine, settings, words, N, by_meaning=False)

    def by_meaning(words: str) -> object:
        [vector] = model.encode([words])
        with engine.connect() as connection:
            return connection.execute(
                text(
                    "SELECT * FROM find_tracks(:words, CAST(:vector AS vector), :model, :n)"
                    " JOIN track_overview USING (track_id)"
                ),
                {"words": words, "vector": to_database(vector), "model": model.name, "n": N},
            ).all()

    kinds: dict[str, Callable[[Any], object]] = {
        "similar": lambda row: similar(engine, row.id, N),
        "similar: tempo ±4, compatible key": lambda row: similar(
            engine, row.id, N, Filters(bpm_min=row.bpm - 4, bpm_max=row.bpm + 4, key_rule="compatible")
        ),
        "similar: another artist": lambda row: similar(engine, row.id, N, Filters(not_same_artist=True)),
        "search --words: title and artist": lambda row: by_words(f"{row.title} {row.name}"),
        "search --words: title": lambda row: by_words(row.title),
        "search --words: artist": lambda row: by_words(row.name),
        "search --words: first word of a title": lambda row: by_words(row.title.split()[0]),
        "search --words: one letter": lambda row: by_words(row.title[0]),
        "search: title and artist, words and meaning": lambda row: by_meaning(f"{row.title} {row.name}"),
    }
    # What a catalogue lacks is not asked of it: large ones may be filled with a part (copy_vectors).
    if rows[0].bpm is None:
        del kinds["similar: tempo ±4, compatible key"]
    if not with_text:
        del kinds["search: title and artist, words and meaning"]
    answer = {}
    for name, ask in kinds.items():
        times = list(_times(rows, ask))[WARM_UP:]
        answer[name] = {
            "median_ms": statistics.median(times),
            "p95_ms": statistics.quantiles(times, n=20)[-1],
            "max_ms": max(times),
        }
    return answer


def _times(rows: Sequence[Any], ask: Callable[[Any], object]) -> Iterator[float]:
    for row in rows:
        started = time.perf_counter()
        ask(row)
        yield (time.perf_counter() - started) * 1000


def daily(engine: Engine, settings: Settings, shards: int) -> dict[str, float]:
    """Seconds of what asks the whole catalogue again and again; where everything has its vectors nothing is due."""

    def analysis() -> None:
        with engine.connect() as connection:
            store.due_shards(connection)

    def vectors(of: Sequence[int]) -> None:
        with engine.connect() as connection:
            run.due_shards(connection, settings, of)

    asked: dict[str, Callable[[], object]] = {
        "deferred_enrichment: a tick": analysis,
        "deferred_vectors: all shards": lambda: vectors(range(shards)),
        "deferred_vectors: one shard": lambda: vectors([0]),
        "metrics: one scrape": lambda: list(DatabaseCollector(engine, None).collect()),
    }
    seconds = {}
    for name, ask in asked.items():
        times = []
        for _ in range(3):
            started = time.monotonic()
            ask()
            times.append(time.monotonic() - started)
        seconds[name] = statistics.median(times)
    return seconds


def sizes(engine: Engine) -> dict[str, dict[str, int]]:
    """Table → bytes of its rows (with TOAST) and of its indexes; those above 1 MB, the largest first."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                """
                SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
                WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_total_relation_size(oid) > 1e6
                ORDER BY pg_total_relation_size(oid) DESC
                """
            )
        ).all()
    return {name: {"rows": table, "indexes": indexes} for name, table, indexes in rows}
