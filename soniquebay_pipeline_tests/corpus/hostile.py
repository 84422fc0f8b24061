"""A folder of everything that breaks programs which read music: damaged files, odd tags, odd names.

Here: where each case lies and what should become of it. Not here: the bytes (``hostile_bytes``).

Outcomes are ``indexed`` (a track), ``rejected:<reason>`` (a row with a reason; the codes are those of
``library.tags.model.UnreadableFile``) and ``ignored`` (never a row). Where more than one is allowed,
each would be right.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from soniquebay_pipeline_tests.corpus import hostile_bytes as make

INDEXED = frozenset({"indexed"})
IGNORED = frozenset({"ignored"})
CORRUPT = frozenset({"rejected:corrupt"})
NO_AUDIO = frozenset({"rejected:no_audio"})


@dataclass(frozen=True, slots=True)
class HostileCase:
    """One entry of the corpus; ``path`` is relative to its root and need not be UTF-8."""

    path: bytes
    expected: frozenset[str]
    note: str
    kind: str
    """damaged, tags, audio, special, link, hidden or name"""


class _Corpus:
    """The corpus being built."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self.clips = make.Clips()
        self.cases: list[HostileCase] = []

    def place(self, path: bytes) -> bytes:
        """The full path, its folder made."""
        target = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        return target

    def note(self, kind: str, path: bytes, expected: frozenset[str], note: str) -> None:
        self.cases.append(HostileCase(path, expected, note, kind))

    def file(self, kind: str, path: bytes, data: bytes, expected: frozenset[str], note: str) -> None:
        Path(os.fsdecode(self.place(path))).write_bytes(data)
        self.note(kind, path, expected, note)


def build_hostile_corpus(root: Path) -> list[HostileCase]:
    """Make the corpus in ``root`` (new or empty) and list what is in it.

    A file that a link of the corpus escapes to is made beside ``root``, in ``<name>-outside``. Entries
    that the file system or the operating system cannot hold are left out of the list.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty")
    corpus = _Corpus(root)
    _damaged(corpus)
    _odd_tags(corpus)
    _odd_audio(corpus)
    _special_files(corpus)
    _links(corpus, root.parent / f"{root.name}-outside")
    _hidden(corpus)
    _names(corpus)
    return corpus.cases


def _damaged(corpus: _Corpus) -> None:
    clips = corpus.clips

    def add(name: str, data: bytes, expected: frozenset[str], note: str) -> None:
        corpus.file("damaged", b"Damaged/" + name.encode(), data, expected, note)

    add("empty.mp3", b"", frozenset({"rejected:empty"}), "no bytes")
    add("empty.flac", b"", frozenset({"rejected:empty"}), "no bytes")
    add("text.flac", b"This is a shopping list.\n" * 40, frozenset({"rejected:not_audio"}), "text")
    add("noise.mp3", make.noise(), frozenset({"rejected:not_audio", "rejected:corrupt"}), "random bytes")
    add("header cut.flac", clips.song("flac", "Cut")[:20], CORRUPT, "cut inside STREAMINFO")
    flac = clips.song("flac", "Half a Flac", seconds=2)
    add("audio cut.flac", flac[: len(flac) // 2], INDEXED, "headers whole, audio cut")
    mp3 = clips.song("mp3", "Half an MP3", seconds=4)
    add("audio cut.mp3", mp3[: len(mp3) // 2], INDEXED, "cut in mid-stream")
    ogg = clips.song("ogg", "Half an Ogg", seconds=4)
    # With the headers broken off there is no audio either, and a reader may notice that first.
    add("header cut.ogg", ogg[:80], CORRUPT | NO_AUDIO, "cut inside the comment header")
    add("audio cut.ogg", ogg[: len(ogg) * 3 // 4], INDEXED | CORRUPT, "cut in mid-page")
    m4a = clips.song("m4a", "Half an M4A", seconds=2)
    cut_at = m4a.index(b"moov") + 40
    add("moov cut.m4a", m4a[:cut_at], CORRUPT | NO_AUDIO, "cut inside moov")
    add("endless atom.m4a", make.mp4_endless_atom(), CORRUPT | {"rejected:too_large"}, "atom of 2^60 bytes")
    add("endless vendor.ogg", make.ogg_endless_vendor(clips), CORRUPT | NO_AUDIO, "vendor string of 4 GB")
    add("endless comments.ogg", make.ogg_endless_comments(clips), CORRUPT | NO_AUDIO, "2^32 comments announced")
    # Readers differ: to pass over a tag that cannot be, or to believe that no audio follows it.
    declared = INDEXED | CORRUPT | NO_AUDIO | {"rejected:not_audio"}
    add("declares too much.mp3", make.mp3_declares_too_much(clips), declared, "ID3 size beyond the end")


def _odd_tags(corpus: _Corpus) -> None:
    clips = corpus.clips

    def add(name: str, data: bytes, note: str) -> None:
        corpus.file("tags", b"Odd Tags/" + name.encode(), data, INDEXED, note)

    add("nul.mp3", make.mp3_with_nul(clips), "NUL in ID3 texts")
    add("nul.flac", make.flac_with_nul(clips), "NUL in a Vorbis comment")
    add("surrogate.mp3", make.mp3_with_surrogate(clips), "unpaired surrogate in UTF-16")
    add("long title.flac", clips.song("flac", "All work " * (make.LONG_TEXT // 9)), "a megabyte of title")
    add("long title.mp3", clips.song("mp3", "No play. " * (make.LONG_TEXT // 9)), "a megabyte of title")
    add("huge picture.mp3", make.mp3_huge_picture(clips), "a picture of 30 MB")
    add("only v1.mp3", make.mp3_only_v1(clips), "ID3v1 and nothing else")
    add("no tags.ogg", clips.plain("ogg"), "no tags at all")
    control = "Bell\x07 and \x1b[31mred\x1b[0m \u202eright to left"
    add("control.flac", clips.song("flac", control), "control characters, escapes, direction override")
    add("sql.flac", clips.song("flac", "Robert'); DROP TABLE tracks;--"), "SQL in the title")
    add("html.mp3", clips.song("mp3", "<script>alert(1)</script>"), "HTML in the title")
    add("huge number.flac", clips.song("flac", "Track", track=10**20), "a track number beyond 64 bits")


def _odd_audio(corpus: _Corpus) -> None:
    clips = corpus.clips
    flac = clips.song("flac", "Wrong Name")
    corpus.file("audio", b"Odd Audio/flac inside.mp3", flac, INDEXED, "a FLAC named .mp3")
    corpus.file("audio", b"Odd Audio/silent.flac", make.silent_flac(), INDEXED, "silence")
    corpus.file("audio", b"Odd Audio/nan.wav", make.wav_with_nan(clips), INDEXED, "NaN and infinite samples")
    loud = clips.song("mp3", "Loud Name")
    corpus.file("audio", b"Odd Audio/LOUD.MP3", loud, INDEXED, "extension in capitals")


def _special_files(corpus: _Corpus) -> None:
    fifo = b"Special/song.mp3"
    try:
        os.mkfifo(corpus.place(fifo))
        corpus.note("special", fifo, IGNORED, "a FIFO: to open it is to wait for ever")
    except (AttributeError, OSError):
        pass
    _socket(corpus, b"Special/socket.mp3")
    inside = b"Special/album.mp3/01 Inside.mp3"
    corpus.file("special", inside, corpus.clips.song("mp3", "Inside"), INDEXED, "a folder named like a file")
    corpus.note("special", b"Special/album.mp3", IGNORED, "the folder itself is no file")
    locked = b"Special/locked.mp3"
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # whom no permission stops
    expected = INDEXED if as_root else frozenset({"rejected:permission"})
    corpus.file("special", locked, corpus.clips.song("mp3", "Locked"), expected, "no permission to read")
    os.chmod(corpus.place(locked), 0)


def _socket(corpus: _Corpus, path: bytes) -> None:
    """A socket's address is short, so it is bound by way of its folder's descriptor."""
    folder = os.open(os.path.dirname(corpus.place(path)), os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{folder}/".encode() + os.path.basename(path))
        corpus.note("special", path, IGNORED, "a socket")
    except OSError:
        pass
    finally:
        os.close(folder)


def _links(corpus: _Corpus, outside: Path) -> None:
    outside.mkdir(parents=True, exist_ok=True)
    secret = outside / "secret.mp3"
    secret.write_bytes(corpus.clips.song("mp3", "Secret"))
    target = b"Links/real.mp3"
    corpus.file("link", target, corpus.clips.song("mp3", "Real"), INDEXED, "what a link points to")

    def link(path: bytes, to: bytes, note: str) -> None:
        os.symlink(to, corpus.place(path))
        corpus.note("link", path, IGNORED, note)

    link(b"Links/loop", b".", "a link to its own folder")
    link(b"Links/ping.mp3", b"pong.mp3", "two links that point to each other")
    link(b"Links/pong.mp3", b"ping.mp3", "two links that point to each other")
    link(b"Links/escape.mp3", os.fsencode(secret.resolve()), "a link to a file outside the library")
    link(b"Links/escape", os.fsencode(outside.resolve()), "a link to a folder outside the library")
    link(b"Links/same.mp3", b"real.mp3", "a link to a file inside: the file is there once already")
    link(b"Links/gone.mp3", b"nowhere.mp3", "a link to nothing")


def _hidden(corpus: _Corpus) -> None:
    song = corpus.clips.song("mp3", "Hidden")
    corpus.file("hidden", b"Hidden/.hidden.mp3", song, IGNORED, "a hidden file")
    resource = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + b"\x00" * 60
    corpus.file("hidden", b"Hidden/._song.mp3", resource, IGNORED, "what macOS leaves beside a file")
    corpus.file("hidden", b"Hidden/notes.txt", b"buy milk\n", IGNORED, "not named like audio")


def _names(corpus: _Corpus) -> None:
    names: list[tuple[bytes, str]] = [
        (b"line\nbreak.mp3", "a newline"),
        ("\U0001f3b5 notes \U0001f469\u200d\U0001f3a4.mp3".encode(), "emoji"),
        (b"n" * 246 + b".mp3", "250 bytes"),
        (b"caf\xe9.mp3", "Latin-1, not UTF-8"),
        (b"dir\xff\xfe/song.flac", "a folder that is not UTF-8"),
        ("e\u0301tude.mp3".encode(), "a decomposed accent"),
        (b"...And Justice for All/01 Blackened Toast.mp3", "a folder that opens with dots"),
        (b"R.E.M./Album/01 Song.mp3", "a folder that ends in a dot"),
        (b"Fred again../01 Song.mp3", "a folder that ends in two dots"),
        (b"Who Are You?.mp3", "a question mark"),
        (b'"Heroes".flac', "quotation marks"),
        (b"AC\\DC.mp3", "a backslash"),
        (b"  leading.mp3", "leading spaces"),
        (b"trailing.../song.mp3", "a folder with trailing dots"),
        (b"100% [live] {x} $HOME `id` ;.mp3", "what shells and formats read as theirs"),
        (b"-rf.mp3", "a name like an option"),
        (b"a.b.c.d.mp3", "many dots"),
        (b"/".join(b"d%02d" % level for level in range(40)) + b"/deep.mp3", "40 folders deep"),
    ]
    for number, (name, note) in enumerate(names):
        file_format = "flac" if name.endswith(b".flac") else "mp3"
        song = corpus.clips.song(file_format, f"Named {number}")
        try:
            corpus.file("name", b"Names/" + name, song, INDEXED, note)
        except OSError:
            continue  # macOS and some network file systems refuse names that are not UTF-8
