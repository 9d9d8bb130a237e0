"""Pareto/NBD (Schmittlein, Morrison and Colombo 1987): customers may leave at any time. For comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from regulars.lifetime_value.inputs import Customers, added
from regulars.lifetime_value.model import OrderModel


@dataclass(frozen=True)
class ParetoNBD(OrderModel):
    """Pareto/NBD.

    Args:
        r, alpha: shape and rate of the gamma of purchase rates.
        s, beta: shape and rate of the gamma of leaving rates; alpha and beta in units of time.
    """

    r: float
    alpha: float
    s: float
    beta: float

    kind = "pareto"
    NAMES = ("r", "alpha", "s", "beta")
    TIMES = ("alpha", "beta")

    def _log_left(self, customers: Customers) -> np.ndarray:
        """ln of the part of the likelihood that has the customer gone, without what both parts share."""
        r, alpha, s, beta = self.parameters
        x = customers.x
        larger, smaller = max(alpha, beta), min(alpha, beta)
        second = s + 1 if alpha >= beta else r + x
        total = r + s + x

        def term(time: np.ndarray) -> np.ndarray:
            form = special.hyp2f1(total, second, total + 1, (larger - smaller) / (larger + time))
            return np.log(form) - total * np.log(larger + time)

        early, late = term(customers.t_x), term(customers.T)
        with np.errstate(divide="ignore"):
            return np.log(s) - np.log(total) + early + np.log(-np.expm1(np.minimum(late - early, 0)))

    def _log_stayed(self, customers: Customers) -> np.ndarray:
        r, alpha, s, beta = self.parameters
        return -(r + customers.x) * np.log(alpha + customers.T) - s * np.log(beta + customers.T)

    def alive_probability(self, customers: Customers) -> np.ndarray:
        """P(still a customer) at T."""
        return special.expit(self._log_stayed(customers) - self._log_left(customers))

    def log_likelihood(self, customers: Customers) -> float:
        """Sum of ln likelihoods."""
        r, alpha, s, beta = self.parameters
        shared = special.gammaln(r + customers.x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        value = shared + np.logaddexp(self._log_stayed(customers), self._log_left(customers))
        return added(customers.weight, value)

    def expected_orders_if_alive(self, t, x, T) -> np.ndarray:
        """E[orders in the next t | still a customer at T]; t, x and T broadcast."""
        t, x, T = (np.asarray(value, dtype=float) for value in (t, x, T))
        r, alpha, s, beta = self.parameters
        # (1 - ratio^(s - 1)) / (s - 1), which has a limit at s = 1
        log_ratio = np.log((beta + T) / (beta + T + t))
        power = (s - 1) * log_ratio
        lasting = np.where(np.abs(power) > 1e-9, -np.expm1(power) / (s - 1 if s != 1 else 1), -log_ratio)
        return (r + x) * (beta + T) / (alpha + T) * lasting
