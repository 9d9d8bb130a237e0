"""Documentation made from what the project declares: the source contract as a page, and dbt's own site."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration import dbt
from orchestration.contract import CANONICAL, Column, Table, tables
from regulars.errors import UserError
from regulars.home import Home

HEAD = """# The source contract

Made from `models/staging/canonical/_sources.yml` by `make docs`; change it there.

A file `landing/<source_system>/<table>.csv` with these columns needs no code; nor does `.tsv`, `.csv.gz`, `.jsonl`,
`.xlsx` or `.parquet`, nor a folder `<table>/` of several files. Column names are matched whatever their case and width;
other columns are left out and named in `quality.load_history`. **Bold**: required. `timestamptz`: an instant; without
a zone it is local time of the source (`time_zone` in `_source.yml`). Money is in its currency (`currency` there).

Rows that break this are set aside in quarantine with their reason; see [bring your own data](bring_your_own_data.md).
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
    if table.meta.get("event_at"):
        lines += [f"Dated by `{table.meta['event_at']}`: not before 1990, not after the day it was loaded.", ""]
    for rule in table.meta.get("rules", []):
        lines += [f"Rows are refused as `{rule['reason']}` where {' '.join(rule['when'].split())}", ""]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    for column in table.columns:
        name = f"**`{column.name}`**" if column.meta.get("required") else f"`{column.name}`"
        lines.append(f"| {name} | {column.data_type} | {columns[column.name]}{_marks(column)} |")
    return "\n".join([*lines, ""])


def _marks(column: Column) -> str:
    """What the contract says of a column's values, as sentences."""
    meta = column.meta
    told = []
    if meta.get("one_of"):
        told.append(f"One of {', '.join(meta['one_of'])}.")
    if "minimum" in meta:
        told.append(f"At least {meta['minimum']}.")
    if "above" in meta:
        told.append(f"Above {meta['above']}.")
    if "default" in meta:
        told.append(f"Empty means {str(meta['default']).lower()}.")
    if meta.get("references"):
        told.append(f"Must be among `{meta['references']}`.")
    if meta.get("money"):
        told.append("Money.")
    if meta.get("personal"):
        told.append("Personal: never published.")
    if meta.get("pseudonym") or meta.get("customer"):
        told.append("Published as a pseudonym.")
    return "".join(f" {sentence}" for sentence in told)


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
