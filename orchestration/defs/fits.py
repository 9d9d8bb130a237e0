"""Fits: what Python estimates from small tables that models made, and hands back as small tables for the models after.

Belongs here: which fit reads and writes what. Does not: how (orchestration/fitting), or any
statistics (regulars/fits, regulars/lifetime_value), which can be used alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import dagster as dg

from orchestration.contract import FITS
from orchestration.fitting.base import Rows
from orchestration.resources import Refresh, told


@dataclass(frozen=True)
class Fit:
    """One fit: the models it reads and the tables it writes.

    Args:
        name: of the module under orchestration/fitting, imported when the fit runs, for SciPy takes its time. Its
            function `fit` takes an open build database and the home's vars, and returns rows by table. Too little
            data: no tables.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    def run(self, connection: Any, variables: Mapping[str, Any]) -> dict[str, Rows]:
        """Rows by table."""
        return import_module(f"orchestration.fitting.{self.name}").fit(connection, variables)


FITTED = (
    Fit("needs", ("fit_need_shares",), ("need_weights", "need_clusters")),
    Fit("loyalty", ("fit_loyalty_cells",), ("loyalty_estimates",)),
    Fit(
        "lifetime_value",
        (
            "fit_clv_customers",
            "fit_clv_cells",
            "fit_clv_spend_cells",
            "fit_clv_ages",
            "fit_clv_holdout_cells",
            "fit_clv_earlier_cells",
        ),
        ("clv_parameters", "clv_grid", "clv_intervals", "clv_runs", "clv_groups", "clv_forecast"),
    ),
)


def fit_asset(fit: Fit, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The asset of one fit; its keys are the dbt sources' that it writes."""
    tables = {
        node["name"]: [(name, column["data_type"]) for name, column in node["columns"].items()]
        for node in manifest["sources"].values()
        if node["source_name"] == FITS and node["name"] in fit.writes
    }
    specs = [
        dg.AssetSpec(
            [FITS, name],
            deps=[dg.AssetKey([FITS, read]) for read in fit.reads],
            group_name=FITS,
            kinds={"python"},
            description=f"Result of the fit of {fit.name}.",
        )
        for name in fit.writes
    ]

    @dg.multi_asset(specs=specs, name=f"fit_{fit.name}")
    def run(context: dg.AssetExecutionContext, refresh: Refresh):
        session = refresh.session
        with told():
            with session.warehouse.connect(read_only=True) as connection:
                found = {name: [] for name in fit.writes} | fit.run(connection, session.home.settings.all_vars())
            session.warehouse.replace_tables({name: (tables[name], found[name]) for name in fit.writes}, schema=FITS)
        for spec in specs:
            yield dg.MaterializeResult(
                asset_key=spec.key, metadata={"dagster/row_count": len(found[spec.key.path[-1]])}
            )

    return run
