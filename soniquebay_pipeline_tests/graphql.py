"""Asking a running UI through Dagster's GraphQL API, as its own pages do."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

_ASSETS = """
{ assetNodes { assetKey { path } dependencyKeys { path } groupName isPartitioned description kinds
    owners { ... on TeamAssetOwner { team } }
    partitionStats { numMaterialized numPartitions }
    assetMaterializations(limit: 1) { runId metadataEntries { label ... on MarkdownMetadataEntry { mdStr }
        ... on TableColumnLineageMetadataEntry { lineage {
            columnName columnDeps { assetKey { path } columnName } } } } } } }
"""
_LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_SELECTOR = {"repositoryLocationName": "soniquebay", "repositoryName": "__repository__"}
_TICKS = """
query ($selector: RepositorySelector!) {
    sensorsOrError(repositorySelector: $selector) { ... on Sensors { results { name sensorState { ...Ticks } } } }
    schedulesOrError(repositorySelector: $selector) { ... on Schedules { results { name scheduleState { ...Ticks } } } }
}
fragment Ticks on InstigationState { ticks(limit: 5000) { status skipReason error { message } } }
"""
_START_SCHEDULE = """
mutation ($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) {
    __typename ... on PythonError { message } } }
"""
_RUNS = """
query ($cursor: String) { runsOrError(limit: 500, cursor: $cursor) { ... on Runs { results {
    runId jobName status startTime endTime tags { key value } } } } }
"""
_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


class Ui:
    """A running ``soniquebay ui``."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: Any) -> Any:
        """The ``data`` of the answer; AssertionError with the errors that it names."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def wait_until_up(self, seconds: float) -> None:
        """Wait until the assets of the code location can be listed."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.assets():
                    return
            except (OSError, urllib.error.URLError):
                pass
            assert time.monotonic() < deadline, f"{self.url} does not list the assets after {seconds:.0f} s"
            time.sleep(1)

    def assets(self) -> dict[str, dict[str, Any]]:
        """Every asset by name, as the UI's pages show it."""
        return {node["assetKey"]["path"][-1]: node for node in self.ask(_ASSETS)["assetNodes"]}

    def runs(self) -> list[dict[str, Any]]:
        """Every run that Dagster knows of, the newest first."""
        found: list[dict[str, Any]] = []
        while True:
            cursor = found[-1]["runId"] if found else None
            page = self.ask(_RUNS, cursor=cursor)["runsOrError"]["results"]
            found += page
            if not page:
                return found

    def ticks(self) -> dict[str, list[dict[str, Any]]]:
        """The last ticks of every sensor and schedule, by its name."""
        answer = self.ask(_TICKS, selector=_SELECTOR)
        return {
            each["name"]: each[state]["ticks"]
            for kind, state in (("sensorsOrError", "sensorState"), ("schedulesOrError", "scheduleState"))
            for each in answer[kind]["results"]
        }

    def start_schedule(self, name: str) -> None:
        """Switch a schedule on."""
        started = self.ask(_START_SCHEDULE, selector={**_SELECTOR, "scheduleName": name})["startSchedule"]
        assert started["__typename"] == "ScheduleStateResult", started

    def materialize(self, job: str, shard: str, seconds: float) -> str:
        """Launch the job over one shard, wait for its end; returns its status."""
        tags = [{"key": f"dagster/asset_partition_range_{end}", "value": shard} for end in ("start", "end")]
        selector = {**_SELECTOR, "pipelineName": job}
        launched = self.ask(
            _LAUNCH, params={"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}}
        )
        assert launched["launchRun"]["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["launchRun"]["run"]["runId"]
        deadline = time.monotonic() + seconds
        while True:
            status = str(self.ask(_STATUS, id=run_id)["runOrError"]["status"])
            if status in ENDED:
                return status
            assert time.monotonic() < deadline, f"the run is {status} after {seconds:.0f} s"
            time.sleep(1)
