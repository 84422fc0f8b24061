"""The code location, at one glance: what Dagster loads."""

from __future__ import annotations

import warnings

import dagster as dg

# Backfill policies and kinds are marked beta; saying so at every start helps nobody who runs the pipeline.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from soniquebay_pipeline.defs import (  # noqa: E402
    checks,
    checks_artwork,
    checks_care,
    checks_lastfm,
    checks_vectors,
    checks_vectors_search,
    jobs,
    playlist,
    schedules,
    sensors,
    web_sensors,
)
from soniquebay_pipeline.defs.assets.albums import albums  # noqa: E402
from soniquebay_pipeline.defs.assets.artists import artists  # noqa: E402
from soniquebay_pipeline.defs.assets.audio_features import audio_features  # noqa: E402
from soniquebay_pipeline.defs.assets.covers import covers  # noqa: E402
from soniquebay_pipeline.defs.assets.embeddings import embeddings  # noqa: E402
from soniquebay_pipeline.defs.assets.genres import genres  # noqa: E402
from soniquebay_pipeline.defs.assets.lastfm import ASSETS as LASTFM_ASSETS  # noqa: E402
from soniquebay_pipeline.defs.assets.library_health import library_health  # noqa: E402
from soniquebay_pipeline.defs.assets.library_map import library_map  # noqa: E402
from soniquebay_pipeline.defs.assets.raw_files import raw_files  # noqa: E402
from soniquebay_pipeline.defs.assets.raw_metadata import raw_metadata  # noqa: E402
from soniquebay_pipeline.defs.assets.tracks import tracks  # noqa: E402
from soniquebay_pipeline.defs.assets.web_covers import web_covers  # noqa: E402
from soniquebay_pipeline.defs.resources import PipelineResource  # noqa: E402

defs = dg.Definitions(
    assets=[
        raw_files,
        raw_metadata,
        artists,
        albums,
        genres,
        tracks,
        covers,
        audio_features,
        embeddings,
        library_map,
        library_health,
        *LASTFM_ASSETS,
        web_covers,
    ],
    asset_checks=[
        *checks.CHECKS,
        *checks.SOUND_CHECKS,
        *checks_artwork.CHECKS,
        *checks_vectors.VECTOR_CHECKS,
        *checks_vectors_search.SEARCH_CHECKS,
        *checks_lastfm.LASTFM_CHECKS,
        *checks_care.CARE_CHECKS,
    ],
    jobs=[
        jobs.ingest,
        jobs.analyse,
        jobs.embed,
        jobs.fetch_covers,
        jobs.lastfm,
        jobs.health,
        jobs.run_everything,
        jobs.validate_vectors,
        jobs.maintenance,
        jobs.backfill_oldest,
        playlist.playlist,
    ],
    sensors=[
        sensors.new_music_sensor,
        sensors.deferred_enrichment,
        sensors.deferred_vectors,
        sensors.next_stage,
        web_sensors.deferred_covers,
        web_sensors.deferred_lastfm,
    ],
    schedules=[
        schedules.daily_maintenance,
        schedules.daily_validation,
        schedules.daily_health_report,
        schedules.nightly_scan,
        schedules.nightly_backfill,
    ],
    resources={"pipeline": PipelineResource()},
    # In process: a process a step cost 24 s against 4 s for nine trivial assets. What needs more than one
    # core (reading files) has a process pool of its own.
    executor=dg.in_process_executor,
)
