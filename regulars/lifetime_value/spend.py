"""Gamma-Gamma: what customers spend an order, shrunk towards everybody's (Fader and Hardie 2013)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from regulars.lifetime_value.inputs import added
from regulars.lifetime_value.model import Model


@dataclass(frozen=True)
class GammaGamma(Model):
    """Order values are gamma (p, nu) within a customer, nu is gamma (q, v) among customers.

    Args:
        p, q: shapes; q above 1 where a mean exists.
        v: in units of money.
    """

    p: float
    q: float
    v: float

    NAMES = ("p", "q", "v")

    @property
    def mean(self) -> float:
        """Mean value of an order of a customer of whom nothing is known; infinite where q is at most 1."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else float("inf")

    def expected_spend(self, orders, mean) -> np.ndarray:
        """E[value of an order | mean of so many orders]; 0 orders give everybody's mean."""
        orders, mean = np.asarray(orders, dtype=float), np.asarray(mean, dtype=float)
        return self.p * (self.v + orders * np.where(orders > 0, mean, 0)) / (self.p * orders + self.q - 1)

    def log_likelihood(self, orders: np.ndarray, mean: np.ndarray, weight: np.ndarray, derivatives: bool = False):
        """Sum of ln likelihoods; with `derivatives` also gradient (3,) and Hessian (3, 3) by ln p, ln q, ln v."""
        p, q, v = self.p, self.q, self.v
        px, total = p * orders, orders * mean
        value = (
            special.gammaln(px + q)
            - special.gammaln(px)
            - special.gammaln(q)
            + q * np.log(v)
            + (px - 1) * np.log(mean)
            + px * np.log(orders)
            - (px + q) * np.log(v + total)
        )
        result = added(weight, value)
        if not derivatives:
            return result
        inverse = 1 / (v + total)
        both, of_px = special.digamma(px + q), special.digamma(px)
        trigamma, trigamma_px = special.polygamma(1, px + q), special.polygamma(1, px)
        share = np.log(total) - np.log(v + total)
        gradient = np.array(
            [
                added(weight, orders * (both - of_px + share)),
                added(weight, both - special.digamma(q) + np.log(v) - np.log(v + total)),
                added(weight, q / v - (px + q) * inverse),
            ]
        )
        pq = added(weight, orders * trigamma)
        pv = added(weight, -orders * inverse)
        qv = added(weight, 1 / v - inverse)
        hessian = np.array(
            [
                [added(weight, orders**2 * (trigamma - trigamma_px)), pq, pv],
                [pq, added(weight, trigamma - special.polygamma(1, q)), qv],
                [pv, qv, added(weight, -q / v**2 + (px + q) * inverse**2)],
            ]
        )
        theta = self.parameters
        return result, theta * gradient, np.diag(theta * gradient) + np.outer(theta, theta) * hessian
