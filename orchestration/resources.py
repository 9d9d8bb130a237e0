"""What a run holds on to: its home, its lock, its gates' process and what its checks found."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from orchestration import dbt, gate_worker
from orchestration.basis import Basis, basis
from orchestration.contract import FITS, Table, tables
from orchestration.control import CheckOutcome, Control, reporting_currency
from orchestration.fitting import Fit
from orchestration.fitting.base import Rows
from orchestration.landing import Landing
from orchestration.ledger import Ledger
from orchestration.loading import LoadCount, Loader
from orchestration.publication import Publication
from orchestration.warehouse import Warehouse
from regulars.errors import Exit, UserError
from regulars.home import Fingerprint, Home
from regulars.settings import SourceSettings


def current_home() -> Home:
    """The home that the environment names: REGULARS_HOME, and REGULARS_LANDING where it is elsewhere."""
    landing = os.environ.get("REGULARS_LANDING")
    return Home.at(landing=Path(landing) if landing else None)


def load_manifest(home: Home) -> dict:
    """dbt's manifest of the home's project."""
    import orjson

    return orjson.loads(dbt.prepare(home).read_bytes())


class Session:
    """One run's view of its home. Everything is opened when first asked for."""

    def __init__(self, home: Home, run_id: str, as_of: str | None):
        self.home, self.run_id = home, run_id
        self.started = datetime.now(UTC)
        self.outcomes: list[CheckOutcome] = []
        self.fingerprint = Fingerprint(home, {"as_of": as_of})

    @cached_property
    def manifest(self) -> dict:
        """dbt's manifest."""
        return load_manifest(self.home)

    @cached_property
    def tables(self) -> dict[tuple[str, str], Table]:
        """Tables that files can be loaded into."""
        return tables(self.manifest)

    @cached_property
    def landing(self) -> Landing:
        """The landing zone."""
        return Landing(self.home, self.tables)

    @cached_property
    def ledger(self) -> Ledger:
        """All loads."""
        return Ledger(self.home)

    @cached_property
    def loader(self) -> Loader:
        """What loads landed files."""
        return Loader(self.home, self.ledger, self.run_id, self.fingerprint.hash_of)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The build database."""
        return Warehouse(self.home)

    @cached_property
    def declared(self) -> dict[str, SourceSettings]:
        """What each source system with rows or files declares; the ledger must have been told."""
        remembered = self.ledger.settings()
        systems = {load["source_system"] for load in self.ledger.loads()} | set(self.landing.source_systems)
        return {system: remembered[system] for system in sorted(systems)}

    @cached_property
    def basis(self) -> Basis:
        """What the build rests on besides rows."""
        currency = reporting_currency(self.home.settings, self.declared, str(self.home.settings_file))
        return basis(self.home, self.manifest, self.declared, currency)

    @cached_property
    def control(self) -> Control:
        """Control tables."""
        return Control(self.home, self.manifest)

    def load(self, tables: Sequence[Table]) -> list[tuple[LoadCount, int]]:
        """Load landed files of these tables; returns of each what was done, and the rows that count now."""
        counts = []
        for table in tables:
            files = [landed for landed in self.landing.files if landed.table == table]
            settings = {landed.source_system: self.landing.settings(landed.source_system) for landed in files}
            counts.append(self.loader.load(files, settings))
        return list(zip(counts, self.warehouse.create_raw_relations(tables, self.ledger), strict=True))

    def remember_settings(self) -> None:
        """Enter in the ledger what source systems in the landing zone declare."""
        self.ledger.remember_settings({name: self.landing.settings(name) for name in self.landing.source_systems})

    def write_control(self, asked: Mapping[str, str | None]) -> None:
        """Write what models need to know of the ledger, of settings and of this run.

        Args:
            asked: what the run was asked for, as columns of control.run.
        """
        self.control.write(self.declared, self.basis, self.ledger, self.run_id, asked, self.started)

    def fit(self, fit: Fit) -> dict[str, Rows]:
        """Run a fit on the build and write its tables; returns their rows."""
        columns = {
            node["name"]: [(name, column["data_type"]) for name, column in node["columns"].items()]
            for node in self.manifest["sources"].values()
            if node["source_name"] == FITS and node["name"] in fit.writes
        }
        rows: dict[str, Rows] = {name: [] for name in fit.writes}
        with self.warehouse.connect() as connection:
            rows |= fit.run(connection, self.home.settings.all_vars())
            self.warehouse.replace_tables({name: (columns[name], rows[name]) for name in rows}, FITS, connection)
        return rows

    @cached_property
    def publication(self) -> Publication:
        """Published versions."""
        return Publication(self.home)

    @cached_property
    def gates(self) -> gate_worker.GateWorker:
        """The process that runs Great Expectations."""
        return gate_worker.begin(self.home)


class Refresh(dg.ConfigurableResource):
    """The run's home, held under its lock for the length of the run."""

    as_of: str | None = None
    full: bool = False
    again_from: str | None = None
    again_until: str | None = None

    _session: Session = PrivateAttr()

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Refresh]:
        """Take the lock; the second run at a time fails here and names the first."""
        home = current_home()
        home.prepare()
        run_id = context.run_id or "none"
        with home.lock(f"run {run_id[:8]}"):
            self._session = Session(home, run_id, self.as_of)
            self._session.publication.check_pointer()
            yield self

    @property
    def asked(self) -> dict[str, str | None]:
        """What the run was asked for, as columns of control.run."""
        return {
            "requested_as_of_date": self.as_of,
            "again_from_date": self.again_from,
            "again_until_date": self.again_until,
        }

    @property
    def session(self) -> Session:
        """What the run's assets share."""
        return self._session


def again(home: Home) -> dg.PartitionedConfig:
    """What a run is asked for that makes a month's orders again: one partition a month."""
    settings = home.settings

    @dg.monthly_partitioned_config(
        start_date=settings.all_vars()["earliest_event_date"], timezone=settings.time_zone, end_offset=1
    )
    def month(start: datetime, end: datetime):
        days = {"again_from": str(start.date()), "again_until": str(end.date() - timedelta(days=1))}
        return {"resources": {"refresh": {"config": days}}}

    return month


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn a fault the user can mend into a failure that says so, without a stack trace."""
    try:
        yield
    except UserError as error:
        raise dg.Failure(description=str(error), metadata={"exit": int(Exit.UNUSABLE)}, allow_retries=False) from error
