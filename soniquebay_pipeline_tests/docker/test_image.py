"""The Dockerfile, as far as it can be checked without building: linted, and what it names is there."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from soniquebay_pipeline.settings import CHECKOUT
from soniquebay_pipeline_tests.cli.test_help import COMMANDS
from soniquebay_pipeline_tests.docker.deployment_files import DOCKER

DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
ENTRYPOINT = (DOCKER / "entrypoint.sh").read_text("utf-8")


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [linter, "--format", "json", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == []


def copied() -> list[str]:
    """Sources of COPY that come from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M)
    return [word for line in lines for word in line.split()[:-1] if not word.startswith("--")]


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    kept = re.findall(r"^!(.+)$", (CHECKOUT / ".dockerignore").read_text("utf-8"), re.M)
    assert copied()
    for source in copied():
        assert (CHECKOUT / source).exists(), source
        assert source in kept


def test_neither_data_nor_secrets_are_sent_to_the_builder() -> None:
    lines = [line for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    assert lines[0] == "*"
    for name in (".env", "docker/.env", ".soniquebay", ".git", ".venv"):
        assert not any(fnmatch.fnmatch(name, line[1:]) for line in lines if line.startswith("!")), name


def test_the_dependencies_are_those_of_the_project(tmp_path: Path) -> None:
    """The lines of the Dockerfile that write requirements.txt, run as they are."""
    [script] = re.findall(r'^RUN python -c "(.+?)" > requirements\.txt', DOCKERFILE, re.M | re.S)
    (tmp_path / "pyproject.toml").write_bytes((CHECKOUT / "pyproject.toml").read_bytes())
    code = script.replace("\\\n", "")
    environment = {"EXTRA_PACKAGES": "dagster-k8s==0.29.27 kubernetes<33"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    names = {Requirement(line).name for line in done.stdout.splitlines()}
    assert {"dagster", "dagster-celery", "torch", "psycopg", "dagster-k8s", "kubernetes"} <= names
    assert "pytest" not in names


def test_torch_is_installed_in_the_tested_version() -> None:
    [pattern] = re.findall(r"grep '(\^torch==)' constraints\.txt", DOCKERFILE)
    lines = (CHECKOUT / "constraints.txt").read_text("utf-8").splitlines()
    assert len([line for line in lines if re.match(pattern, line)]) == 1


def test_it_does_not_run_as_root_and_its_python_is_one_that_is_supported() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["${PUID}:${PGID}"]
    [version] = re.findall(r"^ARG PYTHON_IMAGE=python:(\d+)\.(\d+)\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert (3, 11) <= (int(version[0]), int(version[1])) < (3, 14)


def test_the_entry_point_calls_commands_that_exist() -> None:
    called = re.findall(r"(?:exec|until) soniquebay ((?:db )?[a-z]+)", ENTRYPOINT)
    assert {"db migrate", "worker", "metrics"} == set(called)
    assert set(called) <= {" ".join(words) for words in COMMANDS}
