"""The values for Dagster's Helm chart, as far as they speak of the pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import yaml

from soniquebay_pipeline.settings import CHECKOUT
from soniquebay_pipeline_tests.command_line import clean_environment
from soniquebay_pipeline_tests.docker.deployment_files import DOCKER

VALUES: dict[str, Any] = yaml.safe_load((DOCKER / "kubernetes" / "values.yaml").read_text("utf-8"))
[CODE] = VALUES["dagster-user-deployments"]["deployments"]
ENVIRONMENT = {variable["name"]: variable["value"] for variable in CODE["env"]}


def test_the_job_gets_the_tags_that_launchers_read() -> None:
    code = (
        "import json; from soniquebay_pipeline.definitions import defs;"
        "print(json.dumps(dict(defs.resolve_job_def('analyse').tags)))"
    )
    environment = {name: os.environ[name] for name in clean_environment()} | ENVIRONMENT
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    tags = json.loads(done.stdout)
    assert tags["soniquebay/stage"] == "sound"
    asked = json.loads(tags["dagster-k8s/config"])
    assert asked["pod_spec_config"] == {"node_selector": {"soniquebay/analysis": "true"}}
    assert asked["container_config"]["resources"]["requests"]["cpu"] == ENVIRONMENT["SONIQUEBAY_ANALYSIS_WORKERS"]


def test_limits_are_on_tags_that_jobs_have() -> None:
    from soniquebay_pipeline.definitions import defs

    stages = {defs.resolve_job_def(name).tags.get("soniquebay/stage") for name in ("ingest", "analyse")}
    limits = VALUES["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]["tagConcurrencyLimits"]
    assert {limit["value"] for limit in limits if limit["key"] == "soniquebay/stage"} == stages


def test_music_is_read_only_and_nothing_runs_as_root() -> None:
    [mount] = [mount for mount in CODE["volumeMounts"] if mount["name"] == "music"]
    assert mount["readOnly"] is True and mount["mountPath"] == ENVIRONMENT["SONIQUEBAY_MUSIC_DIR"]
    assert {mount["name"] for mount in CODE["volumeMounts"]} == {volume["name"] for volume in CODE["volumes"]}
    run = VALUES["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["containerConfig"]
    for part in (CODE, VALUES["dagsterDaemon"], VALUES["dagsterWebserver"], run):
        assert part["securityContext"]["runAsNonRoot"] is True
