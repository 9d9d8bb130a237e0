"""Fits: what Python estimates from small tables that models made, and hands back as small tables for the models after.

Belongs here: which fit reads and writes what. Does not: any statistics; those are regulars/fits and can be used alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import dagster as dg
import duckdb
import numpy as np

from orchestration.contract import FITS
from orchestration.resources import Refresh, told
from regulars.fits import attitudes, needs
from regulars.settings import project_vars

Rows = list[Sequence[Any]]


@dataclass(frozen=True)
class Fit:
    """One fit: the models it reads, the tables it writes, and the function between.

    Args:
        run: of an open build database and the home's vars; rows by table. Too little data: no rows.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    run: Callable[[duckdb.DuckDBPyConnection, Mapping[str, Any]], dict[str, Rows]]


def fit_needs(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, Any]) -> dict[str, Rows]:
    """Common needs of a sample of customers."""
    empty: dict[str, Rows] = {"need_weights": [], "need_clusters": []}
    sample = connection.execute(
        "select customer_id, category, sales_share from fits.fit_need_shares order by customer_id, category"
    ).fetchnumpy()
    customers, row = np.unique(sample["customer_id"].astype(str), return_inverse=True)
    categories, column = np.unique(sample["category"].astype(str), return_inverse=True)
    if len(customers) < variables["need_minimum_customers"] or len(categories) < 2:
        return empty
    shares = np.zeros((len(customers), len(categories)))
    shares[row, column] = sample["sales_share"]
    try:
        found = needs.find_clusters(shares, list(categories), variables["need_cluster_maximum"])
    except ValueError:
        return empty  # everybody buys alike: no kinds to tell apart
    for number, cluster in enumerate(found, start=1):
        empty["need_weights"].append((number, None, cluster.constant))
        empty["need_weights"] += [
            (number, category, float(weight)) for category, weight in zip(categories, cluster.weights, strict=True)
        ]
        named = [*cluster.categories, None, None, None][:3]
        empty["need_clusters"].append((number, cluster.name, *named, cluster.silhouette))
    return empty


def fit_loyalty(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, Any]) -> dict[str, Rows]:
    """Loyalty of all customers from those who answered."""
    cells = connection.execute("select * from fits.fit_loyalty_cells order by all").fetchnumpy()
    if int(cells["customer_count"][cells["is_known"].astype(bool)].sum()) < variables["loyalty_minimum_known"]:
        return {"loyalty_estimates": []}
    result = attitudes.estimate(
        attitudes.Cells(
            tier=cells["pyramid_tier"].astype(str),
            channel=cells["channel"].astype(str),
            repeat_band=cells["repeat_band"],
            recency_band=cells["recency_band"],
            is_repeating=cells["is_repeating"].astype(bool),
            has_consent=cells["has_consent"],
            answers_often=cells["answers_often"].astype(bool),
            is_known=cells["is_known"].astype(bool),
            customers=cells["customer_count"],
            fond=cells["fond_count"],
        ),
        readiness=variables["loyalty_answer_readiness"],
        z=variables["interval_z"],
    )
    evidence = [None if np.isnan(z) else z for z in (result.repeat_answer_z, result.consent_z)]
    return {"loyalty_estimates": [(*astuple(estimate), *evidence) for estimate in result.estimates]}


FITTED = (
    Fit("needs", ("fit_need_shares",), ("need_weights", "need_clusters"), fit_needs),
    Fit("loyalty", ("fit_loyalty_cells",), ("loyalty_estimates",), fit_loyalty),
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
            variables = {**project_vars(), **session.home.settings.dbt_vars()}
            with session.warehouse.connect(read_only=True) as connection:
                found = fit.run(connection, variables)
            session.warehouse.replace_tables({name: (tables[name], found[name]) for name in fit.writes}, schema=FITS)
        for spec in specs:
            yield dg.MaterializeResult(
                asset_key=spec.key, metadata={"dagster/row_count": len(found[spec.key.path[-1]])}
            )

    return run
