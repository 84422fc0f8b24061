"""Music from numbers: a song's description becomes samples, the same samples every time.

Here: notes, chords, drums and how they are put on the beat. Not here: which songs there are
(``plan``), files and tags (``writing``, ``tagging``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

KEY_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALES: dict[str, tuple[int, ...]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}

# Chords are (semitones above the tonic, quality). Eight bars each; every one opens on the tonic and
# the minor ones hold the raised leading tone, because i-VI-III-VII alone is also vi-IV-I-V of the
# relative major and no analyser could tell the two apart.
PROGRESSIONS: dict[str, tuple[tuple[tuple[int, str], ...], ...]] = {
    "major": (
        ((0, "M"), (7, "M"), (9, "m"), (5, "M"), (0, "M"), (5, "M"), (7, "M"), (0, "M")),
        ((0, "M"), (2, "m"), (7, "M"), (0, "M"), (5, "M"), (0, "M"), (5, "M"), (0, "M")),
        ((0, "M"), (9, "m"), (5, "M"), (7, "M"), (0, "M"), (5, "M"), (7, "M"), (0, "M")),
        ((0, "M"), (5, "M"), (0, "M"), (7, "M"), (0, "M"), (5, "M"), (9, "m"), (0, "M")),
    ),
    "minor": (
        ((0, "m"), (8, "M"), (3, "M"), (10, "M"), (0, "m"), (5, "m"), (7, "M"), (0, "m")),
        ((0, "m"), (5, "m"), (7, "M"), (0, "m"), (0, "m"), (8, "M"), (7, "M"), (0, "m")),
        ((0, "m"), (8, "M"), (5, "m"), (7, "M"), (0, "m"), (5, "m"), (7, "M"), (0, "m")),
        ((0, "m"), (10, "M"), (8, "M"), (7, "M"), (0, "m"), (5, "m"), (7, "M"), (0, "m")),
    ),
}
Partials = tuple[tuple[float, float, float], ...]
TRIADS = {"M": (0, 4, 7), "m": (0, 3, 7)}


@dataclass(frozen=True, slots=True)
class Timbre:
    """An instrument set: how its notes are built and how its drums sound."""

    partials: Partials
    """(frequency ratio, amplitude, decay per second) of each partial."""
    attack: float
    release: float
    strikes: tuple[int, ...]
    """Beats of the bar on which the chord is struck."""
    kick_hz: float
    snare_hz: float
    hat_decay: float
    hats_per_beat: int
    drums: float
    """Level of the drums against the rest."""
    vibrato: float = 0.0


def _harmonics(count: int, slope: float, decay: float, spread: float) -> Partials:
    return tuple((float(n), n**-slope, decay + spread * (n - 1)) for n in range(1, count + 1))


TIMBRES: dict[str, Timbre] = {
    "electric piano": Timbre(
        ((1, 1.0, 1.2), (2, 0.25, 2.0), (4, 0.35, 7.0), (6, 0.08, 12.0)),
        0.008, 0.08, (0, 2), 52, 190, 60, 2, 0.5,
    ),
    "saw synth": Timbre(_harmonics(12, 0.9, 0.2, 0.0), 0.012, 0.05, (0, 1, 2, 3), 48, 220, 90, 4, 0.9),
    "bells": Timbre(
        ((1, 1.0, 1.5), (2, 0.6, 2.2), (3, 0.25, 3.5), (5, 0.3, 5.0), (8, 0.15, 8.0)),
        0.003, 0.10, (0, 2), 60, 260, 120, 2, 0.25,
    ),
    "plucked strings": Timbre(_harmonics(9, 1.0, 2.5, 1.5), 0.004, 0.05, (0, 1, 2, 3), 56, 170, 45, 1, 0.7),
    "bowed strings": Timbre(_harmonics(8, 1.2, 0.1, 0.05), 0.09, 0.12, (0,), 50, 150, 40, 1, 0.2, 0.003),
    "organ": Timbre(
        ((0.5, 0.5, 0.0), (1, 1.0, 0.0), (2, 0.7, 0.0), (3, 0.25, 0.0), (4, 0.4, 0.0)),
        0.02, 0.04, (0, 2), 54, 200, 35, 2, 0.6, 0.002,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Song:
    """Everything that decides how a track sounds."""

    bpm: float
    tonic: int
    scale: str
    instruments: str
    seconds: float
    sample_rate: int
    channels: int
    seed: int
    melody: bool = True

    @property
    def bars(self) -> int:
        """Whole bars of four beats nearest to the wished length, the last one on the tonic."""
        return max(5, round(self.seconds * self.bpm / 240))


def render(song: Song) -> Samples:
    """The song as float32 samples, shape (frames, channels), peak 0.85."""
    import numpy as np

    rng = np.random.default_rng(song.seed)
    stage = _Stage(song)
    progression = PROGRESSIONS[song.scale][song.seed % len(PROGRESSIONS[song.scale])]
    chords = [progression[bar % len(progression)] for bar in range(song.bars)]
    chords[-1] = progression[0]
    for bar, chord in enumerate(chords):
        _play_chord(stage, bar, chord)
        _play_bass(stage, bar, chord)
    if song.melody:
        _play_melody(stage, chords, rng)
    _play_drums(stage, rng)
    mix = stage.left_and_right()
    return (mix * (0.85 / max(1e-9, float(np.abs(mix).max())))).astype(np.float32)


class _Stage:
    """The two channels being filled, and the notes rendered so far."""

    def __init__(self, song: Song) -> None:
        import numpy as np

        self.song = song
        self.timbre = TIMBRES[song.instruments]
        self.frames = self.at(song.bars * 4)
        self.middle = np.zeros(self.frames, np.float32)
        self.side = np.zeros(self.frames, np.float32)
        self._notes: dict[tuple[int, float], Samples] = {}

    def at(self, beat: float) -> int:
        """The frame of a beat; computed from the start, so no rounding adds up."""
        return round(beat * 60 / self.song.bpm * self.song.sample_rate)

    def add(self, sound: Samples, beat: float, level: float, pan: float = 0.0) -> None:
        start = self.at(beat)
        part = sound[: max(0, self.frames - start)] * level
        self.middle[start : start + len(part)] += part
        if pan and self.song.channels == 2:
            self.side[start : start + len(part)] += part * pan

    def note(self, midi: int, beats: float) -> Samples:
        if (midi, beats) not in self._notes:
            self._notes[midi, beats] = _tone(self.timbre, midi, self.at(beats), self.song.sample_rate)
        return self._notes[midi, beats]

    def left_and_right(self) -> Samples:
        import numpy as np

        if self.song.channels == 1:
            return self.middle[:, None]
        return np.stack([self.middle - self.side, self.middle + self.side], axis=1)


def _tone(timbre: Timbre, midi: int, frames: int, sample_rate: int) -> Samples:
    """One note with soft attack and release; partials near the Nyquist frequency are left out."""
    import numpy as np

    time = np.arange(frames, dtype=np.float32) / sample_rate
    pitch = 440.0 * 2 ** ((midi - 69) / 12)
    phase = 2 * np.pi * pitch * time
    if timbre.vibrato:
        phase += timbre.vibrato * pitch / 5 * np.sin(2 * np.pi * 5 * time)
    sound = np.zeros(frames, np.float32)
    for ratio, level, decay in timbre.partials:
        if ratio * pitch < 0.45 * sample_rate:
            sound += (level * np.sin(ratio * phase) * np.exp(-decay * time)).astype(np.float32)
    return sound * _envelope(frames, timbre.attack, timbre.release, sample_rate)


def _envelope(frames: int, attack: float, release: float, sample_rate: int) -> Samples:
    import numpy as np

    shape = np.ones(frames, np.float32)
    rise = min(frames // 2, max(1, int(attack * sample_rate)))
    fall = min(frames // 2, max(1, int(release * sample_rate)))
    shape[:rise] = np.linspace(0, 1, rise, dtype=np.float32)
    shape[frames - fall :] = np.linspace(1, 0, fall, dtype=np.float32)
    return shape


def _in_range(pitch_class: int, lowest: int) -> int:
    """The MIDI note of that pitch class within the octave from ``lowest`` up."""
    return lowest + (pitch_class - lowest) % 12


def _play_chord(stage: _Stage, bar: int, chord: tuple[int, str]) -> None:
    strikes = stage.timbre.strikes
    beats = 4 / len(strikes)
    for strike in strikes:
        for place, interval in enumerate(TRIADS[chord[1]]):
            midi = _in_range(stage.song.tonic + chord[0] + interval, 53)
            stage.add(stage.note(midi, beats), bar * 4 + strike, 0.16, pan=(place - 1) * 0.5)


def _play_bass(stage: _Stage, bar: int, chord: tuple[int, str]) -> None:
    midi = _in_range(stage.song.tonic + chord[0], 36)
    for beat in (0, 2):
        stage.add(stage.note(midi, 2), bar * 4 + beat, 0.30)


def _play_melody(stage: _Stage, chords: list[tuple[int, str]], rng: np.random.Generator) -> None:
    """A walk on the scale: a chord tone first in the bar, the tonic third, the tonic at the end."""
    scale = SCALES[stage.song.scale]
    step = 0
    for bar, (root, quality) in enumerate(chords):
        for beat in range(4):
            if beat == 0:
                interval = root + TRIADS[quality][int(rng.integers(3))]
            elif beat == 2:
                interval = 0
            else:
                step = (step + int(rng.integers(-2, 3))) % 7
                interval = scale[step]
                # The seventh degree over the dominant of a minor key would fight the leading tone.
                if stage.song.scale == "minor" and root == 7 and interval == 10:
                    interval = 11
            if bar == len(chords) - 1:
                interval = 0
            midi = _in_range(stage.song.tonic + interval, 69)
            stage.add(stage.note(midi, 1), bar * 4 + beat, 0.12, pan=0.35)


def _play_drums(stage: _Stage, rng: np.random.Generator) -> None:
    """Kick on one and three, snare on two and four, even hats; silent in the very last bar but for one."""
    song, timbre = stage.song, stage.timbre
    kick = _kick(timbre.kick_hz, song.sample_rate)
    snare = _snare(timbre.snare_hz, song.sample_rate, rng)
    hat = _hat(timbre.hat_decay, song.sample_rate, rng)
    last = song.bars * 4 - 4
    for beat in range(last + 1):
        drum = kick if beat % 2 == 0 else snare
        stage.add(drum, beat, timbre.drums * (0.75 if beat % 4 == 0 else 0.6))
        if beat < last:
            for part in range(timbre.hats_per_beat):
                level = (0.2 if part == 0 else 0.11) * float(rng.uniform(0.9, 1.1))
                stage.add(hat, beat + part / timbre.hats_per_beat, timbre.drums * level, pan=0.2)


def _kick(hertz: float, sample_rate: int) -> Samples:
    def wave(time: Samples) -> Samples:
        import numpy as np

        sweep = hertz * time + 5 * (1 - np.exp(-time * 35)) / (2 * np.pi)
        sound: Samples = (np.sin(2 * np.pi * sweep) * np.exp(-time * 18)).astype(np.float32)
        return sound

    return _struck(wave, 0.25, sample_rate)


def _snare(hertz: float, sample_rate: int, rng: np.random.Generator) -> Samples:
    def wave(time: Samples) -> Samples:
        import numpy as np

        noise = rng.standard_normal(len(time)).astype(np.float32)
        rattle = 0.45 * noise * np.exp(-time * 28)
        ring = 0.35 * np.sin(2 * np.pi * hertz * time) * np.exp(-time * 40)
        sound: Samples = (rattle + ring).astype(np.float32)
        return sound

    return _struck(wave, 0.18, sample_rate)


def _hat(decay: float, sample_rate: int, rng: np.random.Generator) -> Samples:
    def wave(time: Samples) -> Samples:
        import numpy as np

        noise = rng.standard_normal(len(time) + 1).astype(np.float32)
        # The difference of white noise has no bass.
        sound: Samples = (np.diff(noise) * np.exp(-time * decay)).astype(np.float32)
        return sound

    return _struck(wave, 0.12, sample_rate)


def _struck(wave: Callable[[Samples], Samples], seconds: float, sample_rate: int) -> Samples:
    import numpy as np

    time = (np.arange(int(seconds * sample_rate)) / sample_rate).astype(np.float32)
    return wave(time) * _envelope(len(time), 0.0005, 0.02, sample_rate)
