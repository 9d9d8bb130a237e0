"""Homes to refresh, a command line to call, and a project to break."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

PROJECT = Path(__file__).resolve().parent.parent
FIVE_COLUMNS = "order_id,ordered_at,customer_id,quantity,unit_price\n"


@dataclass
class Result:
    exit: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"exit {self.exit}\n{self.out}\n{self.err}"


def call(*arguments: str | Path, project: Path = PROJECT, **environment: str) -> Result:
    """The command line in a process of its own, as a user or scheduler calls it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("REGULARS_", "DAGSTER_HOME"))}
    done = subprocess.run(
        [sys.executable, "-m", "regulars.cli", *map(str, arguments)],
        cwd=project,
        env={**inherited, "PYTHONPATH": str(project), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def call_here(*arguments: str | Path) -> Result:
    """The command line in this process: what it imported stays imported."""
    from regulars.cli import main

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["regulars", *map(str, arguments)])
        patch.setenv("COLUMNS", "200")
        patch.delenv("REGULARS_HOME", raising=False)
        patch.delenv("REGULARS_LANDING", raising=False)
        with pytest.raises(SystemExit) as left:
            main()
    return Result(int(left.value.code or 0), out.getvalue(), err.getvalue())


class Parsed:
    """dbt's parsed project for each set of vars, so that not every test's home has to parse it."""

    def __init__(self, root: Path):
        self.root = root
        self.targets: dict[str, Path] = {}

    def target(self, settings: str = "") -> Path:
        """Folder of the project as parsed for a home with these settings."""
        from orchestration import dbt
        from regulars.home import Home

        root = self.root / str(len(self.targets))
        root.mkdir(exist_ok=True)
        (root / "regulars.yml").write_text(settings)
        home = Home.at(root)
        key = json.dumps(home.settings.dbt_vars(), sort_keys=True)
        if key not in self.targets:
            home.prepare()
            dbt.prepare(home)
            self.targets[key] = home.dbt_target
        return self.targets[key]


@pytest.fixture(scope="session")
def parsed(tmp_path_factory) -> Parsed:
    return Parsed(tmp_path_factory.mktemp("parsed"))


class Place:
    """A home of a test: files to land, a refresh to call, figures to ask for."""

    def __init__(self, root: Path, parsed: Parsed):
        self.root = root
        self.landing = root / "landing"
        self.parsed = parsed

    def land(self, name: str, text: str | bytes, encoding: str = "utf-8") -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    def settings(self, text: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "regulars.yml").write_text(text)

    def prepare(self) -> None:
        """Before the first refresh: what dbt parsed for other homes with these settings."""
        if not (self.root / "build" / "dbt").exists():
            own = self.root / "regulars.yml"
            shutil.copytree(self.parsed.target(own.read_text() if own.exists() else ""), self.root / "build" / "dbt")

    def refresh(self, *arguments: str, **environment: str) -> Result:
        self.prepare()
        return call("refresh", "--home", self.root, *arguments, **environment)

    def call_here(self, *arguments: str) -> Result:
        self.prepare()
        return call_here("refresh", "--home", self.root, *arguments)

    def refresh_here(self, **asked: str | bool | None):
        """The same job in this process: seconds faster, for tests that do not look at the command line."""
        from regulars.home import Home
        from regulars.job import run_refresh

        self.prepare()
        home = Home.at(self.root)
        home.prepare()
        home.export()
        return run_refresh(home, asked, on_step=lambda step: None)

    def session(self, as_of: str | None = None):
        """What a run holds on to, without a run."""
        from orchestration.resources import Session
        from regulars.home import Home

        self.prepare()
        home = Home.at(self.root)
        _ = home.settings
        home.prepare()
        home.export()
        return Session(home, "test", as_of)

    def load(self, as_of: str | None = None):
        """The loader alone: landed files into the raw zone and the ledger; returns the session."""
        session = self.session(as_of)
        session.remember_settings()
        session.load(list(session.tables.values()))
        return session

    def load_count(self) -> int:
        return len(self.session().ledger.loads())

    def build(self, *relations: str, as_of: str | None = None) -> None:
        """Loader, control tables and dbt's models up to some relations (schema.table): no job, gate or version."""
        session = self.load(as_of)
        session.write_control({"requested_as_of_date": as_of, "again_from_date": None, "again_until_date": None})
        names = {relation.split(".")[1] for relation in relations}
        # What fits write is there before anything that reads it.
        if fitted := needed_fits(session.manifest, names):
            self._build_up_to(session.home, {read for fit in fitted for read in fit.reads})
            for fit in fitted:
                session.fit(fit)
        self._build_up_to(session.home, names)

    @staticmethod
    def _build_up_to(home, models: set[str]) -> None:
        from orchestration import dbt

        run = dbt.Build(home, ["--select", *sorted(f"+{name}" for name in models)])
        for _ in run:
            pass
        assert run.faults() == []
        assert [test for test in run.tests() if not test.is_passed] == []

    def query_build(self, sql: str) -> list[tuple]:
        """Ask the build instead of what is published."""
        from orchestration.warehouse import Warehouse
        from regulars.home import Home

        with Warehouse(Home.at(self.root)).connect(read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def begin(self) -> subprocess.Popen:
        """A refresh in a process group of its own, to be killed."""
        self.prepare()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("REGULARS_", "DAGSTER_"))}
        return subprocess.Popen(
            [sys.executable, "-m", "regulars.cli", "refresh", "--home", self.root],
            cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @staticmethod
    def kill(process: subprocess.Popen) -> None:
        """End it with all its children, as a power cut does."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @property
    def warehouse(self) -> Path:
        return self.root / "published" / "warehouse.duckdb"

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.warehouse.resolve()), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def needed_fits(manifest: dict, names: set[str]) -> list:
    """Fits whose tables these relations rest on."""
    from orchestration.fitting import FITTED

    waiting = [key for key, node in manifest["nodes"].items() if node["name"] in names]
    found: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += manifest["parent_map"].get(key, [])
    written = {key.split(".")[-1] for key in found if key.startswith("source.regulars.fits.")}
    return [fit for fit in FITTED if written & set(fit.writes)]


# What tells of runs and not of customers.
RUN_LOGS = {"quality.run_info", "quality.load_history", "quality.check_results"}


def contents(place: Place) -> dict[str, tuple]:
    """Rows of every published relation, as a count and a hash of them sorted; what tells of past loads is left out."""
    with duckdb.connect(str(place.warehouse.resolve()), read_only=True) as connection:
        names = connection.execute("select schema_name || '.' || table_name from duckdb_tables() order by 1").fetchall()
        where = {"quality.reconciliation": "where layer <> 'landed files to accepted rows'"}
        return {
            name: connection.execute(
                "select count(*), md5(string_agg(t::varchar, '|' order by t::varchar))"
                f" from {name} as t {where.get(name, '')}"
            ).fetchone()
            for (name,) in names
            if name not in RUN_LOGS
        }


@pytest.fixture
def place(tmp_path, parsed) -> Place:
    return Place(tmp_path / "home", parsed)


@pytest.fixture(scope="session")
def new_place(tmp_path_factory, parsed) -> Callable[[str], Place]:
    return lambda name: Place(tmp_path_factory.mktemp(name) / "home", parsed)


@pytest.fixture(scope="session")
def corner_shop(new_place) -> Place:
    """Five orders, refreshed once, for tests that only look at what a refresh leaves."""
    place = new_place("corner_shop")
    place.land("shop/order_lines.csv", orders(5))
    assert place.refresh_here().exit == 0
    return place


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project that a test may change."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("models", "seeds", "macros", "orchestration", "expectations", "regulars"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "tests" / "data", copy / "tests" / "data")
    for name in ("dbt_project.yml", "profiles.yml", "pyproject.toml", "requirements.lock"):
        shutil.copy(PROJECT / name, copy / name)
    return copy


def orders(count: int, day: str = "2024-03-01", first: int = 1) -> str:
    """An order_lines.csv of five columns: one line an order, one order a customer."""
    return FIVE_COLUMNS + "".join(f"o{n},{day} 10:00:00,c{n},1,10.00\n" for n in range(first, first + count))
