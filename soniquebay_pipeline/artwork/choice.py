"""Which picture is the cover of what: ``covers`` as a function of everything that was seen and offered.

Here: the rules, in SQL over whole tables, so that the order in which pictures came does not matter; writing
the differences. Not here: where offers come from (``store``, ``offers``).

Of an album: what a person chose; the picture that most of its tracks embed, front covers before others; the
best named picture file of its folder; what web services offer (the order of the sources is a setting). A
folder's ``cover.jpg`` belongs to an album when at least three quarters of the tracks in the folder are the
album's, so a folder of loose songs gives nobody its picture; a file named like an album's title is that
album's. Of a track: its own embedded picture where the album shows another. Of an artist: a picture in the
folder that holds the albums, when at least three quarters of the tracks below are by that artist.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.artwork.model import CoverRules
from soniquebay_pipeline.db.bulk import copy_rows, temporary_select, temporary_table
from soniquebay_pipeline.db.locks import LOCK_COVERS, hold_for_transaction
from soniquebay_pipeline.library.paths import picture_key

PLACEHOLDER_ARTISTS = 5
"""From so many album artists on, one and the same web picture is taken for a placeholder."""
OWN_SHARE = 0.75
"""As for the album artist: three quarters make it theirs."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a derivation changed: numbers of covers."""

    added: int = 0
    replaced: int = 0
    removed: int = 0


def create_names(connection: Connection, rules: CoverRules) -> None:
    """Temporary tables: patterns of file names with their places, and the titles that pictures may be named like."""
    temporary_table(connection, "cover_names", "entity_type text, place int, pattern text")
    copy_rows(
        connection,
        "cover_names",
        ("entity_type", "place", "pattern"),
        (
            (entity_type, place, pattern)
            for entity_type, patterns in (("album", rules.album_names), ("artist", rules.artist_names))
            for place, pattern in enumerate(patterns)
            if pattern != rules.TITLE
        ),
    )
    temporary_table(connection, "cover_titles", "album_folder text, album_id bigint, name_key text, place int")
    if rules.TITLE not in rules.album_names:
        return
    # Titles are folded in Python, and only where a picture with another name than the usual ones is.
    rows = connection.execute(
        text(
            """
            SELECT DISTINCT g.album_folder, g.album_id, b.title FROM album_groups g JOIN albums b ON b.id = g.album_id
            WHERE g.album_folder IN (
                SELECT p.album_folder FROM folder_pictures p
                WHERE NOT EXISTS (SELECT FROM cover_names n
                                  WHERE n.entity_type = 'album' AND p.name_key LIKE n.pattern))
            """
        )
    ).all()
    place = rules.album_names.index(rules.TITLE)
    copy_rows(
        connection,
        "cover_titles",
        ("album_folder", "album_id", "name_key", "place"),
        ((folder, album, picture_key(title), place) for folder, album, title in rows if picture_key(title)),
    )


# A picture that a web service shows for albums of many artists stands for "no picture", whoever offers it.
_STORED = """
    SELECT sha256, width::bigint * height AS pixels FROM pictures
    WHERE reason IS NULL AND sha256 <> ALL(:refused) AND sha256 NOT IN (
        SELECT k.sha256 FROM cover_candidates k JOIN albums b ON b.id = k.entity_id
        WHERE k.entity_type = 'album' AND k.source <> 'chosen' AND k.sha256 IS NOT NULL
        GROUP BY 1 HAVING count(DISTINCT b.album_artist_id) >= :artists)
"""

_OWN = """
    SELECT DISTINCT ON (t.id) t.id AS track_id, t.album_id, e.sha256, e.is_front, f.status = 'present' AS present
    FROM file_pictures e
    JOIN stored_pictures s USING (sha256)
    JOIN raw_files f ON f.id = e.file_id
    JOIN tracks t ON t.file_id = e.file_id
    ORDER BY t.id, e.position
"""

_ALBUM_EMBEDDED = """
    SELECT DISTINCT ON (album_id) album_id, sha256
    FROM (SELECT album_id, sha256, bool_or(is_front) AS is_front, count(*) AS tracks,
                 count(*) FILTER (WHERE present) AS present
          FROM own_pictures WHERE album_id IS NOT NULL GROUP BY 1, 2) AS offered
    JOIN stored_pictures USING (sha256)
    ORDER BY album_id, present > 0 DESC, is_front DESC, present DESC, tracks DESC, pixels DESC, sha256
"""

_PLACED = """
    SELECT t.album_id, f.folder, f.album_folder, b.album_artist_id AS artist_id, b.is_compilation
    FROM tracks t JOIN raw_files f ON f.id = t.file_id AND f.status = 'present'
    LEFT JOIN albums b ON b.id = t.album_id
"""

_IN_FOLDER = """
    SELECT folder, album_id, count(*) AS tracks, sum(count(*)) OVER (PARTITION BY folder) AS of_tracks
    FROM (SELECT folder, album_id FROM placed_tracks
          UNION ALL SELECT album_folder, album_id FROM placed_tracks WHERE album_folder <> folder) AS held
    GROUP BY 1, 2
"""

_ALBUM_LOCAL = """
    SELECT DISTINCT ON (album_id) album_id, sha256
    FROM (SELECT h.album_id, p.sha256, h.tracks, n.place, p.path
          FROM folder_pictures p JOIN stored_pictures USING (sha256)
          JOIN held_tracks h ON h.folder = p.folder AND h.tracks >= :share * h.of_tracks
          JOIN cover_names n ON n.entity_type = 'album' AND p.name_key LIKE n.pattern
          UNION ALL
          SELECT h.album_id, p.sha256, h.tracks, t.place, p.path
          FROM folder_pictures p JOIN stored_pictures USING (sha256)
          JOIN held_tracks h ON h.folder = p.folder
          JOIN cover_titles t ON t.album_folder = p.album_folder AND t.album_id = h.album_id
                             AND t.name_key = p.name_key) AS offered
    WHERE album_id IS NOT NULL
    ORDER BY album_id, tracks DESC, place, path COLLATE "C"
"""

# The folder above the album's. One that holds music itself shows that music's cover under the names of covers.
_ARTIST_LOCAL = """
    SELECT DISTINCT ON (artist_id) artist_id, p.sha256
    FROM (SELECT regexp_replace(album_folder, '/?[^/]*$', '') AS folder, artist_id,
                 coalesce(bool_or(is_compilation), true) AS mixed, count(*) AS tracks,
                 sum(count(*)) OVER (PARTITION BY regexp_replace(album_folder, '/?[^/]*$', '')) AS of_tracks
          FROM placed_tracks GROUP BY 1, 2) AS below
    JOIN folder_pictures p ON p.folder = below.folder
    JOIN stored_pictures USING (sha256)
    JOIN cover_names n ON n.entity_type = 'artist' AND p.name_key LIKE n.pattern
    WHERE below.folder <> '' AND artist_id IS NOT NULL AND NOT mixed AND tracks >= :share * of_tracks
      AND NOT (EXISTS (SELECT FROM held_tracks h WHERE h.folder = below.folder)
               AND EXISTS (SELECT FROM cover_names a WHERE a.entity_type = 'album' AND p.name_key LIKE a.pattern))
    ORDER BY artist_id, tracks DESC, n.place, p.path COLLATE "C"
"""

_BEST = """
    SELECT DISTINCT ON (entity_type, entity_id) entity_type, entity_id, source, sha256, url
    FROM (SELECT 'album' AS entity_type, album_id AS entity_id, 'embedded' AS source, sha256, NULL::text AS url
          FROM album_embedded
          UNION ALL SELECT 'album', album_id, 'local', sha256, NULL FROM album_local
          UNION ALL SELECT 'artist', artist_id, 'local', sha256, NULL FROM artist_local
          UNION ALL SELECT 'track', o.track_id, 'embedded', o.sha256, NULL FROM own_pictures o
                    LEFT JOIN album_embedded a USING (album_id) WHERE o.sha256 IS DISTINCT FROM a.sha256
          UNION ALL SELECT entity_type, entity_id, source, sha256, CASE WHEN source <> 'chosen' THEN origin END
                    FROM cover_candidates JOIN stored_pictures USING (sha256)) AS offered
    JOIN unnest(CAST(:sources AS text[])) WITH ORDINALITY AS s(source, place) USING (source)
    WHERE CASE entity_type WHEN 'track' THEN EXISTS (SELECT FROM tracks t WHERE t.id = entity_id)
                           WHEN 'album' THEN EXISTS (SELECT FROM albums b WHERE b.id = entity_id)
                           ELSE EXISTS (SELECT FROM artists a WHERE a.id = entity_id) END
    ORDER BY entity_type, entity_id, place, url COLLATE "C", sha256
"""

# A track that would show what its album shows has no row: the view track_covers gives it the album's.
_WANTED = """
    SELECT w.*, p.mime_type, p.width, p.height, p.size_bytes, p.path, p.colours, p.thumbhash
    FROM best_pictures w JOIN pictures p USING (sha256)
    WHERE NOT (w.entity_type = 'track' AND w.source <> 'chosen' AND EXISTS (
        SELECT FROM tracks t JOIN best_pictures a ON a.entity_type = 'album' AND a.entity_id = t.album_id
        WHERE t.id = w.entity_id AND a.sha256 = w.sha256))
"""

_SAME = """
    (c.source, c.sha256, c.path, c.size_bytes) = (w.source, w.sha256, w.path, w.size_bytes)
    AND c.url IS NOT DISTINCT FROM w.url
"""
_KEY = "c.entity_type = w.entity_type AND c.entity_id = w.entity_id"


def _create_wanted(connection: Connection, rules: CoverRules) -> None:
    create_names(connection, rules)
    temporary_select(connection, "stored_pictures", _STORED, refused=list(rules.refused), artists=PLACEHOLDER_ARTISTS)
    temporary_select(connection, "own_pictures", _OWN)
    temporary_select(connection, "album_embedded", _ALBUM_EMBEDDED)
    temporary_select(connection, "placed_tracks", _PLACED)
    temporary_select(connection, "held_tracks", _IN_FOLDER)
    temporary_select(connection, "album_local", _ALBUM_LOCAL, share=OWN_SHARE)
    temporary_select(connection, "artist_local", _ARTIST_LOCAL, share=OWN_SHARE)
    temporary_select(connection, "best_pictures", _BEST, sources=list(rules.sources))
    temporary_select(connection, "wanted_covers", _WANTED)


def is_due(engine: Engine, rules: CoverRules) -> bool:
    """Whether ``derive`` would change anything."""
    with engine.connect() as connection:
        _create_wanted(connection, rules)
        query = f"""
            SELECT EXISTS (SELECT FROM wanted_covers w
                           WHERE NOT EXISTS (SELECT FROM covers c WHERE {_KEY} AND {_SAME}))
                OR EXISTS (SELECT FROM covers c WHERE NOT EXISTS (SELECT FROM wanted_covers w WHERE {_KEY}))
        """
        return bool(connection.execute(text(query)).scalar_one())


def derive(engine: Engine, rules: CoverRules) -> Changes:
    """Make ``covers`` say what the rules say; writes the differences only."""
    with engine.begin() as connection:
        return derive_in(connection, rules)


def derive_in(connection: Connection, rules: CoverRules) -> Changes:
    """``derive`` as a part of the connection's transaction."""
    hold_for_transaction(connection, LOCK_COVERS)
    _create_wanted(connection, rules)
    removed = connection.execute(
        text(f"DELETE FROM covers c WHERE NOT EXISTS (SELECT FROM wanted_covers w WHERE {_KEY})")
    ).rowcount
    columns = (
        "source",
        "mime_type",
        "width",
        "height",
        "size_bytes",
        "sha256",
        "path",
        "url",
        "colours",
        "thumbhash",
    )
    listed = ", ".join(columns)
    written = (
        connection.execute(
            text(
                f"""
            INSERT INTO covers AS c (entity_type, entity_id, {listed}, fetched_at)
            SELECT entity_type, entity_id, {listed}, now() FROM wanted_covers w
            WHERE NOT EXISTS (SELECT FROM covers c WHERE {_KEY} AND {_SAME})
            ORDER BY entity_type, entity_id
            ON CONFLICT (entity_type, entity_id) DO UPDATE SET
                fetched_at = excluded.fetched_at, {", ".join(f"{name} = excluded.{name}" for name in columns)}
            RETURNING (xmax = 0) AS added
            """
            )
        )
        .scalars()
        .all()
    )
    added = sum(bool(row) for row in written)
    return Changes(added, len(written) - added, removed)
