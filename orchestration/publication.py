"""Publishing: a version is built aside, whole, and then a pointer is moved. Readers see the old or the new one."""

from __future__ import annotations

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
from orchestration.reading.base import identifier, quoted
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


class Publication:
    """Writes versions of the published warehouse and moves the pointer `published` to the newest."""

    def __init__(self, home: Home):
        self.home = home

    def publish(self, relations: Sequence[Relation], manifest: Mapping[str, Any], run_id: str, docs) -> dict[str, int]:
        """Build a version and put it in place; returns rows per relation.

        Args:
            manifest: what manifest.json says besides row counts.
            docs: called with the folder that Data Docs go to.

        Raises:
            UserError: when the target can't be written; nothing published changes then.
        """
        version = self.home.versions / run_id
        fresh = self.home.versions / f".{run_id}.part"
        try:
            for leftover in self.home.versions.glob(".*.part"):
                shutil.rmtree(leftover)
            self.check_pointer()
            fresh.mkdir(parents=True)
            rows = self._write(fresh, relations)
            docs(fresh / "data_docs")
            content = {
                **manifest,
                "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "rows": rows,
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
        self._remove_old(version)
        return rows

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

    def _write(self, folder: Path, relations: Sequence[Relation]) -> dict[str, int]:
        rows: dict[str, int] = {}
        parquet = folder / "parquet"
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach {quoted(self.home.database)} as {BUILD} (read_only)")
            for schema in dict.fromkeys(relation.schema for relation in relations):
                connection.execute(f"create schema {schema}")
                (parquet / schema).mkdir(parents=True)
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
                self._write_parquet(connection, relation, parquet / relation.schema, rows[name])
            connection.execute(f"detach {BUILD}")
        return rows

    @staticmethod
    def _write_parquet(connection, relation: Relation, folder: Path, row_count: int) -> None:
        """One file, or one per month; a fact without rows is one file, so that its columns can be read."""
        name = relation.full_name
        if not relation.month or not row_count:
            target = folder / f"{relation.name}.parquet"
            connection.execute(f"copy {name} to {quoted(target)} (format parquet)")
            return
        column = identifier(relation.month)
        label = relation.month.removesuffix("_date").removesuffix("_month") + "_month"
        months = f"select distinct date_trunc('month', {column})::date from {name} order by 1"
        for (first,) in connection.execute(months).fetchall():
            target = folder / relation.name / f"{label}={first:%Y-%m}" / f"{relation.name}.parquet"
            target.parent.mkdir(parents=True)
            within = f"{column} >= date '{first}' and {column} < date '{first}' + interval 1 month"
            connection.execute(f"copy (select * from {name} where {within}) to {quoted(target)} (format parquet)")

    def _point_to(self, version: Path) -> None:
        pointer = self.home.root / f".published.{version.name}"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(version.relative_to(self.home.root), target_is_directory=True)
        if self.home.published.is_dir() and not self.home.published.is_symlink():
            self.home.published.rmdir()
        pointer.replace(self.home.published)

    def _remove_old(self, newest: Path) -> None:
        """Keep the last versions: a reader that opened one a moment ago still finds its files."""
        versions = sorted(
            (path for path in self.home.versions.iterdir() if not path.name.startswith(".")),
            key=lambda path: path.stat().st_mtime_ns,
            reverse=True,
        )
        others = [path for path in versions if path != newest]
        for path in others[max(1, self.home.settings.keep_versions - 1) :]:
            shutil.rmtree(path, ignore_errors=True)


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
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
