"""The map of the library: every track a point, coloured by genre, as data and as a page for the browser.

Here: which tracks are on it, their genres, how spread each genre is, the page. Not here: where a point goes
(``projection``), and the picture in Dagster's metadata (``defs.charts``).

The page needs no network, and names can't break out of it: they are data, with ``<`` and ``&`` escaped, and the
script only ever writes them as text.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from soniquebay_pipeline.vectors.arrays import from_database

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TRACKS = 20_000
"""A larger library is sampled: a page of so many takes about 2 MB and draws at once."""
COLOURED_GENRES = 11
OTHER, NONE = "other genres", "no genre"
PALETTE = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f",
           "#2f9fd0", "#8cd17d", "#8a8f98", "#5b616b")  # fmt: skip
"""Tableau 10 and one more; the last two are for other genres and for none."""
PAGE = "library.html"
_TEMPLATE = Path(__file__).with_name("atlas.html")
_STATE = re.compile(r'name="soniquebay-vectors" content="([0-9a-f]+)"')


@dataclass(frozen=True, slots=True)
class GenreSpread:
    """How far a genre's tracks are apart."""

    name: str
    tracks: int
    spread: float
    """1 minus the length of the mean of its unit vectors: 0 where all are equal, towards 1 where they share nothing."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """The points of the map, and what they are."""

    points: NDArray[np.float32]
    """In -1..1, shape (n, 2)."""
    labels: list[str]
    """Names of the groups, in the order of the palette."""
    groups: NDArray[np.int64]
    """Which label each point has."""
    titles: list[str]
    artists: list[str]
    genres: list[GenreSpread]
    """The most common ones, the most spread first."""
    tracks: int
    """All that have vectors; more than points in a large library."""
    state: str

    @property
    def colours(self) -> list[str]:
        """One for each label."""
        return [*PALETTE[: len(self.labels) - 2], *PALETTE[-2:]]


def page_path(home: Path) -> Path:
    """Where the page is, be it there or not."""
    return home / "maps" / PAGE


def state_of_vectors(connection: Connection) -> tuple[str, str, int]:
    """(what changes when the vectors do, the model most of them are of, their number); ("", "", 0) without any."""
    row = connection.execute(
        text(
            """
            SELECT md5(concat_ws(' ', model, count(*), max(created_at), sum(track_id))), model, count(*) FROM embeddings
            WHERE kind = 'combined' GROUP BY model, vector_dims(vector) ORDER BY count(*) DESC, model LIMIT 1
            """
        )
    ).one_or_none()
    return ("", "", 0) if row is None else (row[0], row[1], row[2])


def page_state(path: Path) -> str | None:
    """The state of the vectors that a page was made from; None where there is no page."""
    try:
        with path.open(encoding="utf-8") as file:
            found = _STATE.search(file.read(2000))
    except OSError:
        return None
    return found[1] if found else None


def make_atlas(engine: Engine, max_tracks: int = MAX_TRACKS) -> Atlas | None:
    """The map of all tracks with combined vectors, or of a sample; None where there are none. Takes about 15 s."""
    import numpy as np

    from soniquebay_pipeline.vectors.projection import project

    with engine.connect() as connection:
        state, model, tracks = state_of_vectors(connection)
        # In the order of a hash: the first ones are a fair sample, the same each time.
        rows = connection.execute(
            text(
                """
                SELECT vector_send(e.vector), o.title, array_to_string(o.artists, ', '), o.genres
                FROM (SELECT track_id, vector FROM embeddings
                      WHERE kind = 'combined' AND model = :model
                      ORDER BY md5(track_id::text) LIMIT :most) e
                JOIN track_overview o USING (track_id) ORDER BY md5(track_id::text)
                """
            ),
            {"model": model, "most": max_tracks},
        ).all()
    if not rows:
        return None
    vectors = from_database([row[0] for row in rows])
    counts: dict[str, int] = {}
    for row in rows:
        for name in row[3]:
            counts[name] = counts.get(name, 0) + 1
    common = sorted(counts, key=lambda name: (-counts[name], name))[:COLOURED_GENRES]
    labels = [*common, OTHER, NONE]
    groups = np.array([_group(row[3], common) for row in rows], np.int64)
    return Atlas(
        points=project(vectors),
        labels=labels,
        groups=groups,
        titles=[row[1] for row in rows],
        artists=[row[2] for row in rows],
        genres=sorted(
            (_spread(name, vectors[[name in row[3] for row in rows]]) for name in common),
            key=lambda genre: (-genre.spread, genre.name),
        ),
        tracks=tracks,
        state=state,
    )


def write_page(atlas: Atlas, home: Path) -> Path:
    """Write the page below the home, at once or not at all; returns where it is."""
    path = page_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(page(atlas), "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def page(atlas: Atlas) -> str:
    """The page as one HTML text."""
    data = {
        "labels": atlas.labels,
        "colours": atlas.colours,
        "x": [round(float(x), 4) for x in atlas.points[:, 0]],
        "y": [round(float(y), 4) for y in atlas.points[:, 1]],
        "groups": atlas.groups.tolist(),
        "titles": atlas.titles,
        "artists": atlas.artists,
        "tracks": atlas.tracks,
    }
    # Inside <script> the browser looks for "</script" and "<!--" before JSON is parsed.
    encoded = json.dumps(data, ensure_ascii=True)
    for character in "<>&":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    template = _TEMPLATE.read_text("utf-8")
    return template.replace("STATE", atlas.state, 1).replace("DATA", encoded, 1)


def _group(genres: list[str], common: list[str]) -> int:
    """The most common of the track's genres that has a colour."""
    places = [common.index(name) for name in genres if name in common]
    if places:
        return min(places)
    return len(common) if genres else len(common) + 1


def _spread(name: str, vectors: NDArray[np.float32]) -> GenreSpread:
    import numpy as np

    return GenreSpread(name, len(vectors), round(1 - float(np.linalg.norm(vectors.mean(axis=0))), 3))
