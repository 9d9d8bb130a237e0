"""Fits as assets: one for each of orchestration/fitting, between the tables that it reads and those that it writes."""

import dagster as dg

from orchestration.contract import FITS
from orchestration.fitting import Fit
from orchestration.fitting.base import row_count
from orchestration.resources import Refresh, told


def fit_asset(fit: Fit) -> dg.AssetsDefinition:
    """The asset of one fit; its keys are the dbt sources' that it writes."""
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
        with told():
            rows = refresh.session.fit(fit)
        for spec in specs:
            yield dg.MaterializeResult(
                asset_key=spec.key, metadata={"dagster/row_count": row_count(rows[spec.key.path[-1]])}
            )

    return run
