"""Which column comes from which: Dagster's column lineage, and a part of each column's description.

Dagster stores column lineage and answers it through GraphQL, but its open-source UI does not draw it; so the columns'
descriptions on the asset's page say it too.

Here: a declaration for each asset. It names what a value is made from, not the keys by which the rows find each
other; what comes from disk, from a measurement or from a web service has no column before it and is not named.
Not here: the columns themselves (``db.tables``).
"""

from __future__ import annotations

import dagster as dg

_FEATURES = (
    "timbre bpm bpm_confidence key scale key_confidence loudness_range_lu energy danceability acousticness "
    "instrumentalness"
)
_WORDS = (
    "tracks.title tracks.year artists.name albums.title albums.release_year genres.name "
    "tracks.lastfm_tags albums.lastfm_tags artists.lastfm_tags"
)
_FROM_TAGS = "raw_metadata.fields"
_CREDITED = "raw_metadata.artists raw_metadata.album_artists raw_metadata.featured_artists raw_metadata.fields"

LINEAGE: dict[str, dict[str, str]] = {
    "raw_metadata": {
        "file_id": "raw_files.id",
        "path": "raw_files.path",
        "size_bytes": "raw_files.size_bytes",
        "mtime_ns": "raw_files.mtime_ns",
        # From the path where the tags lack them.
        **dict.fromkeys(
            ("title", "artists", "album", "album_key", "track_number", "disc_number", "year", "fallbacks"),
            "raw_files.path",
        ),
    },
    "artists": {
        "name": _CREDITED,
        "name_key": _CREDITED,
        "musicbrainz_artistid": _FROM_TAGS,
    },
    "albums": {
        "title": "raw_metadata.album",
        "title_key": "raw_metadata.album_key",
        "album_artist_id": "artists.id",
        "release_year": "raw_metadata.year",
        "musicbrainz_albumid": "raw_metadata.musicbrainz_albumid",
        "musicbrainz_releasegroupid": "raw_metadata.musicbrainz_releasegroupid",
        "is_compilation": "raw_metadata.is_compilation raw_metadata.artists raw_metadata.album_artists",
    },
    "genres": {"name": "raw_metadata.genres", "name_key": "raw_metadata.genres"},
    "tracks": {
        "file_id": "raw_metadata.file_id",
        "track_artist_id": "artists.id",
        "album_id": "albums.id",
        "musicbrainz_id": "raw_metadata.musicbrainz_recordingid",
        **{
            name: f"raw_metadata.{name}"
            for name in (
                "title",
                "track_number",
                "disc_number",
                "year",
                "duration_seconds",
                "bitrate_kbps",
                "file_type",
                "revision",
            )
        },
    },
    "covers": {"entity_id": "tracks.id albums.id artists.id"},
    "web_covers": {
        "entity_id": "albums.id",
        "url": "albums.musicbrainz_albumid albums.musicbrainz_releasegroupid lastfm_albums.lastfm_picture_url",
    },
    "audio_features": {
        "track_id": "tracks.id",
        "audio_hash": "raw_files.audio_hash",
        "tags_revision": "raw_metadata.revision",
        # What tags say stands beside what was measured, or wins (SONIQUEBAY_PREFER_TAGS).
        **dict.fromkeys(
            (
                "bpm",
                "bpm_tag",
                "bpm_disagreement",
                "key",
                "scale",
                "camelot_key",
                "key_tag",
                "key_disagreement",
                "moods",
            ),
            _FROM_TAGS,
        ),
    },
    "embeddings": {
        "track_id": "tracks.id",
        "vector": " ".join([_WORDS, *(f"audio_features.{name}" for name in _FEATURES.split())]),
    },
    "library_health": {
        "entity_id": "raw_files.id tracks.id albums.id artists.id",
        "paths": "raw_files.path",
    },
    "lastfm_artists": {"lastfm_about": "artists.name_key artists.musicbrainz_artistid"},
    "artist_similar": {
        "artist_id": "artists.id",
        "similar_artist_id": "artists.id artists.name_key artists.musicbrainz_artistid",
    },
    "lastfm_albums": {"lastfm_about": "albums.title_key artists.name_key"},
    "lastfm_tracks": {"lastfm_about": "tracks.title artists.name_key"},
}
"""asset → column → ``asset.column`` of what it is made from, separated by spaces."""


def column_lineage(asset: str) -> dict[str, dg.TableColumnLineage]:
    """The metadata entry of the asset's materialisations; empty for one that begins at the disk or has no table."""
    if asset not in LINEAGE:
        return {}
    deps = {column: [_dep(source) for source in sources.split()] for column, sources in LINEAGE[asset].items()}
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def _dep(source: str) -> dg.TableColumnDep:
    asset, _, column = source.partition(".")
    return dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column)
