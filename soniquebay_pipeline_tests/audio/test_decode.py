"""Decoding: the two libraries agree, damage has a reason, memory stays bounded, excerpts are where they should be."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soniquebay_pipeline.audio.decode import open_audio
from soniquebay_pipeline.audio.signal import (
    ANALYSIS_RATE,
    EXCERPT_SECONDS,
    EXCERPTS,
    WHOLE_UP_TO,
    AnalysisSignal,
    SignalCollector,
    excerpt_windows,
)
from soniquebay_pipeline.audio.spectra import FRAME, HOP, compute_spectra
from soniquebay_pipeline.audio.stream import REASONS, AnalysisFailure, AudioFormat, Decoder
from soniquebay_pipeline.demo.writing import encode
from soniquebay_pipeline_tests.audio.signals import noise, progression

RATE = 44_100


def music(seconds: float = 3.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    left, right = (0.4 * np.sin(2 * np.pi * hertz * time) for hertz in (330.0, 440.0))
    return np.stack([left, right], axis=1).astype(np.float32)


def decoded(path: Path, decoder: Decoder | None = None) -> np.ndarray:
    with open_audio(path, decoder=decoder) as audio:
        return np.concatenate([block.copy() for block in audio])


def analysed(path: Path) -> AnalysisSignal:
    with open_audio(path) as audio:
        collector = SignalCollector(audio.format)
        for block in audio:
            collector.add(block)
    return collector.finish()


def reason_of(path: Path) -> str:
    with pytest.raises(AnalysisFailure) as caught:
        analysed(path)
    assert caught.value.reason in REASONS
    return caught.value.reason


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_S8"])
def test_both_decoders_give_the_same_samples_of_flac(tmp_path: Path, subtype: str) -> None:
    file = tmp_path / "a.flac"
    soundfile.write(file, music(), RATE, subtype=subtype)
    assert np.array_equal(decoded(file, "pyav"), decoded(file, "soundfile"))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_both_decoders_give_the_same_samples_of_wav(tmp_path: Path, subtype: str) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, music(), RATE, subtype=subtype)
    assert np.allclose(decoded(file, "pyav"), decoded(file, "soundfile"), atol=1e-7)


@pytest.mark.parametrize("file_format", ["mp3", "flac", "ogg", "opus", "wav", "m4a"])
def test_every_format_comes_back(tmp_path: Path, file_format: str) -> None:
    rate = 48_000 if file_format == "opus" else RATE
    file = tmp_path / f"a.{file_format}"
    file.write_bytes(encode(music(rate=rate), rate, file_format))
    samples = decoded(file)
    assert samples.shape[1] == 2 and samples.dtype == np.float32
    assert len(samples) / rate == pytest.approx(3.0, abs=0.06)
    spectrum = np.abs(np.fft.rfft(samples[rate : 2 * rate].T, axis=1))
    assert spectrum.argmax(axis=1).tolist() == [330, 440]


@pytest.mark.parametrize(("codec", "suffix"), [("alac", "m4a"), ("wmav2", "wma"), ("wavpack", "wv"), ("tta", "tta")])
def test_formats_that_only_ffmpeg_knows(tmp_path: Path, codec: str, suffix: str) -> None:
    import av

    file = tmp_path / f"a.{suffix}"
    try:
        with av.open(str(file), "w", format="asf" if suffix == "wma" else None) as container:
            stream = container.add_stream(codec, rate=RATE, layout="stereo")
            stream.bit_rate = 128_000
            resampler = av.AudioResampler(stream.codec_context.codec.audio_formats[0].name, "stereo", RATE)
            fifo = av.AudioFifo()
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(music().T), "fltp", "stereo")
            frame.sample_rate = RATE
            for part in resampler.resample(frame):
                fifo.write(part)
            size = stream.codec_context.frame_size or 4096
            while (piece := fifo.read(size, partial=True)) is not None:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"no encoder to make the file with: {error}")
    samples = decoded(file)
    assert abs(len(samples) / RATE - 3) < 0.1
    assert np.abs(np.fft.rfft(samples[RATE : 2 * RATE].T, axis=1)).argmax(axis=1).tolist() == [330, 440]


def test_dsd_comes_down_to_an_ordinary_rate(tmp_path: Path) -> None:
    """One second of DSD64 by a first-order sigma-delta modulator, in a DSF file of one channel."""
    rate = 2_822_400
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate)
    bits, total = np.empty(len(wanted), np.uint8), 0.0
    for place, value in enumerate(wanted):
        bits[place] = total >= 0
        total += value - (1.0 if bits[place] else -1.0)
    data = np.packbits(bits, bitorder="little").tobytes()
    data += bytes(-len(data) % 4096)
    chunk = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 1, 1, rate, 1, len(bits), 4096, 0)
    body = chunk + struct.pack("<4sQ", b"data", 12 + len(data)) + data
    file = tmp_path / "a.dsf"
    file.write_bytes(struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(body), 0) + body)
    with open_audio(file) as audio:
        samples = np.concatenate([block.copy() for block in audio])
        assert audio.format.sample_rate == 44_100
    assert len(samples) == pytest.approx(11_025, rel=0.02)
    assert np.abs(np.fft.rfft(samples[:, 0][:11_025])).argmax() == 110


def test_names_that_are_no_text_and_look_like_addresses(tmp_path: Path) -> None:
    for name in (b"\xff\xfe caf\xe9.m4a", b"http:.m4a", "音楽 🎵.m4a".encode(), b"-i.m4a", b"a%03d.m4a"):
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb") as out:  # noqa: PTH123 - bytes paths
            out.write(encode(music(), RATE, "m4a"))
        with open_audio(path) as audio:
            assert sum(len(block) for block in audio) > 2 * RATE


def test_damaged_in_the_middle_is_still_analysed(tmp_path: Path) -> None:
    for file_format in ("mp3", "ogg", "m4a", "flac"):
        whole = bytearray(encode(music(6), RATE, file_format))
        middle = len(whole) // 2
        whole[middle : middle + 400] = bytes(400)
        file = tmp_path / f"a.{file_format}"
        file.write_bytes(whole)
        assert len(decoded(file)) > 2 * RATE, file_format


@pytest.mark.parametrize("file_format", ["mp3", "flac", "ogg", "wav"])
def test_cut_short_is_analysed_as_far_as_it_goes(tmp_path: Path, file_format: str) -> None:
    whole = encode(music(6), RATE, file_format)
    file = tmp_path / f"a.{file_format}"
    file.write_bytes(whole[: len(whole) * 2 // 3])
    assert 2 * RATE < len(decoded(file)) < 5.5 * RATE


def wav(samples: np.ndarray, subtype: str = "FLOAT") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, subtype=subtype, format="WAV")
    return out.getvalue()


def test_what_cannot_be_analysed_has_a_reason(tmp_path: Path) -> None:
    broken = music()
    broken[RATE] = np.nan
    files = {
        "no_audio": (b"", b"two lemons\nbread\n", os.urandom(3000).replace(b"\xff", b"\x00")),
        "too_short": (wav(music(0.2)), wav(np.zeros((0, 2), np.float32))),
        "silent": (wav(np.zeros((3 * RATE, 2), np.float32)), wav(music() * 1e-6)),
        "not_finite": (wav(broken), wav(music() * 1e30), wav(np.full((RATE, 1), np.inf, np.float32))),
    }
    for reason, contents in files.items():
        for number, content in enumerate(contents):
            file = tmp_path / f"{reason}{number}.wav"
            file.write_bytes(content)
            assert reason_of(file) == reason, file.name
    assert reason_of(tmp_path / "missing.flac") == "vanished"
    assert reason_of(tmp_path) == "io_error"


@pytest.mark.parametrize("file_format", ["mp3", "flac", "ogg", "m4a", "wav"])
def test_no_damage_escapes_as_another_exception(tmp_path: Path, file_format: str) -> None:
    whole = encode(music(2), RATE, file_format)
    rng = np.random.default_rng(5)
    file = tmp_path / f"a.{file_format}"
    for _ in range(12):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), 40):
            damaged[place] = int(rng.integers(256))
        file.write_bytes(damaged[: int(rng.integers(1, len(damaged)))])
        try:
            analysed(file)
        except AnalysisFailure as failure:
            assert failure.reason in REASONS


def test_a_failure_can_be_pickled() -> None:
    """A failure survives the way out of a worker process."""
    import pickle

    failure = pickle.loads(pickle.dumps(AnalysisFailure("corrupt", "why")))
    assert (failure.reason, failure.detail) == ("corrupt", "why")


def test_half_an_hour_needs_no_more_memory_than_its_excerpts(tmp_path: Path) -> None:
    file = tmp_path / "long.flac"
    with soundfile.SoundFile(file, "w", 22_050, 1, format="FLAC", subtype="PCM_16") as out:
        minute = noise(60, 0.02)
        for _ in range(30):
            out.write(minute)
    tracemalloc.start()
    try:
        signal = analysed(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert signal.track_seconds == pytest.approx(1800)
    assert signal.seconds == pytest.approx(EXCERPTS * EXCERPT_SECONDS, abs=1)
    assert len(signal.starts) == EXCERPTS
    assert peak < 4 * signal.samples.nbytes + 20e6  # the whole file would be 159 MB


def test_excerpts_lie_where_they_should() -> None:
    rate, seconds = 22_050, 500
    collector = SignalCollector(AudioFormat(rate, 1, "pcm", "soundfile", float(seconds)))
    for second in range(seconds):
        collector.add(np.full((rate, 1), second / 1000, np.float32))
    signal = collector.finish()
    for (start, stop), at in zip(excerpt_windows(float(seconds)), signal.starts, strict=True):
        middle = at + int(30.5 * rate)
        assert stop - start == EXCERPT_SECONDS
        assert signal.samples[middle] == pytest.approx(int(start + 30.5) / 1000, abs=2e-3)


def test_a_wrong_header_does_not_break_the_bound() -> None:
    for announced in (None, 10.0, 100_000.0):
        collector = SignalCollector(AudioFormat(8_000, 1, "pcm", "pyav", announced))
        for _ in range(1000):
            collector.add(np.full((8_000, 1), 0.1, np.float32))
        assert collector.finish().seconds <= WHOLE_UP_TO + 1


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_blocks_of_any_size_make_the_same_signal(channels: int) -> None:
    samples = np.tile(progression(0, "major", bars=2)[:, None], (1, channels))
    audio_format = AudioFormat(ANALYSIS_RATE, channels, "pcm", "pyav", 2.0)
    signals = []
    for size in (len(samples), 1000, 77):
        collector = SignalCollector(audio_format)
        for start in range(0, len(samples), size):
            collector.add(samples[start : start + size])
        signals.append(collector.finish().samples)
    assert all(np.allclose(signals[0], other, atol=1e-6) for other in signals[1:])


def test_spectra_are_those_of_librosa() -> None:
    import librosa

    samples = progression(0, "major", bars=2)
    ours = compute_spectra(AnalysisSignal(samples, (0,), 2.0))
    theirs = np.abs(librosa.stft(samples, n_fft=FRAME, hop_length=HOP)) ** 2
    assert ours.power.shape == theirs.T.shape
    assert np.allclose(ours.power, theirs.T, atol=1e-4 * theirs.max())
    mel = librosa.feature.melspectrogram(S=theirs, sr=ANALYSIS_RATE)
    assert np.allclose(ours.mel, mel.T, atol=1e-4 * mel.max())


def test_spectra_of_excerpts_are_those_of_each() -> None:
    one, two = progression(0, "major", bars=2), progression(5, "minor", bars=3)
    both = compute_spectra(AnalysisSignal(np.concatenate([one, two]), (0, len(one)), 100.0))
    for samples, part in zip((one, two), both.excerpts, strict=True):
        alone = compute_spectra(AnalysisSignal(samples, (0,), 1.0))
        assert np.array_equal(alone.power, both.power[part])
