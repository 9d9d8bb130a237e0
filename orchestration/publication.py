"""Publishing: a version is built aside, whole, and then a pointer is moved. Readers see the old or the new one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

import regulars
from orchestration.reading.base import identifier, limit_engine, quoted
from regulars.errors import UserError
from regulars.home import Home

# Views in the build name their database, so it is attached under the name it has as a file.
BUILD = "regulars_build"
WAREHOUSE = "warehouse.duckdb"


@dataclass(frozen=True)
class Relation:
    """A published relation: its place, key (sort order), month column and descriptions."""

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


@dataclass(frozen=True)
class Version:
    """A published version that is kept."""

    path: Path
    number: int
    published_at: str
    as_of_date: str | None
    rows: int
    previous: str | None


class Publication:
    """Writes versions of the published warehouse and moves the pointer `published` to the newest."""

    def __init__(self, home: Home):
        self.home = home

    def publish(
        self, relations: Sequence[Relation], manifest: Mapping[str, Any], run_id: str, docs, is_full: bool = False
    ) -> dict[str, int]:
        """Build a version and put it in place; returns rows per relation.

        Args:
            manifest: what manifest.json says besides row counts.
            docs: called with the folder that Data Docs go to.
            is_full: nothing of the last version is taken over.

        Raises:
            UserError: when the target can't be written; nothing published changes then.
        """
        version = self.home.versions / run_id
        fresh = self.home.versions / f".{run_id}.part"
        previous = self.home.published.resolve().name if self.home.published.is_symlink() else None
        try:
            for leftover in self.home.versions.glob(".*.part"):
                shutil.rmtree(leftover)
            self.check_pointer()
            fresh.mkdir(parents=True)
            rows, contents = self._write(fresh, relations, is_full)
            docs(fresh / "data_docs")
            content = {
                **manifest,
                "number": 1 + max((each.number for each in self.versions()), default=0),
                "previous": previous,
                "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "rows": rows,
                "parquet": contents,
                "warehouse": _touched(fresh / WAREHOUSE),
            }
            (fresh / "manifest.json").write_text(json.dumps(content, indent=2, default=str) + "\n")
            _sync(fresh)
            fresh.rename(version)
            self._point_to(version)
        except (OSError, duckdb.IOException) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise UserError(
                f"the published warehouse can't be written: {reason}",
                file=str(self.home.published),
                remedy="Free space or change its permissions, then refresh again: the last version is untouched.",
            ) from error
        except duckdb.Error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        self._remove_old()
        return rows

    def versions(self) -> list[Version]:
        """Versions that are kept, in the order they were published, newest first."""
        found = []
        for path in self.home.versions.glob("[!.]*"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                told = json.loads((path / "manifest.json").read_text())
                rows = sum(told["rows"].values())
                number, previous = told.get("number", 0), told.get("previous")
                found.append(Version(path, number, told["published_at"], told["as_of_date"], rows, previous))
        # Numbered, for a clock may be set back.
        return sorted(found, key=lambda version: (version.number, version.published_at), reverse=True)

    def roll_back(self, run_id: str | None = None) -> Version:
        """Point to another version: the one that the present one replaced, or the named one.

        Raises:
            UserError: when there is no such version.
        """
        self.check_pointer()
        versions = {version.path.name: version for version in self.versions()}
        present = versions.get(self.home.published.resolve().name)
        wanted = versions.get(run_id or (present.previous if present and present.previous else ""))
        if not wanted:
            raise UserError(
                f"there is no version {run_id}" if run_id else "there is no earlier version",
                file=str(self.home.versions),
                remedy=f"Kept are: {', '.join(versions) or 'none'}. To keep more set keep_versions in regulars.yml.",
            )
        self._point_to(wanted.path)
        return wanted

    def check_pointer(self) -> None:
        """Refuse to replace what somebody else put there.

        Raises:
            UserError: when `published` is neither empty nor a pointer of ours.
        """
        published = self.home.published
        if published.is_symlink() or not published.exists():
            return
        if not published.is_dir() or any(published.iterdir()):
            raise UserError(
                "this was not published by Regulars",
                file=str(published),
                remedy="Move it away: Regulars puts a pointer to its newest version there.",
            )

    def _write(
        self, folder: Path, relations: Sequence[Relation], is_full: bool
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Database and Parquet files; returns rows per relation, and what each file holds."""
        database = folder / WAREHOUSE
        writer = _Writer(folder, None if is_full else self.home.published.resolve())
        rows: dict[str, int] = {}
        with duckdb.connect(str(database)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            limit_engine(connection, self.home.engine)
            connection.execute(f"attach {quoted(self.home.database)} as {BUILD} (read_only)")
            writer.drop_others(connection, relations)
            for schema in dict.fromkeys(relation.schema for relation in relations):
                connection.execute(f"create schema if not exists {schema}")
            for relation in relations:
                rows[relation.full_name] = writer.write(connection, relation)
            connection.execute(f"detach {BUILD}")
        return rows, writer.contents

    def _point_to(self, version: Path) -> None:
        pointer = self.home.root / f".published.{version.name}"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(version.relative_to(self.home.root), target_is_directory=True)
        if self.home.published.is_dir() and not self.home.published.is_symlink():
            self.home.published.rmdir()
        pointer.replace(self.home.published)

    def _remove_old(self) -> None:
        """Keep the last versions: a reader that opened one a moment ago still finds its files."""
        versions = self.versions()
        present = self.home.published.resolve().name
        kept = {present, *(version.path.name for version in versions[: max(2, self.home.settings.keep_versions)])}
        kept |= {version.previous for version in versions if version.path.name == present}
        for path in self.home.versions.glob("[!.]*"):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


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
                if told["warehouse"] == _touched(last / WAREHOUSE):
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
                order = f" order by {', '.join(relation.key)}" if relation.key else ""
                source = f"select * from {BUILD}.{relation.full_name} where {part.within}{order}"
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
        order = ", ".join([*filter(None, [relation.month]), *relation.key])
        # Dropped before: the file's blocks are used again.
        connection.execute(f"drop table if exists {name}")
        connection.execute(
            f"create table {name} as select * from {BUILD}.{name}" + (f" order by {order}" if order else "")
        )
        connection.execute(f"comment on table {name} is {quoted(relation.description)}")
        for column, description in relation.columns.items():
            connection.execute(f"comment on column {name}.{column} is {quoted(description)}")

    def _put(self, connection: duckdb.DuckDBPyConnection, relation: Relation, part: _Part) -> None:
        target = self.folder / "parquet" / part.place
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file that somebody touched since, or that can't be linked, is written again.
        with contextlib.suppress(OSError):
            last = self.last / "parquet" / part.place if self.last else target
            if self.known.get(part.place) == f"{part.content} {_touched(last)}":
                os.link(last, target)
        if not target.exists():
            rows = f"(select * from {relation.full_name} where {part.within})"
            connection.execute(f"copy {rows} to {quoted(target)} (format parquet)")
        self.contents[part.place] = f"{part.content} {_touched(target)}"


def _within(relation: Relation, month: str) -> str:
    """SQL that is true for the rows of a month (YYYY-MM); all rows lie in one, dates of facts are never unknown."""
    column = identifier(relation.month)
    return f"{column} >= date '{month}-01' and {column} < date '{month}-01' + interval 1 month"


def _month_of(place: str) -> str:
    return place.split("=")[1].split("/")[0]


def _touched(path: Path) -> str:
    """Size and time of a file: both change with its content."""
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


def describe(home: Home, run_id: str, as_of_date: str | None, loads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What manifest.json says of a run: versions, as-of date, and the content of every file that counts."""
    from importlib.metadata import version

    return {
        "run_id": run_id,
        "as_of_date": as_of_date,
        "versions": {
            "regulars": regulars.__version__,
            **{package: version(package) for package in ("dbt-core", "duckdb", "dagster", "great-expectations")},
        },
        "inputs": {load["file"]: load["content_hash"] for load in loads if load["status"] == "current"},
    }


def _sync(folder: Path) -> None:
    """Make sure that everything is on disk before the pointer moves."""
    for path in [folder, *folder.rglob("*")]:
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
