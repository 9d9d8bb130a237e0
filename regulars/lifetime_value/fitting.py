"""Maximum likelihood, with a weak prior against small samples: damped Newton on the logs of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from regulars.lifetime_value.dropout import BetaGeometric, NegativeBinomial
from regulars.lifetime_value.inputs import Customers, added, refuse
from regulars.lifetime_value.pareto import ParetoNBD
from regulars.lifetime_value.spend import GammaGamma

PRIOR_SD = 1.5  # of each ln parameter, times in mean observation times and money in mean order values
MOST_STEPS = 200
CLOSE = 1e-5  # a Newton step this small leaves an error of its square
ROUNDING = 1e-13
STEP = 1e-4  # of ln parameters, for slopes
MANY = 5000  # cells from which a coarser fit is worth its time as a start
COARSE = 40  # bins of time per mean age

STARTS: dict[str, Any] = {
    "bg": BetaGeometric(0.5, 0.3, 1.0, 2.0, can_leave_at_once=False),
    "mbg": BetaGeometric(0.5, 0.3, 1.0, 2.0),
    "nbd": NegativeBinomial(0.5, 0.5),
    "pareto": ParetoNBD(0.5, 0.3, 0.6, 0.3),
}


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Args:
        model: with the fitted parameters, in the units of the data.
        log_likelihood: at the parameters, without the prior.
        covariance: of the ln parameters.
        customers: how many, weights counted.
        is_converged: whether the last step was small enough.
    """

    model: Any
    log_likelihood: float
    covariance: np.ndarray
    customers: float
    is_converged: bool

    @property
    def standard_errors(self) -> np.ndarray:
        """Of the ln parameters, in the order of model.NAMES."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))


class DropoutFit(Fit):
    """A fit of when customers order and leave."""


@dataclass(frozen=True)
class SpendFit(Fit):
    """A fit of what they spend.

    Args:
        pearson, spearman: correlation of orders and mean value, which the model takes to be 0; flag above 0.3.
    """

    pearson: float = 0.0
    spearman: float = 0.0


def fit_dropout(customers: Customers, model: str = "mbg", has_prior: bool = True) -> DropoutFit:
    """Fit a model of ordering and leaving.

    Args:
        customers: histories or cells; times are in any unit, which alpha comes out in.
        model: "mbg" (default), "bg", "pareto", or "nbd" (nobody leaves).
        has_prior: a log-normal prior of sd 1.5 keeps small samples from running away; False for pure likelihood.

    Raises:
        ValueError: when the model is unknown, or nobody was observed for any time.
    """
    if model not in STARTS:
        raise ValueError(f"there is no model {model!r}: {', '.join(STARTS)}")
    unit = float(customers.weight @ customers.T / customers.weight.sum())
    if unit <= 0:
        raise ValueError("nobody was observed for any time: T is 0 for all")
    scaled = customers.scaled(unit)
    start = STARTS[model]
    if model == "pareto":
        found = _quasi_newton(start, scaled.weight.sum(), lambda m: m.log_likelihood(scaled), has_prior)
    else:
        near = start
        if len(scaled) > MANY:
            few = _coarser(scaled)
            near = start.with_parameters(np.exp(_newton(start, lambda m: m.log_likelihood(few, True), has_prior)[0]))
        found = _newton(near, lambda m: m.log_likelihood(scaled, True), has_prior)
    theta, covariance, is_converged, log_likelihood = found
    units = np.array([unit if name in start.TIMES else 1.0 for name in start.NAMES])
    fitted = start.with_parameters(np.exp(theta) * units)
    # Densities of x times each, told per unit.
    log_likelihood -= added(customers.weight, customers.x) * np.log(unit)
    return DropoutFit(fitted, log_likelihood, covariance, float(customers.weight.sum()), is_converged)


def fit_spend(orders, mean, weight=None, has_prior: bool = True) -> SpendFit:
    """Fit Gamma-Gamma to customers' numbers of orders and mean values, both above 0.

    Args:
        orders, mean: shape (n,); money in any unit, which v comes out in.
        weight: customers per row.

    Raises:
        ValueError: naming what is wrong.
    """
    orders, mean = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (orders, mean))
    weight = np.ones(len(orders)) if weight is None else np.atleast_1d(np.asarray(weight, dtype=float))
    if not len(orders):
        raise ValueError("there are no customers")
    if not orders.shape == mean.shape == weight.shape:
        raise ValueError("orders, mean and weight differ in length")
    refuse(~np.isfinite(orders) | ~np.isfinite(mean) | ~np.isfinite(weight), "a value is not a finite number")
    refuse(orders <= 0, "orders is not above 0")
    refuse(mean <= 0, "mean is not above 0: leave such customers out")
    refuse(weight < 0, "weight is negative")
    if not weight.sum() > 0:
        raise ValueError("weights add up to nothing")
    unit = float(weight @ mean / weight.sum())
    scaled = mean / unit
    theta, covariance, is_converged, _ = _newton(
        GammaGamma(4.0, 4.0, 1.0),
        lambda m: m.log_likelihood(orders, scaled, weight, True),
        has_prior,
    )
    p, q, v = np.exp(theta)
    fitted = GammaGamma(float(p), float(q), float(v * unit))
    pearson = _correlation(orders, mean, weight)
    spearman = _correlation(_ranks(orders, weight), _ranks(mean, weight), weight)
    value = fitted.log_likelihood(orders, mean, weight)
    return SpendFit(fitted, value, covariance, float(weight.sum()), is_converged, pearson, spearman)


def spread(fit: Fit, figures: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Variance of figures that uncertain parameters bring along: the delta method on the ln parameters.

    Args:
        figures: function of a model; its result's shape is the answer's.
    """
    logs = np.log(fit.model.parameters)
    slopes = []
    for step in STEP * np.eye(len(logs)):
        up, down = (figures(fit.model.with_parameters(np.exp(logs + sign * step))) for sign in (1, -1))
        slopes.append((up - down) / (2 * STEP))
    return np.einsum("i...,ij,j...->...", np.array(slopes), fit.covariance, np.array(slopes))


def bootstrap(customers: Customers, fit: DropoutFit, count: int, seed: int = 1, has_prior: bool = True) -> np.ndarray:
    """Parameters of refits to resampled customers (multinomial over cells): shape (count, parameters)."""
    random = np.random.default_rng(seed)
    total = round(customers.weight.sum())
    share = customers.weight / customers.weight.sum()
    found = []
    for _ in range(count):
        drawn = random.multinomial(total, share)
        kept = drawn > 0
        again = Customers(customers.x[kept], customers.t_x[kept], customers.T[kept], drawn[kept])
        found.append(fit_dropout(again, fit.model.kind, has_prior).model.parameters)
    return np.array(found)


def _coarser(customers: Customers) -> Customers:
    """Cells of a few bins of time, with their means: fitted in no time, and close to the fit of all."""
    bins = [np.floor(time * COARSE).astype(np.int64) for time in (customers.t_x, customers.T)]
    width = int(bins[1].max()) + 1
    key = (customers.x.astype(np.int64) * width + bins[0]) * width + bins[1]
    of = np.unique(key, return_inverse=True)[1]
    weight = np.bincount(of, customers.weight)
    x, t_x, age = (np.bincount(of, customers.weight * v) / weight for v in (customers.x, customers.t_x, customers.T))
    return Customers(x, t_x, age, weight)


def _newton(start: Any, likelihood: Callable, has_prior: bool):
    """Damped Newton; returns ln parameters, covariance, whether it converged, and the log-likelihood without the prior.

    Args:
        likelihood: function of a model giving its log-likelihood, gradient and Hessian by the ln parameters.
    """
    precision = 1 / PRIOR_SD**2 if has_prior else 0.0
    unit = np.eye(len(start.NAMES))

    def objective(at: np.ndarray):
        """What is to be largest, its gradient, and minus its Hessian: one pass over the data for all three."""
        if np.abs(at).max() > 60:
            return -np.inf, None, None
        with np.errstate(all="ignore"):
            value, gradient, hessian = likelihood(start.with_parameters(np.exp(at)))
        value -= precision * (at @ at) / 2
        return (value if np.isfinite(value) else -np.inf), gradient - precision * at, precision * unit - hessian

    theta = np.log(start.parameters)
    best, gradient, information = objective(theta)
    is_converged = False
    for _ in range(MOST_STEPS):
        from scipy import linalg

        values, axes = linalg.eigh(information)
        # Uphill whatever the curvature, and never further than e^2 in one step.
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(values), 1e-8 * max(1.0, np.abs(values).max())))
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        size = 1.0
        tried = objective(theta + step)
        # At the top, sums of many customers differ by rounding alone.
        least = best - ROUNDING * abs(best)
        while tried[0] < least and size > 1e-12:
            size /= 2
            tried = objective(theta + size * step)
        if tried[0] < least:
            break
        theta = theta + size * step
        best, gradient, information = tried
        if np.abs(size * step).max() < CLOSE:
            is_converged = True
            break
    return theta, _inverse(information), is_converged, best + precision * (theta @ theta) / 2


def _quasi_newton(start: Any, weight: float, value: Callable, has_prior: bool):
    """For likelihoods whose derivatives have no closed form."""
    precision = 1 / PRIOR_SD**2 if has_prior else 0.0

    def loss(at: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            found = value(start.with_parameters(np.exp(np.clip(at, -30, 30)))) - precision * (at @ at) / 2
        return -found / weight if np.isfinite(found) else 1e10

    from scipy import optimize  # on first use: homes without repeaters fit nothing

    simplex = optimize.minimize(loss, np.log(start.parameters), method="Nelder-Mead",
                                options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-9, "fatol": 1e-13})  # fmt: skip
    theta, step = simplex.x, 1e-4
    axes = np.eye(len(theta)) * step
    hessian = np.array(
        [
            [
                (loss(theta + i + j) - loss(theta + i - j) - loss(theta - i + j) + loss(theta - i - j)) / (4 * step**2)
                for j in axes
            ]
            for i in axes
        ]
    )
    return theta, _inverse(hessian * weight), bool(simplex.success), value(start.with_parameters(np.exp(theta)))


def _inverse(information: np.ndarray) -> np.ndarray:
    """Covariance; what is not identified gets a very large one."""
    from scipy import linalg

    values, axes = linalg.eigh((information + information.T) / 2)
    return (axes / np.maximum(values, 1e-12)) @ axes.T


def _correlation(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    """Weighted Pearson correlation; NaN where one does not vary."""
    share = weight / weight.sum()
    one, other = one - share @ one, other - share @ other
    spread = np.sqrt((share @ one**2) * (share @ other**2))
    return float(share @ (one * other) / spread) if spread > 0 else float("nan")


def _ranks(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Middle ranks, a row of weight w counting as w equal ones."""
    unique, where = np.unique(values, return_inverse=True)
    counts = np.bincount(where, weight, len(unique))
    return (np.cumsum(counts) - counts / 2)[where]
