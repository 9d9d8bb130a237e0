"""What models of ordering have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np

from regulars.lifetime_value.inputs import Customers, rows_added


class Model:
    """A frozen dataclass of parameters; NAMES lists those that are fitted, TIMES those in units of time."""

    NAMES: ClassVar[tuple[str, ...]] = ()
    TIMES: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self.NAMES:
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} of {type(self).__name__} is {value}: parameters are finite and above 0")

    @property
    def parameters(self) -> np.ndarray:
        """The fitted parameters, in the order of NAMES."""
        return np.array([getattr(self, name) for name in self.NAMES])

    def with_parameters(self, values: np.ndarray) -> Any:
        """The same kind of model with other parameters."""
        return replace(cast(Any, self), **{name: float(value) for name, value in zip(self.NAMES, values, strict=True)})


class OrderModel(Model):
    """When customers order and leave; a kind of it says what to expect of those who are still there."""

    @property
    def stays_after_first(self) -> float:
        """Chance that a new customer is still one after the first order."""
        return 1.0

    def expected_orders_if_alive(self, t, x, T) -> np.ndarray:
        """E[orders in the next t | still a customer at T]; t, x and T broadcast."""
        raise NotImplementedError

    def alive_probability(self, customers: Customers) -> np.ndarray:
        """P(still a customer) at T; 1 for everybody in models that know no leaving."""
        return np.ones(len(customers))

    def squared_orders_if_alive(self, start: float, length: float, x, T) -> np.ndarray:
        """E[square of the orders between start and start + length from now | still a customer at T], one per row.

        As rates that differ as gamma (shape r + x) among customers alike make it. Where customers leave meanwhile it is
        more; models that know how much say so.
        """
        x, T = np.asarray(x, dtype=float), np.asarray(T, dtype=float)
        mean = self.expected_orders_if_alive(start + length, x, T) - self.expected_orders_if_alive(start, x, T)
        return mean + mean**2 * (1 + 1 / (getattr(self, "r", np.inf) + x))

    def expected_orders(self, t, customers: Customers) -> np.ndarray:
        """E[orders in the next t units of time], one per customer."""
        if np.any(np.asarray(t) < 0):
            raise ValueError("t is negative: expectations look ahead")
        return self.alive_probability(customers) * self.expected_orders_if_alive(t, customers.x, customers.T)

    def expected_orders_of_new(self, t) -> np.ndarray:
        """E[repeat orders of a customer within t of the first order]."""
        return self.stays_after_first * self.expected_orders_if_alive(t, 0.0, 0.0)

    def discounted_orders_if_alive(self, rate: float, x, T, horizon: float = np.inf) -> np.ndarray:
        """E[discounted orders | alive]: each order at time u counts exp(-rate u); x and T of shape (n,).

        Args:
            rate: continuous discount rate per unit of time, above 0 where the horizon is endless.
            horizon: how far to look.
        """
        x, T = np.atleast_1d(np.asarray(x, dtype=float)), np.atleast_1d(np.asarray(T, dtype=float))
        return discounted(lambda u: self.expected_orders_if_alive(u, x[:, None], T[:, None]), rate, horizon)

    def discounted_orders_of_new(self, rate: float, horizon: float = np.inf) -> float:
        """E[discounted orders] of a new customer, the first one, at time 0, included."""
        return 1 + self.stays_after_first * float(self.discounted_orders_if_alive(rate, 0, 0, horizon)[0])


def discounted(expected: Callable[[np.ndarray], np.ndarray], rate: float, horizon: float) -> np.ndarray:
    """Integral of exp(-rate u) dE(u) from 0 to the horizon, by parts.

    Args:
        expected: function of times (1, k) giving E (n, k).
        rate: continuous discount rate per unit of time.

    Raises:
        ValueError: when both rate and horizon let the sum run away.
    """
    if np.isinf(horizon):
        if rate <= 0:
            raise ValueError("an endless horizon needs a discount rate above 0")
        # Trapezoid in ln u: the integrand dies out at both ends.
        u = np.exp(np.linspace(np.log(1e-5 / rate), np.log(60 / rate), 121))
        step = np.log(u[1] / u[0])
        return rate * (expected(u[None, :]) * np.exp(-rate * u) * u).sum(axis=1) * step
    # Nodes crowd at 0, where expectations bend: u = horizon * y^2.
    nodes, weights = np.polynomial.legendre.leggauss(12)
    y = (nodes + 1) / 2
    u = horizon * y**2
    inside = rate * rows_added(expected(u[None, :]) * np.exp(-rate * u), weights * y * horizon)
    return np.exp(-rate * horizon) * expected(np.array([[horizon]]))[:, 0] + inside
