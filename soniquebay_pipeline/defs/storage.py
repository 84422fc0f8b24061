"""Dagster's own storage, found through the pipeline's settings.

dagster.yaml can't start a server or derive one database's URL from another's; this class can, so that
`dagster dev` works in a fresh checkout with nothing set.
"""

from __future__ import annotations

from typing import Any

from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from soniquebay_pipeline.db.engine import dagster_url
from soniquebay_pipeline.settings import get_settings


class PipelineStorage(DagsterPostgresStorage):
    """DagsterPostgresStorage whose URL comes from SONIQUEBAY_* settings; takes no configuration."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> PipelineStorage:
        url = dagster_url(get_settings()).render_as_string(hide_password=False)
        return cls(postgres_url=url, inst_data=inst_data)
