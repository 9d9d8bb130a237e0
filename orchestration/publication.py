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
            rows, contents = self._write(fresh, relations, is_linking=not is_full)
            docs(fresh / "data_docs")
            content = {
                **manifest,
                "number": 1 + max((each.number for each in self.versions()), default=0),
                "previous": previous,
                "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "rows": rows,
                "parquet": contents,
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
        self, folder: Path, relations: Sequence[Relation], is_linking: bool
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Database and Parquet files; returns rows per relation, and what each file holds."""
        rows: dict[str, int] = {}
        files = _Files(folder, self.home.published, is_linking)
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            connection.execute("set TimeZone = 'UTC'")
            limit_engine(connection, self.home.engine)
            connection.execute(f"attach {quoted(self.home.database)} as {BUILD} (read_only)")
            for schema in dict.fromkeys(relation.schema for relation in relations):
                connection.execute(f"create schema {schema}")
            for relation in relations:
                name = relation.full_name
                order = f" order by {', '.join(relation.key)}" if relation.key and not relation.month else ""
                if relation.month:
                    order = f" order by {', '.join([relation.month, *relation.key])}"
                connection.execute(f"create table {name} as select * from {BUILD}.{name}{order}")
                connection.execute(f"comment on table {name} is {quoted(relation.description)}")
                for column, description in relation.columns.items():
                    connection.execute(f"comment on column {name}.{column} is {quoted(description)}")
                rows[name] = connection.execute(f"select count(*) from {name}").fetchone()[0]
                files.write(connection, relation, rows[name])
            connection.execute(f"detach {BUILD}")
        return rows, files.contents

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


class _Files:
    """Parquet files of a version. One that holds what the last version's did is linked, not written again.

    Args:
        folder: the version's.
        last: the last version; need not exist.
        is_linking: False: everything is written.
    """

    def __init__(self, folder: Path, last: Path, is_linking: bool):
        self.folder, self.last = folder, last.resolve()
        self.contents: dict[str, str] = {}
        self.known: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            self.known = (
                {} if not is_linking else json.loads((self.last / "manifest.json").read_text()).get("parquet", {})
            )

    def write(self, connection: duckdb.DuckDBPyConnection, relation: Relation, row_count: int) -> None:
        """One file, or one per month; a fact without rows is one file, so that its columns can be read."""
        name = relation.full_name
        columns = connection.execute(
            "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ?"
            " order by column_index",
            [relation.schema, relation.name],
        ).fetchall()
        # Rows as a set: a sum of hashes, whatever their order; files are sorted by key.
        listed = ", ".join(identifier(column) for column, _ in columns)
        holds = f"count(*) || ' ' || coalesce(sum(cast(hash(hash({listed})) as hugeint)), 0)"
        shape = hashlib.sha256(repr((duckdb.__version__, columns, relation.key)).encode()).hexdigest()[:16]
        if not relation.month or not row_count:
            (content,) = connection.execute(f"select {holds} from {name}").fetchone()
            self._put(connection, f"{relation.schema}/{relation.name}.parquet", f"{shape} {content}", name)
            return
        column = identifier(relation.month)
        label = relation.month.removesuffix("_date").removesuffix("_month") + "_month"
        months = (
            f"select date_trunc('month', {column})::date as month, {holds} from {name} group by month order by month"
        )
        for first, content in connection.execute(months).fetchall():
            place = f"{relation.schema}/{relation.name}/{label}={first:%Y-%m}/{relation.name}.parquet"
            within = f"{column} >= date '{first}' and {column} < date '{first}' + interval 1 month"
            self._put(connection, place, f"{shape} {content}", f"(select * from {name} where {within})")

    def _put(self, connection: duckdb.DuckDBPyConnection, place: str, content: str, rows: str) -> None:
        target = self.folder / "parquet" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        last = self.last / "parquet" / place
        # A file that somebody touched since, or that can't be linked, is written again.
        with contextlib.suppress(OSError):
            if self.known.get(place) == f"{content} {_touched(last)}":
                os.link(last, target)
        if not target.exists():
            connection.execute(f"copy {rows} to {quoted(target)} (format parquet)")
        self.contents[place] = f"{content} {_touched(target)}"


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
