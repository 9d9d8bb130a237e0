"""A model's record: fitted up to a day, it predicts the days after, beside rivals that need no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TENTHS = 10


@dataclass(frozen=True)
class Score:
    """How predictions compare with what came.

    Args:
        predicted, actual: orders in all.
        mean_absolute_error, root_mean_squared_error: per customer.
        gini: how well predictions rank customers: 1 as well as can be, 0 like chance.
        top_decile_lift: orders of the tenth predicted highest, in multiples of a random tenth's.
        deciles: predicted and actual orders of each tenth, lowest predictions first; shape (10, 2).
    """

    predicted: float
    actual: float
    mean_absolute_error: float
    root_mean_squared_error: float
    gini: float
    top_decile_lift: float
    deciles: np.ndarray

    @property
    def ratio(self) -> float:
        """Predicted over actual; NaN where nothing came."""
        return self.predicted / self.actual if self.actual > 0 else float("nan")

    @property
    def is_calibrated(self) -> bool:
        """Whether actual over predicted of every tenth is 0.9 to 1.1, or within 3 / sqrt(predicted) of 1."""
        expected, came = self.deciles.T
        room = np.maximum(0.1, 3 / np.sqrt(np.maximum(expected, 1e-12)))
        return bool((np.abs(came / np.maximum(expected, 1e-12) - 1) <= room).all())


def score(predicted: np.ndarray, actual: np.ndarray, weight: np.ndarray) -> Score:
    """Compare predictions with what came; rows stand for `weight` customers each.

    Raises:
        ValueError: when there are no customers.
    """
    total = weight.sum()
    if not total > 0:
        raise ValueError("there are no customers to compare")
    error = predicted - actual
    groups = tenths(predicted, weight)
    deciles = np.column_stack([groups @ predicted, groups @ actual])
    came = float(weight @ actual)
    return Score(
        float(weight @ predicted),
        came,
        float(weight @ np.abs(error) / total),
        float(np.sqrt(weight @ error**2 / total)),
        _concentration(predicted, actual, weight) / max(_concentration(actual, actual, weight), 1e-300),
        float(deciles[-1, 1] / came * TENTHS) if came > 0 else float("nan"),
        deciles,
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
