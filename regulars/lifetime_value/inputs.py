"""What the models are fitted to, checked on the way in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Customers:
    """Purchase histories, or cells of customers that are alike.

    Args:
        x: repeat orders, at least 0; shape (n,).
        t_x: time from the first order to the last repeat; 0 where x is 0.
        T: time from the first order to the day of analysis, in the same unit.
        weight: customers per row; 1 where not given.

    Raises:
        ValueError: naming what is wrong and the first row it is wrong in.
    """

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    weight: np.ndarray = field(default=None)  # type: ignore[arg-type]  # filled in by __post_init__

    def __post_init__(self) -> None:
        arrays = {name: np.atleast_1d(np.asarray(getattr(self, name), dtype=float)) for name in ("x", "t_x", "T")}
        count = len(arrays["x"])
        weight = self.weight if self.weight is not None else np.ones(count)
        arrays["weight"] = np.atleast_1d(np.asarray(weight, dtype=float))
        for name, array in arrays.items():
            if array.shape != (count,):
                raise ValueError(f"{name} has shape {array.shape}, x has ({count},)")
            refuse(~np.isfinite(array), f"{name} is not a finite number")
            refuse(array < 0, f"{name} is negative")
            object.__setattr__(self, name, array)
        if count == 0:
            raise ValueError("there are no customers")
        refuse(
            np.abs(arrays["x"] - np.round(arrays["x"])) > 1e-9 * np.maximum(arrays["x"], 1), "x is not a whole number"
        )
        refuse(arrays["t_x"] > arrays["T"] * (1 + 1e-12), "t_x is later than T")
        refuse((arrays["x"] == 0) & (arrays["t_x"] > 0), "t_x is above 0 for a customer without repeat orders")
        if not arrays["weight"].sum() > 0:
            raise ValueError("weights add up to nothing")

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def by_orders(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Different numbers of orders, which of them each row has, and how many customers have it."""
        unique, where = np.unique(self.x, return_inverse=True)
        return unique, where, np.bincount(where, self.weight, len(unique))

    def scaled(self, unit: float) -> Customers:
        """The same histories in units of `unit`."""
        return Customers(self.x, self.t_x / unit, self.T / unit, self.weight)


def refuse(wrong: np.ndarray, what: str) -> None:
    """Raise ValueError for the first row that is wrong, if any."""
    if wrong.any():
        raise ValueError(f"{what} (row {int(np.flatnonzero(wrong)[0])})")


def added(weight: np.ndarray, value: np.ndarray) -> float:
    """Weighted sum, the same whatever number of threads the machine's linear algebra uses."""
    return float((weight * value).sum())


def rows_added(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sum of each row, likewise: values of shape (..., k), weights (k,)."""
    return (values * weights).sum(axis=-1)
