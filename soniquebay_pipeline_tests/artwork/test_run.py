"""Which picture becomes the cover of what: real files, a real database, real pictures."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork import choice, run
from soniquebay_pipeline.artwork.model import CoverRules
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.artwork.picture_files import RULES, cover, jpeg, put, shown, stored_files
from soniquebay_pipeline_tests.music_files import retag, song
from soniquebay_pipeline_tests.pipeline_steps import SHARDS

A, B, C, D = (jpeg(seed) for seed in range(4))


def of(data: bytes) -> str:
    return sha256(data).hexdigest()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_each_album_has_the_best_picture(engine: Engine, music: Path, home: Path) -> None:
    for track in range(3):
        song(music / f"Art/Embedded/{track}.flac", track, album="Embedded", picture=A if track else B)
        song(music / f"Art/Local/{track}.mp3", 10 + track, album="Local")
        song(music / f"Art/Set/CD{track}/1.flac", 20 + track, album="Set", disc=track + 1)
        song(music / f"Loose/{track}.flac", 30 + track, album=f"Loose {track}", artist=(f"L{track}",))
        song(music / f"None/{track}.flac", 40 + track, album="None", artist=("N",))
    put(music / "Art/Embedded/cover.jpg", C)
    put(music / "Art/Local/back.jpg", B)
    put(music / "Art/Local/Folder.JPG", C)
    put(music / "Art/Set/front.png", D)
    put(music / "Loose/cover.jpg", A)
    put(music / "Loose/LOOSE_1.jpg", D)
    put(music / "Art/artist.jpg", A)
    cover(engine, music, home)
    assert shown(engine) == {
        "Embedded": ("embedded", of(A)),
        "Local": ("local", of(C)),
        "Set": ("local", of(D)),
        "Loose 1": ("local", of(D)),
    }
    assert shown(engine, "track") == {"Song 0": ("embedded", of(B))}
    assert shown(engine, "artist") == {"Artist": ("local", of(A))}
    with engine.connect() as connection:
        tracks = connection.execute(text("SELECT count(*), count(DISTINCT sha256) FROM track_covers")).one()
        stored = set(connection.execute(text("SELECT sha256 FROM pictures")).scalars())
    assert tuple(tracks) == (10, 4)
    assert stored == {of(A), of(B), of(C), of(D)}  # back.jpg is B, embedded elsewhere


def test_a_rerun_opens_and_stores_nothing(engine: Engine, music: Path, home: Path) -> None:
    song(music / "X/1.flac", 1, picture=A)
    put(music / "X/cover.jpg", B)
    first = cover(engine, music, home)
    assert (first.places, first.stored, first.covers.added) == (2, 2, 1)
    assert not run.is_due(engine, range(SHARDS), RULES)
    again = cover(engine, music, home)
    assert (again.places, again.stored, again.covers) == (0, 0, choice.Changes())


def test_many_tracks_share_one_picture(engine: Engine, music: Path, home: Path) -> None:
    for track in range(12):
        song(music / f"X/{track}.{'flac' if track % 2 else 'mp3'}", track, picture=A)
    report = cover(engine, music, home)
    assert (report.places, report.pictures_found, report.stored) == (12, 12, 1)
    assert len(stored_files(home)) == 3  # 400 pixels: the picture, 300, 150
    assert shown(engine, "track") == {}


def test_better_replaces_worse_and_worse_returns(engine: Engine, music: Path, home: Path) -> None:
    path = song(music / "X/1.flac", 1)
    cover(engine, music, home)
    assert shown(engine) == {}
    picture = put(music / "X/cover.jpg", A)
    assert cover(engine, music, home).covers == choice.Changes(added=1)
    retag(path, 1, picture=B)
    assert cover(engine, music, home).covers == choice.Changes(replaced=1)
    assert shown(engine) == {"Album": ("embedded", of(B))}
    retag(path, 1)
    cover(engine, music, home)
    assert shown(engine) == {"Album": ("local", of(A))}
    put(picture, C)
    cover(engine, music, home)
    assert shown(engine) == {"Album": ("local", of(C))}
    picture.unlink()
    assert cover(engine, music, home).covers == choice.Changes(removed=1)
    assert shown(engine) == {}


def test_a_moved_file_is_not_opened_again(engine: Engine, music: Path, home: Path) -> None:
    song(music / "X/1.flac", 1, picture=A)
    song(music / "Y/2.flac", 2, album="Other")
    cover(engine, music, home)
    shutil.move(music / "X/1.flac", music / "Y/1.flac")
    assert cover(engine, music, home).places == 0
    assert shown(engine) == {"Album": ("embedded", of(A))}


def test_the_order_of_sources_and_the_names_are_settings(engine: Engine, music: Path, home: Path) -> None:
    song(music / "X/1.flac", 1, picture=A)
    put(music / "X/my scan.jpg", B)
    put(music / "X/cover.jpg", C)
    cover(engine, music, home)
    assert shown(engine) == {"Album": ("embedded", of(A))}
    rules = CoverRules.of(Settings(cover_sources="local,embedded", cover_names="My*,cover"))
    assert run.is_due(engine, range(SHARDS), rules)
    cover(engine, music, home, rules=rules, scan=False)
    assert shown(engine) == {"Album": ("local", of(B))}
    cover(engine, music, home, rules=CoverRules.of(Settings(cover_sources="chosen")), scan=False)
    assert shown(engine) == {}


def test_a_refused_front_cover_gives_way_to_the_next_picture(engine: Engine, music: Path, home: Path) -> None:
    from mutagen.flac import FLAC, Picture

    path = song(music / "X/1.flac", 1)
    file = FLAC(path)
    for kind, data in ((4, C), (3, A[: len(A) // 2]), (1, D)):
        picture = Picture()
        picture.type, picture.mime, picture.data = kind, "image/png", data
        file.add_picture(picture)
    file.save()
    report = cover(engine, music, home)
    assert report.refused_by_reason == {"corrupt": 1}
    assert shown(engine) == {"Album": ("embedded", of(C))}
    assert cover(engine, music, home).refused == 0


def test_a_picture_on_disk_is_the_one_that_was_found(engine: Engine, music: Path, home: Path) -> None:
    picture = jpeg(7, 900)
    song(music / "X/1.flac", 1, picture=picture)
    cover(engine, music, home)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM covers")).one()
        thumbnails = connection.execute(text("SELECT thumbnails FROM pictures")).scalar_one()
    assert (home / row.path).read_bytes() == picture
    assert (row.mime_type, row.width, row.height, row.size_bytes) == ("image/jpeg", 900, 900, len(picture))
    assert thumbnails == [150, 300, 500, 800]
    for side in thumbnails:
        with Image.open(home / "covers" / row.sha256[:2] / f"{row.sha256}-{side}.webp") as small:
            assert small.size == (side, side)


def test_too_many_bytes_are_stored_smaller(engine: Engine, music: Path, home: Path) -> None:
    heavy = A + b"\0" * 3_000_000
    song(music / "X/1.flac", 1, picture=heavy)
    cover(engine, music, home)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM covers")).one()
    assert row.sha256 == of(heavy) and row.size_bytes < 2_000_000
    assert (home / row.path).stat().st_size == row.size_bytes


def test_workers_find_the_same(engine: Engine, music: Path, home: Path) -> None:
    for track in range(4):
        song(music / f"X{track}/1.flac", track, album=f"X{track}", picture=jpeg(track))
        put(music / f"X{track}/cover.jpg", jpeg(track + 50))
    cover(engine, music, home)
    alone, files = shown(engine), stored_files(home)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE pictures, file_pictures, covers, cover_candidates"))
    other = home.with_name("other home")
    cover(engine, music, other, pool=PoolOptions(workers=2, batch_size=2), scan=False)
    assert shown(engine) == alone and stored_files(other) == files


def test_what_is_left_of_a_killed_run_is_removed(engine: Engine, music: Path, home: Path) -> None:
    song(music / "X/1.flac", 1, picture=A)
    put(home / "covers/tmp/0123", b"half a picture")
    cover(engine, music, home)
    assert not os.listdir(home / "covers/tmp")
