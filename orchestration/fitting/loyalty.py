"""Loyalty of all customers from those who answered."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import duckdb
import numpy as np

from orchestration.fitting.base import Rows


def fit(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, Any]) -> dict[str, Rows]:
    """Loyalty of all customers from those who answered."""
    cells = connection.execute("select * from fits.fit_loyalty_cells order by all").fetchnumpy()
    if int(cells["customer_count"][cells["is_known"].astype(bool)].sum()) < variables["loyalty_minimum_known"]:
        return {}
    from regulars.fits import attitudes  # SciPy's linear algebra, on first use

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
    evidence = [None if np.isnan(z) else z for z in (result.repeat_answer_z, result.consent_z, result.evidence_z)]
    return {"loyalty_estimates": [(*astuple(estimate), *evidence) for estimate in result.estimates]}
