"""The systemd units: their commands exist, their rights are few, and systemd reads them where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from soniquebay_pipeline.settings import CHECKOUT
from soniquebay_pipeline_tests.cli.test_help import COMMANDS
from soniquebay_pipeline_tests.docker.deployment_files import DOCKER

UNITS = sorted((DOCKER / "systemd").glob("*.service"))
PROGRAM = "/opt/soniquebay/.venv/bin/soniquebay"
TOP = "/opt/soniquebay/"


def lines_of(unit: Path) -> list[tuple[str, str]]:
    """(key, value) of every setting."""
    found = re.findall(r"^(\w+)=(.*)$", unit.read_text("utf-8"), re.M)
    return [(key, value) for key, value in found]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_commands_pages_and_units_are_there(unit: Path) -> None:
    commands = {" ".join(words) for words in COMMANDS}
    names = {each.name for each in UNITS} | {"network-online.target", "remote-fs.target", "multi-user.target"}
    for key, value in lines_of(unit):
        if key.startswith("Exec"):
            program, _, arguments = value.partition(" ")
            assert program == PROGRAM
            assert arguments.partition(" --")[0] in commands
        elif key == "Documentation":
            assert (CHECKOUT / value.partition(TOP)[2]).is_file()
        elif key in ("After", "Requires", "Wants", "WantedBy"):
            assert set(value.split()) <= names


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_service_has_few_rights(unit: Path) -> None:
    settings = lines_of(unit)
    assert ("User", "soniquebay") in settings
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables", "LockPersonality"):
        assert (name, "yes") in settings, name
    for line in (("CapabilityBoundingSet", ""), ("ProtectSystem", "strict"), ("StateDirectory", "soniquebay")):
        assert line in settings, line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_reads_them(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("soniquebay")
    copies = [tmp_path / unit.name for unit in UNITS]
    for unit, copy in zip(UNITS, copies, strict=True):
        copy.write_text(unit.read_text("utf-8").replace(PROGRAM, str(program)))
    done = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
