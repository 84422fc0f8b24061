"""The map: what is alike lies together, the same each time, and names can't break out of the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.vectors.atlas import (
    NONE,
    OTHER,
    make_atlas,
    page,
    page_path,
    page_state,
    state_of_vectors,
    write_page,
)
from soniquebay_pipeline.vectors.projection import TSNE_POINTS, project
from soniquebay_pipeline_tests.vectors.synthetic import Track, unit, write

HOSTILE = [
    "</script><script>alert(1)</script>", "<!--", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "a\nb\u2028c",
    '"quotes" \'and\' \\back', "DATA", "STATE", "𝄞 東京",
]  # fmt: skip


class Scripts(HTMLParser):
    """The elements of a page and what its scripts hold, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def data_of(html: str) -> dict[str, Any]:
    reader = Scripts()
    reader.feed(html)
    assert len(reader.scripts) == 2 and "img" not in reader.tags
    found: dict[str, Any] = json.loads(reader.scripts[0])
    return found


def clusters(count: int, groups: int = 3, dimensions: int = 8) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(5)
    of = np.arange(count) % groups
    centres = 8 * draw.normal(size=(groups, dimensions))
    vectors = centres[of] + draw.normal(size=(count, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), of


@pytest.mark.parametrize("count", [1, 2, 3, 29, 90])
def test_any_number_of_points_fits_the_plane(count: int) -> None:
    points = project(clusters(count)[0])
    assert points.shape == (count, 2) and np.isfinite(points).all() and np.abs(points).max() <= 1 + 1e-6


def test_one_dimension_and_equal_vectors() -> None:
    assert project(np.ones((5, 1), np.float32)).shape == (5, 2)
    assert np.isfinite(project(np.ones((40, 4), np.float32))).all()
    copies = np.repeat(clusters(40)[0], 5, axis=0)
    assert np.isfinite(project(copies)).all()


def test_what_is_alike_lies_together_and_always_in_the_same_place() -> None:
    vectors, of = clusters(120)
    points = project(vectors)
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (of[distances.argmin(axis=1)] == of).mean() > 0.95
    assert np.array_equal(points, project(vectors))


def test_points_beyond_the_sample_go_to_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soniquebay_pipeline.vectors.projection.TSNE_POINTS", 60)
    vectors, of = clusters(300)
    points = project(vectors)
    centres = np.stack([points[:60][of[:60] == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(points[60:, None] - centres[None], axis=2).argmin(axis=1)
    assert (nearest == of[60:]).mean() > 0.95
    assert TSNE_POINTS > 60


def library(engine: Engine) -> None:
    tracks = [
        Track(
            f"Song {n}",
            f"A{n}",
            words=[1.0, n / 50],
            sound=[n % 3, 1.0],
            genres=("Rock",) if n % 3 else ("Jazz", "Rock"),
        )
        for n in range(40)
    ]
    tracks += [Track("Without genre", "B", words=[0.5, 1.0], sound=[1.0, 0.0])]
    tracks += [Track(f"Rare {n}", "C", words=[0.5, 1.0], genres=(f"Genre {n}",)) for n in range(15)]
    write(engine, tracks)


def test_the_atlas_of_a_library(engine: Engine) -> None:
    library(engine)
    atlas = make_atlas(engine)
    assert atlas is not None and atlas.tracks == len(atlas.points) == 56
    group = {title: atlas.labels[g] for title, g in zip(atlas.titles, atlas.groups, strict=True)}
    assert group["Song 1"] == group["Song 0"] == "Rock" and group["Without genre"] == NONE
    assert {group[f"Rare {n}"] for n in range(15)} > {OTHER}
    spread = {genre.name: genre for genre in atlas.genres}
    assert spread["Rock"].tracks == 40 and 0 < spread["Rock"].spread < 1
    assert spread["Genre 0"].spread == pytest.approx(0, abs=1e-3), "a single track is not spread"
    assert len(atlas.colours) == len(atlas.labels)


def test_a_library_without_vectors_has_none(engine: Engine) -> None:
    assert make_atlas(engine) is None
    with engine.connect() as connection:
        assert state_of_vectors(connection) == ("", "", 0)


def test_a_large_library_is_sampled(engine: Engine) -> None:
    library(engine)
    atlas = make_atlas(engine, max_tracks=10)
    assert atlas is not None and (len(atlas.points), atlas.tracks) == (10, 56)
    assert atlas.titles == make_atlas(engine, max_tracks=10).titles  # type: ignore[union-attr]


def test_names_cannot_break_out_of_the_page(engine: Engine) -> None:
    write(engine, [Track(name, name, None, words=unit([1.0, n]), genres=(name,)) for n, name in enumerate(HOSTILE)])
    atlas = make_atlas(engine)
    assert atlas is not None
    html = page(atlas)
    data = data_of(html)
    assert sorted(data["titles"]) == sorted(data["artists"]) == sorted(HOSTILE)
    assert set(data["labels"]) == {*HOSTILE, OTHER, NONE}
    assert not re.search(
        r"""(src|href)\s*=|url\(|https?://""", html.replace(json.dumps(data), "").split('id="data">')[0]
    )
    assert "innerHTML" not in html and "default-src 'none'" in html


def test_the_page_knows_what_it_was_made_from(engine: Engine, tmp_path: Path) -> None:
    library(engine)
    assert page_state(page_path(tmp_path)) is None
    atlas = make_atlas(engine)
    assert atlas is not None
    path = write_page(atlas, tmp_path)
    assert path == page_path(tmp_path) and [each.name for each in path.parent.iterdir()] == [path.name]
    with engine.connect() as connection:
        assert page_state(path) == state_of_vectors(connection)[0]
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM embeddings WHERE track_id = 1"))
        assert page_state(path) != state_of_vectors(connection)[0]
