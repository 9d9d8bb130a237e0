"""What can be loaded: tables and their columns, read from dbt's sources. Declares nothing of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CANONICAL = "canonical"
CONTROL = "control"
FITS = "fits"
STORED_TYPE = {"timestamptz": "timestamp"}


@dataclass(frozen=True)
class Column:
    """A column of a landed table: its name, declared type, and what the contract says of it."""

    name: str
    data_type: str
    meta: Mapping[str, Any]

    @property
    def header(self) -> str:
        """The column's name in landed files."""
        return self.meta.get("header") or self.name

    @property
    def stored_type(self) -> str:
        """Type in the raw zone: instants are stored as UTC timestamps."""
        return STORED_TYPE.get(self.data_type, self.data_type)


@dataclass(frozen=True)
class Table:
    """A table that files can be loaded into: a dbt source table."""

    source: str
    name: str
    schema: str
    identifier: str
    columns: tuple[Column, ...]
    meta: Mapping[str, Any]

    @property
    def is_canonical(self) -> bool:
        """Whether files carry the contract's own columns."""
        return self.source == CANONICAL

    @property
    def relation(self) -> str:
        """Name in the build database."""
        return f"{self.schema}.{self.identifier}"

    def missing_from(self, names: set[str]) -> str | None:
        """The first column a file must have and does not; a source's own columns are all needed."""
        for column in self.columns:
            needed = column.meta.get("required") if self.is_canonical else not column.meta.get("optional")
            if needed and column.name not in names:
                return column.name
        choice = self.meta.get("any_of")
        if choice and not names & set(choice):
            return " or ".join(choice)
        return None


def tables(manifest: Mapping[str, Any]) -> dict[tuple[str, str], Table]:
    """Tables that files can be loaded into, by (source, name); tables of control and fits are not among them."""
    found = {}
    for node in manifest["sources"].values():
        if node["source_name"] in (CONTROL, FITS):
            continue
        columns = tuple(
            Column(name, column["data_type"].lower(), column.get("meta") or {})
            for name, column in node["columns"].items()
        )
        found[node["source_name"], node["name"]] = Table(
            node["source_name"],
            node["name"],
            node["schema"],
            node["identifier"],
            columns,
            node.get("meta") or {},
        )
    return dict(sorted(found.items()))
