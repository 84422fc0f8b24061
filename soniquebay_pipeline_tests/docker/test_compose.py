"""The Compose files: valid, complete, and as closed as SECURITY.md says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.docker.deployment_files import (
    COMPOSE_FILES,
    DOCKER,
    all_services,
    filled_in,
    variables_of,
)

SERVICES = all_services()
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "soniquebay-pipeline"}
ROLES = set(re.findall(r"^(?!health)(\w+)\) exec|^(migrate)\)", (DOCKER / "entrypoint.sh").read_text("utf-8"), re.M))


def by_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=by_name)
def test_the_file_is_what_the_compose_specification_allows(path: Path) -> None:
    options = compose_spec.PyOptions(apply_merge=True)
    parsed = options.from_yaml(filled_in(path))
    assert set(parsed.service_names()) == set(yaml.safe_load(filled_in(path))["services"])


def test_no_unknown_key_is_in_a_service() -> None:
    """The parser above keeps keys that it does not know."""
    known = {
        name
        for field, info in compose_spec.models.Service.model_fields.items()
        for name in (field, info.alias or field)
    }
    for name, service in SERVICES.items():
        assert {key for key in service if key not in known} == set(), name


def test_whatever_is_referred_to_is_there() -> None:
    files = [yaml.safe_load(filled_in(path)) for path in COMPOSE_FILES]
    volumes = {name for file in files for name in file.get("volumes") or {}}
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (DOCKER / source).exists(), f"{name}: {source}"
            else:
                assert source in volumes or source.startswith("/"), f"{name}: {source}"
        if "build" in service:
            context = (DOCKER / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).is_file()


def test_every_variable_is_explained() -> None:
    explained = set(re.findall(r"^#? ?(\w+)=", (DOCKER / ".env.example").read_text("utf-8"), re.M))
    used = {name for path in COMPOSE_FILES for name in variables_of(path)}
    assert used - {name for name in used if name.startswith("SONIQUEBAY_")} <= explained
    assert explained <= used


def test_every_setting_is_one() -> None:
    settings = {f"SONIQUEBAY_{name.upper()}" for name in Settings.model_fields}
    for path in [*DOCKER.rglob("*.yaml"), DOCKER / "Dockerfile", DOCKER / ".env.example", *DOCKER.rglob("*.service")]:
        assert set(re.findall(r"SONIQUEBAY_[A-Z_]*[A-Z]", path.read_text("utf-8"))) <= settings, path


def test_images_of_others_are_pinned_to_a_version() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", service["image"]), name


def test_commands_are_roles_of_the_entry_point() -> None:
    roles = {role for match in ROLES for role in match if role}
    assert {service["command"][0] for service in OURS.values()} <= roles
    assert {"code", "webserver", "daemon", "migrate"} <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    service: dict[str, Any] = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    music = [volume for volume in service["volumes"] if ":/music" in volume]
    assert music and all(volume.endswith(":/music:ro") for volume in music)


def test_nothing_of_ours_is_open_to_other_machines() -> None:
    for name, service in SERVICES.items():
        assert "privileged" not in service and service.get("network_mode") != "host", name
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", [])), name
        for port in service.get("ports", []):
            assert name == "proxy" or port.startswith("127.0.0.1:"), f"{name}: {port}"
