"""Writes a source system down: staging models, their yml, a first suite of expectations, and its landed files."""

from __future__ import annotations

import csv
import json
import re
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb
import yaml

from regulars.errors import UserError
from regulars.home import Home
from regulars.onboarding.guess import Mapping, contract, guess
from regulars.onboarding.look import look_at
from regulars.settings import project_root

GUESS = "guess"
STORED = {"timestamptz": "timestamp"}


@dataclass
class Adoption:
    """What was written, and what its user should look at."""

    written: list[Path] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    unmapped: list[tuple[str, str]] = field(default_factory=list)


def adopt(name: str, paths: Sequence[Path], home: Home) -> Adoption:
    """Write a source system's first version from its files.

    Args:
        name: of the source system; its folder under models/staging and in the landing zone.
        home: whose landing zone the files are copied to.

    Raises:
        UserError: when the name is taken or can't be one, a file can't be read, or no file could be mapped.
    """
    root = project_root()
    folder = root / "models" / "staging" / name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in ("canonical", "control", "all"):
        raise UserError(
            f"'{name}' can't name a source system", remedy="Use small letters, digits and _, beginning with a letter."
        )
    if folder.exists():
        raise UserError(
            "this source system is there already", file=str(folder), remedy="Edit it, or remove the folder first."
        )
    adoption = Adoption()
    with duckdb.connect() as connection:
        looks = [look for path in paths for look in look_at(path, connection, home.build / "work")]
        tables = _tables([guess(look, connection) for look in looks], adoption)
    if not tables:
        raise UserError(
            "; ".join(f"{file}: {told}" for file, told in adoption.unmapped),
            remedy="Rename the columns that hold these, or write the staging model by hand (CONTRIBUTING.md).",
        )
    targets = _targets(name, tables, home)
    _write(name, tables, folder, adoption)
    _land(name, tables, home, targets, adoption)
    return adoption


def _tables(mappings: list[Mapping], adoption: Adoption) -> dict[str, list[Mapping]]:
    """Mappings by table of the source: files with one header are one table. Those that lack something are told."""
    tables: dict[str, list[Mapping]] = {}
    for mapping in mappings:
        look = mapping.look
        if mapping.missing:
            elsewhere = [
                f"{other.look.name} has {other.columns[column]}"
                for column in mapping.missing
                for other in mappings
                if other is not mapping and column in other.columns
            ]
            lacking, header = ", ".join(mapping.missing), ", ".join(look.header)
            told = f"taken for {mapping.entity}, but nothing was found for {lacking} among {header}"
            told += f" ({'; '.join(elsewhere)}: join them in the export or in a staging model)" if elsewhere else ""
            adoption.unmapped.append((look.name, told))
            continue
        twin = next((table for table, group in tables.items() if _alike(group[0], mapping)), None)
        if twin:
            tables[twin].append(mapping)
            continue
        entities = [group[0].entity for group in tables.values()]
        if mapping.entity in entities:
            adoption.unmapped.append(
                (look.name, f"taken for {mapping.entity}, which another file with other columns is already: "
                            "give it a source system of its own, or unite both in the staging model")
            )  # fmt: skip
            continue
        tables[_slug(look.sheet or look.path.name.split(".")[0], tables, mapping.entity)] = [mapping]
    # Several files of one kind carry dates or numbers in their names: their table is named after what it holds.
    return {(group[0].entity if len(group) > 1 else table): group for table, group in tables.items()}


def _alike(one: Mapping, other: Mapping) -> bool:
    return one.entity == other.entity and one.look.header == other.look.header and one.columns == other.columns


def _slug(text: str, taken, fallback: str) -> str:
    """A name of small letters, digits and _; for what has none, the fallback."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", unicodedata.normalize("NFKC", text)).lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    plain = plain if re.match(r"[a-z]", plain) else (f"{fallback}_{plain}".rstrip("_") if plain else fallback)
    if plain in _reserved():
        plain += "_"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    return name


@cache
def _reserved() -> frozenset[str]:
    """Words that can't be a column's name as they are."""
    query = "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
    return frozenset(row[0] for row in duckdb.execute(query).fetchall())


def _plain(text: str) -> str:
    """A header or file name as it may stand in a comment or description: one line, nothing for Jinja."""
    return re.sub(r"[{}#%]", "", " ".join(text.split()))


def _raw_columns(mapping: Mapping) -> dict[str, str]:
    """Name in the raw table -> header, in the file's order."""
    by_header = {header: column for column, header in mapping.columns.items()}
    names: dict[str, str] = {}
    for place, header in enumerate(mapping.look.header, start=1):
        fallback = by_header.get(header, f"column_{place}")
        names[_slug(header, names, fallback)] = header
    return names


def _write(name: str, tables: dict[str, list[Mapping]], folder: Path, adoption: Adoption) -> None:
    root = project_root()
    folder.mkdir(parents=True)
    sources = [_source(name, table, group[0]) for table, group in tables.items()]
    head = f"# Written by `regulars init {name}` from the files' headers. header: the column's name in the file.\n"
    content = {
        "sources": [{"name": name, "schema": "restricted", "description": f"Tables of {name}.", "tables": sources}]
    }
    _put(folder / "_sources.yml", head + _yaml(content), adoption)
    for table, group in tables.items():
        mapping = group[0]
        stem = f"stg_{name}__{mapping.entity}"
        _put(folder / f"{stem}.sql", _model(name, table, mapping), adoption)
        _put(folder / f"{stem}.yml", _yaml(_model_yml(stem, table, mapping)), adoption)
        suite = root / "expectations" / "incoming" / f"{name}_{mapping.entity}.json"
        _put(suite, json.dumps(_suite(stem, mapping), indent=2, ensure_ascii=False) + "\n", adoption)
        file = mapping.look.name + (f" and {len(group) - 1} more" if len(group) > 1 else "")
        pairs = ", ".join(f"{header} → {column}" for column, header in mapping.columns.items())
        adoption.told.append((file, f"{mapping.entity}: {pairs}"))
        left = [header for header in mapping.look.header if header not in mapping.columns.values()]
        if left:
            adoption.told.append((file, f"not mapped: {', '.join(left)}"))
        notes = dict.fromkeys(note for each in group for note in each.notes)
        adoption.told += [(file, note) for note in notes]
    _declare(root / "dbt_project.yml", name, [group[0].entity for group in tables.values()], adoption)


def _put(path: Path, content: str, adoption: Adoption) -> None:
    path.write_text(content, encoding="utf-8")
    adoption.written.append(path)


def _yaml(content: dict) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _source(name: str, table: str, mapping: Mapping) -> dict:
    known = contract()[mapping.entity]["columns"]
    by_header = {header: column for column, header in mapping.columns.items()}
    columns = []
    for raw, header in _raw_columns(mapping).items():
        column = by_header.get(header)
        kind = known[column]["type"] if column in known else "decimal(18,4)" if column else "varchar"
        said = f"{GUESS}: {column}" if column else "Not mapped."
        meta: dict = {"header": header}
        if not column or not known.get(column, {}).get("required"):
            meta["optional"] = True
        columns.append({"name": raw, "data_type": kind, "description": said, "config": {"meta": meta}})
    return {
        "name": table,
        "identifier": f"{name}__{table}",
        "description": f"From {_plain(mapping.look.name)}.",
        "columns": columns,
    }


def _model(name: str, table: str, mapping: Mapping) -> str:
    known = contract()[mapping.entity]["columns"]
    raw_of = {header: raw for raw, header in _raw_columns(mapping).items()}
    raws = {column: raw_of[header] for column, header in mapping.columns.items()}
    lines = []
    for column, told in known.items():
        kind = STORED.get(told["type"], told["type"])
        if column in mapping.sql:
            expression = mapping.sql[column].format(**raws)
            lines.append((f"cast({expression} as {kind}) as {column}", f"{GUESS}: see init's notes"))
        elif column in raws:
            same = raws[column] == column
            lines.append(
                (
                    column if same else f"{raws[column]} as {column}",
                    f'{GUESS}: from "{_plain(mapping.columns[column])}"',
                )
            )
    body = [f"    {text}{',' if place < len(lines) - 1 else ''}  -- {note}" for place, (text, note) in enumerate(lines)]
    return "\n".join(
        [
            f"-- Grain: one row of {table}.",
            f"-- Written by `regulars init {name}`: a line is a {GUESS} until somebody who knows the source agrees.",
            "select",
            "    _file_id,",
            "    _file_row,",
            *body,
            f"from {{{{ source('{name}', '{table}') }}}}",
            "",
        ]
    )


def _model_yml(stem: str, table: str, mapping: Mapping) -> dict:
    known = contract()[mapping.entity]["columns"]
    columns = [
        {"name": "_file_id", "data_type": "bigint", "description": "Which landed content the row came in."},
        {"name": "_file_row", "data_type": "bigint", "description": "Its place there, from 0."},
    ]
    for column, told in known.items():
        if column in mapping.columns or column in mapping.sql:
            kind = STORED.get(told["type"], told["type"])
            columns.append({"name": column, "data_type": kind, "description": told["description"]})
    said = f"Rows of {table} in the contract's columns. Grain: one row of {table}."
    return {"models": [{"name": stem, "description": said, "columns": columns}]}


def _suite(stem: str, mapping: Mapping) -> dict:
    """A first suite: there are rows, and what must be filled is filled. Warnings, for its owner to edit."""
    known = contract()[mapping.entity]["columns"]
    needed = [name for name in known if name in mapping.columns and known[name].get("required")]
    lack = " or ".join(f"{name} is null" for name in needed) or "false"
    rows = (
        f"select count(*) as rows_without from {{batch}} where {lack} "
        "having count(*) > 0.01 * (select count(*) from {batch})"
    )
    checks = [
        ("has_rows", "select 1 as nothing_there where (select count(*) from {batch}) = 0", "There are rows.",
         "Was the export empty?", "导出是否为空？"),
        ("required_columns_are_filled", rows, "Required columns are filled in 99 of 100 rows.",
         "Is a column mapped wrongly? See the staging model.", "列映射是否有误？请查看 staging 模型。"),
    ]  # fmt: skip
    return {
        "meta": {"table": f"restricted.{stem}"},
        "expectations": [
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {"unexpected_rows_query": query, "description": said},
                "severity": "warning",
                "description": said,
                "meta": {"name": name, "remedy": remedy, "remedy_zh": remedy_zh},
            }
            for name, query, said, remedy, remedy_zh in checks
        ],
    }


def _declare(path: Path, name: str, entities: list[str], adoption: Adoption) -> None:
    """Add the system to vars.source_systems; everything else in the file, comments too, stays as it is."""
    text = path.read_text(encoding="utf-8")
    lines = "".join(f"      - {entity}\n" for entity in entities)
    added = "  source_systems:\n" + f"    {name}:\n{lines}"
    marked = re.sub(r"(?m)^  source_systems:.*\n", lambda _: added, text, count=1)
    path.write_text(marked, encoding="utf-8")
    adoption.written.append(path)


def _land(
    name: str, tables: dict[str, list[Mapping]], home: Home, targets: dict[int, Path], adoption: Adoption
) -> None:
    folder = home.landing / name
    folder.mkdir(parents=True, exist_ok=True)
    mappings = [mapping for group in tables.values() for mapping in group]
    declaration = folder / "_source.yml"
    if not declaration.exists():
        _put(declaration, _declaration(mappings, adoption), adoption)
    for mapping in mappings:
        look, target = mapping.look, targets[id(mapping)]
        target.parent.mkdir(parents=True, exist_ok=True)
        if look.converted is not None:
            with target.open("w", encoding="utf-8", newline="") as sink:
                csv.writer(sink).writerows(look.converted)
        elif not target.exists():
            shutil.copyfile(look.path, target)
        adoption.written.append(target)


def _targets(name: str, tables: dict[str, list[Mapping]], home: Home) -> dict[int, Path]:
    """Where each mapping's file is landed; never on top of another file.

    Raises:
        UserError: when something else lies there.
    """
    folder = home.landing / name
    targets: dict[int, Path] = {}
    for table, group in tables.items():
        for mapping in group:
            look = mapping.look
            form = "csv" if look.converted is not None else look.form
            stem = _slug(look.sheet or look.path.name.split(".")[0], (), table)
            target, number = folder / (f"{table}.{form}" if len(group) == 1 else f"{table}/{stem}.{form}"), 2
            while target in targets.values():
                target, number = folder / table / f"{stem}_{number}.{form}", number + 1
            if target.exists() and not target.samefile(look.path):
                raise UserError(
                    "another file lies where this one would be landed",
                    file=str(target),
                    remedy="Move it away, or give the source system another name.",
                )
            targets[id(mapping)] = target
    return targets


def _declaration(mappings: list[Mapping], adoption: Adoption) -> str:
    """What _source.yml says, every line marked as a guess."""
    first = mappings[0]
    chinese = any(mapping.is_chinese for mapping in mappings)
    currency = next((mapping.currency for mapping in mappings if mapping.currency), "CNY" if chinese else None)
    formats = list(dict.fromkeys(mapping.date_format for mapping in mappings if mapping.date_format))
    nulls = sorted({value for mapping in mappings for value in mapping.null_values})
    lines = ["# Written by `regulars init`: every line is a guess until somebody who knows the source agrees."]
    zone = "Asia/Shanghai" if chinese else None
    lines.append(
        f"time_zone: {zone}" if zone else "# time_zone: Europe/Berlin  (not told by the files: the home's is used)"
    )
    lines.append(f"currency: {currency}" if currency else "# currency: EUR  (not told by the files)")
    if formats:
        lines.append(f'date_format: "{formats[0]}"')
    if any(mapping.decimal_separator == "," for mapping in mappings):
        lines.append('decimal_separator: ","')
    if nulls:
        lines.append(f"null_values: {json.dumps(nulls)}")
    adoption.told.append((first.look.name, "time zone: " + (zone or "not told by the files; the home's is used")))
    adoption.told.append((first.look.name, "currency: " + (currency or "not told by the files")))
    if len(formats) > 1:
        adoption.told.append(
            (first.look.name, f"several date formats: {', '.join(formats)}; only the first is declared")
        )
    return "\n".join(lines) + "\n"
