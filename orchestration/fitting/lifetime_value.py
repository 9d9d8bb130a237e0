"""Lifetime value: cells to parameters, a grid of expectations, intervals, the record and a forecast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from orchestration.fitting.base import Rows
from regulars import lifetime_value as clv
from regulars.lifetime_value.inputs import added

ALL = "all"
MONTH = 365.25 / 12
ALIVE_TENTHS = np.arange(11)  # the last: a customer for sure, where leaving is not modelled


def fit(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, Any]) -> dict[str, Rows]:
    """All tables of lifetime value; none without customers."""
    cells = _read(connection, "select * from fits.fit_clv_cells order by all")
    if not len(cells["customer_count"]):
        return {}
    return _Lifetime(connection, variables, cells).tables()


def _read(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, np.ndarray]:
    columns = connection.execute(query).fetchnumpy()
    return {name: np.ma.filled(column, np.nan) if np.ma.isMaskedArray(column) else column
            for name, column in columns.items()}  # fmt: skip


def histories(cells: Mapping[str, np.ndarray], inside: np.ndarray) -> clv.Customers:
    """Cells as the models take them: the means of each, times in days."""
    weight = cells["customer_count"][inside].astype(float)
    return clv.Customers(
        cells["repeat_count"][inside],
        cells["recency_days_sum"][inside] / weight,
        cells["age_days_sum"][inside] / weight,
        weight,
    )


class _Lifetime:
    def __init__(self, connection, variables: Mapping[str, Any], cells: Mapping[str, np.ndarray]):
        self.connection, self.variables, self.cells = connection, variables, cells
        self.segment_of = cells["clv_segment"].astype(str)
        self.segments = sorted(set(self.segment_of))
        everybody = np.ones(len(self.segment_of), bool)
        self.everybody = histories(cells, everybody)
        self.choices = {ALL: self._choose(self.everybody, None)}
        # A segment that everybody is in tells nothing of its own.
        for segment in self.segments if len(self.segments) > 1 else []:
            group = histories(cells, self.segment_of == segment)
            self.choices[segment] = self._choose(group, self.choices[ALL])
        self.spend = self._spend()
        self.horizon = variables["clv_horizon_months"] * MONTH
        self.rate = np.log1p(variables["clv_annual_discount_rate"]) / 365.25

    def _choose(self, customers: clv.Customers, parent: clv.Choice | None) -> clv.Choice:
        return clv.choose(
            customers,
            self.variables["clv_model"],
            parent,
            self.variables["clv_minimum_repeaters"],
            self.variables["clv_least_repeaters"],
        ).rounded()

    def _spend(self) -> clv.SpendFit | None:
        """Gamma-Gamma of all customers who came again; None for too few, or where no mean would exist."""
        cells = _read(self.connection, "select * from fits.fit_clv_spend_cells order by all")
        weight = cells["customer_count"].astype(float)
        if weight.sum() < self.variables["clv_minimum_repeaters"]:
            return None
        orders = cells["repeat_count"].astype(float)
        fit = clv.fit_spend(orders, cells["repeat_sales_amount"].astype(float) / weight / orders, weight)
        return fit if fit.model.q > 1 else None

    def _choice(self, segment: str) -> clv.Choice:
        return self.choices.get(segment, self.choices[ALL])

    def tables(self) -> dict[str, Rows]:
        """Everything the models after this read."""
        runs, groups = self._record()
        return {
            "clv_parameters": self._parameters(),
            "clv_grid": self._grid(),
            "clv_intervals": self._intervals(),
            "clv_runs": runs,
            "clv_groups": groups,
            "clv_forecast": self._forecast(),
        }

    def _values(self, model: Any) -> list[float | None]:
        names = dict(zip(model.NAMES, model.parameters, strict=True)) if model is not None else {}
        return [float(names[name]) if name in names else None for name in ("r", "alpha", "a", "b")]

    def _spend_values(self) -> list:
        if self.spend is None:
            return ["average", None, None, None]
        return ["gamma_gamma", *(float(value) for value in self.spend.model.parameters)]

    def _parameters(self) -> Rows:
        rows: list = []
        for segment in self.segments:
            choice = self._choice(segment)
            discounted = None
            if choice.model is not None:
                discounted = choice.model.discounted_orders_of_new(self.rate, self.horizon)
            leaves = int(getattr(choice.model, "can_leave_at_once", False))
            values = (*self._values(choice.model), leaves, *self._spend_values(), _figure(discounted))
            rows.append((segment, choice.basis, *values))
        return rows

    def _grid(self) -> dict[str, np.ndarray]:
        ages = _read(self.connection, "select * from fits.fit_clv_ages order by all")
        segment_of = ages["clv_segment"].astype(str)
        year, horizon, discounted = (np.full(len(segment_of), np.nan) for _ in range(3))
        for segment in self.segments:
            inside, model = segment_of == segment, self._choice(segment).model
            if model is None:
                continue
            x, age = ages["repeat_count"][inside].astype(float), ages["age_days"][inside].astype(float)
            year[inside] = model.expected_orders_if_alive(12 * MONTH, x, age)
            horizon[inside] = model.expected_orders_if_alive(self.horizon, x, age)
            discounted[inside] = model.discounted_orders_if_alive(self.rate, x, age, self.horizon)
        return {
            "clv_segment": segment_of,
            "repeat_count": ages["repeat_count"],
            "age_days": ages["age_days"],
            "order_days_12m": year,
            "order_days_horizon": horizon,
            "discounted_order_days": discounted,
        }

    def _intervals(self) -> dict[str, np.ndarray]:
        ages = _read(
            self.connection,
            "select distinct clv_segment, repeat_count, age_days // 7 as age_weeks from fits.fit_clv_ages order by all",
        )
        rows = len(ages["repeat_count"])
        repeated = {name: np.repeat(column, len(ALIVE_TENTHS)) for name, column in ages.items()}
        tenth = np.tile(ALIVE_TENTHS, rows)
        ends = np.full((4, len(tenth)), np.nan)
        segment_of = repeated["clv_segment"].astype(str)
        for segment in self.segments:
            inside, model = segment_of == segment, self._choice(segment).model
            if model is None:
                continue
            x = repeated["repeat_count"][inside].astype(float)
            age = repeated["age_weeks"][inside] * 7.0 + 3
            low, high = tenth[inside] / 10, np.minimum((tenth[inside] + 1) / 10, 1)
            for place, time in ((0, 12 * MONTH), (2, self.horizon)):
                ends[place, inside], ends[place + 1, inside] = clv.count_quantiles(model, time, x, age, low, high)
        return {
            "clv_segment": segment_of,
            "repeat_count": repeated["repeat_count"],
            "age_weeks": repeated["age_weeks"],
            "alive_tenth": tenth,
            "order_days_12m_low": ends[0],
            "order_days_12m_high": ends[1],
            "order_days_horizon_low": ends[2],
            "order_days_horizon_high": ends[3],
        }

    def _record(self) -> tuple[Rows, Rows]:
        """Every fit with its errors and those of its rivals; and its tenths and cohorts."""
        holdout = _Holdout(self.connection, self.variables)
        runs: list = []
        groups: list = []
        tested = self._tested(holdout, ALL, None)
        for segment, choice in self.choices.items():
            inside = np.ones(len(self.segment_of), bool) if segment == ALL else self.segment_of == segment
            result = tested if segment == ALL else self._tested(holdout, segment, tested)
            weight = self.cells["customer_count"][inside]
            repeaters = int(weight[self.cells["repeat_count"][inside] >= 2].sum())
            runs.append(self._run(segment, choice, int(weight.sum()), repeaters, result))
            if result is not None:
                groups += [(segment, *group) for group in result.groups]
        return runs, groups

    def _tested(self, holdout: _Holdout, segment: str, parent: _Test | None) -> _Test | None:
        """A fit to what was known at the calibration date, and what came of it; None where too little came."""
        inside = holdout.inside(segment)
        if not inside.any() or not holdout.days:
            return None
        customers = histories(holdout.cells, inside)
        actual = holdout.cells["holdout_count"][inside].astype(float)
        if added(customers.weight, actual) < self.variables["clv_minimum_holdout_order_days"]:
            return None
        choice = self._choose(customers, parent.choice if parent else None)
        if choice.model is None:
            return None
        predicted = choice.model.expected_orders(float(holdout.days), customers)
        rivals = {
            name: clv.score(rival, actual, customers.weight).root_mean_squared_error
            for name, rival in holdout.rivals(segment, inside).items()
        }
        cohort = holdout.cells["cohort_quarter"][inside]
        quarters = np.unique(cohort)
        members = np.vstack([clv.tenths(predicted, customers.weight), (cohort == quarters[:, None]) * customers.weight])
        fit = choice.fit or (parent.choice.fit if parent else None)
        compared = clv.compare(choice.model, fit, float(holdout.days), customers, actual, members)
        told = [("predicted_tenth", f"{n:02d}") for n in range(1, 11)]
        told += [("cohort_quarter", f"{(quarter - 1) // 4}-Q{(quarter - 1) % 4 + 1}") for quarter in quarters]
        judged = np.maximum(compared.predicted, compared.actual) >= self.variables["clv_minimum_group_order_days"]
        return _Test(
            choice,
            int(customers.weight.sum()),
            clv.score(predicted, actual, customers.weight),
            rivals,
            bool(compared.is_calibrated[judged].all()) if judged.any() else None,
            [
                (*told[n], *(_figure(value[n]) for value in (compared.customers, compared.predicted, compared.actual,
                 compared.standard_error)), bool(compared.is_calibrated[n]) if judged[n] else None)
                for n in range(len(told))
            ],
        )  # fmt: skip

    def _run(self, segment: str, choice: clv.Choice, customers: int, repeaters: int, result) -> tuple:
        fit, model = choice.fit, choice.model
        errors = dict(zip(model.NAMES, fit.standard_errors, strict=True)) if fit else {}
        beyond = None
        # Without discounting, an endless sum of orders may have no end.
        if model is not None and self.rate > 0:
            endless, within = (model.discounted_orders_of_new(self.rate, upto) for upto in (np.inf, self.horizon))
            beyond = max(0.0, 1 - within / endless)
        spend = self.spend
        record: tuple = (None,) * 12
        verdict = "no_model" if model is None else "not_tested"
        if result is not None:
            score, rivals = result.score, result.rivals
            enough = self.variables["clv_minimum_holdout_order_days"]
            ratios = [
                predicted / actual
                for kind, _, _, predicted, actual, *_ in result.groups
                if kind == "cohort_quarter" and actual >= enough
            ]
            record = (
                result.customers,
                score.predicted,
                score.actual,
                score.mean_absolute_error,
                score.root_mean_squared_error,
                score.gini,
                score.top_decile_lift,
                result.is_calibrated,
                max(ratios, key=lambda ratio: abs(np.log(max(ratio, 1e-300)))) if ratios else None,
                *(rivals.get(name) for name in ("last_period", "mean", "table")),
            )
            verdict = "misjudges_groups" if result.is_calibrated is False else "sound"
            if abs(score.ratio - 1) > self.variables["clv_drift_limit"]:
                verdict = "drifts"
            if min(rivals.values()) < score.root_mean_squared_error:
                verdict = "loses_to_rival"
        return (
            segment,
            model.kind if model is not None else "none",
            choice.basis,
            customers,
            repeaters,
            _figure(fit.log_likelihood) if fit else None,
            fit.is_converged if fit else None,
            *self._values(model),
            *(_figure(errors[name]) if name in errors else None for name in ("r", "alpha", "a", "b")),
            *self._spend_values(),
            *map(_figure, (spend.log_likelihood, spend.pearson, spend.spearman) if spend else [None] * 3),
            *(_figure(value) if isinstance(value, float) else value for value in (beyond, *record)),
            verdict,
        )

    def _forecast(self) -> Rows:
        """Of all segments together, each by the model that stands for it."""
        everybodys = self.choices[ALL]
        own = {name: choice for name, choice in self.choices.items() if name != ALL and choice.fit is not None}
        parts = [
            clv.Part(histories(self.cells, self.segment_of == name), choice.model, choice.fit)
            for name, choice in own.items()
        ]
        others = np.array([segment not in own for segment in self.segment_of])
        if others.any() and everybodys.model is not None:
            parts.append(clv.Part(histories(self.cells, others), everybodys.model, everybodys.fit))
        if not parts:
            return []
        months = clv.forecast(parts, MONTH, self.variables["clv_forecast_months"], self.variables["interval_z"])
        return [
            (m.number, *map(_figure, (m.orders, m.orders_low, m.orders_high, m.active, m.active_low, m.active_high)))
            for m in months
        ]


@dataclass(frozen=True)
class _Test:
    """A model of the calibration date, and how it did."""

    choice: clv.Choice
    customers: int
    score: clv.Score
    rivals: dict[str, float]
    is_calibrated: bool | None
    groups: list[tuple]


class _Holdout:
    """What was known at the calibration date, what came, and what rivals that only count had to learn from."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, variables: Mapping[str, Any]):
        self.cells = _read(connection, "select * from fits.fit_clv_holdout_cells order by all")
        self.earlier = _read(connection, "select * from fits.fit_clv_earlier_cells order by all")
        dates = connection.execute(
            "select holdout_days, learning_days from intermediate.int_clv_holdout_dates"
        ).fetchone()
        self.days: int
        self.learning_days: int
        self.days, self.learning_days = dates or (0, 0)
        self.enough = variables["clv_rival_minimum_customers"]

    def inside(self, segment: str) -> np.ndarray:
        """Which cells belong to a segment."""
        return self._of(self.cells, segment)

    @staticmethod
    def _of(cells: Mapping[str, np.ndarray], segment: str) -> np.ndarray:
        names = cells["clv_segment"].astype(str)
        return np.ones(len(names), bool) if segment == ALL else names == segment

    def rivals(self, segment: str, inside: np.ndarray) -> dict[str, np.ndarray]:
        """Predictions that need no model, one per cell; those with too little to learn from are absent."""
        found = {"last_period": self.cells["last_period_count"][inside].astype(float)}
        mean = self._mean(segment)
        mean = self._mean(ALL) if mean is None else mean
        if mean is None:
            return found
        found["mean"] = np.full(int(inside.sum()), mean)
        of = self._of(self.earlier, segment)
        people: Counter[tuple[int, int]] = Counter()
        days: Counter[tuple[int, int]] = Counter()  # one segment's cells, or all segments' together
        for repeats, silence, count, sum_of_days in zip(
            *(self.earlier[name][of] for name in ("repeat_band", "silence_band", "customer_count", "order_day_count")),
            strict=True,
        ):
            people[repeats, silence] += int(count)
            days[repeats, silence] += int(sum_of_days)
        table = {place: days[place] / people[place] * self._scale for place in people if people[place] >= self.enough}
        here = zip(self.cells["repeat_band"][inside], self.cells["silence_band"][inside], strict=True)
        found["table"] = np.array([table.get(place, mean) for place in here])
        return found

    @property
    def _scale(self) -> float:
        """Where history is short, rivals learn over a shorter time than they predict."""
        return self.days / self.learning_days

    def _mean(self, segment: str) -> float | None:
        of = self._of(self.earlier, segment)
        people = int(self.earlier["customer_count"][of].sum())
        if people < self.enough or not self.learning_days:
            return None
        return float(self.earlier["order_day_count"][of].sum()) / people * self._scale


def _figure(value: float | None) -> float | None:
    """To ten digits: what differs by machine and number of threads lies beyond. NULL for what is no number."""
    return float(f"{value:.10g}") if value is not None and np.isfinite(value) else None
