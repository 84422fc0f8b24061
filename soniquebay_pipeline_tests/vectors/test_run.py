"""What is embedded when, and what is stored: on a real PostgreSQL, with a real model of random weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, text

from soniquebay_pipeline.db.bulk import driver
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors.layout import BLOCKS, DIMENSIONS
from soniquebay_pipeline.vectors.model import TextModel, load_model, model_files
from soniquebay_pipeline.vectors.run import VectorReport, due_shards, make_due_vectors, refit, refit_if_outgrown
from soniquebay_pipeline.vectors.validate import validate
from soniquebay_pipeline_tests.vectors.catalogue import ALL, POISON, Track, add_tracks, any_sound, set_sound

TEXT = 16
"""Dimensions of the small model."""


class Encoded:
    """Loads the model of the settings and lists what goes through it."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, settings: Settings) -> TextModel:
        listed = self.sentences

        class Listing(TextModel):
            def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
                listed.extend(sentences)
                return super().encode(sentences)

        loaded = load_model(settings)
        return Listing(model_files(settings), loaded._loaded)


def make(engine: Engine, settings: Settings, shards: Sequence[int] = ALL) -> tuple[VectorReport, list[str]]:
    encoded = Encoded()
    return make_due_vectors(engine, settings, list(shards), load=encoded), encoded.sentences


def vectors(engine: Engine, kind: str) -> dict[int, NDArray[np.float32]]:
    with engine.connect() as connection:
        register_vector(driver(connection))
        rows = driver(connection).execute("SELECT track_id, vector FROM embeddings WHERE kind = %s", (kind,)).fetchall()
    return {row[0]: np.asarray(row[1].to_numpy() if hasattr(row[1], "to_numpy") else row[1]) for row in rows}


def rows(engine: Engine, columns: str = "track_id, kind, model, version, source_hash, has_audio") -> set[Any]:
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM embeddings"))}


def nothing_is_due(engine: Engine, settings: Settings) -> bool:
    with engine.connect() as connection:
        return not due_shards(connection, settings, ALL)


def change(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def all_is_well(engine: Engine, settings: Settings) -> bool:
    return all(finding.ok for finding in validate(engine, settings))


def library(engine: Engine, count: int = 8) -> list[int]:
    return add_tracks(
        engine,
        [
            Track(f"song {n}", f"artist {n % 3}", "album", ["rock"], sound=any_sound(n), shard=n % 4)
            for n in range(count)
        ],
    )


def test_every_track_has_three_vectors_of_unit_length(engine: Engine, settings: Settings) -> None:
    ids = library(engine)
    report, sentences = make(engine, settings)
    assert (report.texts, report.encoded, report.sounds, report.combined) == (8, 8, 8, 8)
    assert len(sentences) == len(set(sentences)) == 8
    for kind, size in (("text", TEXT), ("audio", DIMENSIONS), ("combined", TEXT + DIMENSIONS)):
        found = vectors(engine, kind)
        assert sorted(found) == ids
        for vector in found.values():
            assert vector.shape == (size,)
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)
    assert all_is_well(engine, settings)
    again, sentences = make(engine, settings)
    assert (again.texts, again.encoded, again.sounds, again.combined, sentences) == (0, 0, 0, 0, [])
    assert nothing_is_due(engine, settings)


def test_the_cosine_of_combined_vectors_is_the_weighted_mean(engine: Engine, settings: Settings) -> None:
    one, two, *_ = library(engine)
    settings = settings.model_copy(update={"text_share": 0.3})
    make(engine, settings)
    texts, sounds, both = (vectors(engine, kind) for kind in ("text", "audio", "combined"))
    expected = 0.3 * texts[one] @ texts[two] + 0.7 * sounds[one] @ sounds[two]
    assert both[one] @ both[two] == pytest.approx(expected, abs=1e-4)
    timbre = BLOCKS["timbre"]
    part = both[one][TEXT + timbre.start : TEXT + timbre.stop]
    assert part == pytest.approx(sounds[one][timbre] * 0.7**0.5, abs=1e-5)


def test_the_same_sentence_is_encoded_once(engine: Engine, settings: Settings) -> None:
    same = [Track("song", shard=shard) for shard in (0, 0, 1)]
    ids = add_tracks(engine, same)
    report, sentences = make(engine, settings, [0])
    assert (report.encoded, report.reused, len(sentences)) == (1, 1, 1)
    report, sentences = make(engine, settings, [1])
    assert (report.encoded, report.reused, sentences) == (0, 1, [])
    found = vectors(engine, "text")
    assert sorted(found) == ids
    assert np.array_equal(found[ids[0]], found[ids[2]])


def test_only_the_track_whose_sentence_changed_is_encoded_again(engine: Engine, settings: Settings) -> None:
    ids = library(engine)
    make(engine, settings)
    before = vectors(engine, "combined")
    change(engine, "UPDATE tracks SET title = 'renamed' WHERE id = :id", id=ids[3])
    report, sentences = make(engine, settings)
    assert len(sentences) == 1 and sentences[0] == "rock music by artist 0 on album: renamed."
    assert (report.texts, report.sounds, report.combined) == (1, 0, 1)
    after = vectors(engine, "combined")
    assert {i for i in ids if not np.array_equal(before[i], after[i])} == {ids[3]}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE artists SET name = 'ARTIST 1' WHERE name = 'artist 1'",
        "UPDATE albums SET title = 'other'",
        "UPDATE genres SET name = 'metal'",
        'UPDATE artists SET lastfm_tags = \'[{"name": "shoegaze", "weight": 100}]\'',
        "UPDATE tracks SET year = 1999",
        "DELETE FROM track_genres",
    ],
)
def test_whatever_changes_the_words_is_noticed(engine: Engine, settings: Settings, statement: str) -> None:
    library(engine, 2)
    make(engine, settings)
    assert nothing_is_due(engine, settings)
    change(engine, statement)
    assert not nothing_is_due(engine, settings)
    report, sentences = make(engine, settings)
    assert report.texts == len(sentences) > 0
    assert nothing_is_due(engine, settings)


def test_what_does_not_change_the_sentence_is_not_encoded(engine: Engine, settings: Settings) -> None:
    ids = library(engine, 2)
    make(engine, settings)
    change(engine, "INSERT INTO genres (name, name_key) VALUES ('rock', 'rock 2')")
    change(engine, "INSERT INTO track_genres SELECT :id, id FROM genres WHERE name_key = 'rock 2'", id=ids[0])
    change(engine, "UPDATE tracks SET revision = revision + 1")
    change(engine, "UPDATE raw_files SET path = 'moved/' || path")
    report, sentences = make(engine, settings)
    assert (report.texts, sentences) == (1, [])


@pytest.mark.parametrize("answer", ['"text"', '{"name": "x"}', '[1, null, {"name": 7}, ["a"]]', "[]", "null"])
def test_any_answer_of_lastfm_is_survived(engine: Engine, settings: Settings, answer: str) -> None:
    ids = library(engine, 1)
    change(engine, "UPDATE tracks SET lastfm_tags = CAST(:answer AS jsonb) WHERE id = :id", answer=answer, id=ids[0])
    assert make(engine, settings)[0].combined == 1
    assert nothing_is_due(engine, settings)


def test_full_text_finds_names_without_their_accents(engine: Engine, settings: Settings) -> None:
    [track_id] = add_tracks(engine, [Track("Jóga", "Björk", "Homogenic")])
    make(engine, settings)
    query = "SELECT track_id FROM track_texts WHERE document @@ plainto_tsquery('simple', :words)"
    with engine.connect() as connection:
        for words in ("bjork", "björk", "joga homogenic"):
            assert connection.execute(text(query), {"words": words}).scalars().all() == [track_id]
        ranks = "SELECT ts_rank('{0, 0.2, 0.4, 1}', document, plainto_tsquery('simple', :w)) FROM track_texts"
        title, artist, album = (
            connection.execute(text(ranks), {"w": w}).scalar_one() for w in ("joga", "bjork", "homogenic")
        )
        assert title > artist > album > 0


def test_one_track_alone_has_an_audio_vector(engine: Engine, settings: Settings) -> None:
    [track_id] = add_tracks(engine, [Track("alone", sound=any_sound(1))])
    make(engine, settings)
    assert np.count_nonzero(vectors(engine, "audio")[track_id]) > DIMENSIONS / 2


def test_without_features_there_is_text_only_until_they_come(engine: Engine, settings: Settings) -> None:
    [with_sound, without, failed] = add_tracks(
        engine, [Track("one", sound=any_sound(1)), Track("two"), Track("three", shard=1)]
    )
    with engine.begin() as connection:
        set_sound(connection, failed, None)
    make(engine, settings)
    assert set(vectors(engine, "audio")) == {with_sound}
    combined = vectors(engine, "combined")
    for track_id in (without, failed):
        assert not combined[track_id][TEXT:].any()
        assert np.linalg.norm(combined[track_id]) == pytest.approx(1, abs=1e-4)
    assert {row[:2] for row in rows(engine, "track_id, has_audio, kind") if row[2] == "combined"} == {
        (with_sound, True),
        (without, False),
        (failed, False),
    }
    assert all_is_well(engine, settings) and nothing_is_due(engine, settings)
    with engine.begin() as connection:
        set_sound(connection, without, any_sound(2))
    report, sentences = make(engine, settings)
    assert (report.sounds, report.combined, sentences) == (1, 1, [])
    assert vectors(engine, "combined")[without][TEXT:].any()


def test_features_that_went_take_their_vector_with_them(engine: Engine, settings: Settings) -> None:
    [one, two] = library(engine, 2)
    make(engine, settings)
    with engine.begin() as connection:
        set_sound(connection, one, None, "other audio")
        set_sound(connection, two, any_sound(9), "yet other audio")
    before = vectors(engine, "audio")[two]
    report, _ = make(engine, settings)
    assert report.combined == 2
    found = vectors(engine, "audio")
    assert set(found) == {two} and not np.array_equal(found[two], before)
    assert all_is_well(engine, settings)


def test_a_refit_rewrites_everything_together(engine: Engine, settings: Settings) -> None:
    library(engine, 2)
    make(engine, settings)
    more = add_tracks(engine, [Track(f"more {n}", sound=any_sound(100 + n, energy=0.9)) for n in range(10)])
    make(engine, settings)
    assert {row[0] for row in rows(engine, "version, kind") if row[1] == "audio"} == {1}  # no refit by the way
    before = vectors(engine, "audio")
    assert not all_is_well(engine, settings)  # four times as many tracks, and more
    report = refit_if_outgrown(engine, settings)
    assert report and (report.scaler_version, report.sounds, report.combined) == (2, 12, 12)
    after = vectors(engine, "audio")
    assert all(not np.array_equal(before[i], after[i]) for i in after)
    assert {row[0] for row in rows(engine, "version, kind") if row[1] != "text"} == {2}
    assert set(more) < set(after)
    assert refit_if_outgrown(engine, settings) is None
    assert all_is_well(engine, settings) and nothing_is_due(engine, settings)


def test_a_refit_that_fails_leaves_everything_as_it_was(engine: Engine, settings: Settings) -> None:
    library(engine, 3)
    make(engine, settings)
    before = rows(engine)
    change(engine, "ALTER TABLE embeddings ADD CONSTRAINT refuse CHECK (kind <> 'combined' OR version < 2) NOT VALID")
    with pytest.raises(Exception, match="refuse"):
        refit(engine, settings)
    assert rows(engine) == before
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audio_scalers")).scalar_one() == 1


def test_another_model_comes_into_force_all_at_once(
    engine: Engine, settings: Settings, models: dict[str, Path]
) -> None:
    ids = library(engine)
    make(engine, settings)
    old = model_files(settings).name
    changed = settings.model_copy(update={"text_model": str(models["two"])})
    new = model_files(changed).name
    assert not nothing_is_due(engine, changed)
    for shard in (0, 1, 2):
        report, sentences = make(engine, changed, [shard])
        assert len(sentences) == 2 and not report.model_changed
        assert {row[0] for row in rows(engine, "model, kind") if row[1] == "text"} == {old}
        assert make(engine, changed, [shard])[1] == []
    report, sentences = make(engine, changed, [3])
    assert len(sentences) == 2 and report.model_changed
    assert {row[0] for row in rows(engine, "model, kind") if row[1] == "text"} == {new}
    assert {len(vector) for vector in vectors(engine, "combined").values()} == {24 + DIMENSIONS}
    assert sorted(vectors(engine, "text")) == ids
    assert all_is_well(engine, changed) and nothing_is_due(engine, changed)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM next_text_vectors")).scalar_one() == 0


def test_a_setting_that_is_put_back_changes_nothing(
    engine: Engine, settings: Settings, models: dict[str, Path]
) -> None:
    library(engine)
    make(engine, settings)
    before = rows(engine)
    make(engine, settings.model_copy(update={"text_model": str(models["two"])}), [0])
    report, sentences = make(engine, settings)
    assert (sentences, report.combined, rows(engine)) == ([], 0, before)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM next_text_vectors")).scalar_one() == 0


def test_another_weight_changes_every_combined_vector_at_once(engine: Engine, settings: Settings) -> None:
    library(engine)
    make(engine, settings)
    changed = settings.model_copy(update={"text_share": 0.8})
    report, sentences = make(engine, changed, [0])  # one shard asks, all change
    assert (report.combined, sentences) == (8, [])
    assert len({row[0] for row in rows(engine, "model, kind") if row[1] == "combined"}) == 1
    assert all_is_well(engine, changed) and nothing_is_due(engine, changed)


def test_one_sentence_that_fails_is_that_sentence(engine: Engine, settings: Settings) -> None:
    [good, bad] = add_tracks(engine, [Track("fine"), Track(POISON, sound=any_sound(1))])
    report, _ = make(engine, settings)
    assert report.failed_by_reason == {"not_encoded": 1} and report.encoded == 1
    assert set(vectors(engine, "text")) == {good}
    with engine.connect() as connection:
        task = connection.execute(text("SELECT * FROM deferred_tasks")).one()
    assert (task.queue, task.entity_id, task.attempts, task.state) == ("vectors", bad, 1, "waiting")
    assert "finite" in task.last_error
    assert nothing_is_due(engine, settings)  # not before its time
    change(engine, "UPDATE deferred_tasks SET next_attempt_at = now()")
    assert not nothing_is_due(engine, settings)
    change(engine, "UPDATE tracks SET title = 'mended' WHERE id = :id", id=bad)
    assert make(engine, settings)[0].failed_by_reason == {}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deferred_tasks")).scalar_one() == 0


def test_a_sentence_that_fails_does_not_hold_up_another_model(
    engine: Engine, settings: Settings, models: dict[str, Path]
) -> None:
    add_tracks(engine, [Track("fine"), Track(POISON)])
    other = settings.model_copy(update={"text_model": str(models["two"])})
    make(engine, other)
    report, _ = make(engine, settings)
    assert report.model_changed and len(vectors(engine, "text")) == 1


@pytest.mark.parametrize(
    ("damage", "look"),
    [
        ("UPDATE embeddings SET version = 7 WHERE kind = 'audio' AND track_id = :id", "vector_models"),
        ("UPDATE embeddings SET model = 'x' WHERE kind = 'text' AND track_id = :id", "vector_models"),
        ("DELETE FROM embeddings WHERE kind = 'text' AND track_id = :id", "vector_orphans"),
        ("DELETE FROM embeddings WHERE kind = 'audio' AND track_id = :id", "vector_orphans"),
        ("DELETE FROM embeddings WHERE track_id = :id", "vector_coverage"),
        ("UPDATE embeddings SET vector = '[1,0,0]' WHERE kind = 'text' AND track_id = :id", "vector_dimensions"),
    ],
)
def test_validation_finds_damage(engine: Engine, settings: Settings, damage: str, look: str) -> None:
    ids = library(engine, 4)
    make(engine, settings)
    change(engine, damage, id=ids[0])
    assert look in {finding.name for finding in validate(engine, settings) if not finding.ok}


@pytest.mark.parametrize("vector", ["'[0,0,0]'", "'[1,1,1]'"])
def test_the_database_takes_only_vectors_of_unit_length(engine: Engine, settings: Settings, vector: str) -> None:
    ids = library(engine, 1)
    make(engine, settings)
    with pytest.raises(Exception, match="unit_length"):
        change(engine, f"UPDATE embeddings SET vector = {vector} WHERE track_id = :id", id=ids[0])


def test_torch_is_loaded_only_when_a_sentence_is_due(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    library(engine, 2)
    make(engine, settings)
    code = (
        "import sys; from pathlib import Path; from sqlalchemy import create_engine;"
        "from soniquebay_pipeline.settings import Settings; from soniquebay_pipeline.vectors.run import *;"
        "made = make_due_vectors(create_engine(sys.argv[1]), Settings(text_model=sys.argv[2], home=Path(sys.argv[3])), "
        "range(4)); print(made.encoded, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", code, url, settings.text_model, str(tmp_path / "home")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False", "False"]
