"""Publishing: a version is built aside, whole, and then a pointer is moved. Readers see the old or the new one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

import regulars
from orchestration.version import Relation, write_version
from regulars.errors import UserError, in_short
from regulars.home import Home


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
            last = None if is_full else self.home.published.resolve()
            # Another process writes them meanwhile.
            with ThreadPoolExecutor(1) as beside:
                pages = beside.submit(docs, fresh / "data_docs")
                rows, contents = write_version(self.home, fresh, relations, last)
                pages.result()
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
            raise UserError(
                f"the published warehouse can't be written: {in_short(error)}",
                file=str(self.home.published),
                remedy="Free space or change its permissions, then refresh again: the last version is untouched.",
            ) from error
        except (duckdb.Error, UserError):
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
        kept |= {version.previous or "" for version in versions if version.path.name == present}
        for path in self.home.versions.glob("[!.]*"):
            if path.name not in kept:
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
    for path in [folder, *folder.rglob("*")]:
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
