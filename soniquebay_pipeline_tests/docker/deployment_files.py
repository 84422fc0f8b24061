"""Reads the files of the folder `docker` as the programs do that they are for.

Here: finding, parsing, filling in variables. Not here: what should be in them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from soniquebay_pipeline.settings import CHECKOUT

DOCKER = CHECKOUT / "docker"
COMPOSE_FILES = sorted(DOCKER.glob("compose*.yaml"))
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


def variables_of(path: Path) -> dict[str, str]:
    """Every ``${NAME}`` of the file, with its default; required ones have none, so ``""``."""
    found = _VARIABLE.finditer(path.read_text("utf-8"))
    return {match[1]: match[3] if match[2] == ":-" else "" for match in found}


def filled_in(path: Path) -> str:
    """The file as Compose sees it where nothing but what is required is set."""
    return _VARIABLE.sub(lambda match: (match[3] if match[2] == ":-" else "/some/value") or "", path.read_text("utf-8"))


def services_of(path: Path) -> dict[str, dict[str, Any]]:
    """The services of a Compose file, anchors and merges resolved, ``extends`` not."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(filled_in(path))["services"]
    return services


def all_services() -> dict[str, dict[str, Any]]:
    """The services of all Compose files together; overlays add services and change none."""
    merged: dict[str, dict[str, Any]] = {}
    for path in COMPOSE_FILES:
        for name, service in services_of(path).items():
            assert name not in merged, name
            base = service.get("extends")
            merged[name] = ({**services_of(DOCKER / base["file"])[base["service"]]} if base else {}) | service
    return merged
