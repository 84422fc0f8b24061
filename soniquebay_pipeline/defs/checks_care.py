"""Checks of the care of the library."""

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline


@dg.asset_check(asset="library_health", description="No file of the library is broken or cut.")
def no_broken_files(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.care.health.kinds import KINDS
    from soniquebay_pipeline.care.health.report import count_findings

    counts = count_findings(pipeline.engine)
    errors = {kind.name: counts[kind.name] for kind in KINDS if kind.severity == "error"}
    total = sum(errors.values())
    return dg.AssetCheckResult(
        passed=total == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{total} files are broken or cut" + ("; `soniquebay health` names them." if total else "."),
        metadata=errors,
    )


CARE_CHECKS = [no_broken_files]
