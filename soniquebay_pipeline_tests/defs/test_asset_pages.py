"""What an asset's page in Dagster's UI holds: an example that works, columns, lineage, where it is documented."""

from __future__ import annotations

import re

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.audio.model import ANALYSIS_VERSION
from soniquebay_pipeline.catalog.extract import EXTRACTOR_VERSION
from soniquebay_pipeline.db.tables import metadata
from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.defs.lineage import LINEAGE, column_lineage
from soniquebay_pipeline.settings import CHECKOUT

SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
WITHOUT_TABLE = {"library_map"}
"""A page and a picture: nothing that has columns."""
FROM_DISK = {"raw_files"}
"""Nothing in the catalogue is before it."""


def example(name: str) -> tuple[str, str]:
    """(language, text) of the example in the description."""
    [found] = re.findall(r"```(\w+)\n(.+?)\n```", SPECS[name].description or "", flags=re.DOTALL)
    return found


def table_of(name: str) -> str:
    return str(SPECS[name].metadata["dagster/table_name"]).removeprefix("public.")


def before(name: str) -> set[str]:
    """All assets that the asset is made after."""
    direct = {dep.asset_key.to_user_string() for dep in SPECS[name].deps}
    return direct.union(*(before(dep) for dep in direct))


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_page_says_whose_and_which_version_it_is(name: str) -> None:
    spec = SPECS[name]
    assert spec.owners and spec.kinds and spec.code_version


def test_versions_are_those_of_the_rows() -> None:
    assert SPECS["raw_metadata"].code_version == str(EXTRACTOR_VERSION)
    assert SPECS["audio_features"].code_version == str(ANALYSIS_VERSION)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_page_leads_to_documentation(name: str) -> None:
    link = SPECS[name].metadata["docs"]
    assert isinstance(link, dg.PathMetadataValue) and link.path
    page, _, heading = link.path.partition("#")
    lines = (CHECKOUT / page).read_text("utf-8").splitlines()
    anchors = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in lines if line[:1] == "#"}
    assert not heading or heading in anchors


def test_the_examples_can_be_typed(engine: Engine) -> None:
    with engine.connect() as connection:
        for name in SPECS:
            language, query = example(name)
            if name in WITHOUT_TABLE:
                assert (language, query.split()[0]) == ("sh", "soniquebay")
                continue
            assert language == "sql" and re.search(rf"\b{table_of(name)}\b", query), name
            connection.execute(text(query))


def test_every_asset_says_what_its_columns_are_made_from() -> None:
    assert set(LINEAGE) == set(SPECS) - WITHOUT_TABLE - FROM_DISK


@pytest.mark.parametrize("name", LINEAGE)
def test_lineage_is_between_columns_that_exist_of_assets_that_come_before(name: str) -> None:
    lineage = column_lineage(name)["dagster/column_lineage"]
    assert set(lineage.deps_by_column) <= set(metadata.tables[table_of(name)].columns.keys())
    for column, deps in lineage.deps_by_column.items():
        assert deps, column
        for dep in deps:
            source = dep.asset_key.to_user_string()
            assert source in before(name), f"{column}: {source}"
            assert dep.column_name in metadata.tables[table_of(source)].columns, f"{column}: {dep}"


@pytest.mark.parametrize("name", sorted(FROM_DISK | WITHOUT_TABLE))
def test_without_a_column_before_there_is_no_lineage(name: str) -> None:
    assert not column_lineage(name)
