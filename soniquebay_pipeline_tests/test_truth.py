"""The catalogue of a generated library equals the truth: every count, and every file's entry.

Here: comparing with ``corpus.large_truth``, from real files. Not here: hand-made scenarios
(``catalog/test_store_*``), random histories (``test_order_independence``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.corpus.large import LibraryTruth, generate_library
from soniquebay_pipeline_tests.corpus.names import normal_form as key_of
from soniquebay_pipeline_tests.normal_form import normal_form
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest

FILES = 600
SEEDS = (0, 1, 2)
POOL = PoolOptions(workers=2)


@pytest.fixture(scope="module", params=SEEDS)
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LibraryTruth]:
    root = tmp_path_factory.mktemp("truth") / "music"
    return root, generate_library(root, FILES, seed=request.param)


def count(engine: Engine, what: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())


def counts(engine: Engine) -> dict[str, int]:
    return {
        **{table: count(engine, table) for table in ("raw_files", "tracks", "artists", "albums", "genres")},
        **{role: count(engine, f"track_artists WHERE role = '{role}'") for role in ("main", "featured")},
        "all credits": count(engine, "track_artists"),
        "rejected": count(engine, "raw_files WHERE status <> 'present'"),
    }


def true_counts(truth: LibraryTruth) -> dict[str, int]:
    return {
        "raw_files": truth.files,
        "tracks": truth.tracks,
        "artists": truth.artists,
        "albums": truth.albums,
        "genres": truth.genres,
        **truth.credits,
        "all credits": sum(truth.credits.values()),
        "rejected": 0,
    }


LISTING = """
    SELECT f.path, t.title, t.year, t.disc_number, t.track_number,
           ARRAY(SELECT coalesce(a.musicbrainz_artistid, a.name_key) FROM track_artists c
                 JOIN artists a ON a.id = c.artist_id
                 WHERE c.track_id = t.id AND c.role = 'main' ORDER BY c.position) AS main,
           ARRAY(SELECT coalesce(a.musicbrainz_artistid, a.name_key) FROM track_artists c
                 JOIN artists a ON a.id = c.artist_id
                 WHERE c.track_id = t.id AND c.role = 'featured' ORDER BY c.position) AS featured,
           coalesce(first.musicbrainz_artistid, first.name_key) AS first,
           b.title AS album_title, b.title_key, b.release_year, b.musicbrainz_albumid,
           coalesce(owner.musicbrainz_artistid, owner.name_key) AS album_artist,
           ARRAY(SELECT lower(g.name) FROM track_genres l JOIN genres g ON g.id = l.genre_id
                 WHERE l.track_id = t.id ORDER BY lower(g.name) COLLATE "C") AS genres,
           m.fallbacks
    FROM tracks t JOIN raw_files f ON f.id = t.file_id JOIN raw_metadata m ON m.file_id = f.id
    JOIN artists first ON first.id = t.track_artist_id
    LEFT JOIN albums b ON b.id = t.album_id LEFT JOIN artists owner ON owner.id = b.album_artist_id
"""


def assert_equals_truth(engine: Engine, truth: LibraryTruth) -> None:
    assert counts(engine) == true_counts(truth)
    with engine.connect() as connection:
        rows = {row.path: row for row in connection.execute(text(LISTING))}
    assert set(rows) == set(truth.listing)
    for path, file in truth.listing.items():
        row = rows[path]
        assert (row.title, row.year, row.track_number) == (file.title, file.year, file.track), path
        assert row.disc_number == file.disc, path
        assert (tuple(row.main), tuple(row.featured), row.first) == (file.main, file.featured, file.main[0]), path
        assert (row.title_key, row.album_artist, row.musicbrainz_albumid or "") == (
            key_of(file.album_title),
            file.album_artist,
            file.release_id,
        ), path
        assert row.release_year == file.year, path
        assert tuple(row.genres) == file.genres, path
        assert tuple(row.fallbacks) == file.from_path, path
    with engine.connect() as connection:
        names = connection.execute(text("SELECT coalesce(musicbrainz_artistid, name_key), name FROM artists")).all()
    assert {key: key_of(name) for key, name in names} == truth.artist_names


def ingest_all(engine: Engine, root: Path, shards: Sequence[int]) -> None:
    ingest(engine, root, shards, pool=POOL)


def test_the_catalogue_equals_the_truth_and_again(generated: tuple[Path, LibraryTruth], engine: Engine) -> None:
    root, truth = generated
    ingest_all(engine, root, range(SHARDS))
    assert_equals_truth(engine, truth)
    before = normal_form(engine)
    ingest_all(engine, root, range(SHARDS))
    assert normal_form(engine) == before


def test_shard_by_shard_in_reverse_is_the_same(generated: tuple[Path, LibraryTruth], engine: Engine) -> None:
    root, truth = generated
    for shard in reversed(range(SHARDS)):
        ingest_all(engine, root, [shard])
    assert_equals_truth(engine, truth)
