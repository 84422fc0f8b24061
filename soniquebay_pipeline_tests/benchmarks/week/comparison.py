"""Whether two installations over the same library know the same.

``normal_form`` has the catalogue and the covers; here: features, vectors, and what Last.fm said. Entities are named,
not numbered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Engine, text

from soniquebay_pipeline_tests.normal_form import Rows, normal_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PRESENT = "tracks t JOIN raw_files f ON f.id = t.file_id AND f.status = 'present'"
_ALBUM = "b.title AS album, a.name AS artist, b.release_year FROM albums b JOIN artists a ON a.id = b.album_artist_id"
_FACTS = {
    "audio_features": f"""
        SELECT f.path, v.audio_hash, v.analysis_version, v.failure_reason, v.values_from,
               v.bpm, v.bpm_measured, v.bpm_confidence, v.bpm_alternative, v.key, v.scale, v.camelot_key,
               v.key_confidence, v.key_runner_up, v.loudness_lufs, v.loudness_range_lu, v.sample_peak, v.energy,
               v.danceability, v.acousticness, v.instrumentalness, v.timbre_version, v.acoustid_fingerprint, v.timbre
        FROM {_PRESENT} LEFT JOIN audio_features v ON v.track_id = t.id
        """,
    "track_texts": f"""
        SELECT f.path, x.sentence, x.document::text FROM {_PRESENT} LEFT JOIN track_texts x ON x.track_id = t.id
        """,
    # The scaler's version counts how often it was fitted; the vectors themselves are compared below.
    "embeddings": f"""
        SELECT f.path, e.kind, e.model, e.has_audio FROM {_PRESENT} JOIN embeddings e ON e.track_id = t.id
        """,
    "lastfm_artists": """
        SELECT name, lastfm_url, lastfm_listeners, lastfm_playcount, lastfm_tags::text, lastfm_about,
               lastfm_corrected_to, lastfm_biography, lastfm_similar_about,
               lastfm_info_fetched_at IS NOT NULL AS asked, lastfm_similar_artists_fetched IS NOT NULL AS similar_asked
        FROM artists
        """,
    "artist_similar": """
        SELECT a.name, s.similar_name, s.weight, s.source, o.name AS linked
        FROM artist_similar s JOIN artists a ON a.id = s.artist_id LEFT JOIN artists o ON o.id = s.similar_artist_id
        """,
    "lastfm_albums": f"""
        SELECT b.lastfm_url, b.lastfm_listeners, b.lastfm_playcount, b.lastfm_tags::text, b.lastfm_about,
               b.lastfm_picture_url, b.lastfm_info_fetched_at IS NOT NULL AS asked, {_ALBUM}
        """,
    "lastfm_tracks": f"""
        SELECT f.path, t.lastfm_url, t.lastfm_listeners, t.lastfm_playcount, t.lastfm_tags::text, t.lastfm_about,
               t.lastfm_info_fetched_at IS NOT NULL AS asked
        FROM {_PRESENT}
        """,
}
_VECTORS = f"SELECT f.path, e.kind, e.vector::text FROM {_PRESENT} JOIN embeddings e ON e.track_id = t.id"
TOLERANCE = 1e-3
"""Of a component. A sentence's vector moves by some 1e-7 with the sentences that are encoded beside it, a figure's
place on the scaler's scale with the order in which the tracks are summed up."""


def differences(lived: Engine, fresh: Engine) -> list[str]:
    """What one knows and the other does not, with examples; empty where they know the same.

    Audio and combined vectors depend on the scaler, which is fitted when a library has outgrown it: both have to be
    fitted anew (``vectors refit``) before.
    """
    found: list[str] = []
    ours, theirs = (normal_form(engine) | _facts(engine) for engine in (lived, fresh))
    for table, expected in theirs.items():
        if ours[table] != expected:
            only_ours = [row for row in ours[table] if row not in expected]
            only_theirs = [row for row in expected if row not in ours[table]]
            found.append(
                f"{table}: {len(only_ours)} rows only after the week, {len(only_theirs)} only in the fresh run"
            )
            found += [f"  only after the week: {row}" for row in only_ours[:3]]
            found += [f"  only in the fresh run: {row}" for row in only_theirs[:3]]
    return found + _different_vectors(_vectors(lived), _vectors(fresh))


def sizes(engine: Engine) -> dict[str, int]:
    """Rows that are compared, by table."""
    return {table: len(rows) for table, rows in (normal_form(engine) | _facts(engine)).items()}


def _facts(engine: Engine) -> dict[str, Rows]:
    with engine.connect() as connection:
        return {
            table: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for table, query in _FACTS.items()
        }


def _vectors(engine: Engine) -> dict[tuple[str, str], NDArray[np.float64]]:
    with engine.connect() as connection:
        return {
            (path, kind): np.array(vector.strip("[]").split(","), dtype=float)
            for path, kind, vector in connection.execute(text(_VECTORS))
        }


def _different_vectors(
    ours: dict[tuple[str, str], NDArray[np.float64]], theirs: dict[tuple[str, str], NDArray[np.float64]]
) -> list[str]:
    apart = {
        key: float(np.abs(ours[key] - theirs[key]).max())
        for key in ours.keys() & theirs.keys()
        if ours[key].shape == theirs[key].shape
    }
    worst = sorted(((value, key) for key, value in apart.items() if value > TOLERANCE), reverse=True)
    return [f"{len(worst)} vectors differ: {worst[:3]}"] if worst else []
