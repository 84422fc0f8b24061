"""Playlists: smooth, without repeats, from one track to the other; and files that players find the music by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from soniquebay_pipeline.library.paths import to_text
from soniquebay_pipeline.vectors.m3u import m3u, write_m3u
from soniquebay_pipeline.vectors.path import Tracks, find_path, key_moves, targets, tempo_jumps
from soniquebay_pipeline.vectors.playlist import NoPlaylist, make_playlist
from soniquebay_pipeline_tests.database_server import DatabaseServer
from soniquebay_pipeline_tests.vectors.synthetic import Track, catalogue_of, clustered, unit, write

COUNT = 600


@pytest.fixture(scope="module")
def library(server: DatabaseServer) -> Iterator[Engine]:
    with catalogue_of(server, clustered(COUNT, text_dimensions=24, blocks={"timbre": 8})) as engine:
        yield engine


def tracks(vectors: Any, *, has_end: bool = False, **fields: Any) -> Tracks:
    count = len(vectors)
    return Tracks(
        vectors=np.stack([unit(vector) for vector in vectors]),
        bpm=np.array(fields.get("bpm", [120.0] * count), np.float64),
        keys=fields.get("keys", ["8A"] * count),
        artists=np.array(fields.get("artists", range(count)), np.int64),
        recordings=np.array(fields.get("recordings", range(count)), np.int64),
        has_end=has_end,
    )


def fan(*degrees: float) -> list[list[float]]:
    return [[float(np.cos(np.radians(d))), float(np.sin(np.radians(d)))] for d in degrees]


def test_a_path_goes_by_what_lies_between() -> None:
    between = tracks(fan(0, 90, 60, 30, 180, 270), has_end=True)
    assert find_path(between, 4) == [0, 3, 2, 1]


def test_a_path_without_an_end_stays_near() -> None:
    assert set(find_path(tracks(fan(0, 5, 10, 120, 200, -5)), 4)) == {0, 1, 2, 5}


def test_tempo_and_key_decide_where_the_sound_is_equal() -> None:
    equal = fan(0, 1, 1, 1)
    assert find_path(tracks(equal, bpm=[120, 160, 122, 140]), 2) == [0, 2]
    assert find_path(tracks(equal, keys=["8A", "3B", "2A", "9A"]), 2) == [0, 3]


def test_the_same_artist_waits() -> None:
    path = find_path(tracks(fan(0, 1, 2, 8, 9), artists=[1, 1, 1, 2, 3]), 3)
    assert path == [0, 3, 4]


def test_a_recording_comes_once_even_where_little_else_is_there() -> None:
    assert sorted(find_path(tracks(fan(0, 1, 2, 3), recordings=[1, 1, 2, 2], artists=[1] * 4), 10)) in ([0, 2], [0, 3])


def test_octaves_of_tempo_are_near() -> None:
    jumps = tempo_jumps(np.array([60.0, 120.0, 90.0, np.nan]))
    assert jumps[0, 1] < jumps[0, 2] and jumps[0, 0] == 0 and np.isfinite(jumps).all()


def test_the_wheel_of_keys() -> None:
    moves = key_moves(["8A", "8B", "9A", "7A", "2A", "2B", None])
    assert moves[0].tolist() == pytest.approx([0, 0, 0, 0, 5 / 6, 1, 0.5])
    assert key_moves(["12A", "1A"])[0, 1] == 0


def test_targets_lie_on_the_great_circle() -> None:
    points = targets(np.array(fan(0, 90), np.float32), 4, has_end=True)
    assert np.allclose(points, fan(0, 30, 60, 90), atol=1e-6)
    opposite = targets(np.array(fan(0, 180), np.float32), 5, has_end=True)
    assert np.isfinite(opposite).all() and np.allclose(np.linalg.norm(opposite, axis=1), 1, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_path_is_legal(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 25))
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    recordings = draw.integers(0, count, count)
    has_end = data.draw(st.booleans()) and recordings[0] != recordings[1]
    tempi = np.where(draw.random(count) < 0.2, np.nan, draw.uniform(40, 220, count))
    keys = [None if draw.random() < 0.2 else f"{draw.integers(1, 13)}{'AB'[draw.integers(2)]}" for _ in range(count)]
    many = tracks(draw.normal(size=(count, 3)), has_end=has_end, bpm=tempi, keys=keys, recordings=recordings,
                  artists=draw.integers(0, 4, count))  # fmt: skip
    length = data.draw(st.integers(2, 30))
    path = find_path(many, length)
    assert path[0] == 0 and len(path) == min(length, len(set(recordings.tolist())))
    assert len(set(recordings[path].tolist())) == len(path)
    if has_end:
        assert path[-1] == 1


def test_from_one_track_to_another(library: Engine) -> None:
    made = make_playlist(library, 10, 500, 20)
    ids = [row["track_id"] for row in made.rows]
    assert len(ids) == len(set(ids)) == 20 and (ids[0], ids[-1]) == (10, 500)
    assert made.rows[0]["similarity"] is None and all(row["similarity"] is not None for row in made.rows[1:])


def test_it_is_smoother_than_chance(library: Engine) -> None:
    rows = make_playlist(library, 10, None, 20).rows
    draw = np.random.default_rng(0)
    shuffled = [rows[i] for i in draw.permutation(len(rows))]
    assert jump(rows) < jump(shuffled)
    artists = [row["artists"][0] for row in rows]
    assert len(set(artists)) >= 8
    assert sum(a == b for a, b in pairwise(artists)) <= 2


def jump(rows: list[dict[str, Any]]) -> float:
    """Mean jump of the tempo in octaves, where it is known."""
    tempi = [row["bpm"] for row in rows if row["bpm"]]
    return float(np.mean(np.diagonal(tempo_jumps(np.array(tempi)), offset=1)))


def test_the_same_library_makes_the_same_list(library: Engine) -> None:
    assert make_playlist(library, 3, 400, 15) == make_playlist(library, 3, 400, 15)


def test_a_small_library_makes_a_short_list(engine: Engine) -> None:
    write(engine, [Track(f"Song {n}", "A", words=[1.0, n / 10], sound=[1.0, n / 5]) for n in range(4)])
    made = make_playlist(engine, 1, 4, 25)
    assert [row["track_id"] for row in made.rows] == [1, 2, 3, 4] and made.wanted == 25


def test_tracks_without_audio_can_be_played_too(engine: Engine) -> None:
    write(engine, [Track(f"Song {n}", f"A{n}", words=[1.0, n / 10]) for n in range(5)])
    assert len(make_playlist(engine, 1, None, 5).rows) == 5


def test_why_there_is_none(engine: Engine) -> None:
    write(
        engine,
        [
            Track("One", "A", words=[1.0, 0.0]),
            Track("Two", "B", words=[0.0, 1.0], model="another"),
            Track("No vector", "C"),
            Track("Gone", "D", words=[1.0, 1.0], status="missing"),
        ],
    )
    for start, end, length, reason in [
        (1, 1, 5, "same track"), (1, 2, 5, "two models"), (1, 3, 5, "no vectors yet"), (4, None, 5, "missing"),
        (1, None, 1, "2 to 500"), (1, None, 501, "2 to 500"), (99, None, 5, "no such track"),
    ]:  # fmt: skip
        with pytest.raises(NoPlaylist, match=reason):
            make_playlist(engine, start, end, length)


def entry(path: str | bytes, title: str = "Title", seconds: float | None = 61.6) -> dict[str, Any]:
    stored = to_text(path if isinstance(path, bytes) else os.fsencode(path))
    return {"title": title, "artists": ["Artist", "Guest"], "path": stored, "duration_seconds": seconds}


def test_what_an_m3u_holds(tmp_path: Path) -> None:
    content = m3u([entry("A/b.mp3"), entry("Ä/ö.mp3", seconds=None)], tmp_path / "music", tmp_path)
    assert content.decode().splitlines() == [
        "#EXTM3U",
        "#EXTINF:62,Artist, Guest - Title", "music/A/b.mp3",
        "#EXTINF:-1,Artist, Guest - Title", "music/Ä/ö.mp3",
    ]  # fmt: skip
    assert m3u([entry("A/b.mp3")], Path("/srv/music"), None).splitlines()[2] == b"/srv/music/A/b.mp3"


@pytest.mark.parametrize(
    "name",
    [b"#1 Crush.mp3", b" lead.mp3", b"http: a.mp3", b"n\xf8t utf-8.mp3", b"new\nline.mp3", b"c\rr.mp3", b"100%.mp3",
     "東京.mp3".encode(), b"\xef\xbb\xbfbom.mp3"],
)  # fmt: skip
def test_every_file_is_found_again(tmp_path: Path, name: bytes) -> None:
    from urllib.parse import unquote_to_bytes

    music = tmp_path / "music"
    music.mkdir()
    file = os.path.join(os.fsencode(music), name)
    Path(os.fsdecode(file)).touch()
    target = music / "list.m3u8"
    write_m3u(target, [entry(name, title="line\nbreak\r\n#EXTM3U\u2028")], music)
    lines = target.read_bytes().split(b"\n")
    assert len(lines) == 4 and lines[0] == b"#EXTM3U" and lines[1].startswith(b"#EXTINF") and lines[3] == b""
    line = lines[2]
    assert b"\r" not in target.read_bytes() and not line.startswith((b"#", b" ", b"http:"))
    path = unquote_to_bytes(line.removeprefix(b"file://")) if line.startswith(b"file://") else line
    assert os.path.samefile(os.path.join(os.fsencode(music), path), file)


def test_relative_to_a_folder_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music/a.mp3").touch()
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep/er")
    write_m3u(tmp_path / "link/list.m3u8", [entry("a.mp3")], tmp_path / "music")
    line = (tmp_path / "deep/er/list.m3u8").read_text().splitlines()[2]
    assert (tmp_path / "deep/er" / line).samefile(tmp_path / "music/a.mp3")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        write_m3u(tmp_path / "no folder/list.m3u8", [entry("a.mp3")], tmp_path)
    (tmp_path / "folder.m3u8").mkdir()
    with pytest.raises(OSError):
        write_m3u(tmp_path / "folder.m3u8", [entry("a.mp3")], tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["folder.m3u8"]
