"""Which model a group of customers can carry: the fallbacks by size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regulars.lifetime_value.dropout import AverageRate
from regulars.lifetime_value.fitting import STARTS, DropoutFit, fit_dropout
from regulars.lifetime_value.inputs import Customers

UNIDENTIFIED = 1.0  # standard error of ln a from which leaving can't be told from waiting


@dataclass(frozen=True)
class Choice:
    """A model, how it was come by, and its fit where there is one.

    Args:
        basis: `fit`; `small_fit`: few repeaters, the prior helps; `nbd`: data do not tell leaving from waiting;
            `parent`: too few repeaters, everybody's model stands in; `average`: one rate for all; `unknown`: nobody
            was observed for any time.
    """

    model: Any
    basis: str
    fit: DropoutFit | None

    def rounded(self, digits: int = 10) -> Choice:
        """With parameters of so many digits: what differs by machine and number of threads lies beyond."""
        if self.model is None:
            return self
        values = np.array([float(f"{value:.{digits}g}") for value in self.model.parameters])
        return Choice(self.model.with_parameters(values), self.basis, self.fit)


def choose(
    customers: Customers, model: str = "mbg", parent: Choice | None = None, enough: int = 100, least: int = 20
) -> Choice:
    """The model for a group of customers.

    Args:
        parent: the choice for everybody, which steps in for a small group.
        enough: customers with two repeats or more from which a group is fitted by itself.
        least: below so many, and without a parent, one average rate stands for all.
    """
    if model not in STARTS:
        raise ValueError(f"there is no model {model!r}: {', '.join(STARTS)}")
    repeaters = customers.weight[customers.x >= 2].sum()
    if repeaters < enough and parent is not None:
        return Choice(parent.model, "parent" if parent.basis in ("fit", "small_fit", "nbd") else parent.basis, None)
    observed = float(customers.weight @ customers.T)
    if observed <= 0:
        return Choice(None, "unknown", None)
    if repeaters < least:
        return Choice(AverageRate(float(customers.weight @ customers.x) / observed), "average", None)
    fit = fit_dropout(customers, model)
    if "a" in fit.model.NAMES and fit.standard_errors[fit.model.NAMES.index("a")] >= UNIDENTIFIED:
        fit = fit_dropout(customers, "nbd")
        return Choice(fit.model, "nbd", fit)
    return Choice(fit.model, "fit" if repeaters >= enough else "small_fit", fit)


def count_quantiles(model: Any, t: float, x, T, alive_low, alive_high, tail: float = 0.025) -> tuple:
    """Ends of the predictive interval of the number of orders in the next t.

    Args:
        x, T: histories, shape (n,).
        alive_low, alive_high: P(alive) lies between these, shape (n,): the interval covers all of them.
        tail: chance left on either side, at most.

    Returns:
        low, high: whole numbers with P(orders < low) <= tail and P(orders > high) <= tail.
    """
    x, T, alive_low, alive_high = (np.asarray(value, dtype=float) for value in (x, T, alive_low, alive_high))
    low = _largest(lambda n: alive_low * model.at_least_if_alive(n, t, x, T) >= 1 - tail, len(x))
    return low, _largest(lambda n: alive_high * model.at_least_if_alive(n, t, x, T) > tail, len(x))


def _largest(holds, count: int) -> np.ndarray:
    """Largest whole number for which a condition holds that stops holding somewhere; 0 where it never does."""
    low, high = np.zeros(count), np.ones(count)
    while (growing := holds(high)).any():
        low, high = np.where(growing, high, low), np.where(growing, high * 2, high)
    for _ in range(int(np.ceil(np.log2(max(high.max(), 2))))):
        middle = np.floor((low + high) / 2)
        inside = (middle > low) & holds(np.maximum(middle, 1))
        low, high = np.where(inside, middle, low), np.where(inside | (middle <= low), high, middle)
    return low
