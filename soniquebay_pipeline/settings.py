"""Every setting of the pipeline, typed, read once from the environment and ``.env``.

Here: names, types, defaults and what they mean. Not here: anything that acts on them.
Every field is documented in README.md and ``.env.example``; a test holds that.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[1]


def _default_home() -> Path:
    """A source checkout keeps its data beside itself, so that deleting the clone deletes all of it."""
    if (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / ".soniquebay"
    return Path(platformdirs.user_data_dir("soniquebay"))


def _default_workers() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


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
    prefer_tags: bool = Field(default=False, description="Whether tempo and key from tags win over what was measured.")
    max_missing_share: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="A scan that finds more than this share of the known files gone changes nothing and fails. "
        "1 switches the guard off.",
    )
    settle_seconds: float = Field(
        default=60.0, ge=0, description="How long a folder must stay unchanged before new_music_sensor requests it."
    )
    sensor_interval_seconds: int = Field(default=60, ge=5, description="Seconds between two ticks of new_music_sensor.")
    sensor_tick_seconds: float = Field(
        default=20.0, gt=0, le=50, description="Time budget of one sensor tick (Dagster ends a tick at 60 s)."
    )
    maintenance_cron: str = Field(default="0 2 * * *", description="When the daily maintenance runs.")
    health_cron: str = Field(default="0 6 * * *", description="When the daily health report is made.")
    ui_port: int = Field(default=3000, ge=1, le=65535, description="Port of Dagster's UI.")

    @field_validator("music_dir", "home")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read at the first call."""
    return Settings()
