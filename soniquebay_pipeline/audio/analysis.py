"""Everything that is measured of one track, from one decode: the work of an analysing process.

Here: the order of the measurements and the errors that end one. Not here: the methods, each of which has a
module of its own; the pool (``run``); the database (``store``).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soniquebay_pipeline.audio.decode import open_audio
from soniquebay_pipeline.audio.model import AudioFeatures, DueTrack, Failure
from soniquebay_pipeline.audio.stream import AnalysisFailure
from soniquebay_pipeline.library.paths import to_bytes

if TYPE_CHECKING:
    from soniquebay_pipeline.audio.loudness import Loudness
    from soniquebay_pipeline.audio.signal import AnalysisSignal


@dataclass(frozen=True, slots=True)
class TrackFile:
    """A due track below ``root``."""

    root: bytes
    track: DueTrack


def warm_up() -> None:
    """Called once in each worker: libraries imported before the first clock runs, and one thread each.

    A matrix product would otherwise start a thread a core, and the pool has a process a core already.
    """
    import scipy.fft
    import scipy.ndimage
    import scipy.signal  # noqa: F401
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def analyse_track(file: TrackFile) -> AudioFeatures | Failure:
    """Measure one track; what can't be analysed is a Failure with its reason, never an exception."""
    started = time.process_time()
    try:
        return analyse_file(os.path.join(file.root, to_bytes(file.track.path)), with_fingerprint=True)
    except AnalysisFailure as failure:
        return Failure(failure.reason, failure.detail, round(time.process_time() - started, 3))
    except MemoryError:
        return Failure("memory", "not enough memory", round(time.process_time() - started, 3))


def analyse_file(path: bytes | str, *, with_fingerprint: bool = False) -> AudioFeatures:
    """The features of an audio file. Raises AnalysisFailure."""
    from soniquebay_pipeline.audio.camelot import key_name
    from soniquebay_pipeline.audio.character import measure_character
    from soniquebay_pipeline.audio.fingerprint import fingerprint
    from soniquebay_pipeline.audio.key import analyse_key
    from soniquebay_pipeline.audio.spectra import compute_spectra
    from soniquebay_pipeline.audio.tempo import analyse_rhythm
    from soniquebay_pipeline.audio.timbre import TIMBRE_VERSION, describe_frames, timbre_vector

    started = time.process_time()
    signal, loudness = decode_once(path)
    if loudness.reason == "silent":
        raise AnalysisFailure("silent", "no 400 ms are above -70 LUFS")
    spectra = compute_spectra(signal)
    tempo = analyse_rhythm(spectra)
    key = analyse_key(spectra)
    frames = describe_frames(spectra)
    vector = None if frames is None else timbre_vector(frames)
    character = measure_character(frames, vector, loudness.integrated_lufs)
    return AudioFeatures(
        bpm_measured=tempo.bpm,
        bpm_confidence=tempo.confidence,
        bpm_alternative=tempo.alternative,
        key_measured=key.key,
        scale_measured=key.scale,
        key_confidence=key.confidence,
        key_runner_up=key_name(key.runner_up),
        loudness_lufs=loudness.integrated_lufs,
        loudness_range_lu=loudness.range_lu,
        sample_peak=loudness.sample_peak,
        energy=character.energy,
        danceability=character.danceability,
        acousticness=character.acousticness,
        instrumentalness=character.instrumentalness,
        timbre=None if vector is None else [float(value) for value in vector],
        timbre_version=None if vector is None else TIMBRE_VERSION,
        acoustid_fingerprint=fingerprint(path, signal.track_seconds) if with_fingerprint else None,
        seconds_analysed=round(signal.seconds, 3),
        seconds_spent=round(time.process_time() - started, 3),
    )


def decode_once(path: bytes | str) -> tuple[AnalysisSignal, Loudness]:
    """The analysis signal and the loudness, from one pass over the file."""
    from soniquebay_pipeline.audio.loudness import LoudnessMeter
    from soniquebay_pipeline.audio.signal import SignalCollector

    with open_audio(path) as reader:
        meter = LoudnessMeter(reader.format.sample_rate, reader.format.channels)
        collector = SignalCollector(reader.format)
        for block in reader:
            meter.add(block)
            collector.add(block)
    return collector.finish(), meter.result()
