"""What the customers of today will do month by month: orders to expect, and how many of them will order at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regulars.lifetime_value.dropout import FEW_NODES, BetaGeometric
from regulars.lifetime_value.fitting import Fit, spread
from regulars.lifetime_value.inputs import Customers, added, rows_added

GROUPS = 4  # of age, per month


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


@dataclass(frozen=True)
class Part:
    """Customers whom one model stands for.

    Args:
        fit: of the model; None: its parameters are taken as certain.
    """

    customers: Customers
    model: Any
    fit: Fit | None


def forecast(parts: Sequence[Part], month: float, months: int, z: float) -> list[Month]:
    """Expected orders and active customers of each month ahead, of all parts together.

    Args:
        month: length of a month in the unit of time.
        z: half-width of the interval in standard errors. Uncertainty of parameters (delta method) and chance among
            customers add up; parts are independent.
    """
    found = [_outlook(part, month, months) for part in parts]
    middle = np.sum([each for each, _ in found], axis=0)
    error = z * np.sqrt(np.sum([variance for _, variance in found], axis=0))
    low, high = np.maximum(middle - error, 0), middle + error
    return [
        Month(n + 1, *(float(v) for v in (middle[0, n], low[0, n], high[0, n], middle[1, n], low[1, n], high[1, n])))
        for n in range(months)
    ]


def _outlook(part: Part, month: float, months: int) -> tuple[np.ndarray, np.ndarray]:
    """Orders and active customers of each month, shape (2, months), and their variances."""
    customers, model = part.customers, part.model
    # While they last, customers of as many orders and about the same age are alike.
    rows = np.column_stack([customers.x, np.round(customers.T / month * GROUPS)])
    kinds, of = np.unique(rows, axis=0, return_inverse=True)
    of = of.ravel()
    age = np.bincount(of, customers.weight * customers.T) / np.bincount(of, customers.weight)
    alike = Customers(kinds[:, 0], np.where(kinds[:, 0] > 0, age, 0), age)

    def in_kinds(value: np.ndarray) -> np.ndarray:
        return np.bincount(of, customers.weight * value, len(kinds))

    def of_each_kind(each: Any) -> tuple[np.ndarray, np.ndarray]:
        """Orders of a customer who is there now, and the chance of any, by month and kind."""
        upto = [each.expected_orders_if_alive(month * n, alike.x, age) for n in range(1, months + 1)]
        active = [orders_in(each, month * n, month, alike) for n in range(months)]
        return np.diff(upto, axis=0, prepend=0.0), np.array(active)

    def means(each: Any) -> np.ndarray:
        alive = in_kinds(each.alive_probability(customers))
        return np.array([[added(alive, row) for row in figures] for figures in of_each_kind(each)])

    alive = model.alive_probability(customers)
    once, squared = in_kinds(alive), in_kinds(alive**2)
    orders, active = of_each_kind(model)
    variance = np.zeros((2, months))
    for n in range(months):
        squares = model.squared_orders_if_alive(month * n, month, alike.x, age)
        # Var = P E[N^2 | alive] - (P E[N | alive])^2
        variance[0, n] = added(once, squares) - added(squared, orders[n] ** 2)
        variance[1, n] = added(once, active[n]) - added(squared, active[n] ** 2)
    if part.fit is not None:
        variance = variance + spread(part.fit, means)
    expected = np.array([[added(once, row) for row in figures] for figures in (orders, active)])
    return expected, np.maximum(variance, 0)


def orders_in(model: Any, start: float, length: float, customers: Customers) -> np.ndarray:
    """P(at least one order between start and start + length from now | a customer now), one per row.

    Leaving thins the stream of orders: at rate l and chance p to leave, exp(-l p start) are left, and of them
    1 - exp(-l length) order; averaged over l (gamma) in closed form and over p (beta) by quadrature.
    """
    x, T = customers.x, customers.T
    if not isinstance(model, BetaGeometric):
        return model.at_least_if_alive(np.ones(len(x)), length, x, T)
    unique, where = np.unique(x, return_inverse=True)
    chances, density = model.leaving_chances(unique, FEW_NODES)
    p = chances[where]
    since, shape = (model.alpha + T)[:, None], (model.r + x)[:, None]

    def silent(extra: float) -> np.ndarray:
        return np.exp(-shape * np.log1p((p * start + extra) / since))

    return rows_added(silent(0.0) - silent(length), density)
