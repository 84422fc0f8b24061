"""Checks of the search over the vectors."""

import dagster as dg

from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

RECALL_WARNING = 0.95


@dg.asset_check(
    asset="embeddings", description="The index finds at least 95 % of the ten tracks that are really nearest."
)
def index_recall(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.vectors.recall import measure_recall

    found = measure_recall(pipeline.engine)
    worst = min((recall.mean for recall in found), default=1.0)
    if not found:
        description = "Every search compares all vectors: there is no index, and so few need none."
    else:
        description = f"Of the ten nearest tracks the index finds {worst:.1%}" + (
            "." if worst >= RECALL_WARNING else "; `soniquebay vectors rebuild` builds it anew."
        )
    rows = [
        (r.kind, r.model, len(r.shares), f"{r.mean:.3f}", f"{min(r.shares):.2f}", r.index_ms, r.exact_ms)
        for r in found
        if r.shares
    ]
    header = ["kind", "model", "tracks sampled", "recall@10", "worst track", "ms with index", "ms without"]
    return dg.AssetCheckResult(
        passed=worst >= RECALL_WARNING,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata={"recall": worst, **({"indexes": markdown_table(header, rows)} if rows else {})},
    )


SEARCH_CHECKS = [index_recall]
