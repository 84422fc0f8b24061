"""Taking a file of results over into the catalogue.

Here: reading the file in bounded pieces, checking each row, filling what is due. Not here: the columns (``form``), and
making the sentences that text vectors belong to (the caller passes what does).

Features go to tracks of the same audio that lack current ones; a row of another analysis version is left aside, because
it would be measured again at once. Text vectors go to tracks of the same sentence. Each batch is a transaction, and
what has its values is not due: taking a file over twice, or going on after a kill, changes nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.audio.model import ANALYSIS_VERSION, MEASURED_COLUMNS
from soniquebay_pipeline.audio.store import QUEUE, apply_tag_values
from soniquebay_pipeline.care.errors import ResultsError
from soniquebay_pipeline.care.results import form
from soniquebay_pipeline.db.bulk import copy_rows, temporary_table
from soniquebay_pipeline.db.ledger import note_successes
from soniquebay_pipeline.db.locks import LOCK_VECTORS, hold_for_transaction
from soniquebay_pipeline.progress import Progress, Silent

BATCH = 2_000
MAX_GROUP_BYTES = 512 << 20
"""Our own groups take some 20 MB; a file whose groups state more is not read into memory."""


@dataclass(slots=True)
class Taken:
    """What became of the rows of a file."""

    features_taken: int = 0
    """Tracks that got features."""
    features_unknown: int = 0
    """Rows of audio that no file of the library has."""
    other_version: int = 0
    refused: int = 0
    """Rows that no analysis can have given."""
    recordings_taken: int = 0
    """Tracks that got stand-in values of another file of the same recording."""
    text_vectors_taken: int = 0
    text_vectors_unknown: int = 0


def take_results(
    engine: Engine,
    file: Path,
    *,
    prefer_tags: bool = False,
    same_recording: bool = False,
    write_sentences: Callable[[], object] = lambda: None,
    progress: Progress | None = None,
) -> Taken:
    """Fill what is due from the file; raises ResultsError where it is no such file, or damaged.

    ``write_sentences`` brings ``track_texts`` up to date, so that the vectors of a new catalogue find their tracks.
    With ``same_recording`` tracks without features get those of the same MusicBrainz recording as stand-ins, in
    ``imported_features``: they were measured on another encode, and the track stays due.
    """
    taken = Taken()
    with _opened(file) as parquet:
        rows_in_all = parquet.metadata.num_rows
        write_sentences()
        with (progress or Silent()).stage("taking over results", rows_in_all) as stage:
            for rows in _batches(parquet):
                features = [row for row in rows if row["record"] == form.FEATURES]
                vectors = [row for row in rows if row["record"] == form.TEXT]
                taken.refused += len(rows) - len(features) - len(vectors)
                _take_features(engine, features, taken, same_recording=same_recording)
                _take_vectors(engine, vectors, taken)
                stage(len(rows))
    with engine.connect() as connection:
        shards = list(connection.execute(text("SELECT DISTINCT shard FROM raw_files ORDER BY 1")).scalars())
    for shard in shards:  # one at a time: the tags of all rows of a call are in memory
        apply_tag_values(engine, [shard], prefer_tags=prefer_tags)
    return taken


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(
            file, pre_buffer=False, thrift_string_size_limit=16 << 20, thrift_container_size_limit=1 << 20
        ) as parquet:
            _check(parquet, file)
            yield parquet
    except FileNotFoundError as error:
        raise ResultsError(f"{file} is not there. Nothing was changed.") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ResultsError(
            f"{file} is no file of results, or is damaged: {line}. What was taken over before that stays; "
            "get the file again and repeat the command."
        ) from error


def _check(parquet: Any, file: Path) -> None:
    """The format's version, the columns and the size of the groups, before anything is read."""
    try:
        said = json.loads((parquet.schema_arrow.metadata or {})[form.METADATA_KEY])["format"]
    except (KeyError, ValueError, TypeError) as error:
        raise ResultsError(f"{file} is no file of `soniquebay results export`. Nothing was changed.") from error
    if said != form.FORMAT:
        raise ResultsError(f"{file} is of format {said}, this program reads {form.FORMAT}. Nothing was changed.")
    if not parquet.schema_arrow.equals(form.schema()):
        raise ResultsError(f"{file} has other columns than this program writes. Nothing was changed.")
    for number in range(parquet.metadata.num_row_groups):
        if parquet.metadata.row_group(number).total_byte_size > MAX_GROUP_BYTES:
            raise ResultsError(f"{file} has a group of rows above {MAX_GROUP_BYTES >> 20} MB. Nothing was changed.")


def _batches(parquet: Any) -> Iterator[list[dict[str, Any]]]:
    for batch in parquet.iter_batches(batch_size=BATCH, use_threads=False):
        yield batch.to_pylist()


def _take_features(engine: Engine, rows: Sequence[dict[str, Any]], taken: Taken, *, same_recording: bool) -> None:
    from soniquebay_pipeline.audio.timbre import NAMES, TIMBRE_VERSION

    good = []
    for row in rows:
        if row["analysis_version"] != ANALYSIS_VERSION or row["timbre_version"] not in (None, TIMBRE_VERSION):
            taken.other_version += 1
        elif not form.is_believable_features(row, len(NAMES)):
            taken.refused += 1
        else:
            good.append(row)
    if not good:
        return
    columns = ("audio_hash", "analysis_version", *MEASURED_COLUMNS)
    names = ", ".join(columns)
    with engine.begin() as connection:
        connection.execute(
            text(
                f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {names}, ''::text AS recording,"
                " 0::float AS duration FROM audio_features LIMIT 0"
            )
        )
        copy_rows(
            connection,
            "incoming",
            (*columns, "recording", "duration"),
            (
                (*(row[name] for name in columns), row["musicbrainz_recordingid"], row["duration_seconds"])
                for row in good
            ),
        )
        known = connection.execute(
            text(
                "SELECT count(*) FROM incoming i"
                " WHERE EXISTS (SELECT FROM raw_files f WHERE f.audio_hash = i.audio_hash)"
            )
        ).scalar_one()
        ids = connection.execute(
            text(
                f"""
                INSERT INTO audio_features AS a (track_id, {names})
                SELECT DISTINCT ON (t.id) t.id, {", ".join(f"i.{name}" for name in columns)}
                FROM incoming i JOIN raw_files f ON f.audio_hash = i.audio_hash AND f.status <> 'rejected'
                JOIN tracks t ON t.file_id = f.id LEFT JOIN audio_features h ON h.track_id = t.id
                WHERE h.track_id IS NULL OR h.analysis_version < :version OR h.failure_reason IS NOT NULL
                   OR h.audio_hash IS DISTINCT FROM f.audio_hash
                ORDER BY t.id
                ON CONFLICT (track_id) DO UPDATE SET failure_reason = NULL, failure_detail = NULL,
                    tags_revision = NULL, analyzed_at = now(), {", ".join(f"{n} = excluded.{n}" for n in columns)}
                    WHERE a.analysis_version <= excluded.analysis_version
                RETURNING track_id
                """
            ),
            {"version": ANALYSIS_VERSION},
        ).scalars()
        tracks = list(ids)
        note_successes(connection, QUEUE, "track", tracks)
        connection.execute(text("DELETE FROM imported_features WHERE track_id = ANY(:ids)"), {"ids": tracks})
        taken.features_taken += len(tracks)
        taken.features_unknown += len(good) - int(known)
        if same_recording:
            taken.recordings_taken += _take_recordings(connection)


def _take_recordings(connection: Connection) -> int:
    """Stand-ins for tracks without features: tempo, key and character of the same recording at about its length."""
    return connection.execute(
        text(
            """
            INSERT INTO imported_features (track_id, source, bpm, key, scale, energy, danceability, acousticness,
                                           instrumentalness)
            SELECT DISTINCT ON (t.id) t.id, 'recording', i.bpm_measured, i.key_measured, i.scale_measured, i.energy,
                   i.danceability, i.acousticness, i.instrumentalness
            FROM incoming i JOIN tracks t ON t.musicbrainz_id = i.recording
             AND abs(t.duration_seconds - i.duration) <= 2
            WHERE NOT EXISTS (SELECT FROM audio_features a WHERE a.track_id = t.id AND a.failure_reason IS NULL)
            ORDER BY t.id, i.audio_hash
            ON CONFLICT (track_id, source) DO NOTHING
            """
        )
    ).rowcount


def _take_vectors(engine: Engine, rows: Sequence[dict[str, Any]], taken: Taken) -> None:
    good = [row for row in rows if form.is_believable_vector(row)]
    taken.refused += len(rows) - len(good)
    if not good:
        return
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        incoming = ((row["sentence_hash"], row["model"], row["model_version"], str(row["vector"])) for row in good)
        temporary_table(connection, "incoming", "sentence_hash text, model text, model_version int, vector vector")
        copy_rows(connection, "incoming", form.TEXT_COLUMNS, incoming)
        # Vectors of two models are never compared: only those of the model in force, or of the first where none is.
        result = connection.execute(
            text(
                """
                WITH in_force AS (
                    SELECT coalesce((SELECT model FROM embeddings WHERE kind = 'text' LIMIT 1),
                                    (SELECT min(model) FROM incoming)) AS model
                )
                INSERT INTO embeddings (track_id, kind, vector, model, version, source_hash, has_audio)
                SELECT DISTINCT ON (x.track_id) x.track_id, 'text', i.vector, i.model, i.model_version,
                       i.sentence_hash, false
                FROM incoming i JOIN in_force USING (model) JOIN track_texts x USING (sentence_hash)
                LEFT JOIN embeddings e ON e.track_id = x.track_id AND e.kind = 'text'
                WHERE e.source_hash IS DISTINCT FROM x.sentence_hash
                ORDER BY x.track_id, i.model_version DESC
                ON CONFLICT (track_id, kind) DO UPDATE SET vector = excluded.vector, model = excluded.model,
                    version = excluded.version, source_hash = excluded.source_hash,
                    has_audio = excluded.has_audio, created_at = now()
                """
            )
        )
        unknown = connection.execute(
            text(
                "SELECT count(*) FROM incoming i"
                " WHERE NOT EXISTS (SELECT FROM track_texts x WHERE x.sentence_hash = i.sentence_hash)"
            )
        ).scalar_one()
        taken.text_vectors_taken += result.rowcount
        taken.text_vectors_unknown += int(unknown)
