"""What is asked of Last.fm and what it answers, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("artist", "similar", "album", "track")
"""What can be asked for; also the entity types in the ledger, where ``similar`` is of an artist."""


class RequestRejected(Exception):
    """Last.fm understood us and refuses this one request; the service itself is well."""


@dataclass(frozen=True, slots=True)
class Due:
    """One row that Last.fm is to be asked about."""

    entity_id: int
    about: str
    """The state of the name that is asked for; another one makes the row due again."""
    artist: str
    artist_id: str | None
    """MusicBrainz id of the artist."""
    by_id: bool
    """The library has another artist of this name: only the id says who is meant."""
    title: str | None = None
    """Title of the album or the track."""


@dataclass(frozen=True, slots=True)
class WeightedTag:
    """A tag that listeners gave, as they wrote it."""

    name: str
    weight: int | None
    """0..100, relative to the heaviest; None where the answer gives only the order."""


@dataclass(frozen=True, slots=True)
class Info:
    """What Last.fm knows of an artist, an album or a track; None: it does not say."""

    name: str
    """The name of Last.fm's page: of the artist, of the album, of the track."""
    artist: str
    """The same for the artist of an album or a track."""
    url: str | None = None
    listeners: int | None = None
    playcount: int | None = None
    tags: tuple[WeightedTag, ...] = ()
    musicbrainz_id: str | None = None
    biography: str | None = None
    biography_licence: str | None = None
    picture_url: str | None = None


@dataclass(frozen=True, slots=True)
class SimilarArtist:
    """An artist that the same people listen to."""

    name: str
    weight: float
    """0..1; 1 is the most similar artist."""
    musicbrainz_id: str | None


@dataclass(frozen=True, slots=True)
class Similar:
    """The artists similar to one, the most similar first."""

    artist: str
    """The name of Last.fm's page whose listeners these are."""
    artists: tuple[SimilarArtist, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of asking for one row."""

    due: Due
    found: Info | Similar | None = None
    """None: Last.fm knows nothing, or means somebody else."""
    corrected_to: str | None = None
    """Whom Last.fm took it for, where that was not believed."""
    error: str | None = None
    """It failed and is tried again later."""
