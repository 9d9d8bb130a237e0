"""Common needs of a sample of customers."""

from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np

from orchestration.fitting.base import Rows


def fit(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, Any]) -> dict[str, Rows]:
    """Common needs of a sample of customers."""
    sample = connection.execute(
        "select customer_id, category, sales_share from fits.fit_need_shares order by customer_id, category"
    ).fetchnumpy()
    customers, row = np.unique(sample["customer_id"].astype(str), return_inverse=True)
    categories, column = np.unique(sample["category"].astype(str), return_inverse=True)
    if len(customers) < variables["need_minimum_customers"] or len(categories) < 2:
        return {}
    from regulars.fits import needs  # SciPy's clusters, on first use

    shares = np.zeros((len(customers), len(categories)))
    shares[row, column] = sample["sales_share"]
    try:
        found = needs.find_clusters(shares, list(categories), variables["need_cluster_maximum"])
    except ValueError:
        return {}  # everybody buys alike: no kinds to tell apart
    weights: list[tuple] = []
    clusters: list[tuple] = []
    for number, cluster in enumerate(found, start=1):
        weights.append((number, None, cluster.constant))
        weights += [
            (number, category, float(weight)) for category, weight in zip(categories, cluster.weights, strict=True)
        ]
        named = [*cluster.categories, None, None, None][:3]
        clusters.append((number, cluster.name, *named, cluster.silhouette))
    return {"need_weights": weights, "need_clusters": clusters}
