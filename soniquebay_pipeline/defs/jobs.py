"""Jobs: what a person, the command line, sensors and schedules start."""

import dagster as dg

from soniquebay_pipeline.defs import upkeep
from soniquebay_pipeline.defs.executors import remote_executor
from soniquebay_pipeline.settings import get_settings

CATALOGUE_SELECTION = dg.AssetSelection.groups("catalog") | dg.AssetSelection.assets("covers")

ingest = dg.define_asset_job(
    "ingest",
    selection=CATALOGUE_SELECTION,
    description="From files to the catalogue: raw_files, raw_metadata, artists, albums, genres, tracks, covers.",
    tags={"soniquebay/stage": "catalog"},
)

analyse = dg.define_asset_job(
    "analyse",
    selection=dg.AssetSelection.assets("audio_features"),
    description="Tempo, key, loudness, character and timbre of the tracks that lack them.",
    tags={"soniquebay/stage": "sound", **get_settings().analysis_tags},
    executor_def=remote_executor(),
)

embed = dg.define_asset_job(
    "embed",
    selection=dg.AssetSelection.assets("embeddings").without_checks(),
    description="Text, audio and combined vectors of the tracks that lack them.",
    tags={"soniquebay/stage": "vectors", **get_settings().analysis_tags},
    executor_def=remote_executor(),
)

validate_vectors = dg.define_asset_job(
    "validate_vectors",
    selection=dg.AssetSelection.checks_for_assets("embeddings"),
    description="The checks of the vectors, and nothing else.",
)

WEB_COVERS_SELECTION = dg.AssetSelection.assets("web_covers")

fetch_covers = dg.define_asset_job(
    "fetch_covers",
    selection=WEB_COVERS_SELECTION,
    description="Covers from web services, for albums that nothing better gives one.",
    tags={"soniquebay/stage": "artwork"},
)

LASTFM_SELECTION = dg.AssetSelection.groups("lastfm")

lastfm = dg.define_asset_job(
    "lastfm",
    selection=LASTFM_SELECTION,
    description="What Last.fm knows: artists, similar artists, albums and, where wanted, tracks.",
    tags={"soniquebay/stage": "lastfm"},
)

health = dg.define_asset_job(
    "health",
    selection=dg.AssetSelection.assets("library_health"),
    description="What is wrong with the library, as it is now.",
    tags={"soniquebay/stage": "care"},
)

run_everything = dg.define_asset_job(
    "run_everything",
    # Web services answer at their own pace: their backlog takes hours, and nothing else waits for it.
    selection=dg.AssetSelection.all() - LASTFM_SELECTION - WEB_COVERS_SELECTION,
    description="Every asset but those that ask web services, in the order of the graph; what `soniquebay run` starts.",
)

CATALOGUE_JOBS = (ingest.name, run_everything.name)
"""While one of these runs, deferred work and scans wait: the catalogue comes first."""


@dg.job(
    description="Daily clean-up: orphans, old runs, unused pictures, an outgrown scaler, expired answers, the ledger.",
    executor_def=dg.in_process_executor,
)
def maintenance() -> None:
    upkeep.remove_orphans()
    upkeep.remove_stand_ins()
    upkeep.prune_runs()
    upkeep.clean_pictures()
    upkeep.refit_vectors()
    upkeep.build_vector_indexes()
    upkeep.remove_expired_answers()
    upkeep.tend_ledger()


@dg.job(
    description="Makes a slice of the oldest analyses due; deferred_enrichment then does the work.",
    executor_def=dg.in_process_executor,
)
def backfill_oldest() -> None:
    upkeep.request_oldest_analyses()
