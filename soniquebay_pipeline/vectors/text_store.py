"""track_texts in SQL: which tracks' words changed, and writing what was made of them.

Here: reading the words, the hash that tells whether they changed, documents for full-text search.
Not here: how the sentence is built (``texts``) and encoded (``model``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.db.bulk import copy_rows, temporary_table
from soniquebay_pipeline.db.locks import LOCK_VECTORS, hold_for_transaction
from soniquebay_pipeline.progress import Progress, Silent
from soniquebay_pipeline.vectors.texts import SENTENCE_VERSION, TrackWords, track_text

BATCH = 2000
TOP_TAGS = 8
"""Last.fm tags that are looked at of a track, an album and an artist each."""

ROLES = ("main", "featured", "remixer", "composer")

_WORDS = f"""
    SELECT t.id AS track_id, f.shard, t.title,
           (SELECT array_agg(x.name ORDER BY array_position(:roles, a.role), a.position, x.name)
            FROM track_artists a JOIN artists x ON x.id = a.artist_id
            WHERE a.track_id = t.id AND a.role = ANY(:roles)) AS artists,
           b.title AS album, ba.name AS album_artist,
           (SELECT array_agg(g.name ORDER BY g.name_key) FROM track_genres l JOIN genres g ON g.id = l.genre_id
            WHERE l.track_id = t.id) AS genres,
           (SELECT array_agg(g.name ORDER BY g.name_key) FROM track_mood_tags l JOIN mood_tags g ON g.id = l.mood_tag_id
            WHERE l.track_id = t.id) AS moods,
           {
    " || ".join(
        f"coalesce(jsonb_path_query_array({table}.lastfm_tags, '$[0 to {TOP_TAGS - 1}].name'), '[]')"
        for table in ("t", "b", "m")
    )
} AS tags,
           coalesce(t.year, b.release_year) AS year
    FROM tracks t JOIN raw_files f ON f.id = t.file_id JOIN artists m ON m.id = t.track_artist_id
    LEFT JOIN albums b ON b.id = t.album_id LEFT JOIN artists ba ON ba.id = b.album_artist_id
"""
# The words are compared by a hash of all of them, which costs about 10 µs a track: no other step has to say
# that it changed a name, and nothing can be forgotten.
_DUE = f"""
    FROM (SELECT w.*, md5(:version || ROW(w.title, w.artists, w.album, w.album_artist, w.genres, w.moods, w.tags,
                                          w.year)::text) AS source_hash FROM ({_WORDS}) w) d
    LEFT JOIN track_texts x ON x.track_id = d.track_id
    WHERE x.source_hash IS DISTINCT FROM d.source_hash
"""
_PARAMETERS = {"version": f"{SENTENCE_VERSION}/", "roles": list(ROLES)}


def shards_with_due_texts(connection: Connection, shards: Sequence[int]) -> set[int]:
    """Those of the shards with tracks whose words are not what ``track_texts`` was made from."""
    query = f"SELECT DISTINCT d.shard {_DUE} AND d.shard = ANY(:shards)"
    return set(connection.execute(text(query), {**_PARAMETERS, "shards": list(shards)}).scalars())


def write_due_texts(engine: Engine, shards: Sequence[int], progress: Progress | None = None) -> int:
    """Make sentence and document of every track of the shards whose words changed; returns their number."""
    written = 0
    with (progress or Silent()).stage("writing texts") as stage:
        for batch in _batches(engine, shards):
            _write(engine, batch)
            written += len(batch)
            stage(len(batch))
    return written


def _batches(engine: Engine, shards: Sequence[int]) -> Iterator[list[tuple[int, str, TrackWords]]]:
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=BATCH).execute(
            text(f"SELECT d.* {_DUE} AND d.shard = ANY(:shards) ORDER BY d.track_id"),
            {**_PARAMETERS, "shards": list(shards)},
        )
        for part in rows.partitions(BATCH):
            yield [(row.track_id, row.source_hash, _words(row)) for row in part]


def _words(row: object) -> TrackWords:
    value = row._mapping  # type: ignore[attr-defined]
    return TrackWords(
        title=value["title"],
        artists=value["artists"] or (),
        album=value["album"],
        album_artist=value["album_artist"],
        genres=value["genres"] or (),
        moods=value["moods"] or (),
        # Last.fm's answer is anybody's JSON: what is no text is no tag.
        tags=[tag for tag in value["tags"] if isinstance(tag, str)],
        year=value["year"],
    )


_COLUMNS = ("track_id", "source_hash", "sentence", "sentence_hash", "title_words", "artist_words", "album_words")


def _write(engine: Engine, batch: Sequence[tuple[int, str, TrackWords]]) -> None:
    """One transaction; a track that vanished meanwhile is left out."""
    with engine.begin() as connection:
        hold_for_transaction(connection, LOCK_VECTORS)
        temporary_table(connection, "made_texts", "track_id bigint, " + ", ".join(f"{c} text" for c in _COLUMNS[1:]))
        made = ((track_id, source_hash, track_text(words)) for track_id, source_hash, words in batch)
        copy_rows(
            connection,
            "made_texts",
            _COLUMNS,
            (
                (i, source, t.sentence, t.sentence_hash, t.title_words, t.artist_words, t.album_words)
                for i, source, t in made
            ),
        )
        connection.execute(
            text(
                """
                INSERT INTO track_texts (track_id, sentence, sentence_hash, source_hash, document)
                SELECT track_id, sentence, sentence_hash, source_hash,
                       setweight(to_tsvector('simple', title_words), 'A')
                       || setweight(to_tsvector('simple', artist_words), 'B')
                       || setweight(to_tsvector('simple', album_words), 'C')
                FROM made_texts n WHERE EXISTS (SELECT FROM tracks t WHERE t.id = n.track_id)
                ORDER BY track_id
                ON CONFLICT (track_id) DO UPDATE SET sentence = excluded.sentence, document = excluded.document,
                    sentence_hash = excluded.sentence_hash, source_hash = excluded.source_hash, updated_at = now()
                """
            )
        )
