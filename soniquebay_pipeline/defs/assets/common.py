"""What all assets of the catalogue share: partitions, group, owner, column schema, clear failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from soniquebay_pipeline.defs.lineage import LINEAGE, column_lineage
from soniquebay_pipeline.defs.metadata import column_schema, counts, row_count
from soniquebay_pipeline.defs.partitions import SHARDS, shard_numbers
from soniquebay_pipeline.logs import logger

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from soniquebay_pipeline.defs.resources import Pipeline


def docs(page: str) -> dg.PathMetadataValue:
    """The page that explains the asset, below the checkout; ``catalogue.md#albums``."""
    return dg.MetadataValue.path(f"docs/{page}")


def shard_asset(
    *,
    table: str,
    group: str,
    kinds: set[str],
    pool: str,
    code_version: str,
    description: str,
    page: str,
    deps: Iterable[str] = (),
    output_required: bool = True,
    freshness: dg.FreshnessPolicy | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An asset over the shards, one run for any number of them, that fills one table."""
    return dg.asset(
        name=table,
        deps=list(deps),
        partitions_def=SHARDS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=group,
        kinds=kinds,
        owners=["team:soniquebay"],
        pool=pool,
        code_version=code_version,
        output_required=output_required,
        freshness_policy=freshness,
        description=description.strip(),
        metadata={"dagster/table_name": f"public.{table}", "docs": docs(page)},
    )


def catalogue_asset(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """``shard_asset`` of the group ``catalog``."""
    return shard_asset(group="catalog", **options)


def catalogue_result(
    pipeline: Pipeline, table: str, numbers: Mapping[str, int], asset: str = "", /, **more: Any
) -> dg.MaterializeResult:
    """The report of a run: its counts, the size of the table, the table's columns and what they are made from.

    ``asset`` is its name where that is not the table's.

    The columns come with the materialisation and not with the definition, because describing them needs
    SQLAlchemy, which would add a fifth to the time that loading the code location takes.
    """
    from soniquebay_pipeline.db.tables import metadata

    logger(table).info("done", **numbers)
    name = asset or table
    return dg.MaterializeResult(
        metadata={
            **counts(numbers),
            **more,
            "dagster/row_count": row_count(pipeline.engine, table),
            "dagster/column_schema": column_schema(metadata.tables[table], LINEAGE.get(name, {})),
            **column_lineage(name),
        }
    )


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turn errors that a person has to act on into a failure without a retry and without a stack of frames."""
    from soniquebay_pipeline.library.walk import LibraryRootError

    try:
        yield
    except LibraryRootError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def each_shard(
    context: dg.AssetExecutionContext,
    pipeline: Pipeline,
    name: str,
    step: Callable[[Engine, int], dict[str, int]],
) -> dict[str, int]:
    """Run the step over those shards of this run that have work, one transaction each; sums its counts."""
    from soniquebay_pipeline.catalog.store.pending import shards_with_work

    totals: dict[str, int] = {}
    shards = shards_with_work(pipeline.engine, shard_numbers(context))
    with pipeline.progress(context).stage(name, len(shards)) as stage:
        for shard in shards:
            for key, value in step(pipeline.engine, shard).items():
                totals[key] = totals.get(key, 0) + value
            stage(1)
    return totals
