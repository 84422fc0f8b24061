"""Names of tags in formats where a tagger writes the name itself.

Here: the names that Vorbis comments, APEv2, ID3's TXXX, MP4's free-form atoms and ASF share, in the
spelling without case, spaces and punctuation.
Not here: names that belong to one format (see the module of that family).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

CANONICAL: dict[str, str] = {
    "title": "title",
    "artist": "artist",
    "artists": "artists",
    "album": "album",
    "albumartist": "albumartist",
    "albumartists": "albumartists",
    "titlesort": "titlesort",
    "artistsort": "artistsort",
    "albumsort": "albumsort",
    "albumartistsort": "albumartistsort",
    "composersort": "composersort",
    "composer": "composer",
    "lyricist": "lyricist",
    "writer": "writer",
    "conductor": "conductor",
    "remixer": "remixer",
    "arranger": "arranger",
    "performer": "performer",
    "engineer": "engineer",
    "producer": "producer",
    "mixer": "mixer",
    "djmixer": "djmixer",
    "director": "director",
    "tracknumber": "tracknumber",
    "totaltracks": "totaltracks",
    "discnumber": "discnumber",
    "totaldiscs": "totaldiscs",
    "discsubtitle": "discsubtitle",
    "date": "date",
    "originaldate": "originaldate",
    "originalyear": "originalyear",
    "releasedate": "releasedate",
    "originalalbum": "originalalbum",
    "originalartist": "originalartist",
    "genre": "genre",
    "mood": "mood",
    "compilation": "compilation",
    "bpm": "bpm",
    "key": "key",
    "comment": "comment",
    "isrc": "isrc",
    "label": "label",
    "barcode": "barcode",
    "catalognumber": "catalognumber",
    "media": "media",
    "language": "language",
    "lyrics": "lyrics",
    "script": "script",
    "asin": "asin",
    "grouping": "grouping",
    "subtitle": "subtitle",
    "work": "work",
    "movement": "movement",
    "movementnumber": "movementnumber",
    "movementtotal": "movementtotal",
    "showmovement": "showmovement",
    "copyright": "copyright",
    "license": "license",
    "website": "website",
    "encodedby": "encodedby",
    "encodersettings": "encodersettings",
    "releasetype": "releasetype",
    "releasestatus": "releasestatus",
    "releasecountry": "releasecountry",
    "acoustidid": "acoustid_id",
    "acoustidfingerprint": "acoustid_fingerprint",
    "replaygaintrackgain": "replaygain_track_gain",
    "replaygaintrackpeak": "replaygain_track_peak",
    "replaygaintrackrange": "replaygain_track_range",
    "replaygainalbumgain": "replaygain_album_gain",
    "replaygainalbumpeak": "replaygain_album_peak",
    "replaygainalbumrange": "replaygain_album_range",
    "replaygainreferenceloudness": "replaygain_reference_loudness",
    # The trap of every format: "track id" names the recording; the track of one release has its own name.
    "musicbrainztrackid": "musicbrainz_recordingid",
    "musicbrainzreleasetrackid": "musicbrainz_trackid",
    "musicbrainzalbumid": "musicbrainz_albumid",
    "musicbrainzartistid": "musicbrainz_artistid",
    "musicbrainzalbumartistid": "musicbrainz_albumartistid",
    "musicbrainzreleasegroupid": "musicbrainz_releasegroupid",
    "musicbrainzworkid": "musicbrainz_workid",
    "musicbrainzdiscid": "musicbrainz_discid",
    "musicbrainzoriginalalbumid": "musicbrainz_originalalbumid",
    "musicbrainzoriginalartistid": "musicbrainz_originalartistid",
}

SYNONYMS: dict[str, str] = {
    "track": "tracknumber",
    "tracktotal": "totaltracks",
    "disc": "discnumber",
    "disk": "discnumber",
    "disknumber": "discnumber",
    "disctotal": "totaldiscs",
    "disktotal": "totaldiscs",
    "totaldisks": "totaldiscs",
    "setsubtitle": "discsubtitle",
    "year": "date",
    "origdate": "originaldate",
    "originalreleasedate": "originaldate",
    "originalreleasetime": "originaldate",
    "origyear": "originalyear",
    "originalreleaseyear": "originalyear",
    "releasetime": "releasedate",
    "itunescompilation": "compilation",
    "tempo": "bpm",
    "beatsperminute": "bpm",
    "initialkey": "key",
    "description": "comment",
    "organization": "label",
    "publisher": "label",
    "recordlabel": "label",
    "labelno": "catalognumber",
    "catalog": "catalognumber",
    "catalogno": "catalognumber",
    "upc": "barcode",
    "ean": "barcode",
    "eanupn": "barcode",
    "upcean": "barcode",
    "unsyncedlyrics": "lyrics",
    "unsynchedlyrics": "lyrics",
    "mixartist": "remixer",
    "remixedby": "remixer",
    "modifiedby": "remixer",
    "contentgroup": "grouping",
    "encoder": "encodersettings",
    "encoding": "encodersettings",
    "musicbrainzrecordingid": "musicbrainz_recordingid",
    "musicbrainzreleaseid": "musicbrainz_albumid",
    "musicbrainzalbumtype": "releasetype",
    "musicbrainzalbumstatus": "releasestatus",
    "musicbrainzalbumreleasecountry": "releasecountry",
}

SYNONYM_RANK = 1
"""A synonym only fills a field that the standard name left empty."""

_PUNCTUATION = str.maketrans("", "", " _-/")
_LONGEST_NAME = 64
_ACOUSTICBRAINZ_PREFIX = "ab:"


@lru_cache(maxsize=4096)
def _lookup(name: str) -> tuple[str, int] | None:
    folded = name.lower()
    if folded.startswith(_ACOUSTICBRAINZ_PREFIX):
        return (folded, 0) if folded.isascii() and folded.isprintable() else None
    squeezed = folded.translate(_PUNCTUATION)
    canonical = CANONICAL.get(squeezed)
    if canonical is not None:
        return canonical, 0
    synonym = SYNONYMS.get(squeezed)
    return None if synonym is None else (synonym, SYNONYM_RANK)


def canonical_name(name: str, own: Mapping[str, str] | None = None) -> tuple[str, int] | None:
    """The canonical field of a written name and its rank; ``own`` are a format's names, lower-case."""
    if len(name) > _LONGEST_NAME:
        return None
    if own is not None:
        canonical = own.get(name.lower())
        if canonical is not None:
            return canonical, 0
    return _lookup(name)
