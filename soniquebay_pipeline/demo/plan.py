"""Which artists, albums and tracks the demo library has, what is odd about each, and what is broken.

Every name is invented. Each album stands for something that real libraries have and programs get
wrong; its comment says what. Here: the plan, as data. Not here: sound, encoding, tags, files.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field

from soniquebay_pipeline.demo.synthesis import KEY_NAMES, Song
from soniquebay_pipeline.demo.tagging import Tags
from soniquebay_pipeline.demo.truth import DemoReject, DemoTrack

VARIOUS = "Various Artists"

# Two artists share a set twice, so that "sounds alike" has an answer beyond one's own albums.
INSTRUMENTS = {
    "Marisol Quay": "electric piano",
    "A.R.C.": "saw synth",
    "N/OVA": "bells",
    "The Tin Meridian": "plucked strings",
    "Halden & Brook": "bowed strings",
    "Orla Vesterbro": "organ",
    "Kopper-Linde": "saw synth",
    "Sundial Club": "electric piano",
}


@dataclass(frozen=True, slots=True)
class Album:
    """One album of the plan: its tags as a person would have written them, and where it lies."""

    artist: str
    title: str
    folder: str
    year: int
    formats: tuple[str, ...]
    """Used in turn."""
    genres: tuple[str, ...]
    """As in the tag: one entry a value, separators inside."""
    titles: tuple[str, ...]
    performers: tuple[str, ...] = ()
    """Of a compilation: the artist of each title."""
    guests: dict[int, str] = field(default_factory=dict)
    """Track number → featured artist."""
    spellings: dict[int, str] = field(default_factory=dict)
    """Track number → how the artist's name is spelled on it."""
    disc_sizes: tuple[int, ...] = ()
    cover: str | None = None
    musicbrainz: bool = False
    tempo_and_key: bool = False
    id3_version: int = 4
    tagged: bool = True
    sample_rate: int = 44_100
    channels: int = 2


ALBUMS = (
    # Complete tags with MusicBrainz ids and pictures in the files.
    Album("Marisol Quay", "Low Tide Letters", "Marisol Quay/Low Tide Letters (2014)", 2014, ("mp3",),
          ("Singer-Songwriter; Folk",),
          ("Salt on the Stairs", "Postcards Unsent", "Ferry at Six", "Glass Harbour", "The Quiet Pier",
           "Letters to Nobody", "Ebb"),
          cover="embedded", musicbrainz=True, tempo_and_key=True),
    # A name of dots, a folder that ends in one, and lossless next to lossy.
    Album("A.R.C.", "Voltage Gardens", "A.R.C./Voltage Gardens", 2019,
          ("m4a", "m4a", "m4a", "flac", "m4a", "m4a", "m4a"), ("Electronic",),
          ("Ohm", "Copper Bloom", "Arc Lamp", "Static Orchid", "Mains Hum", "Fuse", "Current Affairs"),
          cover="embedded", tempo_and_key=True),
    # A slash in the name, which is neither a separator nor possible in a folder's name.
    Album("N/OVA", "Cold Light", "N_OVA/Cold Light", 2021, ("opus",), ("Ambient, Electronic",),
          ("Perihelion", "Who Goes There?", "Frost Line", "Parallax", "Slow Comet", "Afterglow"),
          sample_rate=48_000),
    # One album on two discs in folders of their own; genre as two values.
    Album("The Tin Meridian", "Roads West of Nowhere", "The Tin Meridian/Roads West of Nowhere", 2008,
          ("ogg",), ("Americana", "Rock"),
          ("Gravel Hymn", "Mile Zero", "Rust and Rye", "Long Shadow Motel", "...And the Rain", "Dry County",
           "Telegraph Hill", "Nowhere, Again"),
          disc_sizes=(4, 4), musicbrainz=True),
    # A picture in the folder, and an ampersand that joins one name.
    Album("Halden & Brook", "Winter Rooms", "Halden & Brook/Winter Rooms", 2017, ("mp3",), ("Chamber Music",),
          ("First Snow", "The Blue Room", "Candle Hours", "A Door Left Open", "Thaw", "January, Slowly"),
          cover="folder", id3_version=3, channels=1),
    # Guests: one who has albums here, one who has not.
    Album("Orla Vesterbro", "Night Ferries", "Orla Vesterbro/Night Ferries", 2011, ("m4a",), ("Jazz; Soul",),
          ("Last Crossing", "Engine Room Blues", "Lanterns", "Harbour Bar", "Half Past Fog", "Landfall"),
          guests={2: "Jonas Ek", 4: "Marisol Quay"}, tempo_and_key=True),
    # Two kinds of hyphen and another case in one artist's name; separators and case in the genre.
    Album("Kopper-Linde", "Fields of Static", "Kopper-Linde/Fields of Static", 2015, ("mp3",),
          ("Rock/Pop; electronic",),
          ("Sleepwalk Radio", "Paper Antenna", "Between Stations", "White Noise Parade", "Signal Fires",
           "Carrier Wave", "Off the Air"),
          spellings={3: "Kopper\u2010Linde", 6: "KOPPER-LINDE"}, cover="embedded", id3_version=3),
    # No tags worth the name: artist and album are known from the folders only.
    Album("Sundial Club", "Afternoon Machine", "Sundial Club/Afternoon Machine", 0,
          ("mp3", "flac", "mp3", "wav", "mp3"), (),
          ("Paper Kites", "Idle Hands", "Three O'Clock", "Shade", "The Long Lunch"),
          tagged=False, sample_rate=22_050, channels=1),
    # A compilation: eight artists, one album.
    Album(VARIOUS, "Harbour Lights", "Various Artists/Harbour Lights", 2022, ("ogg", "mp3"),
          ("Pop", "Electronic"),
          ("Breakwater", "Arc Flash", "Aphelion", "Wheat and Wire", "Rooms by the Sea", "Tender",
           "Dial Tone", "Deckchairs"),
          performers=tuple(INSTRUMENTS), sample_rate=44_100),
)  # fmt: skip

BROKEN = (
    DemoReject("Unsorted/Nothing Here.mp3", ("empty",)),
    DemoReject("Unsorted/Shopping List.flac", ("not_audio",)),
    DemoReject("Unsorted/Half a Header.flac", ("corrupt",)),
    DemoReject("Unsorted/Garbage.mp3", ("not_audio", "corrupt")),
)
BAD_PICTURE = "Sundial Club/Afternoon Machine/cover.jpg"


@dataclass(frozen=True, slots=True)
class PlannedTrack:
    """One file to make: how it sounds, how it is stored and tagged, and what is true of it."""

    song: Song
    file_format: str
    tags: Tags
    cover_seed: int | None
    """Seed of the picture to embed."""
    truth: DemoTrack


def planned_tracks() -> list[PlannedTrack]:
    """All tracks, in the order of the albums."""
    tracks: list[PlannedTrack] = []
    for number, album in enumerate(ALBUMS):
        for track in range(1, len(album.titles) + 1):
            tracks.append(_track(album, number, track, index=len(tracks)))
    return tracks


def folder_pictures() -> dict[str, int]:
    """Paths of the pictures beside the music → their seeds."""
    return {f"{a.folder}/folder.jpg": n for n, a in enumerate(ALBUMS) if a.cover == "folder"}


def _song(album: Album, artist: str, index: int) -> Song:
    """Keys go round the circle of fifths, major and minor in turn; tempi 70 to 175 in mixed order."""
    return Song(
        bpm=round(70 + 105 * ((index * 37) % 60) / 59),
        tonic=index * 7 % 12,
        scale=("major", "minor")[index // 12 % 2],
        instruments=INSTRUMENTS[artist],
        seconds=20 + index * 7 % 9,
        sample_rate=album.sample_rate,
        channels=album.channels,
        seed=1000 + index,
        melody=index % 3 != 2,
    )


def _track(album: Album, album_index: int, track: int, index: int) -> PlannedTrack:
    title = album.titles[track - 1]
    artist = album.performers[track - 1] if album.performers else album.artist
    disc, on_disc, disc_folder = _disc(album, track)
    file_format = album.formats[(track - 1) % len(album.formats)]
    song = _song(album, artist, index)
    name = title if not album.tagged else f"{on_disc:02d} {title}"
    guest = album.guests.get(track)
    recording = _musicbrainz("recording", f"{artist}/{title}") if album.musicbrainz else None
    truth = DemoTrack(
        path=f"{album.folder}/{disc_folder}{_file_name(name)}.{file_format}",
        title=title,
        artists=(artist,),
        featured=(guest,) if guest else (),
        album=album.title,
        album_artist=album.artist,
        year=album.year or None,
        track_number=on_disc if album.tagged else None,
        disc_number=disc or None,
        genres=tuple(part.strip() for genre in album.genres for part in re.split("[;,/]", genre)),
        bpm=float(song.bpm),
        key=KEY_NAMES[song.tonic],
        scale=song.scale,
        instruments=song.instruments,
        seconds=round(song.bars * 240 / song.bpm, 3),
        cover=album.cover,
        musicbrainz_recordingid=recording,
    )
    tags = _tags(album, truth, track) if album.tagged else Tags()
    return PlannedTrack(song, file_format, tags, album_index if album.cover == "embedded" else None, truth)


def _disc(album: Album, track: int) -> tuple[int, int, str]:
    """(disc number, track number on it, folder of the disc) of a track counted over the whole album."""
    for disc, size in enumerate(album.disc_sizes, start=1):
        if track <= size:
            return disc, track, f"CD{disc}/"
        track -= size
    return 0, track, ""


def _tags(album: Album, truth: DemoTrack, track: int) -> Tags:
    spelled = album.spellings.get(track, truth.artists[0])
    credit = f"{spelled} feat. {truth.featured[0]}" if truth.featured else spelled
    identified = album.musicbrainz
    return Tags(
        title=truth.title,
        artist=(credit,),
        album=album.title,
        album_artist=album.spellings.get(track, album.artist),
        date=str(album.year),
        track=truth.track_number or 0,
        track_total=album.disc_sizes[0] if album.disc_sizes else len(album.titles),
        disc=truth.disc_number or 0,
        disc_total=len(album.disc_sizes),
        genres=album.genres,
        compilation=album.artist == VARIOUS,
        bpm=round(truth.bpm) if album.tempo_and_key else 0,
        key=truth.key + ("m" if truth.scale == "minor" else "") if album.tempo_and_key else "",
        recording_id=truth.musicbrainz_recordingid or "",
        release_id=_musicbrainz("release", album.title) if identified else "",
        artist_ids=(_musicbrainz("artist", truth.artists[0]),) if identified else (),
        album_artist_ids=(_musicbrainz("artist", album.artist),) if identified else (),
        id3_version=album.id3_version,
    )


def _musicbrainz(kind: str, name: str) -> str:
    """An id of the form that MusicBrainz gives; invented, the same on every build."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"soniquebay-demo/{kind}/{name}"))


def _file_name(text: str) -> str:
    """The title with what Windows forbids in a name replaced, as taggers do."""
    return re.sub(r'[<>:"/\\|?*]', "_", text)
