"""The simulated retailer with 5 % dirty rows: every row has its planted fate, nothing is lost, nothing personal leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import call, call_here
from scipy import stats

from regulars.simulator import Plan, simulate

pytestmark = pytest.mark.e2e

# Relations that tell of files and runs, not of the retailer.
OF_FILES = {"quality.load_history", "quality.quarantined_rows", "quality.run_info", "quality.check_results"}


@pytest.fixture(scope="module")
def retailer(new_place):
    place = new_place("retailer")
    written = call_here(
        "simulate", "--out", place.root, "--customers", "1500", "--months", "18", "--seed", "5", "--dirty-rate", "0.05"
    )
    assert written.exit == 0, written.text
    outcome = place.refresh_here()
    assert outcome.exit == 0, outcome.messages
    return place


def test_every_planted_row_has_its_fate_and_no_other_row_does(retailer):
    with (retailer.root / "truth" / "dirty_rows.csv").open(newline="") as file:
        planted = list(csv.DictReader(file))
    refused = {(row["file"], int(row["line"]), row["reason"]) for row in planted if row["fate"] == "quarantined"}
    assert len({reason for *_, reason in refused}) == 12
    assert set(retailer.query("select file, line, reason from quality.quarantined_rows")) == refused
    set_aside = retailer.query("select sum(duplicates), sum(superseded) from quality.load_history")
    fates = [row["fate"] for row in planted]
    assert set_aside == [(fates.count("duplicate"), fates.count("supersedes"))]
    assert fates.count("accepted") > 0


def test_nothing_is_lost_from_layer_to_layer(retailer):
    assert retailer.query("select * from quality.reconciliation where difference_amount is distinct from 0") == []
    measures = {row[0] for row in retailer.query("select distinct measure from quality.reconciliation")}
    assert measures == {"rows", "quantity", "gross_sales_amount", "net_sales_amount"}
    sources = retailer.query("select source_system, sum(explained_amount) from quality.reconciliation"
                             " where layer = 'landed order lines to order lines' and measure = 'net_sales_amount' group by 1")  # fmt: skip
    assert all(amount != 0 for _, amount in sources), "dirty rows, cancelled lines and dollars explain something"


def test_net_promoter_intervals(retailer):
    """Recomputed from the answers: adjusted Wald, three quarters added to promoters and to detractors."""
    found = retailer.query(
        "select response_month, survey, touchpoint, nps, nps_low, nps_high from persistency.satisfaction_trend where metric = 'nps'"
    )
    scores: dict[tuple, list[float]] = {}
    for *key, score in retailer.query(
        "select date_trunc('month', response_date)::date, survey, touchpoint, score::double from core.fct_survey_responses"
        " where metric = 'nps'"
    ):
        scores.setdefault(tuple(key), []).append(score)
    assert len(found) == len(scores) > 5
    for month, survey, touchpoint, nps, low, high in found:
        given = np.array(scores[month, survey, touchpoint])
        n, promoters, detractors = len(given), (given >= 9).sum(), (given <= 6).sum()
        p, d = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
        wide = stats.norm.ppf(0.975) * np.sqrt((p + d - (p - d) ** 2) / (n + 3))
        expected = [(promoters - detractors) / n, max(-1, p - d - wide), min(1, p - d + wide)]
        np.testing.assert_allclose([nps, low, high], 100 * np.array(expected), rtol=1e-12)


def test_churn_drivers(retailer):
    """Two drivers recomputed from core with NumPy and SciPy; every p-value from its z; the adjustment by SciPy."""
    rows = retailer.query(
        "select driver, churned_count, kept_count, churned_value, kept_value, difference_low, difference_high, z, p_value,"
        " adjusted_p_value from persistency.churn_drivers order by driver_rank"
    )
    found = {row[0]: row[1:] for row in rows}
    (day,) = retailer.query("select max(as_of_date) from persistency.churn_drivers")[0]
    customers = retailer.query(
        f"""
        with bounds as (select (date '{day}' - interval 6 month)::date as cut, (date '{day}' - interval 18 month)::date as before)
        select
            customer_id, date_diff('day', min(order_date), any_value(cut)) as tenure,
            max(case when order_date > cut then 1 else 0 end) = 0 as has_churned,
            max((select count(*) from core.fct_service_cases as c where c.customer_id = o.customer_id and kind = 'complaint'
                 and opened_date > before and opened_date <= cut)) > 0 as has_complaint
        from core.fct_orders as o, bounds
        where customer_id is not null and not is_return_only
        group by customer_id
        having max(case when order_date > before and order_date <= cut then 1 else 0 end) = 1
        """
    )
    churned = np.array([row[2] for row in customers])
    tenure = np.array([row[1] for row in customers], dtype=float)
    test = stats.ttest_ind(tenure[churned], tenure[~churned], equal_var=False)
    count, kept, value, kept_value, low, high, z, _, _ = found["tenure_days"]
    assert (count, kept) == (churned.sum(), (~churned).sum())
    np.testing.assert_allclose([value, kept_value], [tenure[churned].mean(), tenure[~churned].mean()])
    np.testing.assert_allclose(z, test.statistic)
    error = (value - kept_value) / z
    np.testing.assert_allclose([low, high], (value - kept_value) + np.array([-1, 1]) * stats.norm.ppf(0.975) * error)
    complaint = np.array([row[3] for row in customers])
    k1, k2 = complaint[churned].sum(), complaint[~churned].sum()
    wilson = [stats.binomtest(int(k), int(n)).proportion_ci(method="wilson") for k, n in ((k1, count), (k2, kept))]
    p1, p2 = k1 / count, k2 / kept
    expected = (
        p1 - p2 - np.hypot(p1 - wilson[0].low, wilson[1].high - p2),
        p1 - p2 + np.hypot(wilson[0].high - p1, p2 - wilson[1].low),
    )
    np.testing.assert_allclose(found["complaint"][4:6], expected)
    np.testing.assert_allclose(found["complaint"][2:4], [p1, p2])
    zs, ps, adjusted = (np.array([row[at] for row in rows]) for at in (7, 8, 9))
    np.testing.assert_allclose(ps, 2 * stats.norm.sf(np.abs(zs)), rtol=2e-7)
    np.testing.assert_allclose(adjusted, stats.false_discovery_control(ps))
    assert len(rows) >= 6


def test_moves_between_value_tiers_end_in_todays(retailer):
    """The as-of date is a month-end: what customers moved to by then is what they are."""
    moved = "select tier_after, sum(customer_count)::bigint from profitability.value_tier_migration where month_end_date = as_of_date group by 1"
    assert set(retailer.query(moved)) == set(
        retailer.query("select value_tier, count(*) from profitability.customer_value_tiers group by 1")
    )


def test_the_record_of_lifetime_value(retailer):
    """Every fit is tested where enough came, beats its rivals on customers made by the model, and its tenths and cohorts add up."""
    runs = retailer.query(
        "select clv_segment, verdict, holdout_rmse, rival_last_period_rmse, holdout_customer_count,"
        " holdout_predicted_order_days, holdout_actual_order_days from profitability.clv_model_runs"
    )
    assert len(runs) > 1
    groups = {
        (segment, kind): (customers, predicted, actual)
        for segment, kind, customers, predicted, actual in retailer.query(
            "select clv_segment, group_type, sum(customer_count), sum(predicted_order_days), sum(actual_order_days)"
            " from profitability.clv_calibration group by 1, 2"
        )
    }
    for segment, verdict, error, rival, customers, predicted, actual in runs:
        assert (verdict == "not_tested") == (error is None)
        if error is not None:
            for kind in ("predicted_tenth", "cohort_quarter"):
                assert groups[segment, kind] == pytest.approx((customers, predicted, actual))
            assert verdict == "loses_to_rival" or error < rival
    assert next(verdict for segment, verdict, *_ in runs if segment == "all") == "sound"


def test_the_forecast_adds_up_to_what_is_expected_of_customers(retailer):
    """Twelve months of all segments, by ages in quarters of a month, and each customer's own year."""
    months, customers = (
        retailer.query(query)[0][0]
        for query in (
            "select sum(expected_orders) from prospecting.customer_base_forecast",
            "select sum(expected_orders_12m) from profitability.customer_clv",
        )
    )
    assert months == pytest.approx(customers, rel=5e-4)


def test_ceilings_follow_from_the_seed(retailer):
    """Recomputed from customers: what is lost with one who leaves, times the chance to keep them."""
    (found,) = retailer.query(
        "select keep_ceiling_amount, acquire_ceiling_amount from profitability.resource_allocation"
        " where dimension = 'value_tier' and value = 'platinum'"
    )
    (expected,) = retailer.query(
        "select avg(greatest(value_if_kept_amount, 0)) filter (where lifecycle_stage <> 'lapsed') * 0.20,"
        " avg(value_of_one_like_it_amount) * 0.33 from profitability.customer_clv inner join profitability.customer_value_tiers"
        " using (customer_id) inner join persistency.customer_lifecycle using (customer_id) where value_tier = 'platinum'"
    )
    np.testing.assert_allclose([float(value) for value in found], [float(value) for value in expected], rtol=1e-4)


def test_no_relation_is_empty(retailer):
    with duckdb.connect(str(retailer.warehouse.resolve()), read_only=True) as connection:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        empty = [name for (name,) in tables if connection.execute(f"select count(*) from {name}").fetchone() == (0,)]
    assert empty == []
    assert retailer.query("select relation from quality.coverage where not is_available") == []


def test_nothing_personal_is_published(retailer):
    personal = personal_values(retailer.landing)
    assert len(personal) > 3000
    with duckdb.connect(str(retailer.warehouse.resolve()), read_only=True) as connection:
        connection.execute("create temp table personal as select unnest($1) as told", [sorted(personal)])
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where not internal and data_type = 'VARCHAR'"
            " and schema_name not in ('main', 'temp')"
        ).fetchall()
        assert len(columns) > 100
        for schema, table, column in columns:
            found = connection.execute(
                f"select told from personal inner join {schema}.{table} as t on t.{column} = told limit 1"
            ).fetchall()
            assert found == [], f"{schema}.{table}.{column}"
    # As text in any file: pages, manifest, database, Parquet.
    telling = [value.encode() for value in personal if "@" in value or " " in value or len(value) > 10]
    some = [
        *telling[:: max(1, len(telling) // 400)],
        b"Secret Street",
        b"Freitext-Geheim",
        b"Kommentar-Vertraulich",
        b"Heimlich",
    ]
    for path in retailer.root.glob("versions/**/*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(value in content for value in some), path


def personal_values(landing: Path) -> set[str]:
    """Names, numbers, addresses and free text that were landed, in sound rows and in spoilt ones."""
    found: set[str] = set()
    with (landing / "till" / "customers" / "zz-dirty.csv").open(newline="") as dirty:
        rows = list(csv.DictReader(dirty))
    rows += (
        duckdb.sql(f"select * from read_csv('{landing}/till/customers/part-*.csv', all_varchar = true)")
        .df()
        .to_dict("records")
    )
    for row in rows:
        found |= {
            row["email"],
            row["phone"],
            row["street"],
            row["loyalty_card_id"],
            f"{row['first_name']} {row['last_name']}",
        }
        found.add(row["customer_id"])
    web = duckdb.sql(f"select full_name, email, phone, customer_id from '{landing}/web/customers/*.parquet'").fetchall()
    found |= {value for row in web for value in row}
    for path in (landing / "survey" / "survey_responses").glob("*.jsonl"):
        found |= {json.loads(line).get("comment") for line in path.open(encoding="utf-8")}
    return {value for value in found if value}


@pytest.mark.prove
def test_order_and_splitting_of_files_do_not_matter(new_place):
    """The same rows shuffled, in other files, customers taken a few at a time: the same warehouse, row for row."""
    one, other = new_place("one"), new_place("other")
    simulate(Plan(400, 9, 11), one.root)
    simulate(Plan(400, 9, 11), other.root)
    settings = other.root / "regulars.yml"
    settings.write_text(settings.read_text().replace("vars:\n", "vars:\n  customers_at_once: 50\n"))
    assert "customers_at_once" in settings.read_text()
    for path in sorted(other.landing.glob("*/*/part-0000.*")):
        shuffled(path)
    for place in (one, other):
        outcome = place.refresh_here()
        assert outcome.exit == 0, outcome.messages
    first = contents(one)
    assert len(first) > 20
    assert first == contents(other)


def shuffled(path: Path) -> None:
    """Rows of a file in another order, in two files of other names."""
    form = path.name.split(".", 1)[1]
    source = f"read_csv('{path}', all_varchar = true)" if form.startswith(("csv", "tsv")) else f"'{path}'"
    source = f"read_json('{path}', format = 'newline_delimited')" if form == "jsonl" else source
    options = {"csv": "header", "csv.gz": "header, compression gzip", "tsv": "header, delimiter '\\t'"}.get(form, "")
    kind = {"jsonl": "json", "parquet": "parquet"}.get(form, "csv")
    with duckdb.connect() as connection:
        connection.execute(f"create table t as select * from {source}")
        connection.execute("create table numbered as select *, row_number() over (order by hash(t)) as place from t")
        for half, name in ((0, "b"), (1, "a")):
            target = path.with_name(f"{name}.{form}")
            connection.execute(
                f"copy (select * exclude (place) from numbered where place % 2 = {half} order by place desc) "
                f"to '{target}' (format {kind}{', ' + options if options else ''})"
            )
    path.unlink()


def contents(place) -> dict[str, tuple]:
    with duckdb.connect(str(place.warehouse.resolve()), read_only=True) as connection:
        tables = [
            row[0]
            for row in connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        ]
        return {
            name: connection.execute(
                f"select count(*), md5(string_agg(t::varchar, '|' order by t::varchar)) from {name} as t"
            ).fetchone()
            for name in tables
            if name not in OF_FILES
        }


@pytest.mark.prove
def test_a_second_refresh_changes_nothing(retailer):
    first = contents(retailer)
    assert retailer.refresh_here(full=True).exit == 0
    assert contents(retailer) == first


@pytest.mark.prove
def test_reconciled_together_with_complete_journey(new_place):
    place = new_place("together")
    simulate(Plan(3000, 24, 2, dirty_rate=0.05), place.root)
    assert call("demo", "--home", place.root).exit == 0
    days = "\n".join(f"2017-{month:02d}-{day:02d},USD,6.75" for month in range(1, 13) for day in range(1, 32))
    valid = [
        line
        for line in days.splitlines()
        if not line.startswith(("2017-02-29", "2017-02-3", "2017-04-31", "2017-06-31", "2017-09-31", "2017-11-31"))
    ]
    place.land("finance/exchange_rates/2017.csv", "rate_date,currency,rate\n" + "\n".join(valid) + "\n")
    outcome = place.refresh_here()
    assert outcome.exit == 0, outcome.messages
    assert place.query("select * from quality.reconciliation where difference_amount is distinct from 0") == []
    assert len(place.query("select distinct source_system from quality.reconciliation")) > 5
