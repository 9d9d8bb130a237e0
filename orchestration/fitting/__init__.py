"""Fits: what Python estimates from small tables that models made, and hands back as small tables for the models after.

Belongs here: which fit reads and writes what, and how it reads and writes it. Does not: any statistics (regulars/fits,
regulars/lifetime_value), which can be used alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from orchestration.fitting.base import Rows


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
