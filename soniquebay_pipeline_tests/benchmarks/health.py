"""How long the health report takes over a large catalogue, and what results cost to write and take over.

The catalogue is made in SQL: albums of ten tracks, some with gaps, copies, odd names; fingerprints for a part of the
tracks, one in fifty of them a noisy copy. PostgreSQL, its tables and the report are the real ones.

    python -m soniquebay_pipeline_tests.benchmarks.health [TRACKS] [FINGERPRINTS]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, create_engine, text

from soniquebay_pipeline.audio.timbre import NAMES, TIMBRE_VERSION
from soniquebay_pipeline.care.health import report
from soniquebay_pipeline.care.health.kinds import KINDS
from soniquebay_pipeline.care.health.recordings import find_same_recordings
from soniquebay_pipeline.care.results.export import export_results
from soniquebay_pipeline.care.results.take import take_results
from soniquebay_pipeline.db.bulk import copy_rows, temporary_select
from soniquebay_pipeline.progress import Silent
from soniquebay_pipeline_tests.care.packed_fingerprints import pack
from soniquebay_pipeline_tests.database_server import shared_server

CATALOGUE = """
INSERT INTO library (id, root, shards) VALUES (1, '/music', 32);
INSERT INTO artists (name, name_key) SELECT 'Artist ' || n, 'artist ' || n FROM generate_series(1, :tracks / 50) n;
INSERT INTO albums (title, title_key, album_artist_id, release_year)
    SELECT CASE WHEN n % 100 = 0 THEN 'BjÃ¶rk ' || n ELSE 'Älbum ' || n END, 'album ' || n, 1 + n % (:tracks / 50), 1990
    FROM generate_series(1, :tracks / 10) n;
INSERT INTO raw_files (path, folder, album_folder, shard, size_bytes, mtime_ns, audio_hash, status, reject_reason)
    SELECT folder || '/' || n || '.mp3', folder, folder, n / 10 % 32, 4000000, 1,
           CASE WHEN n % 40 = 0 THEN md5((n - 1)::text) ELSE md5(n::text) END,
           CASE WHEN n % 1000 = 0 THEN 'rejected' ELSE 'present' END, CASE WHEN n % 1000 = 0 THEN 'corrupt' END
    FROM generate_series(0, :tracks - 1) n,
         LATERAL (SELECT 'Artist ' || (n / 50) || '/Album ' || (n / 10) AS folder) AS place;
INSERT INTO raw_metadata (file_id, tags, fields, title, artists, album_artists, featured_artists, genres, moods,
        duration_seconds, bitrate_kbps, codec, file_type, picture_count, truncated, fallbacks, quality_score, path,
        size_bytes, mtime_ns, extractor_version, track_total, disc_total, is_compilation)
    SELECT id, '{{}}', '{{}}', 'Title', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', 200, 160, 'mp3', 'mp3', 0,
           '{{}}', '{{}}', 0.7, path, size_bytes, 1, 1, 10, CASE WHEN id % 3000 = 0 THEN 2 END, false FROM raw_files;
INSERT INTO tracks (file_id, title, track_artist_id, album_id, track_number, duration_seconds, bitrate_kbps, file_type,
        musicbrainz_id, revision)
    SELECT id, 'Tïtle ' || id, 1 + id / 500 % (:tracks / 50), 1 + (id - 1) / 10, 1 + id % 10, 100 + id % 300, 160,
           'mp3', CASE WHEN id % 3 = 0 THEN md5(id::text) END, 1
    FROM raw_files WHERE id % 97 > 0;
INSERT INTO track_artists (track_id, artist_id, role, position) SELECT id, track_artist_id, 'main', 0 FROM tracks;
INSERT INTO audio_features (track_id, audio_hash, analysis_version, bpm, bpm_measured, bpm_confidence, bpm_tag,
        bpm_disagreement, key, scale, key_measured, scale_measured, key_confidence, sample_peak, seconds_analysed,
        timbre, timbre_version, tags_revision, values_from)
    SELECT t.id, f.audio_hash, 1, 100, 100, 0.5, CASE WHEN t.id % 20 = 0 THEN 50 END,
           CASE WHEN t.id % 20 = 0 THEN 'octave' END, 'C', 'major', 'C', 'major', 0.5,
           CASE WHEN t.id % 5 = 0 THEN 1.1 ELSE 0.9 END, least(t.duration_seconds, 300),
           array_fill(0.5::real, ARRAY[:timbre]), :timbre_version, m.revision, 'measured'
    FROM tracks t JOIN raw_files f ON f.id = t.file_id JOIN raw_metadata m ON m.file_id = f.id;
ANALYZE;
"""


def fill(engine: Engine, tracks: int, fingerprints: int) -> None:
    with engine.begin() as connection:
        for statement in CATALOGUE.replace("{{", "{").replace("}}", "}").split(";\n"):
            if statement.strip():
                bound = {"tracks": tracks, "timbre": len(NAMES), "timbre_version": TIMBRE_VERSION}
                used = {name: value for name, value in bound.items() if f":{name}" in statement}
                connection.execute(text(statement), used)
        ids = (
            connection.execute(text("SELECT id FROM tracks ORDER BY id LIMIT :n"), {"n": fingerprints}).scalars().all()
        )
        random = np.random.default_rng(0)

        def made() -> object:
            values = random.integers(0, 2**32, 948, dtype=np.uint32)
            for place, track in enumerate(ids):
                if place % 50:
                    values = random.integers(0, 2**32, 948, dtype=np.uint32)
                else:
                    values = np.where(random.random(948) < 0.6, values, values ^ np.uint32(1 << 7))
                yield track, pack(values.tolist())

        connection.execute(text("CREATE TEMPORARY TABLE made (id bigint, fingerprint text) ON COMMIT DROP"))
        copy_rows(connection, "made", ("id", "fingerprint"), made())  # type: ignore[arg-type]
        connection.execute(
            text("UPDATE audio_features a SET acoustid_fingerprint = fingerprint FROM made WHERE made.id = a.track_id")
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def timed(name: str, action: object, items: int) -> object:
    started = time.perf_counter()
    result = action()  # type: ignore[operator]
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:<44} {seconds:8.1f} s {items / seconds:12,.0f}/s, at most {peak:,.0f} MB so far", flush=True)
    return result


def main() -> None:
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    fingerprints = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with shared_server("benchmark") as server, server.database() as url, tempfile.TemporaryDirectory() as folder:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        timed(f"making {tracks:,} tracks", lambda: fill(engine, tracks, fingerprints), tracks)
        timed(f"comparing {fingerprints:,} fingerprints", lambda: find_same_recordings(engine, Silent()), fingerprints)
        timed("again, nothing new", lambda: find_same_recordings(engine, Silent()), fingerprints)
        counts = timed("the whole report", lambda: report.make_report(engine), tracks)
        print("findings:", ", ".join(f"{name} {count:,}" for name, count in counts.items() if count))  # type: ignore[attr-defined]
        with engine.begin() as connection:
            temporary_select(connection, "present", report.PRESENT)
            for kind in KINDS:
                if kind.query:
                    started = time.perf_counter()
                    connection.execute(
                        text(
                            "CREATE TEMPORARY TABLE found ON COMMIT DROP AS SELECT count(*)"
                            f" FROM ({kind.query}) AS f (a, b, c, d, e, f)"
                        )
                    )
                    connection.execute(text("DROP TABLE found"))
                    print(f"  {kind.name:<42} {time.perf_counter() - started:8.2f} s")
        file = Path(folder) / "results.parquet"
        timed("results export", lambda: export_results(engine, file), tracks)
        print(f"  {file.stat().st_size / 1e6:.1f} MB")
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE audio_features"))
        timed("results import", lambda: take_results(engine, file), tracks)
        timed("again, nothing due", lambda: take_results(engine, file), tracks)
        engine.dispose()


if __name__ == "__main__":
    main()
