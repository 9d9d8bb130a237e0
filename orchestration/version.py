"""What a published version holds: a table and Parquet files of every relation; what did not change is taken over."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.reading.base import identifier, limit_engine, quoted
from regulars.home import Home

# Views in the build name their database, so it is attached under the name it has as a file.
BUILD = "regulars_build"
WAREHOUSE = "warehouse.duckdb"


@dataclass(frozen=True)
class Relation:
    """A published relation: its place, key, month column and descriptions."""

    schema: str
    name: str
    key: tuple[str, ...]
    month: str | None
    description: str
    columns: Mapping[str, str]

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def order(self) -> str:
        """SQL that sorts it: facts by time, which is what they are filtered by; the rest by its key, for people.

        Sorting millions of rows by a pseudonym takes as long as writing them, and says nothing to anybody.
        """
        columns = (self.month,) if self.month else self.key
        if not columns or any(column.endswith("customer_id") for column in columns):
            return ""
        return f" order by {', '.join(columns)}"


def relations(manifest: Mapping[str, Any]) -> list[Relation]:
    """Every published relation: the models under models/marts, with the key their keyed_by test proves."""
    keys: dict[str, tuple[str, ...]] = {}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if node["resource_type"] == "test" and test.get("name") == "keyed_by":
            keys[node["attached_node"]] = tuple(test["kwargs"]["columns"])
    found = [
        Relation(
            node["schema"],
            node["name"],
            keys.get(unique_id, ()),
            node["config"]["meta"].get("parquet_month"),
            node["description"],
            {name: column["description"] for name, column in node["columns"].items()},
        )
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    ]
    return sorted(found, key=lambda relation: relation.full_name)


def write_version(
    home: Home, folder: Path, relations: Sequence[Relation], last: Path | None
) -> tuple[dict[str, int], dict[str, str]]:
    """Write database and Parquet files of a new version; returns rows per relation, and what each file holds.

    Args:
        folder: the new version's; empty.
        last: the last version's, of which is taken over what did not change; None: everything is written.
    """
    writer = _Writer(folder, last)
    rows: dict[str, int] = {}
    with duckdb.connect(str(folder / WAREHOUSE)) as connection:
        connection.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
        limit_engine(connection, home.engine)
        connection.execute(f"attach {quoted(home.database)} as {BUILD} (read_only)")
        writer.drop_others(connection, relations)
        for schema in dict.fromkeys(relation.schema for relation in relations):
            connection.execute(f"create schema if not exists {schema}")
        for relation in relations:
            rows[relation.full_name] = writer.write(connection, relation)
        connection.execute(f"detach {BUILD}")
    return rows, writer.contents


@dataclass(frozen=True)
class _Part:
    """What one Parquet file holds: all rows of a relation, or those of a month."""

    place: str
    content: str
    rows: int
    within: str

    @property
    def shape(self) -> str:
        """Columns, key and descriptions, as a hash: the first word of the content."""
        return self.content.split()[0]


class _Writer:
    """Writes a version: what is as it was in the last one is taken over from there, month by month.

    Args:
        folder: the new version's.
        last: the last version's; None: everything is written. One that somebody touched since is not taken over.
    """

    def __init__(self, folder: Path, last: Path | None):
        self.folder, self.last = folder, last
        self.contents: dict[str, str] = {}
        self.known: dict[str, str] = {}
        if last:
            try:
                told = json.loads((last / "manifest.json").read_text())
                if told["warehouse"] == touched(last / WAREHOUSE):
                    shutil.copyfile(last / WAREHOUSE, folder / WAREHOUSE)
                    self.known = told["parquet"]
            except (OSError, ValueError, KeyError, TypeError):
                (folder / WAREHOUSE).unlink(missing_ok=True)

    def drop_others(self, connection: duckdb.DuckDBPyConnection, relations: Sequence[Relation]) -> None:
        """Take out what is not published any more."""
        names = {relation.full_name for relation in relations}
        here = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where database_name = current_database()"
        )
        for (name,) in here.fetchall():
            if name not in names:
                connection.execute(f"drop table {name}")

    def write(self, connection: duckdb.DuckDBPyConnection, relation: Relation) -> int:
        """A relation as a table and as Parquet, one file or one per month; returns its rows."""
        parts = self._parts(connection, relation)
        folder = f"{relation.schema}/{relation.name}"
        before = {place for place in self.known if place.startswith((f"{folder}/", f"{folder}."))}
        changed = [part for part in parts if not self._is_known(part)]
        gone = before - {part.place for part in parts}
        is_by_month = before and all("=" in place and self._shape(place) == parts[0].shape for place in before)
        if not is_by_month and (changed or gone):
            self._create(connection, relation)
        elif is_by_month:
            for place in sorted(gone):
                connection.execute(f"delete from {relation.full_name} where {_within(relation, _month_of(place))}")
            for part in changed:
                source = f"select * from {BUILD}.{relation.full_name} where {part.within}{relation.order}"
                connection.execute(f"delete from {relation.full_name} where {part.within}")
                connection.execute(f"insert into {relation.full_name} {source}")
        for part in parts:
            self._put(connection, relation, part)
        return sum(part.rows for part in parts)

    def _parts(self, connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[_Part]:
        """What there is to write, from the build; a fact without rows is one file, so that its columns can be read."""
        source = f"{BUILD}.{relation.full_name}"
        columns = connection.execute(f"describe select * from {source}").fetchall()
        told = (
            duckdb.__version__,
            columns,
            relation.key,
            relation.month,
            relation.description,
            sorted(relation.columns.items()),
        )
        shape = hashlib.sha256(repr(told).encode()).hexdigest()[:16]
        # Rows as a set: a sum of hashes, whatever their order.
        listed = ", ".join(identifier(column) for column, *_ in columns)
        holds = f"count(*) as rows, coalesce(sum(cast(hash(hash({listed})) as hugeint)), 0) as content"
        if relation.month:
            months = (
                f"select date_trunc('month', {identifier(relation.month)})::date as month, {holds} from {source}"
                " group by month order by month"
            )
            label = relation.month.removesuffix("_date").removesuffix("_month") + "_month"
            parts = [
                _Part(
                    f"{relation.schema}/{relation.name}/{label}={month.year:04}-{month.month:02}/{relation.name}.parquet",
                    f"{shape} {rows} {content}",
                    rows,
                    _within(relation, f"{month.year:04}-{month.month:02}"),
                )
                for month, rows, content in connection.execute(months).fetchall()
            ]
            if parts:
                return parts
        rows, content = connection.execute(f"select {holds} from {source}").fetchone()
        return [_Part(f"{relation.schema}/{relation.name}.parquet", f"{shape} {rows} {content}", rows, "true")]

    def _shape(self, place: str) -> str:
        return self.known[place].split()[0]

    def _is_known(self, part: _Part) -> bool:
        return self.known.get(part.place, "").rsplit(" ", 2)[0] == part.content

    @staticmethod
    def _create(connection: duckdb.DuckDBPyConnection, relation: Relation) -> None:
        """The whole table, sorted, with what there is to say of it."""
        name = relation.full_name
        # Dropped before: the file's blocks are used again.
        connection.execute(f"drop table if exists {name}")
        connection.execute(f"create table {name} as select * from {BUILD}.{name}{relation.order}")
        connection.execute(f"comment on table {name} is {quoted(relation.description)}")
        for column, description in relation.columns.items():
            connection.execute(f"comment on column {name}.{column} is {quoted(description)}")

    def _put(self, connection: duckdb.DuckDBPyConnection, relation: Relation, part: _Part) -> None:
        target = self.folder / "parquet" / part.place
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file that somebody touched since, or that can't be linked, is written again.
        with contextlib.suppress(OSError):
            last = self.last / "parquet" / part.place if self.last else target
            if self.known.get(part.place) == f"{part.content} {touched(last)}":
                os.link(last, target)
        if not target.exists():
            rows = f"(select * from {relation.full_name} where {part.within})"
            connection.execute(f"copy {rows} to {quoted(target)} (format parquet)")
        self.contents[part.place] = f"{part.content} {touched(target)}"


def _within(relation: Relation, month: str) -> str:
    """SQL that is true for the rows of a month (YYYY-MM); all rows lie in one, dates of facts are never unknown."""
    column = identifier(relation.month)
    return f"{column} >= date '{month}-01' and {column} < date '{month}-01' + interval 1 month"


def _month_of(place: str) -> str:
    return place.split("=")[1].split("/")[0]


def touched(path: Path) -> str:
    """Size and time of a file: both change with its content."""
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
