"""Documentation made from what the project declares: the source contract as a page, and dbt's own site."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration import dbt
from orchestration.contract import CANONICAL, Table, tables
from regulars.errors import UserError
from regulars.home import Home

HEAD = """# The source contract

Made from `models/staging/canonical/_sources.yml` by `make docs`; change it there.

A file `landing/<source_system>/<table>.csv` (or `.parquet`, or several files in a folder `<table>/`) with these columns
needs no code. Column names are matched by case-blind name; other columns are left out and named in
`quality.load_history`. `timestamptz`: an instant; without a zone it is local time of the source (`time_zone` in
`_source.yml`). **Bold**: required.
"""


def contract_page(manifest: Mapping[str, Any]) -> str:
    """The source contract as Markdown: entities, keys, columns, types and meanings."""
    descriptions = {
        node["name"]: (node["description"], {name: column["description"] for name, column in node["columns"].items()})
        for node in manifest["sources"].values()
        if node["source_name"] == CANONICAL
    }
    parts = [HEAD]
    for (source, name), table in tables(manifest).items():
        if source == CANONICAL:
            parts.append(_entity(table, *descriptions[name]))
    return "\n".join(parts)


def _entity(table: Table, description: str, columns: Mapping[str, str]) -> str:
    choice = table.meta.get("any_of")
    key = ", ".join(f"`{name}`" for name in table.meta["key"])
    lines = [f"## {table.name}", "", f"{description} Key: {key}, within a source system.", ""]
    if choice:
        lines += [f"One of {', '.join(f'`{name}`' for name in choice)} is required.", ""]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    for column in table.columns:
        name = f"**`{column.name}`**" if column.meta.get("required") else f"`{column.name}`"
        marks = " Personal: never published." if column.meta.get("personal") else ""
        lines.append(f"| {name} | {column.data_type} | {columns[column.name]}{marks} |")
    return "\n".join([*lines, ""])


def write(home: Home, manifest: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the contract's page and dbt's site (one file) into a folder; returns what was written.

    Raises:
        UserError: when the home was never refreshed, for dbt's site shows the types of what was built.
    """
    if not home.database.exists():
        raise UserError("nothing was built here yet", file=str(home.root), remedy="Run `regulars refresh` first.")
    page = folder / "source_contract.md"
    page.write_text(contract_page(manifest))
    site = folder / "dbt" / "index.html"
    site.parent.mkdir(exist_ok=True)
    shutil.copyfile(dbt.site(home), site)
    return [page, site]
