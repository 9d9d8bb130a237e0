"""Control tables: what models and expectations need to know of this run, the ledger and the settings.

Their columns are declared once, in models/staging/control/_sources.yml.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

import regulars
from orchestration.basis import Basis
from orchestration.contract import CONTROL
from orchestration.ledger import Ledger
from orchestration.warehouse import Warehouse
from orchestration.zones import TO_LOCAL, shifts
from regulars.errors import UserError
from regulars.home import Home
from regulars.settings import HomeSettings, SourceSettings


@dataclass(frozen=True)
class CheckOutcome:
    """One check of this refresh, as quality.check_results shows it."""

    check_name: str
    gate: str
    checked_relation: str | None
    severity: str
    is_passed: bool
    observed: str | None
    expected: str | None
    failed_row_count: int | None
    remedy: str | None


class Control:
    """Writes the control tables of one home."""

    def __init__(self, home: Home, manifest: Mapping[str, Any]):
        self.home, self.warehouse = home, Warehouse(home)
        self.columns = {
            node["name"]: [(name, column["data_type"]) for name, column in node["columns"].items()]
            for node in manifest["sources"].values()
            if node["source_name"] == CONTROL
        }

    def _tables(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict:
        return {
            f"control__{name}": (
                self.columns[name],
                [[row.get(column) for column, _ in self.columns[name]] for row in content],
            )
            for name, content in rows.items()
        }

    def write(
        self,
        declared: Mapping[str, SourceSettings],
        basis: Basis,
        ledger: Ledger,
        run_id: str,
        asked: Mapping[str, str | None],
        started: datetime,
    ) -> None:
        """Write all control tables at the start of a run.

        Args:
            asked: what the run was asked for, as columns of control.run.

        Raises:
            UserError: when source systems disagree in currency with the reporting currency.
        """
        settings = self.home.settings
        loads = ledger.loads()
        currency = reporting_currency(settings, declared, str(self.home.settings_file))
        zones = {system: ZoneInfo(source.time_zone or settings.time_zone) for system, source in declared.items()}
        variables = settings.all_vars()
        run = {
            "run_id": run_id,
            **asked,
            "reporting_currency": currency,
            "time_zone": settings.time_zone,
            "today": started.astimezone(ZoneInfo(settings.time_zone)).date(),
            "regulars_version": regulars.__version__,
            "dbt_version": version("dbt-core"),
            "duckdb_version": duckdb.__version__,
            "basis": basis.told(),
            "is_customer_id_keyed": bool(os.environ.get("REGULARS_KEY")),
            "started_at": started.replace(tzinfo=None),
        }
        rows = {
            "run": [run],
            "source_systems": [
                {
                    "source_system": system,
                    "time_zone": source.time_zone or settings.time_zone,
                    "currency": source.currency,
                    "foreign_currency": None if source.currency == currency else source.currency,
                    "id_scope": source.id_scope or system,
                    "customer_scope": source.customer_scope or system,
                }
                for system, source in declared.items()
            ],
            "zone_shifts": [
                {"time_zone": zone, "since_at": since, "shift_microseconds": shift}
                for zone in sorted({zone.key for zone in zones.values()})
                for since, shift in _shifts(zone, variables["earliest_event_date"], run["today"])
            ],
            "cancelled_statuses": [
                {"source_system": system, "status": status}
                for system, source in declared.items()
                for status in dict.fromkeys(source.cancelled_statuses)
            ],
            "loads": [
                {
                    **dict(load),
                    "_file_id": load["file_id"],
                    "is_current": load["status"] == "current",
                    "event_limit_date": datetime.fromisoformat(load["event_limit_at"])
                    .replace(tzinfo=UTC)
                    .astimezone(zones[load["source_system"]])
                    .date(),
                }
                for load in loads
            ],
            "published_volumes": [
                dict(zip(("source_system", "entity", "accepted"), row, strict=True))
                for row in ledger.published_volumes()
            ],
            "corrections": [
                dict(zip(("_file_id", "line"), row, strict=True))
                for row in {(row["file_id"], row["line"]) for row in ledger.corrections()}
            ],
            "settings": [
                {"name": name, "value": float(value)}
                for name, value in variables.items()
                if isinstance(value, int | float) and not isinstance(value, bool)
            ],
            "identity_key": [{"secret": os.environ.get("REGULARS_KEY", "")}],
            "check_results": [],
        }
        self.warehouse.replace_tables(self._tables(rows))
        self.warehouse.create_rejects_relation("control__rejected_rows", self.columns["rejected_rows"], ledger)

    def write_outcomes(self, outcomes: Sequence[CheckOutcome], started: datetime) -> None:
        """Write what the gates and tests of this run found, and how long it took until here."""
        rows = [asdict(outcome) for outcome in outcomes]
        with self.warehouse.connect() as connection:
            self.warehouse.replace_tables(self._tables({"check_results": rows}), connection=connection)
            connection.execute(
                f"update restricted.control__run set seconds = {(datetime.now(UTC) - started).total_seconds()}"
            )


def _shifts(zone: str, first: date | str, today: date) -> list[tuple[datetime, int | None]]:
    """A zone's shifts from UTC in the days that events are of; NULL from a day after tomorrow on, when no event is."""
    begin = datetime.combine(date.fromisoformat(str(first)), time())
    end = datetime.combine(today + timedelta(days=2), time())
    if begin >= end:
        return []
    with duckdb.connect() as connection:
        return [*shifts(connection, TO_LOCAL.format(zone=zone), begin, end), (end, None)]


def reporting_currency(settings: HomeSettings, declared: Mapping[str, SourceSettings], file: str) -> str | None:
    """The home's, else the one that all source systems declare; NULL when none is known.

    Raises:
        UserError: when source systems declare several and the home does not say which to report in.
    """
    currencies = sorted({source.currency for source in declared.values() if source.currency})
    if not settings.reporting_currency and len(currencies) > 1:
        raise UserError(
            f"source systems are in {', '.join(currencies)}, and which to report in is not said",
            file=file,
            column="reporting_currency",
            remedy=f"Write `reporting_currency: {currencies[0]}`, say, and land exchange_rates for the others.",
        )
    return settings.reporting_currency or next(iter(currencies), None)
