"""What a published version holds: the build's marts as they are, and Parquet files of every relation."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration import copying
from orchestration.reading.base import AS_PARQUET, identifier, limit_engine, quoted
from orchestration.warehouse import Warehouse, attach_marts
from orchestration.workers import Workers
from regulars.home import WAREHOUSE, Home

# Relations that are written at a time: one alone leaves cores idle between its months.
WRITERS = 2


@dataclass(frozen=True)
class Relation:
    """A published relation: its place, month column, descriptions, and the table it is a view of.

    Attributes:
        stored_as: the table in its schema that holds its rows, and perhaps more of them and more columns.
        until: the column of that table that tells which rows lie after the as-of date.
    """

    schema: str
    name: str
    month: str | None
    description: str
    columns: Mapping[str, str]
    stored_as: str | None = None
    until: str | None = None

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


def relations(manifest: Mapping[str, Any]) -> list[Relation]:
    """Every published relation: the models under models/marts."""
    found = []
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["fqn"][1] == "marts":
            meta = node["config"]["meta"]
            stored = meta.get("stored_as", {})
            columns = {name: column["description"] for name, column in node["columns"].items()}
            place = (node["schema"], node["name"], meta.get("parquet_month"), node["description"], columns)
            found.append(Relation(*place, stored.get("relation"), stored.get("until")))
    return sorted(found, key=lambda relation: relation.full_name)


def write_version(
    home: Home, folder: Path, relations: Sequence[Relation], last: Path | None
) -> tuple[dict[str, int], dict[str, str]]:
    """Write database and Parquet files of a new version; returns rows per relation, and what each file holds.

    Args:
        folder: the new version's; empty.
        last: the last version's, whose Parquet files are linked where they hold the same; None: all are written.
    """
    _checkpoint(home.marts)
    writer = _Writer(home.marts, folder, last)
    # Copying waits for the disk, encoding Parquet for a core.
    with Warehouse(home).connect(read_only=True) as build, _copied(home.marts, folder / WAREHOUSE):
        build.execute("set preserve_insertion_order = false")
        with Workers(build, WRITERS) as workers:
            futures = [workers.submit(writer.write, relation) for relation in relations]
            written = [future.result() for future in futures]
    rows = {relation.full_name: count for relation, (count, _) in zip(relations, written, strict=True)}
    with duckdb.connect(str(folder / WAREHOUSE)) as connection:
        limit_engine(connection, home.engine)
        for relation in relations:
            if relation.stored_as:
                _settle(connection, relation)
            (count,) = connection.execute(f"select count(*) from {relation.full_name}").fetchone()
            if count != rows[relation.full_name]:
                raise RuntimeError(f"{relation.full_name} has {count} rows, its Parquet {rows[relation.full_name]}")
        _describe(connection, relations)
    return rows, {place: content for _, contents in written for place, content in contents.items()}


@contextlib.contextmanager
def _copied(source: Path, target: Path) -> Iterator[None]:
    """A file is copied meanwhile.

    By another process: one that opens and closes a database file takes away the lock that it has on it itself.

    Raises:
        OSError: when it could not be.
    """
    command = [sys.executable, copying.__file__, str(source), str(target)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield
        _, told = process.communicate()
        if process.returncode:
            raise OSError(told.strip().splitlines()[-1] if told.strip() else "the copy was killed")
    finally:
        process.kill()
        process.wait()


def _checkpoint(marts: Path) -> None:
    """Put all that was written to the marts into their file: what their log holds, too."""
    with duckdb.connect(str(marts)) as connection:
        connection.execute("checkpoint")


def _settle(connection: duckdb.DuckDBPyConnection, relation: Relation) -> None:
    """Put the table that a relation is a view of into the view's place: without what the view does not show.

    Columns and rows are taken out where they lie; nothing is written anew.
    """
    stored = f"{relation.schema}.{relation.stored_as}"
    columns = [column for column, *_ in connection.execute(f"describe {stored}").fetchall()]
    if [column for column in columns if column in relation.columns] != list(relation.columns):
        raise RuntimeError(f"{stored} has not the columns of {relation.full_name} in their order")
    connection.execute(f"drop view {relation.full_name}")
    if relation.until:
        beyond = f"{identifier(relation.until)} > (select as_of_date from quality.run_info)"
        connection.execute(f"delete from {stored} where {beyond}")
    for column in columns:
        if column not in relation.columns:
            connection.execute(f"alter table {stored} drop column {identifier(column)}")
    connection.execute(f"alter table {stored} rename to {identifier(relation.name)}")


def _describe(connection: duckdb.DuckDBPyConnection, relations: Sequence[Relation]) -> None:
    """Take out what is not published any more; say of everything else what it is."""
    names = {relation.full_name for relation in relations}
    here = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    connection.begin()
    for (name,) in here:
        if name not in names:
            connection.execute(f"drop table {name}")
    for relation in relations:
        connection.execute(f"comment on table {relation.full_name} is {quoted(relation.description)}")
        for column, description in relation.columns.items():
            connection.execute(f"comment on column {relation.full_name}.{column} is {quoted(description)}")
    connection.commit()


@dataclass(frozen=True)
class _Part:
    """What one Parquet file holds: all rows of a relation, or those of a month."""

    place: str
    content: str
    rows: int
    within: str


class _Writer:
    """Writes Parquet files; one that holds what it held in the last version is linked.

    Args:
        marts: the database file of the marts, attached to the build.
        folder: the new version's.
        last: the last version's; None: everything is written. One that somebody touched since is not taken over.
    """

    def __init__(self, marts: Path, folder: Path, last: Path | None):
        self.marts, self.folder, self.last = marts, folder, last
        self.known: dict[str, str] = {}
        if last:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                self.known = json.loads((last / "manifest.json").read_text())["parquet"]

    def write(self, connection: duckdb.DuckDBPyConnection, relation: Relation) -> tuple[int, dict[str, str]]:
        """A relation as Parquet, one file or one per month; returns its rows, and what each file holds."""
        attach_marts(connection, self.marts, read_only=True)
        connection.execute("set TimeZone = 'UTC'")
        parts = self._parts(connection, relation)
        contents = {part.place: self._put(connection, relation, part) for part in parts}
        return sum(part.rows for part in parts), contents

    def _parts(self, connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[_Part]:
        """What there is to write; a fact without rows is one file, so that its columns can be read."""
        columns = connection.execute(f"describe {relation.full_name}").fetchall()
        shape = hashlib.sha256(repr((duckdb.__version__, columns, relation.month)).encode()).hexdigest()[:16]
        # Rows as a set: a sum of hashes, whatever their order.
        listed = ", ".join(identifier(column) for column, *_ in columns)
        holds = f"count(*) as rows, coalesce(sum(cast(hash(hash({listed})) as hugeint)), 0) as content"
        if relation.month:
            months = (
                f"select date_trunc('month', {identifier(relation.month)})::date as month, {holds}"
                f" from {relation.full_name} group by month order by month"
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
        rows, content = connection.execute(f"select {holds} from {relation.full_name}").fetchone()
        return [_Part(f"{relation.schema}/{relation.name}.parquet", f"{shape} {rows} {content}", rows, "true")]

    def _put(self, connection: duckdb.DuckDBPyConnection, relation: Relation, part: _Part) -> str:
        """Write or link a file; returns what it holds."""
        target = self.folder / "parquet" / part.place
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file that somebody touched since, or that can't be linked, is written again.
        with contextlib.suppress(OSError):
            last = self.last / "parquet" / part.place if self.last else target
            if self.known.get(part.place) == f"{part.content} {touched(last)}":
                os.link(last, target)
        if not target.exists():
            rows = f"(select * from {relation.full_name} where {part.within})"
            connection.execute(f"copy {rows} to {quoted(target)} {AS_PARQUET}")
        return f"{part.content} {touched(target)}"


def _within(relation: Relation, month: str) -> str:
    """SQL that is true for the rows of a month (YYYY-MM); all rows lie in one, dates of facts are never unknown."""
    assert relation.month
    column = identifier(relation.month)
    return f"{column} >= date '{month}-01' and {column} < date '{month}-01' + interval 1 month"


def touched(path: Path) -> str:
    """Size and time of a file: both change with its content."""
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
