"""The demo library: every file is what its truth says."""

from __future__ import annotations

import itertools
from pathlib import Path

import mutagen
import numpy as np
import pytest

from soniquebay_pipeline.demo import DemoTruth, build_demo_library, plan
from soniquebay_pipeline.demo.synthesis import KEY_NAMES, TIMBRES, Song, render
from soniquebay_pipeline.demo.truth import TRUTH_NAME, DemoCounts, count_rows

LIMIT = 12
# Krumhansl and Kessler's profiles of how well each degree fits a key.
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoTruth]:
    root = tmp_path_factory.mktemp("demo") / "music"
    return root, build_demo_library(root, tracks_limit=LIMIT)


def decoded_seconds(path: Path) -> float:
    import av

    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        return sum(frame.samples for frame in container.decode(audio=0)) / rate


def test_the_files_are_those_listed(demo: tuple[Path, DemoTruth]) -> None:
    root, truth = demo
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == truth.all_paths()
    assert truth.counts == count_rows(truth.tracks, truth.rejected)
    assert truth.counts.tracks == LIMIT


def test_every_track_can_be_read_and_decoded(demo: tuple[Path, DemoTruth]) -> None:
    root, truth = demo
    for track in truth.tracks:
        assert mutagen.File(root / track.path).info.length == pytest.approx(track.seconds, abs=0.2)
        assert decoded_seconds(root / track.path) == pytest.approx(track.seconds, abs=0.2)


def test_tags_say_what_the_truth_says(demo: tuple[Path, DemoTruth]) -> None:
    root, truth = demo
    for track in truth.tracks:
        if track.path.endswith(".wav") or track.year is None:
            continue
        tags = mutagen.File(root / track.path, easy=True)
        assert tags["title"] == [track.title] and tags["album"] == [track.album]
        assert tags["tracknumber"][0].split("/")[0] == str(track.track_number)


def test_the_rejects_are_not_audio(demo: tuple[Path, DemoTruth]) -> None:
    root, truth = demo
    for reject in truth.rejected:
        try:
            file = mutagen.File(root / reject.path)
        except mutagen.MutagenError:
            continue
        assert file is None


def test_a_finished_library_is_left_alone(demo: tuple[Path, DemoTruth]) -> None:
    root, truth = demo
    calls: list[int] = []
    again = build_demo_library(root, lambda done, _: calls.append(done), tracks_limit=LIMIT)
    assert again == truth and calls == []
    assert DemoTruth.load(root.parent / TRUTH_NAME) == truth


def test_a_persons_music_is_refused(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "mine.mp3").write_bytes(b"x")
    with pytest.raises(FileExistsError, match=r"mine\.mp3"):
        build_demo_library(tmp_path / "music", tracks_limit=1)
    assert (tmp_path / "music" / "mine.mp3").exists()


def test_a_build_that_stops_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_demo_library(tmp_path / "music", stop, tracks_limit=1)
    assert list(tmp_path.iterdir()) == []


def test_the_whole_plan() -> None:
    tracks = [track.truth for track in plan.planned_tracks()]
    counts = count_rows(tuple(tracks), plan.BROKEN)
    assert counts == DemoCounts(tracks=60, artists=10, albums=9, genres=10, rejected=4)
    assert len({track.path for track in tracks}) == 60
    keys = {(track.key, track.scale) for track in tracks}
    assert keys == set(itertools.product(KEY_NAMES, ("major", "minor")))
    assert {track.bpm for track in tracks} >= {70, 175} and len({track.bpm for track in tracks}) > 50
    assert {track.path.rsplit(".", 1)[1] for track in tracks} == {"mp3", "flac", "ogg", "opus", "m4a", "wav"}
    assert {track.instruments for track in tracks} == set(TIMBRES)


@pytest.mark.parametrize("instruments", sorted(TIMBRES))
def test_beats_fall_where_the_tempo_says(instruments: str) -> None:
    song = Song(97, 2, "major", instruments, 10, 22_050, 1, seed=3, melody=False)
    sound = render(song)[:, 0]
    assert len(sound) == round(song.bars * 4 * 60 / 97 * 22_050)
    # The hats are all that sounds above 8 kHz: the energy there rises at the beat.
    frames = 256
    spectrum = np.abs(np.fft.rfft(sound[: len(sound) // frames * frames].reshape(-1, frames), axis=1))
    high = spectrum[:, 100:].sum(axis=1)
    for beat in range(1, song.bars * 4 - 4):
        place = round(beat * 60 / 97 * 22_050 / frames)
        assert high[place : place + 3].max() > 1.5 * high[place - 4 : place - 1].mean()


@pytest.mark.parametrize("number", range(0, 60, 5))
def test_the_key_is_plain(number: int) -> None:
    track = plan.planned_tracks()[number]
    sound = render(track.song).mean(axis=1)
    frames, rate = 8192, track.song.sample_rate
    hertz = np.fft.rfftfreq(frames, 1 / rate)
    band = (hertz > 60) & (hertz < 1500)
    classes = np.round(69 + 12 * np.log2(hertz[band] / 440)).astype(int) % 12
    windows = sound[: len(sound) // frames * frames].reshape(-1, frames) * np.hanning(frames)
    strength = np.abs(np.fft.rfft(windows, axis=1))[:, band].sum(axis=0)
    chroma = np.bincount(classes, weights=strength, minlength=12)
    fits = {
        (KEY_NAMES[tonic], scale): np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]
        for tonic in range(12)
        for scale, profile in (("major", MAJOR), ("minor", MINOR))
    }
    assert max(fits, key=lambda key: fits[key]) == (track.truth.key, track.truth.scale)


def test_the_same_song_sounds_the_same() -> None:
    song = Song(120, 9, "minor", "bells", 8, 22_050, 2, seed=5)
    assert np.array_equal(render(song), render(song))
    assert render(song).shape[1] == 2 and np.isfinite(render(song)).all()
