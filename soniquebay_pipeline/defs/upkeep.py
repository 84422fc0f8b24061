"""Daily upkeep of what web services answered and of the ledger of attempts."""

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline

RETRIED_DAILY = ("enrichment", "covers")
"""Queues whose failures come from web services. Files that analysis failed on do not change overnight."""


@dg.op(pool="database", description="Remove expired answers of web services.")
def remove_expired_answers(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.enrichment.answers import remove_expired

    with pipeline.engine.begin() as connection:
        removed = remove_expired(connection)
    context.add_output_metadata({"removed": removed})


@dg.op(
    pool="database",
    description="Let work that failed on a web service be tried once more; remove attempts at what has vanished.",
)
def tend_ledger(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.db.ledger import remove_vanished, retry_failed

    with pipeline.engine.begin() as connection:
        removed = remove_vanished(connection)
        retried = retry_failed(connection, RETRIED_DAILY, attempts=1)
    context.add_output_metadata({"removed": removed, "retried": retried})
