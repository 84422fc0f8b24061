"""Writing the results of a catalogue into a file.

Here: the rows, a group of them at a time. Not here: the columns (``form``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from soniquebay_pipeline.audio.model import MEASURED_COLUMNS
from soniquebay_pipeline.care.errors import ResultsError
from soniquebay_pipeline.care.results.form import FEATURE_COLUMNS, FEATURES, TEXT, TEXT_COLUMNS, schema
from soniquebay_pipeline.progress import Progress, Silent, Stage

ROWS_A_GROUP = 5_000
"""A row of features takes about 4 kB, most of it the fingerprint: some 20 MB in memory, whatever the library."""

# Each audio once. Only what belongs to the audio as it is now: a replaced file's old values are left out.
_FEATURES = f"""
    SELECT DISTINCT ON (a.audio_hash) a.audio_hash, m.musicbrainz_recordingid, t.duration_seconds, a.analysis_version,
           {", ".join(f"a.{name}" for name in MEASURED_COLUMNS)}
    FROM audio_features a JOIN tracks t ON t.id = a.track_id JOIN raw_files f ON f.id = t.file_id
    JOIN raw_metadata m ON m.file_id = f.id
    WHERE a.failure_reason IS NULL AND a.audio_hash = f.audio_hash
    ORDER BY a.audio_hash, a.analysis_version DESC, m.musicbrainz_recordingid NULLS LAST, a.track_id
"""
_VECTORS = """
    SELECT DISTINCT ON (source_hash, model) source_hash, model, version, vector::real[]
    FROM embeddings WHERE kind = 'text' ORDER BY source_hash, model, version DESC, track_id
"""


@dataclass(slots=True)
class Exported:
    """What a file of results holds."""

    features: int = 0
    text_vectors: int = 0


def export_results(engine: Engine, file: Path, progress: Progress | None = None) -> Exported:
    """Write features and text vectors into the file: a whole one or none. Replaces one of that name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    reporter = progress or Silent()
    part = file.with_name(f".{file.name}.part")
    done = Exported()
    try:
        with (
            pq.ParquetWriter(part, schema(), compression="zstd") as writer,
            engine.connect().execution_options(stream_results=True, max_row_buffer=ROWS_A_GROUP) as connection,
        ):
            with reporter.stage("writing features") as stage:
                rows = connection.execute(text(_FEATURES))
                done.features = _write(writer, pa, FEATURES, FEATURE_COLUMNS, rows.partitions(ROWS_A_GROUP), stage)
            with reporter.stage("writing text vectors") as stage:
                rows = connection.execute(text(_VECTORS))
                done.text_vectors = _write(writer, pa, TEXT, TEXT_COLUMNS, rows.partitions(ROWS_A_GROUP), stage)
        part.replace(file)
    except OSError as error:
        raise ResultsError(f"{file} can't be written: {error.strerror or error}. Nothing was left behind.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return done


def _write(
    writer: Any, pa: Any, record: str, columns: Sequence[str], groups: Iterable[Sequence[Any]], stage: Stage
) -> int:
    count = 0
    for group in groups:
        writer.write_table(pa.Table.from_pylist(list(_named(record, columns, group)), schema=schema()))
        count += len(group)
        stage(len(group))
    return count


def _named(record: str, columns: Sequence[str], rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"record": record, **dict(zip(columns, row, strict=True))}
