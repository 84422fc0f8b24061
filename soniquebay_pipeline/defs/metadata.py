"""Metadata that a person can act on, in the shape that Dagster's UI shows best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table


def column_schema(table: Table, sources: Mapping[str, str]) -> dg.TableSchema:
    """Dagster's description of a table's columns; ``sources`` says what a column is made from, by its name."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.type.compile()) if not hasattr(column.type, "item_type") else "TEXT[]",
                description=_described(column.comment, sources.get(column.name)),
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable), unique=bool(column.unique or column.primary_key)
                ),
            )
            for column in table.columns
        ]
    )


def _described(comment: str | None, source: str | None) -> str | None:
    parts = [comment, source and f"from {source.replace(' ', ', ')}"]
    return "; ".join(part for part in parts if part) or None


def row_count(engine: Engine, table: str) -> int:
    """Rows in the table now."""
    from sqlalchemy import text

    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> dg.MarkdownMetadataValue:
    """A small table; cells are escaped, since file names are anybody's text."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return text.replace("<", "&lt;").replace("`", "\\`")


def counts(values: Mapping[str, int]) -> dict[str, Any]:
    """Plain numbers as Dagster metadata, which the UI plots over time."""
    return {name: dg.MetadataValue.int(int(value)) for name, value in values.items()}
