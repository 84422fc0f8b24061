"""What a person can set, type or see is documented: settings, commands, assets, tables; and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soniquebay_pipeline.db.tables import metadata
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.cli.test_help import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS = [f"SONIQUEBAY_{name.upper()}" for name in Settings.model_fields]


# What the pages say of defaults that depend on the machine.
COMPUTED_DEFAULTS = {
    "home": "`.soniquebay` in the checkout",
    "workers": "the CPUs this process may use",
    "analysis_workers": "the CPUs this process may use",
    "encoder_threads": "the CPUs this process may use",
}


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def settings_page() -> str:
    return (ROOT / "docs" / "settings.md").read_text("utf-8")


def named(name: str, page: str) -> bool:
    """Whether the page holds the name as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page) is not None


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_documented(setting: str) -> None:
    assert named(setting, settings_page())
    assert named(setting, (ROOT / ".env.example").read_text("utf-8"))
    field = Settings.model_fields[setting.removeprefix("SONIQUEBAY_").lower()]
    assert field.description and field.description.endswith(".")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_default_is_documented(name: str) -> None:
    default = Settings.model_fields[name].default
    plain = "" if name in COMPUTED_DEFAULTS or default is None else str(default).removesuffix(".0")
    shown = COMPUTED_DEFAULTS.get(name) or (f"`{plain}`" if plain else "empty")
    assert f"| `SONIQUEBAY_{name.upper()}` | {shown} |" in settings_page()
    assert f"# SONIQUEBAY_{name.upper()}={plain}" in (ROOT / ".env.example").read_text("utf-8").splitlines()


@pytest.mark.parametrize("page", ["README.md", "docs/settings.md", "docs/deploy.md", ".env.example"])
def test_no_page_names_a_setting_that_is_not_there(page: str) -> None:
    assert set(re.findall(r"SONIQUEBAY_[A-Z_]*[A-Z]", (ROOT / page).read_text("utf-8"))) <= set(SETTINGS)


@pytest.mark.parametrize("command", [" ".join(words) for words in COMMANDS])
def test_every_command_is_documented(command: str) -> None:
    assert named(f"soniquebay {command}", readme())


def test_every_asset_is_documented() -> None:
    from soniquebay_pipeline.definitions import defs

    assets = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert "raw_files" in assets
    for page in (readme(), (ROOT / "docs" / "architecture.md").read_text("utf-8")):
        missing = {asset for asset in assets if not named(asset, page)}
        assert not missing


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_every_table_is_documented_with_its_columns(table: str) -> None:
    page = (ROOT / "docs" / "catalogue.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{table}` |")]
    named_columns = re.findall(r"`(\w+)`", row.split(" | ")[2])
    assert named_columns == [column.name for column in metadata.tables[table].columns]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    paths = [target.partition("#")[0] for target in targets if "://" not in target]
    broken = [path for path in paths if path and not (page.parent / path).exists()]
    assert not broken
