"""What the customers of today will do month by month: orders to expect, and how many of them will order at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regulars.lifetime_value.dropout import BetaGeometric
from regulars.lifetime_value.inputs import Customers, added

NODES = 24
GROUPS = 4  # of age, per month
STEP = 1e-4


@dataclass(frozen=True)
class Month:
    """One month ahead: expected orders and customers who order, with a 95 % interval each."""

    number: int
    orders: float
    orders_low: float
    orders_high: float
    active: float
    active_low: float
    active_high: float


def forecast(
    customers: Customers, model: Any, covariance: np.ndarray | None, month: float, months: int, z: float
) -> list[Month]:
    """Expected orders and active customers of each month ahead.

    Args:
        customers: cells.
        model: the fitted model.
        covariance: of its ln parameters (Fit.covariance); None: no such uncertainty counted.
        month: length of a month in the unit of time.
        z: half-width of the interval in standard errors. Uncertainty of parameters (delta method) and chance among
            customers add up: a month's orders of a customer vary at least like a Poisson count, more as rates differ.
    """
    # While they last, customers of as many orders and about the same age are alike.
    rows = np.column_stack([customers.x, np.round(customers.T / month * GROUPS)])
    kinds, of = np.unique(rows, axis=0, return_inverse=True)
    of = of.ravel()
    age = np.bincount(of, customers.weight * customers.T) / np.bincount(of, customers.weight)
    alike = Customers(kinds[:, 0], np.where(kinds[:, 0] > 0, age, 0), age)

    def means(each: Any) -> np.ndarray:
        alive = np.bincount(of, customers.weight * each.alive_probability(customers), len(kinds))
        upto = [added(alive, each.expected_orders_if_alive(month * n, alike.x, age)) for n in range(1, months + 1)]
        active = [added(alive, orders_in(each, month * n, month, alike)) for n in range(months)]
        return np.array([np.diff(upto, prepend=0.0), active])

    middle = means(model)
    spread = np.zeros_like(middle)
    if covariance is not None:
        logs = np.log(model.parameters)
        step = STEP * np.eye(len(logs))
        slopes = np.array(
            [
                (means(model.with_parameters(np.exp(logs + one))) - means(model.with_parameters(np.exp(logs - one))))
                / (2 * STEP)
                for one in step
            ]
        )
        spread = np.einsum("imn,ij,jmn->mn", slopes, covariance, slopes)
    alive = model.alive_probability(customers)
    shares = [np.bincount(of, customers.weight * alive**power, len(kinds)) for power in (1, 2)]
    chance = np.array([_variance(model, alike, *shares, month, months), middle[1]])
    error = z * np.sqrt(spread + chance)
    low, high = np.maximum(middle - error, 0), middle + error
    return [
        Month(n + 1, *(float(v) for v in (middle[0, n], low[0, n], high[0, n], middle[1, n], low[1, n], high[1, n])))
        for n in range(months)
    ]


def _variance(model: Any, alike: Customers, alive, alive_squared, month: float, months: int) -> np.ndarray:
    """At least the variance of each month's orders: Poisson, and rates that differ as gamma among customers alike."""
    found, before = [], np.zeros(len(alike))
    for n in range(1, months + 1):
        upto = model.expected_orders_if_alive(month * n, alike.x, alike.T)
        mean, before = upto - before, upto
        shape = getattr(model, "r", np.inf) + alike.x
        # Var = P E[N^2 | alive] - (P E[N | alive])^2
        found.append(added(alive, mean + mean**2 * (1 + 1 / shape)) - added(alive_squared, mean**2))
    return np.array(found)


def orders_in(model: Any, start: float, length: float, customers: Customers) -> np.ndarray:
    """P(at least one order between start and start + length from now | a customer now), one per row.

    Leaving thins the stream of orders: at rate l and chance p to leave, exp(-l p start) are left, and of them
    1 - exp(-l length) order; averaged over l (gamma) in closed form and over p (beta) by quadrature.
    """
    x, T = customers.x, customers.T
    if not isinstance(model, BetaGeometric):
        return model.at_least_if_alive(np.ones(len(x)), length, x, T)
    unique, where = np.unique(x, return_inverse=True)
    chances, density = model.leaving_chances(unique, NODES)
    p = chances[where]
    since, shape = (model.alpha + T)[:, None], (model.r + x)[:, None]

    def silent(extra: float) -> np.ndarray:
        return np.exp(-shape * np.log1p((p * start + extra) / since))

    return (silent(0.0) - silent(length)) @ density
