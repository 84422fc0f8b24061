"""Checks of the care of the library."""

import dagster as dg

from soniquebay_pipeline.defs.metadata import markdown_table
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


@dg.asset_check(asset="library_health", description="Deferred work is done in time, and little of it fails.")
def deferred_backlog(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.db.ledger_view import queue_states

    with pipeline.engine.connect() as connection:
        states = queue_states(connection)
    bad = [state for state in states if state.health == "critical"]
    rows = [
        (s.queue, s.health, s.waiting, s.delayed, s.leased, s.failed, f"{s.oldest_seconds / 60:.0f}") for s in states
    ]
    header = ["queue", "health", "waiting", "delayed", "at work", "failed", "oldest, minutes"]
    return dg.AssetCheckResult(
        passed=not bad,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Critical: {', '.join(state.queue for state in bad)}; `soniquebay queue` shows why."
        if bad
        else "Nothing has waited for more than an hour.",
        metadata={"queues": markdown_table(header, rows)},
    )


@dg.asset_check(asset="library_health", description="Every web service that is asked answers.")
def web_services_answer(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    from soniquebay_pipeline.enrichment.report import provider_reports

    with pipeline.engine.connect() as connection:
        reports = provider_reports(connection)
    resting = [report for report in reports if report.state != "closed"]
    said = "; ".join(f"{report.provider} is {report.state} ({report.last_error})" for report in resting)
    rows = [(r.provider, r.state, r.calls, r.failures, r.last_error or "") for r in reports]
    return dg.AssetCheckResult(
        passed=not resting,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said}. They are asked again by themselves." if resting else "Every circuit is closed.",
        metadata={"services": markdown_table(["service", "circuit", "calls", "failures", "last error"], rows)},
    )


CARE_CHECKS = [no_broken_files, deferred_backlog, web_services_answer]
