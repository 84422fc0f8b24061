"""What people and services offer; and what is cleaned up, when."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.artwork import choice
from soniquebay_pipeline.artwork.maintenance import clean, damaged_pictures
from soniquebay_pipeline.artwork.model import Refused, StoredPicture
from soniquebay_pipeline.artwork.offers import Offer, choose, offer, withdraw
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.artwork import picture_files
from soniquebay_pipeline_tests.artwork.picture_files import RULES, cover, jpeg, put, shown, stored_files
from soniquebay_pipeline_tests.music_files import retag, song
from soniquebay_pipeline_tests.pipeline_steps import INLINE, ingest

A, B, C = (jpeg(seed) for seed in range(3))


def of(data: bytes) -> str:
    return sha256(data).hexdigest()


@pytest.fixture
def home(engine: Engine, music: Path, tmp_path: Path) -> Iterator[Path]:
    """One album without a picture."""
    song(music / "X/1.flac", 1)
    ingest(engine, music)
    yield tmp_path / "home"


def album(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT id FROM albums")).scalar_one())


def from_web(engine: Engine, home: Path, data: bytes | None, source: str = "lastfm") -> StoredPicture | Refused:
    made = Offer("album", album(engine), source, f"https://{source}.example/1", "an id", data)
    [answer] = offer(engine, [made], home=home, max_bytes=2_000_000, pool=INLINE)
    choice.derive(engine, RULES)
    return answer


def choose_file(engine: Engine, home: Path, file: Path) -> StoredPicture | Refused:
    answer = choose(engine, "album", album(engine), file, home=home, max_bytes=2_000_000, pool=INLINE)
    choice.derive(engine, RULES)
    return answer


def test_sources_in_the_order_of_the_setting(engine: Engine, music: Path, home: Path, tmp_path: Path) -> None:
    assert isinstance(from_web(engine, home, A), StoredPicture)
    assert shown(engine) == {"Album": ("lastfm", of(A))}
    from_web(engine, home, B, "coverartarchive")
    assert shown(engine) == {"Album": ("coverartarchive", of(B))}
    retag(music / "X/1.flac", 1, picture=A)
    cover(engine, music, home)
    assert shown(engine) == {"Album": ("embedded", of(A))}
    choose_file(engine, home, put(tmp_path / "mine.jpg", C))
    assert shown(engine) == {"Album": ("chosen", of(C))}
    cover(engine, music, home)
    assert shown(engine) == {"Album": ("chosen", of(C))}
    with engine.begin() as connection:
        assert withdraw(connection, "album", album(engine), "chosen") == 1
    choice.derive(engine, RULES)
    assert shown(engine) == {"Album": ("embedded", of(A))}


def test_what_is_no_picture_is_recorded_and_changes_nothing(engine: Engine, home: Path, tmp_path: Path) -> None:
    from_web(engine, home, A, "coverartarchive")
    answer = from_web(engine, home, b"<html>not found</html>")
    assert isinstance(answer, Refused) and answer.reason == "not_a_picture"
    assert isinstance(from_web(engine, home, None, "lastfm"), Refused)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT source, sha256, reason, about FROM cover_candidates ORDER BY 1")).all()
    assert [tuple(row) for row in rows] == [
        ("coverartarchive", of(A), None, "an id"),
        ("lastfm", None, "none", "an id"),
    ]
    refused = choose_file(engine, home, put(tmp_path / "page.jpg", b"<html>"))
    assert isinstance(refused, Refused) and shown(engine) == {"Album": ("coverartarchive", of(A))}
    assert not os.listdir(home / "covers/tmp")


def test_an_offer_in_a_worker_process(engine: Engine, home: Path) -> None:
    made = Offer("album", album(engine), "lastfm", "https://x.example/", "", A)
    pool = PoolOptions(workers=1, memory_limit_mb=1024)
    [answer] = offer(engine, [made], home=home, max_bytes=2_000_000, pool=pool)
    assert isinstance(answer, StoredPicture) and (home / answer.path).read_bytes() == A


def test_unreferenced_pictures_go_after_the_grace_period(engine: Engine, music: Path, home: Path) -> None:
    picture = put(music / "X/cover.jpg", A)
    cover(engine, music, home)
    picture.unlink()
    cover(engine, music, home)
    assert clean(engine, home, 30).pictures == 0 and stored_files(home)
    with engine.begin() as connection:
        connection.execute(text("UPDATE pictures SET unreferenced_since = now() - interval '31 days'"))
    assert clean(engine, home, 30).pictures == 1 and not stored_files(home)


def test_a_picture_that_is_used_again_stays(engine: Engine, music: Path, home: Path) -> None:
    picture = put(music / "X/cover.jpg", A)
    cover(engine, music, home)
    picture.unlink()
    cover(engine, music, home)
    clean(engine, home, 30)
    put(picture, A)
    assert cover(engine, music, home).stored == 0
    assert clean(engine, home, 0).pictures == 0
    assert shown(engine) == {"Album": ("local", of(A))}


def test_a_chosen_picture_stays_when_its_album_is_gone(engine: Engine, music: Path, home: Path, tmp_path: Path) -> None:
    choose_file(engine, home, put(tmp_path / "mine.jpg", C))
    from_web(engine, home, A)
    retag(music / "X/1.flac", 1, album="Another")
    cover(engine, music, home)
    assert shown(engine) == {}
    cleaned = clean(engine, home, 0)
    assert (cleaned.candidates, cleaned.pictures) == (1, 1)
    assert any(of(C) in name for name in stored_files(home))


def test_damaged_files_are_made_again(engine: Engine, music: Path, home: Path) -> None:
    put(music / "X/cover.jpg", A)
    cover(engine, music, home)
    before = stored_files(home)
    for name in before:
        (home / "covers" / name).write_bytes(b"")
    assert damaged_pictures(engine, home)
    assert clean(engine, home, 30).damaged == 1
    cover(engine, music, home)
    assert not damaged_pictures(engine, home) and stored_files(home) == before
    assert shown(engine) == {"Album": ("local", of(A))}


def test_files_that_nobody_knows_are_removed_after_a_day(engine: Engine, home: Path) -> None:
    stray = put(home / "covers/ab/abcd.jpg", b"x")
    assert clean(engine, home, 30).stray_files == 0
    os.utime(stray, (time.time() - 90_000,) * 2)
    assert clean(engine, home, 30).stray_files == 1 and not stray.exists()


def test_links_and_special_files_are_not_opened(engine: Engine, music: Path, home: Path, tmp_path: Path) -> None:
    secret = put(tmp_path / "outside.jpg", A)
    (music / "X/cover.jpg").symlink_to(secret)
    os.mkfifo(music / "X/folder.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(music / "X/front.png"))
        (music / "X/album.gif").mkdir()
        cover(engine, music, home)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT path, reason FROM folder_pictures ORDER BY 1")).all()
    assert [tuple(row) for row in rows] == [
        ("X/cover.jpg", "link"),
        ("X/folder.jpg", "special"),
        ("X/front.png", "special"),
    ]
    assert shown(engine) == {} and not stored_files(home)


def test_a_picture_that_may_not_be_read_is_tried_again_later(engine: Engine, music: Path, home: Path) -> None:
    from soniquebay_pipeline.artwork import store
    from soniquebay_pipeline.artwork.look import FOLDER_PICTURE, Place

    put(music / "X/cover.jpg", A)
    picture_files.ingest(engine, music)
    [place] = store.due_places(engine, music, range(4), RULES)
    assert place.kind == FOLDER_PICTURE
    store.write_found(
        engine, [(Place(*(getattr(place, n) for n in ("kind", "id", "path", "about"))), Refused("permission", "no"))]
    )
    assert cover(engine, music, home).places == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE deferred_tasks SET next_attempt_at = now() - interval '1 second'"))
    assert cover(engine, music, home).places == 1
    assert shown(engine) == {"Album": ("local", of(A))}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deferred_tasks")).scalar_one() == 0


def test_a_content_that_crashed_a_worker_is_tried_again_later(engine: Engine, music: Path, home: Path) -> None:
    from soniquebay_pipeline.artwork import store

    put(music / "X/cover.jpg", A)
    with engine.begin() as connection:
        store.write_pictures(connection, [(of(A), Refused("crashed", "the process died"))])
    assert cover(engine, music, home).stored == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE deferred_tasks SET next_attempt_at = now() - interval '1 second'"))
    assert cover(engine, music, home).stored == 1
    assert shown(engine) == {"Album": ("local", of(A))}
