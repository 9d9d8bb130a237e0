"""A model's record: fitted up to a day, it predicts the days after, beside rivals that need no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regulars.lifetime_value.fitting import Fit, spread
from regulars.lifetime_value.inputs import Customers, added, rows_added

TENTHS = 10
ROOM = 0.1  # a group this close to its prediction is as predicted
ERRORS = 3  # or within so many standard errors


@dataclass(frozen=True)
class Score:
    """How predictions compare with what came.

    Args:
        predicted, actual: orders in all.
        mean_absolute_error, root_mean_squared_error: per customer.
        gini: how well predictions rank customers: 1 as well as can be, 0 like chance.
        top_decile_lift: orders of the tenth predicted highest, in multiples of a random tenth's.
    """

    predicted: float
    actual: float
    mean_absolute_error: float
    root_mean_squared_error: float
    gini: float
    top_decile_lift: float

    @property
    def ratio(self) -> float:
        """Predicted over actual; NaN where nothing came."""
        return self.predicted / self.actual if self.actual > 0 else float("nan")


@dataclass(frozen=True)
class Groups:
    """Predicted and actual orders of groups, and the standard error of their difference; each of shape (k,)."""

    customers: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray
    standard_error: np.ndarray

    @property
    def is_calibrated(self) -> np.ndarray:
        """Whether each is within a tenth of its prediction, or within three standard errors."""
        room = np.maximum(ROOM * self.predicted, ERRORS * self.standard_error)
        return np.abs(self.actual - self.predicted) <= room


def score(predicted, actual, weight) -> Score:
    """Compare predictions with what came; rows stand for `weight` customers each.

    Raises:
        ValueError: when there are no customers.
    """
    predicted, actual, weight = (np.asarray(value, dtype=float) for value in (predicted, actual, weight))
    total = weight.sum()
    if not total > 0:
        raise ValueError("there are no customers to compare")
    error = predicted - actual
    came = added(weight, actual)
    return Score(
        added(weight, predicted),
        came,
        added(weight, np.abs(error)) / total,
        float(np.sqrt(added(weight, error**2) / total)),
        _concentration(predicted, actual, weight) / max(_concentration(actual, actual, weight), 1e-300),
        added(tenths(predicted, weight)[-1], actual) / came * TENTHS if came > 0 else float("nan"),
    )


def compare(
    model: Any, fit: Fit | None, t: float, customers: Customers, actual: np.ndarray, groups: np.ndarray
) -> Groups:
    """Predicted and actual orders of groups in the next t.

    Chance among customers and, where there is a fit, uncertain parameters make the standard error.

    Args:
        fit: of the model; None: parameters are taken as certain.
        actual: orders of each row's customers, on average; shape (n,).
        groups: how many customers of each row are in each group, shape (k, n).
    """
    alive = model.alive_probability(customers)
    mean = model.expected_orders_if_alive(t, customers.x, customers.T)
    squares = model.squared_orders_if_alive(0.0, t, customers.x, customers.T)
    variance = rows_added(groups, np.maximum(alive * squares - (alive * mean) ** 2, 0))
    if fit is not None:
        variance = variance + spread(fit, lambda each: rows_added(groups, each.expected_orders(t, customers)))
    return Groups(
        groups.sum(axis=1),
        rows_added(groups, alive * mean),
        rows_added(groups, actual),
        np.sqrt(np.maximum(variance, 0)),
    )


def tenths(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Customers of each row in each tenth by value, shape (10, n); equal rows share their tenths evenly."""
    unique, where = np.unique(value, return_inverse=True)
    counts = np.bincount(where, weight, len(unique))
    upper = np.cumsum(counts)
    edges = np.linspace(0, upper[-1], TENTHS + 1)
    inside = np.minimum(upper, edges[1:, None]) - np.maximum(upper - counts, edges[:-1, None])
    share = np.maximum(inside, 0) / np.maximum(counts, 1e-300)
    return share[:, where] * weight


def _concentration(by: np.ndarray, amount: np.ndarray, weight: np.ndarray) -> float:
    """Area between the diagonal and the curve of amounts, customers sorted by `by`; equals in one step."""
    unique, where = np.unique(by, return_inverse=True)
    people = np.bincount(where, weight, len(unique))
    amounts = np.bincount(where, weight * amount, len(unique))
    if amounts.sum() <= 0:
        return 0.0
    x = np.concatenate([[0], np.cumsum(people) / people.sum()])
    y = np.concatenate([[0], np.cumsum(amounts) / amounts.sum()])
    return float(0.5 - ((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
