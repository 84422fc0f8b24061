"""The tables of the catalogue, as SQLAlchemy Core metadata.

Here: tables, keys, indexes, and what each column means where its name does not say it.
Not here: migrations (``migrations/versions``; a test holds that both agree) and queries.

Three layers, each derived from the one before:
files (``raw_files``, ``raw_metadata``, ``file_credits``, ``file_labels``) say what is on disk;
``album_groups`` and the entities (``artists``, ``albums``, ``genres`` …) say who and what that is;
``tracks`` and the link tables say which refers to which. The ``due_*`` tables hold what one step
leaves for the next: they are filled and emptied in the transactions that do the work, so a killed
process leaves them true.
"""

from __future__ import annotations

from soniquebay_pipeline.db.tables.base import metadata, revision_seq
from soniquebay_pipeline.db.tables.care import (
    fingerprint_sketches,
    imported_features,
    library_health,
    same_recordings,
)
from soniquebay_pipeline.db.tables.catalogue import (
    album_genres,
    album_groups,
    albums,
    artist_genres,
    artists,
    genre_tags,
    genres,
    mood_tags,
    track_artists,
    track_genre_tags,
    track_genres,
    track_mood_tags,
    tracks,
)
from soniquebay_pipeline.db.tables.files import (
    file_credits,
    file_labels,
    library,
    raw_files,
    raw_metadata,
    shard_scans,
)
from soniquebay_pipeline.db.tables.knowledge import artist_similar, lastfm_labels
from soniquebay_pipeline.db.tables.pictures import cover_candidates, covers, file_pictures, folder_pictures, pictures
from soniquebay_pipeline.db.tables.sound import audio_features
from soniquebay_pipeline.db.tables.vectors import audio_scalers, embeddings, next_text_vectors, track_texts
from soniquebay_pipeline.db.tables.web import web_answers, web_calls, web_providers
from soniquebay_pipeline.db.tables.work import (
    deferred_tasks,
    due_albums,
    due_artist_keys,
    due_labels,
    due_tracks,
)

__all__ = [
    "album_genres",
    "album_groups",
    "albums",
    "artist_genres",
    "artist_similar",
    "artists",
    "audio_features",
    "audio_scalers",
    "cover_candidates",
    "covers",
    "deferred_tasks",
    "due_albums",
    "due_artist_keys",
    "due_labels",
    "due_tracks",
    "embeddings",
    "file_credits",
    "file_labels",
    "file_pictures",
    "fingerprint_sketches",
    "folder_pictures",
    "genre_tags",
    "genres",
    "imported_features",
    "lastfm_labels",
    "library",
    "library_health",
    "metadata",
    "mood_tags",
    "next_text_vectors",
    "pictures",
    "raw_files",
    "raw_metadata",
    "revision_seq",
    "same_recordings",
    "shard_scans",
    "track_artists",
    "track_genre_tags",
    "track_genres",
    "track_mood_tags",
    "track_texts",
    "tracks",
    "web_answers",
    "web_calls",
    "web_providers",
]
