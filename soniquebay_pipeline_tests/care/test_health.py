"""Each kind of finding is found where it is, and not where it is not: on real files in a real PostgreSQL."""

from __future__ import annotations

import csv
import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.audio.run import analyse_due_tracks
from soniquebay_pipeline.care.health import page
from soniquebay_pipeline.care.health.kinds import KINDS
from soniquebay_pipeline.care.health.report import Finding, findings, make_report
from soniquebay_pipeline.demo.writing import encode
from soniquebay_pipeline.library.workers import PoolOptions
from soniquebay_pipeline_tests.artwork.picture_files import cover, jpeg, put
from soniquebay_pipeline_tests.care.packed_fingerprints import pack
from soniquebay_pipeline_tests.music_files import music_of, song
from soniquebay_pipeline_tests.pipeline_steps import SHARDS, ingest


def found(engine: Engine, *kinds: str) -> list[Finding]:
    make_report(engine)
    return list(findings(engine, kinds))


def test_a_sound_library_has_no_finding_but_missing_ids(engine: Engine, music: Path) -> None:
    for artist in ("Abba", "Björk"):
        for number in (1, 2, 3):
            song(music / artist / "Greatest Hits" / f"{number}.flac", hash_of(artist, number), artist=(artist,),
                 album="Greatest Hits", track=number, title=f"Ágætis {number}")  # fmt: skip
    ingest(engine, music)
    assert [(f.kind, f.file_count) for f in found(engine)] == [("missing_ids", 3), ("missing_ids", 3)]


def hash_of(*parts: object) -> int:
    return sum(ord(letter) * 31**place for place, letter in enumerate("/".join(map(str, parts)))) % 100_000


def test_small_covers_of_what_is_there(engine: Engine, music: Path, tmp_path: Path) -> None:
    for number, (album, side) in enumerate((("Here", 200), ("Gone", 200), ("Large", 400))):
        song(music / "Cher" / album / "1.flac", number, artist=("Cher",), album=album, picture=jpeg(number, side))
    put(music / "Cher" / "artist.jpg", jpeg(9, 200))
    cover(engine, music, tmp_path / "home")
    shutil.rmtree(music / "Cher" / "Gone")
    cover(engine, music, tmp_path / "home")
    small = found(engine, "small_cover")
    # A path that is NULL once ended the whole report.
    assert [(f.entity_type, f.subject, list(f.paths), f.file_count) for f in small] == [
        ("album", "Here", ["Cher/Here/1.flac"], 1),
        ("artist", "Cher", [], 0),
    ]


def test_a_compilation_torn_apart_by_artist(engine: Engine, music: Path) -> None:
    for number in (1, 2, 3, 4):
        name = f"Artist {number % 2}"
        song(music / "Hits 99" / f"{number}.mp3", number, artist=(name,), album_artist=name, album="Hits 99",
             track=number)  # fmt: skip
        song(music / "Sampler" / name / f"{number}.mp3", 50 + number, artist=(name,), album_artist=name,
             album="Sampler", track=number)  # fmt: skip
        # Two albums of one title: both have a first track.
        song(music / "Best" / name / f"{number}.mp3", 90 + number, artist=(name,), album_artist=name,
             album="Best", track=number // 2 + number % 2)  # fmt: skip
    ingest(engine, music)
    torn = found(engine, "split_compilation")
    assert {(f.subject, f.detail) for f in torn} == {
        ("Hits 99", "2 albums of 2 artists in one folder"),
        ("Sampler", "2 albums of 2 artists in 2 folders"),
    }
    [hits] = [f for f in torn if f.subject == "Hits 99"]
    assert hits.paths == tuple(f"Hits 99/{number}.mp3" for number in (1, 2, 3, 4)) and hits.severity == "warning"


def test_copies_of_the_same_audio_name_the_best_tagged_first(engine: Engine, music: Path) -> None:
    song(music / "A/1.flac", 1, genres=("Rock",), date="1999")
    song(music / "0/copy.flac", 1)
    song(music / "A/2.flac", 2)
    ingest(engine, music)
    [copies] = found(engine, "same_audio")
    assert copies.paths == ("A/1.flac", "0/copy.flac") and copies.detail.startswith("2 files of the same audio")


@pytest.mark.skipif(shutil.which("fpcalc") is None, reason="fpcalc is not installed; the next test needs none")
def test_encodings_of_one_recording_name_the_lossless_one_first(engine: Engine, music: Path) -> None:
    """Real audio, really encoded; fpcalc makes the fingerprints."""
    write_recording(music, 1, "B/one.flac", "C/one.mp3", "A/one.ogg")
    write_recording(music, 2, "B/two.flac")
    ingest(engine, music)
    analyse_due_tracks(engine, music, range(SHARDS), pool=PoolOptions(workers=0))
    [same] = found(engine, "same_recording")
    assert same.paths[0] == "B/one.flac" and set(same.paths) == {"B/one.flac", "C/one.mp3", "A/one.ogg"}
    assert same.file_count == 3 and "flac" in same.detail
    # A second report compares nothing again; a copy that goes takes its finding with it.
    (music / "C/one.mp3").unlink()
    (music / "A/one.ogg").unlink()
    ingest(engine, music, max_missing_share=1.0)
    assert found(engine, "same_recording") == []


def test_fingerprints_that_are_nearly_equal_are_one_recording(engine: Engine, music: Path) -> None:
    """The same without fpcalc: fingerprints as it prints them, one of them with noise and an offset."""
    import numpy as np

    for name in ("a.mp3", "b.flac", "c.mp3", "damaged.mp3", "silent.mp3", "silent too.mp3"):
        song(music / name, hash_of(name))
    ingest(engine, music)
    random = np.random.default_rng(5)
    one, other = (random.integers(0, 2**32, 400, dtype=np.uint32) for _ in range(2))
    noisy = np.concatenate((other[:9], np.where(random.random(400) < 0.4, one ^ np.uint32(4), one)))
    prints = {"a.mp3": pack(one.tolist()), "b.flac": pack(noisy.tolist()), "c.mp3": pack(other.tolist()),
              "damaged.mp3": "AQAA", "silent.mp3": pack([7] * 400), "silent too.mp3": pack([7] * 400)}  # fmt: skip
    with engine.begin() as connection:
        for name, fingerprint in prints.items():
            connection.execute(
                text(
                    "INSERT INTO audio_features (track_id, analysis_version, acoustid_fingerprint)"
                    " SELECT t.id, 1, :print FROM tracks t JOIN raw_files f ON f.id = t.file_id WHERE f.path = :path"
                ),
                {"print": fingerprint, "path": name},
            )
    [same] = found(engine, "same_recording")
    assert same.paths == ("b.flac", "a.mp3")
    # Measured anew, one of them is another recording: the pair is gone.
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE audio_features SET acoustid_fingerprint = :print WHERE acoustid_fingerprint = :old"),
            {"print": pack(random.integers(0, 2**32, 400).tolist()), "old": prints["b.flac"]},
        )
    assert found(engine, "same_recording") == []


def write_recording(music: Path, seed: int, *paths: str) -> None:
    """Twenty seconds of changing chords over noise: what Chromaprint hears is different at every moment."""
    import numpy as np

    rate, random = 22_050, np.random.default_rng(seed)
    time = np.arange(rate // 4) / rate
    chords = [
        sum(np.sin(2 * np.pi * 110 * 2 ** (random.integers(0, 36) / 12) * time) for _ in range(4)) for _ in range(80)
    ]
    samples = (np.concatenate(chords) * 0.1).astype(np.float32)[:, None]
    for path in paths:
        target = music / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encode(samples, rate, target.suffix[1:]))


def test_gaps_and_missing_discs(engine: Engine, music: Path) -> None:
    for number in (1, 2, 5, 7):
        song(music / "A/Gaps" / f"{number}.mp3", number, album="Gaps", track=number, track_total=8, disc=1,
             disc_total=2)  # fmt: skip
    song(music / "A/Single/9.mp3", 20, album="Single", track=9, track_total=12)
    for number in (1, 2):
        song(music / "A/Whole" / f"{number}.mp3", 30 + number, album="Whole", track=number, track_total=2)
    song(music / "A/Odd/9999.mp3", 40, album="Odd", track=9999)
    ingest(engine, music)
    [gaps] = found(engine, "album_gaps")
    assert gaps.subject == "Gaps – Artist" and gaps.detail == "disc 1: 4 of 8 tracks; missing 3–4, 6, 8"
    fragments = {f.subject: f.detail for f in findings(engine, ["album_fragments"])}
    assert fragments == {
        "Single – Artist": "disc 1: 1 of 12 tracks; missing 1–8, 10–12",
        "Odd – Artist": "disc 1: 1 of 9999 tracks; missing 1–9998",
    }
    [discs] = findings(engine, ["missing_discs"])
    assert discs.subject == "Gaps – Artist" and discs.detail == "disc 1 of 2"


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("BjÃ¶rk", "probably Björk"),
        ("Sigur RÃ³s", "probably Sigur Rós"),
        ("Ïåñíÿ", "probably Песня"),
        ("Bj\ufffdrk", "holds U+FFFD"),
        ("Motörhead", None),
        ("Ágætis byrjun", None),
        ("Sœur – été à Noël", None),
        ("Песня", None),
        ("ちあきなおみ", None),
        ("ÆØÅ", None),
    ],
)
def test_names_in_the_wrong_encoding(engine: Engine, music: Path, name: str, detail: str | None) -> None:
    song(music / "A/1.flac", 1, title=name)
    song(music / "A/2.flac", 2, artist=(name,))
    ingest(engine, music)
    rows = found(engine, "wrong_encoding")
    if detail is None:
        assert rows == []
    else:
        assert {(f.entity_type, f.subject) for f in rows} == {("artist", name), ("track", name)}
        assert all(f.detail.startswith(detail) and len(f.paths) == 1 for f in rows)


def test_broken_cut_and_disagreeing_files(engine: Engine, music: Path) -> None:
    music_of(music / "A/whole.flac", bpm=100.0)
    cut = music_of(music / "A/cut.flac", bpm=120.0)
    with cut.open("r+b") as file:
        file.truncate(cut.stat().st_size // 2)
    (music / "A/broken.mp3").write_text("no music")
    song(music / "A/short.flac", 1)
    ingest(engine, music)
    analyse_due_tracks(engine, music, range(SHARDS), pool=PoolOptions(workers=0))
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE audio_features SET bpm_tag = 50, bpm_disagreement = 'octave', key_tag = 'A minor',"
                " key_disagreement = 'relative', sample_peak = 1.25 WHERE bpm_measured BETWEEN 95 AND 105"
            )
        )
    rows: dict[str, list[Finding]] = {}
    for finding in found(engine):
        rows.setdefault(finding.kind, []).append(finding)
    [rejected] = rows["rejected_file"]
    assert rejected.paths == ("A/broken.mp3",) and rejected.detail.startswith("not_audio")
    assert [f.paths for f in (*rows.get("short_file", []), *rows["not_analysed"]) if "cut" in f.paths[0]]
    assert "A/whole.flac" not in {path for f in rows.get("short_file", []) for path in f.paths}
    [tempo] = rows["tempo_disagreement"]
    assert tempo.paths == ("A/whole.flac",) and "tag bpm 50.0, measured 100" in tempo.detail
    assert "tag key A minor, measured C major (relative" in rows["key_disagreement"][0].detail
    assert rows["clipped"][0].detail == "1 tracks reach full scale; highest peak 1.25"
    assert [f.severity for f in findings(engine)] == sorted(
        (f.severity for f in findings(engine)), key=("error", "warning", "note").index
    )


def test_a_report_is_the_same_again_and_missing_files_are_left_out(engine: Engine, music: Path) -> None:
    song(music / "A/1.flac", 1, track=1, title="BjÃ¶rk")
    song(music / "B/1.flac", 1, track=4)
    ingest(engine, music)
    assert found(engine) == found(engine) != []
    shutil.rmtree(music / "B")
    ingest(engine, music, max_missing_share=1.0)
    assert found(engine, "same_audio") == []


class Links(HTMLParser):
    """What a browser makes of a page: its elements, its links, its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


EVIL = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'


def test_the_page_escapes_everything_and_links_to_the_files(engine: Engine, tmp_path: Path) -> None:
    import os

    music = tmp_path / "mu sic & <b>"
    name = b"A/caf\xe9 #1 100%.mp3"
    song(os.fsencode(music) + b"/" + name, 1, title="=cmd|' /C calc'!A0", album=EVIL, track=5, track_total=6)
    song(music / "A/b.mp3", 1, title=EVIL, album=EVIL, track=6)
    ingest(engine, music)
    counts = make_report(engine)
    out = io.StringIO()
    page.write_html(out, music, "today", counts, findings(engine))
    markup = out.getvalue()
    parsed = Links(markup)
    assert parsed.tags.count("script") == 1 and "img" not in parsed.tags and "onerror=alert" in parsed.text
    assert EVIL in parsed.text and "default-src 'none'" in markup
    assert all(link.startswith("file:///") for link in parsed.links) and parsed.links
    from urllib.parse import unquote_to_bytes

    on_disk = {unquote_to_bytes(link.removeprefix("file://")) for link in parsed.links}
    assert os.fsencode(music) + b"/" + name in on_disk and all(os.path.exists(path) for path in on_disk)

    table = io.StringIO()
    lines = page.write_csv(table, findings(engine))
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert len(rows) == lines and not [row for row in rows if row["subject"].startswith(("=", "+", "-", "@"))]

    as_json = io.StringIO()
    page.write_json(as_json, {"counts": counts}, findings(engine))
    answer: dict[str, Any] = json.loads(as_json.getvalue())
    assert len(answer["findings"]) == sum(counts.values()) and set(counts) == {kind.name for kind in KINDS}
