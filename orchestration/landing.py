"""The landing zone: which files lie there, whose they are, and what their source system declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestration.contract import CANONICAL, Table
from regulars.errors import UserError
from regulars.home import Home, landed_paths
from regulars.settings import SourceSettings, read_settings

SETTINGS_FILE = "_source.yml"
FORMATS = ("csv", "csv.gz", "tsv", "jsonl", "parquet", "xlsx")


@dataclass(frozen=True)
class LandedFile:
    """A file of the landing zone: whose it is and which table it belongs to."""

    path: Path
    file: str
    source_system: str
    table: Table

    @property
    def format(self) -> str:
        """One of FORMATS, or whatever its name ends in."""
        name = self.path.name.lower()
        return next((form for form in FORMATS if name.endswith(f".{form}")), self.path.suffix[1:].lower())


class Landing:
    """The landing zone of a home, read against the tables that can be loaded."""

    def __init__(self, home: Home, tables: Mapping[tuple[str, str], Table]):
        self.home, self.tables = home, tables

    @cached_property
    def files(self) -> list[LandedFile]:
        """Every data file, sorted by path.

        Raises:
            UserError: a file in no source system's folder, of an unknown table or an unknown format.
        """
        return [
            self._place(path, zone)
            for zone in (self.home.landing, self.home.extracts)
            for path in landed_paths(zone)
            if not path.name.startswith("_")
        ]

    @cached_property
    def source_systems(self) -> list[str]:
        """Folders of the landing zone, and databases that were read."""
        return sorted(
            {
                path.name
                for zone in (self.home.landing, self.home.extracts)
                if zone.is_dir()
                for path in zone.iterdir()
                if path.is_dir() and not path.name.startswith((".", "_"))
            }
        )

    def settings(self, source_system: str) -> SourceSettings:
        """What the source system declares in its _source.yml."""
        return read_settings(self.home.landing / source_system / SETTINGS_FILE, SourceSettings)

    def _place(self, path: Path, zone: Path) -> LandedFile:
        relative = path.relative_to(zone)
        if len(relative.parts) < 2:
            raise UserError(
                "this file lies in no source system's folder",
                file=str(path),
                remedy=f"Move it to {zone}/<source_system>/{path.name}.",
            )
        system, stem = relative.parts[0], relative.parts[1].split(".")[0]
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", system) or system in (CANONICAL, "all"):
            raise UserError(
                f"'{system}' can't name a source system",
                file=str(path.parent),
                remedy="Use letters, digits and _, beginning with a letter; `canonical` and `all` are taken.",
            )
        own = {name for source, name in self.tables if source == system}
        source = system if own else CANONICAL
        table = self.tables.get((source, stem))
        if table is None:
            known = sorted(own or {name for key, name in self.tables if key == CANONICAL})
            raise UserError(
                f"there is no table '{stem}'",
                file=str(path),
                remedy=f"Name the file or its folder after one of: {', '.join(known)}.",
            )
        # A database's file is told by its place in the home, so that no landed file can take its name.
        name = relative.as_posix() if zone == self.home.landing else f"extracts/{relative.as_posix()}"
        landed = LandedFile(path, name, system, table)
        if landed.format not in FORMATS:
            raise UserError(
                f"files ending in .{landed.format} can't be read",
                file=str(path),
                remedy=f"Export it as one of: {', '.join(FORMATS)}.",
            )
        return landed
