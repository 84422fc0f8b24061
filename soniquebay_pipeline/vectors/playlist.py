"""Playlists: from one track to another, or around one.

Here: candidates from the catalogue, and the finished list. Not here: the choice among them (``path``), files
(``m3u``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.vectors.arrays import from_database, to_database
from soniquebay_pipeline.vectors.path import Tracks, find_path, targets
from soniquebay_pipeline.vectors.search import Row, overview

if TYPE_CHECKING:
    import numpy as np

MAX_LENGTH = 500
WAYPOINTS = 12
"""Candidates are looked for around so many targets, spread over the path."""
CANDIDATES = 60
"""Around each."""
MAX_OF_ARTIST = 6
"""Of these, so that a large discography does not crowd out everybody else."""


class NoPlaylist(Exception):
    """Why there is none; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """Tracks in playing order, each with what changes from the one before it."""

    rows: list[Row]
    """Columns of ``track_overview``, and ``similarity`` to the track before, None for the first."""
    wanted: int


def make_playlist(engine: Engine, start: int, end: int | None, length: int) -> Playlist:
    """A list of ``length`` tracks, or fewer where there are not so many. Raises NoPlaylist."""
    import numpy as np

    if not 2 <= length <= MAX_LENGTH:
        raise NoPlaylist(f"A playlist has 2 to {MAX_LENGTH} tracks, not {length}.")
    if start == end:
        raise NoPlaylist("The playlist would start and end with the same track; leave out where it ends.")
    with engine.connect() as connection:
        ends = [start] if end is None else [start, end]
        model = _common_model(connection, ends)
        corners = _load(connection, ends, has_end=end is not None)
        aims = targets(corners.vectors, length, end is not None)
        chosen = np.unique(np.linspace(0, length - 1, min(WAYPOINTS, length)).round().astype(int))
        if end is None:
            chosen = chosen[:1]
        each = max(CANDIDATES, 4 * length // len(chosen))
        found: dict[int, None] = dict.fromkeys(ends)
        for place in chosen:
            found |= dict.fromkeys(_near(connection, aims[place], model, each, ends))
        ids = list(found)
        tracks = _load(connection, ids, has_end=end is not None)
        order = find_path(tracks, length)
        known = overview(connection, [ids[row] for row in order])
    rows = []
    for place, row in enumerate(order):
        before = None if place == 0 else float(tracks.vectors[order[place - 1]] @ tracks.vectors[row])
        rows.append({**known[ids[row]], "similarity": before})
    return Playlist(rows, length)


def _common_model(connection: Connection, ends: list[int]) -> str:
    rows = connection.execute(
        text(
            """
            SELECT t.id, t.title, e.model, r.status FROM tracks t JOIN raw_files r ON r.id = t.file_id
            LEFT JOIN embeddings e ON e.track_id = t.id AND e.kind = 'combined' WHERE t.id = ANY(:ids)
            """
        ),
        {"ids": ends},
    ).all()
    for number, title, model, status in rows:
        if status != "present":
            raise NoPlaylist(f"The file of track {number} ({title}) is {status}.")
        if model is None:
            raise NoPlaylist(f"Track {number} ({title}) has no vectors yet; the asset embeddings makes them.")
    models = {model for _, _, model, _ in rows}
    if len(rows) < len(ends):
        raise NoPlaylist("There is no such track.")
    if len(models) > 1:
        raise NoPlaylist("The two tracks have vectors of two models; wait until the asset embeddings is complete.")
    return str(models.pop())


def _near(connection: Connection, target: np.ndarray, model: str, n: int, but: list[int]) -> list[int]:
    rows = connection.execute(
        text(
            """
            SELECT track_id FROM nearest_tracks(CAST(:target AS vector), 'combined', :model, n => :n,
                not_tracks => :but, max_per_artist => :most) ORDER BY similarity DESC, track_id
            """
        ),
        {"target": to_database(target), "model": model, "n": n, "but": but, "most": max(MAX_OF_ARTIST, n // 8)},
    )
    return list(rows.scalars())


def _load(connection: Connection, ids: list[int], *, has_end: bool) -> Tracks:
    """The tracks in the order of the ids."""
    import numpy as np

    rows = connection.execute(
        text(
            """
            SELECT vector_send(e.vector), s.bpm, s.camelot_key, t.track_artist_id,
                   dense_rank() OVER (ORDER BY t.track_artist_id, lower(t.title)) AS recording
            FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS i (track_id, place)
            JOIN tracks t ON t.id = i.track_id
            JOIN embeddings e ON e.track_id = t.id AND e.kind = 'combined'
            LEFT JOIN audio_features s ON s.track_id = t.id
            ORDER BY i.place
            """
        ),
        {"ids": ids},
    ).all()
    vectors, bpm, keys, artists, recordings = zip(*rows, strict=True)
    return Tracks(
        vectors=from_database(list(vectors)),
        bpm=np.array([value if value and value > 0 else np.nan for value in bpm], np.float64),
        keys=list(keys),
        artists=np.array(artists, np.int64),
        recordings=np.array(recordings, np.int64),
        has_end=has_end,
    )
