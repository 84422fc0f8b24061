"""Every setting of the pipeline, typed, read once from the environment and ``.env``.

Here: names, types, defaults and what they mean. Not here: anything that acts on them.
Every field is documented in docs/settings.md and ``.env.example``; a test holds that.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[1]


def _default_home() -> Path:
    """A source checkout keeps its data beside itself, so that deleting the clone deletes all of it."""
    if (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / ".soniquebay"
    return Path(platformdirs.user_data_dir("soniquebay"))


def _default_workers() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


COVER_SOURCES = ("chosen", "embedded", "local", "coverartarchive", "lastfm", "soniquebay")


def listed(value: str) -> list[str]:
    """The entries of a setting that is a list separated by commas, each once, in their order."""
    return list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


class Settings(BaseSettings):
    """Settings of the pipeline; each is an environment variable ``SONIQUEBAY_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix="SONIQUEBAY_",
        env_file=(CHECKOUT / ".env", ".env"),
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    music_dir: Path | None = Field(
        default=None, description="The folder of music. Empty: the folder the catalogue was last built from."
    )
    home: Path = Field(
        default_factory=_default_home,
        description="Where the embedded database, Dagster's home and the demo library live.",
    )
    database_url: str | None = Field(
        default=None, description="An existing PostgreSQL database for the catalogue. Empty: the embedded server."
    )
    dagster_database_url: str | None = Field(
        default=None,
        description="A database for Dagster's own storage. Empty: `dagster` on the embedded server, or "
        "`<database>_dagster` beside SONIQUEBAY_DATABASE_URL.",
    )
    shards: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Partitions of the assets. Recorded in the database at first use; "
        "`soniquebay db reshard` changes it.",
    )
    workers: int = Field(
        default_factory=_default_workers, ge=1, le=256, description="Processes that read files in parallel."
    )
    file_timeout_seconds: float = Field(
        default=30.0, gt=0, description="How long reading one file may take before the file is given up."
    )
    worker_memory_mb: int = Field(
        default=2048,
        ge=256,
        description="Address space one worker process may take; a file that needs more is rejected.",
    )
    analysis_workers: int = Field(
        default_factory=_default_workers,
        ge=1,
        le=256,
        description="Processes that analyse audio in parallel, each on one core.",
    )
    analysis_timeout_seconds: float = Field(
        default=300.0, gt=0, description="How long the analysis of one track may take before it is given up."
    )
    analysis_interval_seconds: int = Field(
        default=120, ge=5, description="Seconds between two ticks of deferred_enrichment, which starts analysis."
    )
    analysis_tags: dict[str, Any] = Field(
        default={},
        description="Tags of the job `analyse` as a JSON object, such as `dagster-k8s/config` with a node selector.",
    )
    prefer_tags: bool = Field(default=False, description="Whether tempo and key from tags win over what was measured.")
    text_model: str = Field(
        default="all-MiniLM-L6-v2",
        min_length=1,
        description="The sentence-transformers model of the text vectors: a name or a folder. Another one makes all "
        "text vectors anew; the old ones serve until then.",
    )
    text_share: float = Field(
        default=0.45,
        gt=0.01,
        lt=1,
        description="Weight of the text in the combined vectors; the rest is the sound's.",
    )
    encoder_threads: int = Field(
        default_factory=_default_workers, ge=1, le=256, description="Threads that encode sentences."
    )
    vectors_interval_seconds: int = Field(
        default=180,
        ge=5,
        description="Seconds between two ticks of deferred_vectors, which starts the embedding.",
    )
    validation_cron: str = Field(default="0 3 * * *", description="When the daily validation of the vectors runs.")
    max_missing_share: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="A scan that finds more than this share of the known files gone changes nothing and fails. "
        "1 switches the guard off.",
    )
    settle_seconds: float = Field(
        default=20.0, ge=0, description="How long a folder must stay unchanged before new_music_sensor requests it."
    )
    sensor_interval_seconds: int = Field(default=10, ge=5, description="Seconds between two ticks of new_music_sensor.")
    sensor_tick_seconds: float = Field(
        default=3.0, gt=0, le=50, description="Time budget of one sensor tick (Dagster ends a tick at 60 s)."
    )
    maintenance_cron: str = Field(default="0 2 * * *", description="When the daily maintenance runs.")
    scan_cron: str = Field(
        default="30 3 * * *", description="When the whole library is scanned, whatever the sensor has seen."
    )
    backfill_cron: str = Field(
        default="0 4 * * *", description="When nightly_backfill makes old analyses due, once it is switched on."
    )
    backfill_after_days: int = Field(
        default=365, ge=1, description="Age in days from which nightly_backfill lets a track be analysed again."
    )
    backfill_tracks: int = Field(
        default=500, ge=1, description="How many tracks nightly_backfill makes due a night, the oldest first."
    )
    run_retention_days: int = Field(
        default=30,
        ge=1,
        description="Days that Dagster's finished runs are kept; those with an asset's last materialisation stay.",
    )
    web_memory_seconds: float = Field(
        default=300.0,
        ge=0,
        description="How long a process remembers answers of web services by itself; 0 leaves it to the database.",
    )
    contact: str = Field(
        default="",
        pattern=r"^[ -~]*$",
        description="An e-mail address or URL that web services see in the User-Agent, as MusicBrainz asks.",
    )
    coverartarchive_url: str = Field(
        default="https://coverartarchive.org", description="Where the Cover Art Archive, or a mirror of it, is."
    )
    coverartarchive_hosts: str = Field(
        default="*.archive.org", description="Hosts that the Cover Art Archive may redirect to, separated by commas."
    )
    coverartarchive_calls_per_second: float = Field(
        default=1.0, gt=0, le=50, description="How often the Cover Art Archive is asked, by all processes together."
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address that `soniquebay metrics` listens on; it has no authentication."
    )
    metrics_port: int = Field(default=9464, ge=1, le=65535, description="Port of `soniquebay metrics`.")
    cover_sources: str = Field(
        default="chosen,embedded,local,coverartarchive,lastfm,soniquebay",
        description="Where covers come from, the first that has one wins: chosen by you, embedded in the files, "
        "local (beside the files), and web services. What is left out is not used.",
    )
    cover_names: str = Field(
        default="cover,folder,front,album,{album}",
        description="Names of cover files beside the music without extension, the best first. Letter case and "
        "punctuation do not matter, * stands for anything, {album} for the title.",
    )
    artist_picture_names: str = Field(
        default="artist,folder,fanart",
        description="Names of pictures in the folder that holds an artist's albums, in the same form.",
    )
    cover_max_mb: float = Field(
        default=5.0, gt=0, le=50, description="Pictures of more megabytes are stored in a smaller encoding."
    )
    cover_refused: str = Field(
        default="", description="SHA-256 of pictures that are no covers, whoever offers them, separated by commas."
    )
    cover_max_age_days: float = Field(
        default=30.0, gt=0, description="After how many days a web service that had no cover is asked again."
    )
    cover_run_seconds: float = Field(
        default=300.0, gt=0, description="How long one run asks each web service for covers."
    )
    covers_interval_seconds: int = Field(
        default=300, ge=5, description="Seconds between two ticks of deferred_covers, which starts asking for covers."
    )
    lastfm_picture_hosts: str = Field(
        default="lastfm.freetls.fastly.net",
        description="Hosts that pictures of Last.fm may come from, separated by commas.",
    )
    cover_grace_days: float = Field(
        default=30.0, ge=0, description="Days that a picture is kept after nothing refers to it any more."
    )

    lastfm_api_key: SecretStr | None = Field(
        default=None, description="Key of Last.fm's API. Empty: Last.fm is not asked."
    )
    lastfm_url: str = Field(
        default="https://ws.audioscrobbler.com/2.0/", description="Address of Last.fm's API, version 2.0."
    )
    lastfm_kinds: str = Field(
        default="artists,similar,albums",
        description="What to ask Last.fm for: any of artists, similar, albums, tracks. Tracks cost a call each.",
    )
    lastfm_similar_limit: int = Field(
        default=50, ge=1, le=250, description="How many similar artists to keep of each artist."
    )
    lastfm_calls_per_second: float = Field(
        default=5.0, gt=0, le=1000, description="Calls to Last.fm a second, of all processes together."
    )
    lastfm_max_age_days: float = Field(
        default=30.0, gt=0, description="After how many days Last.fm is asked about the same again."
    )
    lastfm_run_seconds: float = Field(
        default=300.0,
        gt=0,
        description="How long one run of a Last.fm asset asks before it leaves the rest to the next.",
    )
    lastfm_interval_seconds: int = Field(
        default=120, ge=5, description="Seconds between two ticks of deferred_lastfm, which starts asking Last.fm."
    )
    celery_broker_url: str | None = Field(
        default=None,
        description="Broker that carries steps of the analysis to `soniquebay worker` on other machines. "
        "Empty: they run where the run is.",
    )
    celery_visibility_seconds: int = Field(
        default=3600,
        ge=10,
        description="When Redis or Valkey gives a step that no worker finished to another one; longer than a shard "
        "takes to analyse.",
    )
    health_cron: str = Field(default="0 6 * * *", description="When the daily health report is made.")
    ui_port: int = Field(default=3000, ge=1, le=65535, description="Port of Dagster's UI.")

    @field_validator("cover_sources")
    @classmethod
    def _known_sources(cls, value: str) -> str:
        unknown = set(listed(value)) - set(COVER_SOURCES)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(COVER_SOURCES)}")
        return value

    @property
    def cover_source_list(self) -> tuple[str, ...]:
        """The sources of covers in their order; what a person chose always counts, first unless placed elsewhere."""
        sources = listed(self.cover_sources)
        return tuple(sources if "chosen" in sources else ["chosen", *sources])

    @property
    def cover_max_bytes(self) -> int:
        """Pictures of more bytes are stored in a smaller encoding."""
        return int(self.cover_max_mb * 1e6)

    @field_validator("lastfm_kinds")
    @classmethod
    def _kinds(cls, value: str) -> str:
        unknown = set(listed(value)) - {"artists", "similar", "albums", "tracks"}
        if unknown:
            raise ValueError(f"knows artists, similar, albums and tracks, not {', '.join(sorted(unknown))}")
        return value

    @property
    def lastfm_kind_list(self) -> list[str]:
        """What to ask Last.fm for."""
        return listed(self.lastfm_kinds)

    @field_validator("music_dir", "home")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read at the first call."""
    return Settings()
