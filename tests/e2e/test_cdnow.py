"""CDNOW as a source system: cohorts, retention and churn equal what NumPy makes of the raw file."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from cdnow import Purchase, master, sample

from regulars import lifetime_value as clv

pytestmark = pytest.mark.e2e

MONTHS = [date(1997 + n // 12, n % 12 + 1, 1) for n in range(18)]
LAST_DAY = date(1998, 6, 30)


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    return master()


@pytest.fixture(scope="module")
def cdnow(new_place, purchases):
    """Every row of the file is an order. Last digits stand for a way of coming: one of many, and small ones where nobody comes some months."""
    place = new_place("cdnow")
    place.settings("publish_source_customer_ids: true\n")
    lines = [f"{n},{day},{who},{cds},{paid}\n" for n, (who, day, cds, paid) in enumerate(purchases, start=1)]
    place.land("cdnow/order_lines.csv", "order_id,ordered_at,customer_id,quantity,net_sales_amount\n" + "".join(lines))
    records = [f"{who},{way(who)}\n" for who in sorted({who for who, *_ in purchases})]
    place.land("cdnow/customers.csv", "customer_id,acquisition_channel\n" + "".join(records))
    outcome = place.refresh_here()
    assert outcome.exit == 0, outcome.messages
    return place


def way(customer: str) -> str:
    return "many" if customer[-1] in "01" else f"way {customer[-2:]}"


def test_every_row_is_an_order_and_every_customer_is_one(cdnow, purchases):
    """A CD for nothing is an order of net sales 0, and neither a return nor quarantined."""
    free = sum(1 for *_, paid in purchases if paid == 0)
    assert free > 0 and all(cds > 0 for _, _, cds, _ in purchases)
    assert cdnow.query(
        "select count(*), count(*) filter (where net_sales_amount = 0 and order_number is not null),"
        " count(*) filter (where is_return_only), sum(quantity)::bigint, sum(net_sales_amount) from core.fct_orders"
    ) == [(69659, free, 0, sum(cds for _, _, cds, _ in purchases), sum(paid for *_, paid in purchases))]
    assert cdnow.query("select count(*) from core.dim_customers where not is_prospect") == [(23570,)]
    assert cdnow.query("select count(*) from persistency.customer_lifecycle where order_day_count > 0") == [(23570,)]
    first: dict[str, date] = {}
    for who, day, *_ in purchases:
        first[who] = min(day, first.get(who, day))
    found = cdnow.query(
        "select b.source_customer_id, c.first_order_date from core.dim_customers as c"
        " inner join core.bridge_customer_sources as b using (customer_id)"
    )
    assert dict(found) == first


def test_the_sample_is_one_customer_in_ten(purchases):
    drawn = sample()
    assert (len(purchases), len(drawn)) == (69659, 6919)
    names = {who for who, *_ in drawn}
    assert len(names) == 2357
    # Whole customers: all of their purchases, and nobody else's.
    assert sorted(drawn) == sorted(purchase for purchase in purchases if purchase[0] in names)


def test_cohorts_of_all(cdnow, purchases):
    """Sizes, active customers, retention and sales of each of the three cohorts in each of the eighteen months."""
    found = cells(cdnow, "all")
    expected = cells_of(purchases, lambda customer: "all")
    assert len(expected) == 18 + 17 + 16
    assert found == expected
    assert [found["all", month, 0][0] for month in MONTHS[:3]] == [7846, 8476, 7248]


def test_small_cohorts_have_their_empty_months(cdnow, purchases):
    """One cohort in a hundred: the same by NumPy, and a month in which nobody came is a row with 0."""
    found = cells(cdnow, "acquisition_channel")
    assert found == cells_of(purchases, way)
    empty = [cell for cell in found.values() if cell[1] == 0]
    assert empty
    assert all(retention == 0.0 and net == 0 for _, _, retention, net, _ in empty)


def cells(place, dimension: str) -> dict[tuple, tuple]:
    """Cell -> size, active customers, retention rate, net sales and cumulative net sales, as published."""
    rows = place.query(
        "select cohort_value, cohort_month, months_since, cohort_size, active_customer_count, retention_rate,"
        " net_sales_amount, cumulative_net_sales_amount, order_month"
        f" from persistency.cohort_retention where cohort_dimension = '{dimension}'"
    )
    for _, cohort, since, *_, month in rows:
        assert MONTHS.index(month) - MONTHS.index(cohort) == since
    found = {row[:3]: row[3:8] for row in rows}
    assert len(found) == len(rows)
    return found


def cells_of(purchases: list[Purchase], value: Callable[[str], str]) -> dict[tuple, tuple]:
    """The same of the raw file: customers × months, counted and added up in whole cents."""
    names = sorted({who for who, *_ in purchases})
    row = {name: place for place, name in enumerate(names)}
    ordered = np.zeros((len(names), len(MONTHS)), bool)
    cents = np.zeros((len(names), len(MONTHS)), np.int64)
    for who, day, _, paid in purchases:
        place = row[who], (day.year - 1997) * 12 + day.month - 1
        ordered[place] = True
        cents[place] += int(paid * 100)
    cohort = ordered.argmax(axis=1)
    values = np.array([value(name) for name in names])
    found = {}
    for kind in np.unique(values):
        for start in np.unique(cohort[values == kind]):
            members = (values == kind) & (cohort == start)
            size, active, net = int(members.sum()), ordered[members].sum(axis=0), cents[members].sum(axis=0)
            for month in range(start, len(MONTHS)):
                found[str(kind), MONTHS[start], int(month - start)] = (
                    size,
                    int(active[month]),
                    int(active[month]) / size,
                    Decimal(int(net[month])) / 100,
                    Decimal(int(net[: month + 1].sum())) / 100,
                )
    return found


def test_churn_probabilities_follow_the_definition(cdnow, purchases):
    """Deciles of the last month-end with 90 known days after it, each customer's band and rate recomputed in Python."""
    cases = month_ends(purchases)
    latest = max(end for end, *_ in cases)
    assert latest == date(1998, 3, 31)
    earlier = [(ratio, gap, churned) for end, ratio, gap, churned in cases if end < latest]
    cell, band = Counter(), Counter()
    for ratio, gap, churned in earlier:
        cell[ratio, gap] += 1
        cell[ratio, gap, "churned"] += churned
        band[ratio] += 1
        band[ratio, "churned"] += churned
    predicted: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for end, ratio, gap, churned in cases:
        if end == latest and band[ratio] >= 30:
            known = cell[ratio, gap] >= 30
            rate = cell[ratio, gap, "churned"] / cell[ratio, gap] if known else band[ratio, "churned"] / band[ratio]
            predicted[rate][0] += 1
            predicted[rate][1] += churned
    total, below, expected = sum(count for count, _ in predicted.values()), 0, defaultdict(lambda: [0, 0, 0.0])
    for rate, (count, churned) in sorted(predicted.items()):
        # Equal predictions share the decile of the middle one of them.
        decile = expected[1 + int(10 * (below + count / 2) / total)]
        below += count
        for place, more in enumerate((count, churned, rate * count)):
            decile[place] += more
    rows = calibration(cdnow)
    assert {row[0]: row[1:3] for row in rows} == {key: (n, churned) for key, (n, churned, _) in expected.items()}
    for decile, count, churned, rate, actual in rows:
        np.testing.assert_allclose(rate, expected[decile][2] / count, rtol=1e-9)
        assert actual == churned / count
    assert cdnow.query("select distinct month_end_date from persistency.churn_calibration") == [(latest,)]


def calibration(place) -> list[tuple]:
    return place.query(
        "select decile, customer_count, churned_count, predicted_rate, actual_rate"
        " from persistency.churn_calibration order by decile"
    )


def month_ends(purchases: list[Purchase]) -> list[tuple[date, int, int, bool]]:
    """Month-end with known outcome, bands of overdue ratio and typical gap, and whether the customer churned; by MARTS.md."""
    ends = [MONTHS[n + 1] - timedelta(days=1) for n in range(17)]
    days: dict[str, set[date]] = defaultdict(set)
    for who, day, *_ in purchases:
        days[who].add(day)
    found, paths = [], []
    for customer in days.values():
        path = sorted(customer)
        gaps = np.diff(np.array(path, "datetime64[D]")).astype(int)
        paths.append((path, [0.0, *(float(np.median(gaps[: n + 1])) for n in range(len(gaps)))]))
    usual = float(np.median([medians[-1] for path, medians in paths if len(path) > 1]))
    for path, medians in paths:
        for end in ends:
            count = bisect_right(path, end)
            if count == 0 or end + timedelta(days=90) > LAST_DAY:
                continue
            gap = ((count - 1) * medians[count - 1] + 3 * usual) / (count - 1 + 3)
            ratio = (end - path[count - 1]).days / gap
            came = count < len(path) and path[count] <= end + timedelta(days=90)
            bands = (sum(ratio >= edge for edge in (1, 2, 3.32, 6.64, 13.3)),
                     sum(gap >= edge for edge in (7, 14, 30, 60, 120)))  # fmt: skip
            found.append((end, *bands, not came))
    return found


@pytest.fixture(scope="module")
def histories(purchases):
    """Customer: repeats, time of the last one, age (days), value of repeats, of order-days that cost something."""
    paid: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for who, day, _, amount in purchases:
        paid[who][day] += amount
    found = {}
    for who, days in paid.items():
        known = sorted(day for day, amount in days.items() if amount > 0)
        first = known[0] if known else min(days)
        last = (known[-1] - first).days if known else 0
        value = float(sum(days[day] for day in known[1:]))
        found[who] = (max(len(known) - 1, 0), last, (LAST_DAY - first).days, value)
    return found


def customers(rows) -> clv.Customers:
    x, t_x, T, _ = zip(*rows, strict=True)
    return clv.Customers(x, t_x, T)


def test_lifetime_value_is_what_the_api_gives(cdnow, histories):
    """Parameters of all, of a segment, and of spend; then what follows for each customer."""
    runs = {
        row[0]: row[1:]
        for row in cdnow.query(
            "select clv_segment, clv_basis, log_likelihood, r, alpha_days, a, b, spend_p, spend_q, spend_v"
            " from profitability.clv_model_runs"
        )
    }
    everybody = customers(histories.values())
    fit = clv.fit_dropout(everybody)
    assert runs["all"][0] == "fit"
    assert runs["all"][1] == pytest.approx(fit.log_likelihood, rel=1e-9)
    np.testing.assert_allclose(runs["all"][2:6], fit.model.parameters, rtol=1e-7)
    bought = np.array([(x, value) for x, _, _, value in histories.values() if x > 0])
    spend = clv.fit_spend(bought[:, 0], bought[:, 1] / bought[:, 0])
    np.testing.assert_allclose(runs["all"][6:9], spend.model.parameters, rtol=1e-5)
    # MBG before Pareto before BG, as in the literature (CLV.md), also without days that cost nothing.
    others = [clv.fit_dropout(everybody, kind).log_likelihood for kind in ("pareto", "bg")]
    assert fit.log_likelihood > others[0] > others[1]

    own = next(segment for segment, run in runs.items() if segment != "all" and run[0] == "fit")
    parent = next(segment for segment, run in runs.items() if run[0] == "parent")
    models = {"parent": fit.model}
    models[own] = clv.fit_dropout(customers(row for who, row in histories.items() if way(who) == own)).model
    np.testing.assert_allclose(runs[own][2:6], models[own].parameters, rtol=1e-7)

    found = cdnow.query(
        "select b.source_customer_id, clv_segment, alive_probability, expected_order_days_12m, expected_order_day_amount::double,"
        " expected_orders_12m_low, expected_orders_12m_high from profitability.customer_clv"
        " inner join core.bridge_customer_sources as b using (customer_id)"
        f" where clv_segment in ('{own}', '{parent}')"
    )
    assert len(found) > 400
    for who, segment, alive, expected, amount, low, high in found:
        x, t_x, T, value = histories[who]
        model, history = models.get(segment, fit.model), clv.Customers([x], [t_x], [T])
        assert alive == pytest.approx(model.alive_probability(history)[0], abs=1e-8)
        assert expected == pytest.approx(model.expected_orders(365.25, history)[0], rel=1e-6)
        assert amount == pytest.approx(spend.model.expected_spend(x, value / x if x else 0), abs=0.01)
        assert low <= expected * 1.2 and high >= expected


def test_rivals_are_what_counting_gives(cdnow, purchases, histories):
    """Half of the history is predicted, half of the rest taught the mean and the table; all rivals recomputed from the file."""
    runs = cdnow.query(
        "select clv_segment, calibration_date, holdout_days, rival_last_period_rmse, rival_mean_rmse, rival_table_rmse"
        " from profitability.clv_model_runs where holdout_rmse is not null"
    )
    assert len(runs) > 1
    days: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for who, day, _, amount in purchases:
        days[who][day] += amount
    paid = {who: sorted(day for day, amount in kept.items() if amount > 0) or None for who, kept in days.items()}
    free = {who: min(kept) for who, kept in days.items()}
    history = (LAST_DAY - min(day for _, day, *_ in purchases)).days
    length = history // 2
    learning = (history - length) // 2
    calibration = LAST_DAY - timedelta(days=length)
    before = calibration - timedelta(days=learning)

    def place(who: str, day: date) -> tuple[int, int] | None:
        known = [one for one in paid[who] or [] if one <= day]
        if not known and free[who] > day:
            return None
        repeats, silence = max(len(known) - 1, 0), (day - (known[-1] if known else free[who])).days
        return sum(repeats >= edge for edge in (1, 2, 4, 8, 16)), sum(
            silence >= edge for edge in (15, 31, 61, 121, 241)
        )

    def between(who: str, start: date, end: date) -> int:
        return sum(start < day <= end for day in paid[who] or [])

    for segment, day, holdout, *found in runs:
        assert (day, holdout) == (calibration, length)
        members = [who for who in histories if segment in ("all", way(who))]
        taught, learnt, people = Counter(), Counter(), 0
        for who in members:
            if (at := place(who, before)) is not None:
                taught[at] += 1
                learnt[at] += between(who, before, calibration)
                people += 1
        assert people >= 30
        scale = length / learning
        mean = sum(learnt.values()) / people * scale
        errors = np.zeros(3)
        tested = [(who, at) for who in members if (at := place(who, calibration)) is not None]
        for who, at in tested:
            came = between(who, calibration, LAST_DAY)
            table = learnt[at] / taught[at] * scale if taught[at] >= 30 else mean
            last = between(who, calibration - timedelta(days=length), calibration)
            errors += [(last - came) ** 2, (mean - came) ** 2, (table - came) ** 2]
        np.testing.assert_allclose(found, np.sqrt(errors / len(tested)), rtol=1e-8)


def test_value_is_unknown_without_a_margin(cdnow):
    assert cdnow.query(
        "select count(predicted_clv_amount), count(historic_clv_amount), count(expected_order_margin_amount)"
        " from profitability.customer_clv"
    ) == [(0, 0, 0)]
    assert cdnow.query("select distinct value_tier from profitability.customer_value_tiers") == [("unknown",)]
