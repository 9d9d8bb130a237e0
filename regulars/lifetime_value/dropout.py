"""BG/NBD and MBG/NBD: customers order at random at a rate of their own, and may leave after each order.

Rates are gamma (shape r, scale parameter alpha in units of time), chances of leaving are beta (a, b) among customers.
BG/NBD (Fader, Hardie and Lee 2005): nobody leaves right after the first order. MBG/NBD (Batislam, Denizel and
Filiztekin 2007; Hoppe and Wagner 2007): one may. Written in logs, so that a million orders do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from regulars.lifetime_value.inputs import Customers, added, rows_added
from regulars.lifetime_value.model import OrderModel

LEAST = 1e-7  # how far a is kept from 1 and r - a from whole numbers, where the closed form has holes
NODES = 400  # of the quadrature that stands in where the closed form fails
LEAST_CHANCE = 1e-6  # to leave, in second moments: below, squares of it are lost in rounding
FEW_NODES = 24  # of quadratures over smooth functions


@dataclass(frozen=True)
class BetaGeometric(OrderModel):
    """BG/NBD (`can_leave_at_once` False) or MBG/NBD (True).

    Args:
        r, alpha: shape and rate of the gamma of purchase rates; alpha in units of time.
        a, b: of the beta of the chance to leave after an order.
    """

    r: float
    alpha: float
    a: float
    b: float
    can_leave_at_once: bool = True

    NAMES = ("r", "alpha", "a", "b")
    TIMES = ("alpha",)

    @property
    def kind(self) -> str:
        """Name of the model."""
        return "mbg" if self.can_leave_at_once else "bg"

    @property
    def stays_after_first(self) -> float:
        """Chance that a new customer is still one after the first order."""
        return self.b / (self.a + self.b) if self.can_leave_at_once else 1.0

    @property
    def _first(self) -> int:
        return 1 if self.can_leave_at_once else 0

    def _leaving_odds(self, x, t_x, T) -> np.ndarray:
        """ln of the odds of having left; -inf for BG/NBD's customers without a repeat."""
        odds = (
            (self.r + x) * (np.log1p((T - t_x) / (self.alpha + t_x)))
            + np.log(self.a)
            - np.log(np.maximum(self.b + x - 1 + self._first, 1e-300))
        )
        return odds if self.can_leave_at_once else np.where(x > 0, odds, -np.inf)

    def alive_probability(self, customers: Customers) -> np.ndarray:
        """P(still a customer) at T."""
        return special.expit(-self._leaving_odds(customers.x, customers.t_x, customers.T))

    def log_likelihood(self, customers: Customers, derivatives: bool = False):
        """Sum of ln likelihoods; with `derivatives` also gradient (4,) and Hessian (4, 4) by the ln parameters."""
        r, alpha, a, b, o = self.r, self.alpha, self.a, self.b, self._first
        x, t_x, T, w = customers.x, customers.t_x, customers.T, customers.weight
        # What depends on x alone is worked out once for each x.
        orders, of, people = customers.by_orders
        odds = self._leaving_odds(x, t_x, T)
        own = (
            special.gammaln(r + orders) - special.gammaln(r) + special.betaln(a, b + orders + o) - special.betaln(a, b)
        )
        total = added(people, own) + added(w, np.logaddexp(0, odds) - r * np.log1p(T / alpha) - x * np.log(alpha + T))
        if not derivatives:
            return total
        # Weights of those who may have left, and of their curvature.
        left = w * special.expit(odds)
        bend = left * special.expit(-odds)
        after, last = 1 / (alpha + T), 1 / (alpha + t_x)
        base = b + orders - 1 + o
        inverse = np.where(base > 0, 1 / np.where(base > 0, base, 1), 0)
        left_by_orders, bend_by_orders = (np.bincount(of, value, len(orders)) for value in (left, bend))
        waited, shape = np.log1p((T - t_x) / (alpha + t_x)), r + x
        slope = shape * (after - last)
        digamma_all, trigamma_all = special.digamma(a + b + orders + o), special.polygamma(1, a + b + orders + o)
        digamma_ab, trigamma_ab = special.digamma(a + b), special.polygamma(1, a + b)
        gradient = np.array(
            [
                added(people, special.digamma(r + orders) - special.digamma(r)) - added(w, np.log1p(T / alpha)),
                added(w, r / alpha - shape * after),
                added(people, digamma_ab - digamma_all),
                added(people, special.digamma(b + orders + o) - digamma_all - special.digamma(b) + digamma_ab),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = added(people, special.polygamma(1, r + orders) - special.polygamma(1, r))
        hessian[0, 1] = added(w, 1 / alpha - after)
        hessian[1, 1] = added(w, -r / alpha**2 + shape * after**2)
        hessian[2, 2] = hessian[2, 3] = added(people, trigamma_ab - trigamma_all)
        hessian[3, 3] = added(
            people, special.polygamma(1, b + orders + o) - trigamma_all - special.polygamma(1, b) + trigamma_ab
        )
        # Of ln(1 + odds of having left): by r, alpha, a, b; what depends on x alone is added up over x.
        bent_waited, bent_slope = bend * waited, bend * slope
        gradient += np.array([added(left, waited), added(left, slope), left.sum() / a, -added(left_by_orders, inverse)])
        hessian[0, 0] += added(bent_waited, waited)
        hessian[0, 1] += added(left, after - last) + added(bent_waited, slope)
        hessian[0, 2] += bent_waited.sum() / a
        hessian[0, 3] -= added(np.bincount(of, bent_waited, len(orders)), inverse)
        hessian[1, 1] += added(left, shape * (last**2 - after**2)) + added(bent_slope, slope)
        hessian[1, 2] += bent_slope.sum() / a
        hessian[1, 3] -= added(np.bincount(of, bent_slope, len(orders)), inverse)
        hessian[2, 2] += (bend.sum() - left.sum()) / a**2
        hessian[2, 3] -= added(bend_by_orders, inverse) / a
        hessian[3, 3] += added(left_by_orders + bend_by_orders, inverse**2)
        hessian = np.triu(hessian) + np.triu(hessian, 1).T
        theta = self.parameters
        return total, theta * gradient, np.diag(theta * gradient) + np.outer(theta, theta) * hessian

    def _kept_off_holes(self) -> tuple[float, float]:
        """r and a, moved by less than a millionth where the closed form divides by zero."""
        a = self.a if abs(self.a - 1) > LEAST else 1 + LEAST
        r = self.r
        if abs(r - a - round(r - a)) < LEAST:
            r += LEAST
        return r, a

    def expected_orders_if_alive(self, t, x, T) -> np.ndarray:
        """E[orders in the next t | still a customer at T]; t, x and T broadcast."""
        t, x, T = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (t, x, T)))
        r, a = self._kept_off_holes()
        b, o = self.b, self._first
        share = t / (self.alpha + T + t)
        c = a + b + x - 1 + o
        with np.errstate(all="ignore"):
            form = special.hyp2f1(a + b - 1 - r + o, a - 1, c, share)
            expected = c / (a - 1) * (1 - (1 - share) ** (a - 1) * form)
            # Nobody can order more often than if they never left.
            most = (r + x) * t / (self.alpha + T)
            sound = np.isfinite(expected) & (expected >= 0) & (expected <= most * (1 + 1e-9)) & (c > 0)
        if not sound.all():
            flat = [np.atleast_1d(v)[np.atleast_1d(~sound)] for v in (t, x, T)]
            expected = np.atleast_1d(expected).copy()
            expected[np.atleast_1d(~sound)] = self._expected_by_quadrature(*flat)
            expected = expected.reshape(t.shape)
        return np.where(t > 0, expected, 0.0)

    def leaving_chances(self, x, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Quadrature over the chance to leave of those still there after x repeats: nodes (n, count), weights (count,).

        In q, the beta distribution's own quantile, weights are even; nodes crowd at both ends of 0..1: q = sin^2.
        """
        nodes, weights = np.polynomial.legendre.leggauss(count)
        angle = (nodes + 1) * np.pi / 4
        left = (self.b + x + self._first)[:, None]
        p = np.maximum(special.betaincinv(self.a, left, np.sin(angle)[None, :] ** 2), 1e-300)
        return p, np.sin(2 * angle) * weights * np.pi / 4

    def _expected_by_quadrature(self, t, x, T) -> np.ndarray:
        """The same by quadrature: E over p, the chance to leave, of (1 - (1 + p t / (alpha + T))^-(r + x)) / p."""
        p, density = self.leaving_chances(x, NODES)
        exponent = -(self.r + x)[:, None] * np.log1p(p * (t / (self.alpha + T))[:, None])
        return rows_added(-np.expm1(exponent) / p, density)

    def squared_orders_if_alive(self, start: float, length: float, x, T) -> np.ndarray:
        """E[square of the orders between start and start + length from now | still a customer at T], one per row.

        At rate l and chance p to leave, exp(-l p start) are left, and their orders in `length` are the lesser of a
        geometric and a Poisson count. Averaged over l (gamma) in closed form, over p (beta) by quadrature.
        """
        x, T = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(T, dtype=float))
        unique, where = np.unique(x, return_inverse=True)
        nodes, density = self.leaving_chances(unique, FEW_NODES)
        p = np.maximum(nodes, LEAST_CHANCE)[where]
        shape, since = (self.r + x)[:, None], (self.alpha + T)[:, None]
        end = since + p * (start + length)
        left_then = np.exp(shape * np.log(since / end))
        left_before = np.exp(shape * np.log(since / (since + p * start)))
        gone = left_before * -np.expm1(shape * np.log((since + p * start) / end))
        squares = (2 / p - 1) / p * gone - 2 * (1 - p) * length / p * shape / end * left_then
        return rows_added(squares, density)

    def at_least_if_alive(self, n, t: float, x, T) -> np.ndarray:
        """P(at least n orders in the next t | still a customer at T); n at least 1.

        The n-th order comes in time (negative binomial), and n - 1 chances to leave were not taken.
        """
        n, x, T = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (n, x, T)))
        left = self.b + x + self._first
        stays = np.exp(special.betaln(self.a, left + (n - 1)) - special.betaln(self.a, left))
        return stays * special.betainc(n, self.r + x, t / (self.alpha + T + t))


@dataclass(frozen=True)
class NegativeBinomial(OrderModel):
    """NBD (Ehrenberg 1959): nobody ever leaves. For data that do not tell leaving from waiting.

    Args:
        r, alpha: shape and rate of the gamma of purchase rates; alpha in units of time.
    """

    r: float
    alpha: float

    kind = "nbd"
    NAMES = ("r", "alpha")
    TIMES = ("alpha",)

    def log_likelihood(self, customers: Customers, derivatives: bool = False):
        """Sum of ln likelihoods; with `derivatives` also gradient (2,) and Hessian (2, 2) by ln r and ln alpha."""
        r, alpha = self.r, self.alpha
        x, T, w = customers.x, customers.T, customers.weight
        value = special.gammaln(r + x) - special.gammaln(r) - r * np.log1p(T / alpha) - x * np.log(alpha + T)
        total = added(w, value)
        if not derivatives:
            return total
        after = 1 / (alpha + T)
        gradient = np.array(
            [
                added(w, special.digamma(r + x) - special.digamma(r) - np.log1p(T / alpha)),
                added(w, r / alpha - (r + x) * after),
            ]
        )
        mixed = added(w, 1 / alpha - after)
        hessian = np.array(
            [
                [added(w, special.polygamma(1, r + x) - special.polygamma(1, r)), mixed],
                [mixed, added(w, -r / alpha**2 + (r + x) * after**2)],
            ]
        )
        theta = self.parameters
        return total, theta * gradient, np.diag(theta * gradient) + np.outer(theta, theta) * hessian

    def expected_orders_if_alive(self, t, x, T) -> np.ndarray:
        """E[orders in the next t]; t, x and T broadcast."""
        t, x, T = (np.asarray(value, dtype=float) for value in (t, x, T))
        return (self.r + x) * t / (self.alpha + T)

    def at_least_if_alive(self, n, t: float, x, T) -> np.ndarray:
        """P(at least n orders in the next t); n at least 1."""
        n, x, T = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (n, x, T)))
        return special.betainc(n, self.r + x, t / (self.alpha + T + t))


@dataclass(frozen=True)
class AverageRate(OrderModel):
    """Everybody orders at the same rate and nobody leaves: for data too small to tell more.

    Args:
        rate: orders per unit of time.
    """

    rate: float

    kind = "average"
    NAMES = ("rate",)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.rate) and self.rate >= 0):
            raise ValueError(f"rate is {self.rate}: it is finite and not below 0")

    def expected_orders_if_alive(self, t, x, T) -> np.ndarray:
        """E[orders in the next t]; t, x and T broadcast."""
        t, x, T = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (t, x, T)))
        return self.rate * t

    def at_least_if_alive(self, n, t: float, x, T) -> np.ndarray:
        """P(at least n orders in the next t); n at least 1."""
        n, x, T = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (n, x, T)))
        return special.gammainc(n, self.rate * t)
