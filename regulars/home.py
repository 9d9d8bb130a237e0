"""A home: one warehouse's folder, its lock, and the fingerprint of what it was built from."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from regulars.errors import UserError
from regulars.settings import Databases, DatabaseSettings, HomeSettings, check_vars, project_root, read_settings

# What a figure depends on besides the landed files.
CODE_FOLDERS = ("models", "seeds", "macros", "tests/data", "orchestration", "expectations", "regulars")
CODE_FILES = ("dbt_project.yml", "profiles.yml", "requirements.lock")


WAREHOUSE = "warehouse.duckdb"  # the marts: in the build, and in each published version
MOST_MEMORY = 10 * 10**9  # of a machine's memory the engine takes half by itself, and no more than this
DAGSTER_INSTANCE = """# Written by Regulars; remove this line to make it yours.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
# A run whose process died is started once more; one that a gate or bad input stopped is not.
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
event_log_storage:
  module: orchestration.event_log
  class: LocalEventLog
  config:
    base_dir: {history}
"""


def default_home() -> Path:
    """REGULARS_HOME, else a git-ignored folder of the checkout."""
    named = os.environ.get("REGULARS_HOME")
    return Path(named).expanduser() if named else project_root() / "homes" / "default"


@dataclass(frozen=True)
class Home:
    """Where everything of one warehouse lies.

    Args:
        root: the folder.
        landing_override: the landing zone, when it is not `root/landing`.
    """

    root: Path
    landing_override: Path | None = None

    @classmethod
    def at(cls, root: Path | None = None, landing: Path | None = None) -> Home:
        """The home in a folder, paths made absolute."""
        return cls((root or default_home()).expanduser().absolute(), landing and landing.expanduser().absolute())

    @property
    def landing(self) -> Path:
        """Files people drop; never changed by Regulars."""
        return self.landing_override or self.root / "landing"

    @property
    def build(self) -> Path:
        """Everything that can be made again."""
        return self.root / "build"

    @property
    def raw(self) -> Path:
        """One immutable Parquet file per landed content."""
        return self.build / "raw"

    @property
    def extracts(self) -> Path:
        """What was read from databases: one folder per source system, like a second landing zone."""
        return self.root / "extracts"

    def landed(self, name: str) -> Path:
        """Where a file lies that the ledger knows by name: in the landing zone, or among the extracts."""
        return self.root / name if name.startswith(f"{self.extracts.name}/") else self.landing / name

    @property
    def ledger(self) -> Path:
        """SQLite file of all loads."""
        return self.build / "ledger.sqlite"

    @property
    def database(self) -> Path:
        """The private build database."""
        return self.build / "regulars_build.duckdb"

    @property
    def marts(self) -> Path:
        """The marts of the build, in a file of their own; what is published is a copy of it."""
        return self.build / WAREHOUSE

    @property
    def dbt_target(self) -> Path:
        """dbt's artifacts."""
        return self.build / "dbt"

    @property
    def trial_target(self) -> Path:
        """dbt's artifacts of `regulars try`."""
        return self.build / "try"

    @property
    def versions(self) -> Path:
        """Published versions; `published` points to the newest."""
        return self.root / "versions"

    @property
    def published(self) -> Path:
        """What BI tools read."""
        return self.root / "published"

    @property
    def dagster(self) -> Path:
        """Dagster's own state."""
        return self.root / "dagster"

    @property
    def settings_file(self) -> Path:
        """regulars.yml."""
        return self.root / "regulars.yml"

    @property
    def databases_file(self) -> Path:
        """sources.yml."""
        return self.root / "sources.yml"

    @cached_property
    def databases(self) -> dict[str, DatabaseSettings]:
        """Validated sources.yml: source system -> its database."""
        return read_settings(self.databases_file, Databases).root

    @cached_property
    def settings(self) -> HomeSettings:
        """Validated regulars.yml."""
        settings = read_settings(self.settings_file, HomeSettings)
        check_vars(settings, self.settings_file)
        return settings

    @property
    def engine(self) -> dict[str, str | int]:
        """What DuckDB may take, wherever it runs for this home; beyond its memory limit it spills to disk."""
        half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        return {
            "memory_limit": self.settings.memory_limit or f"{min(half, MOST_MEMORY) >> 20}MiB",
            "threads": self.settings.threads or os.cpu_count() or 1,
        }

    def prepare(self) -> None:
        """Make the folders, and Dagster's instance file.

        Raises:
            UserError: when the target can't be written.
        """
        try:
            for folder in (self.raw, self.dbt_target, self.versions, self.dagster):
                folder.mkdir(parents=True, exist_ok=True)
            instance = self.dagster / "dagster.yaml"
            content = DAGSTER_INSTANCE.format(history=json.dumps(str(self.dagster / "history" / "runs")))
            # Written again where the home was moved; left alone where somebody made it theirs.
            present = instance.read_text() if instance.exists() else DAGSTER_INSTANCE.splitlines()[0]
            if present != content and present.startswith(DAGSTER_INSTANCE.splitlines()[0]):
                instance.write_text(content)
        except OSError as error:
            raise UserError(
                f"this home can't be written: {error.strerror}",
                file=str(self.root),
                remedy="Free space, change its permissions, or name another folder with --home.",
            ) from error

    @contextlib.contextmanager
    def lock(self, holder: str) -> Iterator[None]:
        """Hold the home for one writer; the operating system frees it when the process dies.

        Raises:
            UserError: naming who holds it.
        """
        path = self.build / "refresh.lock"
        with path.open("a+") as file:
            try:
                _take(file)
            except BlockingIOError as error:
                raise UserError(
                    f"another refresh holds this home: {self.lock_holder() or 'unknown'}",
                    file=str(path),
                    remedy="Wait until it is done, or use another --home.",
                ) from error
            file.truncate(0)
            file.write(f"{holder}, process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%F %T')}")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def is_locked(self) -> bool:
        """Whether a living process holds the home; what a dead one wrote into the lock does not count."""
        path = self.build / "refresh.lock"
        if not path.exists():
            return False
        with path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def lock_holder(self) -> str:
        """Who holds the lock, as that process wrote it; empty when nobody does."""
        path = self.build / "refresh.lock"
        return path.read_text().strip() if path.exists() else ""

    def export(self) -> None:
        """Tell dbt and Dagster, which read the environment, where this home is."""
        os.environ["REGULARS_HOME"] = str(self.root)
        os.environ["REGULARS_BUILD"] = str(self.build)
        os.environ["REGULARS_MEMORY_LIMIT"] = str(self.engine["memory_limit"])
        os.environ["REGULARS_THREADS"] = str(self.engine["threads"])
        os.environ["DAGSTER_HOME"] = str(self.dagster)
        if self.landing_override:
            os.environ["REGULARS_LANDING"] = str(self.landing_override)
        else:
            os.environ.pop("REGULARS_LANDING", None)


def _take(file) -> None:
    """Lock a file; whoever only looks holds it for less than a moment, so it is tried for half a second."""
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.1)
    return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def exported_engine() -> dict[str, str]:
    """What DuckDB may take, for code that knows no home: as `Home.export` told the environment."""
    names = {"memory_limit": "REGULARS_MEMORY_LIMIT", "threads": "REGULARS_THREADS"}
    return {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def landed_paths(landing: Path) -> list[Path]:
    """Every file of a landing zone, sorted; hidden ones left out.

    Raises:
        UserError: when the landing zone or a folder in it can't be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(
            f"this landing zone can't be read: {error.strerror}",
            file=str(error.filename or landing),
            remedy="Make the folder readable, or name another with --landing.",
        ) from error

    if not landing.exists():
        return []
    if not landing.is_dir():
        raise UserError("this landing zone is no folder", file=str(landing), remedy="Name a folder with --landing.")
    paths = []
    for folder, names, files in os.walk(landing, onerror=refuse, followlinks=True):
        names[:] = sorted(name for name in names if not name.startswith("."))
        paths += [Path(folder) / name for name in sorted(files) if not name.startswith((".", "~$"))]
    return paths


class Fingerprint:
    """What a refresh depends on: landed files, code, settings, options. Written only after publishing."""

    def __init__(self, home: Home, options: dict[str, str | None]):
        self.home, self.options = home, options
        self.path = home.build / "fingerprint.json"

    @cached_property
    def last(self) -> dict:
        """Fingerprint of the last published refresh; empty when there is none or it can't be read."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self.path.read_text())
        return {}

    @cached_property
    def now(self) -> dict:
        """Fingerprint of what lies there now. A landed file is hashed only when its size or time changed."""
        known = {**self.last.get("landing", {}), **self._hashed()}
        landing = {}
        for path in landed_paths(self.home.landing):
            try:
                stat = path.stat()
                landing[str(path)] = [stat.st_size, stat.st_mtime_ns, _hash(known, path, stat)]
            except OSError as error:
                raise UserError(
                    f"this file can't be read: {error.strerror}",
                    file=str(path.relative_to(self.home.landing)),
                    remedy="Make it readable, or take it away.",
                ) from error
        if landing != known:
            self._remember(landing)
        settings = self.home.settings_file
        return {
            "landing": landing,
            "code": code_hash(),
            "settings": settings.read_text() if settings.exists() else "",
            "options": self.options,
            "key": hashlib.sha256(os.environ.get("REGULARS_KEY", "").encode()).hexdigest(),
        }

    def hash_of(self, path: Path, stat: os.stat_result) -> str:
        """A file's SHA-256: known already, if it is the one that was looked at."""
        return _hash(self.now["landing"], path, stat)

    @property
    def _hashes(self) -> Path:
        return self.home.build / "landing_hashes.json"

    def _hashed(self) -> dict:
        """Hashes that were computed before, so that a large file is hashed once for a look and a refresh."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self._hashes.read_text())
        return {}

    def _remember(self, landing: dict) -> None:
        temporary = self._hashes.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(landing))
        temporary.replace(self._hashes)

    def is_unchanged(self) -> bool:
        """Whether a refresh would publish the same again: times of files do not matter, contents do."""

        def essence(fingerprint: dict) -> dict:
            landing = {path: parts[2] for path, parts in fingerprint.get("landing", {}).items()}
            return {**fingerprint, "landing": landing}

        return (
            bool(self.last) and (self.home.published / WAREHOUSE).exists() and (essence(self.now) == essence(self.last))
        )

    def write(self) -> None:
        """Remember the present state as the published one."""
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.now))
        temporary.replace(self.path)


def _hash(known: Mapping[str, list], path: Path, stat: os.stat_result) -> str:
    """A file's SHA-256; `known` (path -> size, time, hash) spares reading it, where it has that size and time."""
    seen = known.get(str(path))
    return seen[2] if seen and seen[:2] == [stat.st_size, stat.st_mtime_ns] else hash_file(path)


def code_hash() -> str:
    """SHA-256 over the project's models, seeds, macros, expectations and code, and their lock file."""
    root = project_root()
    digest = hashlib.sha256()
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in {".sql", ".yml", ".csv", ".py", ".json", ".css", ".html"}:
                digest.update(f"{path.relative_to(root)}:".encode() + path.read_bytes())
    for name in CODE_FILES:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()
