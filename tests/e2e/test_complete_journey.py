"""Complete Journey, refreshed as the README says, shows the figures known of it."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import PROJECT, call

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def chain(new_place):
    place = new_place("complete_journey")
    landed = call("demo", "--home", place.root)
    assert landed.exit == 0, landed.text
    place.result = place.refresh()
    assert place.result.exit == 0, place.result.text
    return place


def test_the_summary_tells_what_one_wants_to_know(chain):
    said = re.sub(r"\s+", " ", chain.result.out)
    assert "1,687,361 in = 1,682,489 accepted + 4,872 duplicate + 0 superseded + 0 quarantined" in said
    assert "2,469 with an order" in said
    assert "155,848, net sales 4,596,039.58 USD" in said
    assert "tier A Top 25 customers 287,974.36 6.27%" in said
    assert "lines_without_a_product_record: 4836" in said
    assert str(chain.root / "published") in said
    assert re.search(r"seconds [\d.]+ = start", said)


def test_lines_orders_and_customers(chain):
    assert chain.query(
        "select count(*), sum(gross_sales_amount), sum(discount_amount), sum(coupon_discount_amount),"
        " sum(net_sales_amount) from core.fct_order_lines"
    ) == [(1469307, Decimal("5392232.87"), Decimal("791650.64"), Decimal("4542.65"), Decimal("4596039.58"))]
    assert chain.query("select count(*) from core.fct_orders") == [(155848,)]
    assert chain.query("select count(*) from core.dim_customers where not is_prospect") == [(2469,)]
    spanning = "select order_id from core.fct_order_lines group by 1 having min(order_date) <> max(order_date)"
    assert chain.query(spanning) == []
    assert chain.query("select min(order_date), max(order_date) from core.fct_orders") == [
        (date(2017, 1, 1), date(2017, 12, 31))
    ]


def test_nothing_is_lost(chain):
    fate = dict(
        (entity, rest)
        for entity, *rest in chain.query(
            "select entity, rows_in, accepted, duplicates, superseded, quarantined from quality.load_history"
        )
    )
    assert fate["transactions"] == [1469307, 1469307, 0, 0, 0]
    assert fate["coupons"] == [116204, 111332, 4872, 0, 0]
    assert fate["coupon_redemptions"] == [2102, 2102, 0, 0, 0]
    assert chain.query("select count(*) from core.fct_coupon_redemptions") == [(2102,)]
    assert chain.query("select count(*) from quality.reconciliation where difference_amount <> 0") == [(0,)]
    assert chain.query(
        "select failed_row_count from quality.check_results where check_name like '%lines_without_a_product_record'"
    ) == [(4836,)]


def test_first_orders_by_month(chain):
    assert [n for _, n in chain.query(
        "select month(first_order_date), count(*) from core.dim_customers group by 1 order by 1"
    )] == [1983, 185, 112, 47, 46, 20, 21, 16, 16, 6, 11, 6]  # fmt: skip


def test_pyramid(chain):
    assert chain.query(
        "select pyramid_tier, count(*), sum(net_sales_amount) from profiling.customer_pyramid"
        " where period_type = 'trailing_12m' group by 1 order by 1"
    ) == [
        ("A", 25, Decimal("287974.36")),
        ("B", 99, Decimal("707960.86")),
        ("C", 370, Decimal("1512146.21")),
        ("D", 1975, Decimal("2087958.15")),
    ]


def test_rfm_means(chain):
    recency, frequency, monetary = chain.query(
        "select avg(recency_days), avg(frequency_count), avg(monetary_amount) from profiling.customer_rfm"
    )[0]
    assert (round(recency, 2), round(frequency, 2), round(monetary, 2)) == (21.03, 63.12, 1861.50)


def test_rfm_scores_against_an_independent_computation(chain):
    """Scores computed in plain Python from the published orders, by the definition in MARTS.md."""
    rows = chain.query(
        "select r.customer_id, r.r_score, r.f_score, r.m_score, min(date_diff('day', o.order_date, r.as_of_date)),"
        " count(*), sum(o.net_sales_amount)"
        " from profiling.customer_rfm as r inner join core.fct_orders as o using (customer_id) group by all"
    )
    n = len(rows)

    def scores(values, middle):
        ordered = sorted(values)
        first = {value: ordered.index(value) + 1 for value in set(ordered)}
        count = {value: ordered.count(value) for value in set(ordered)}
        rank = {value: first[value] + ((count[value] - 1) / 2 if middle else 0) for value in first}
        return [min(5, 1 + int(5 * (rank[value] - 1) / n)) for value in values]

    assert [row[1] for row in rows] == scores([-row[4] for row in rows], middle=True)
    assert [row[2] for row in rows] == scores([row[5] for row in rows], middle=False)
    assert [row[3] for row in rows] == scores([row[6] for row in rows], middle=False)


# What the interface asks for since it was widened on 2026-11-30, in relations that are there; issues 25 and 27 to 30 bring it. What
# is delivered is taken out here: the test asks for exactly this.
ANNOUNCED = {
    "core.fct_order_lines: column line_kind missing",
    "profiling.customer_360: column contact_basis missing",
    "profiling.customer_360: column previous_rfm_segment missing",
    "profiling.customer_360: column previous_lifecycle_stage missing",
    "profiling.customer_360: column rfm_segment_advice_en missing",
    "profiling.customer_360: column rfm_segment_advice_zh missing",
    "profiling.customer_360: column lifecycle_stage_advice_en missing",
    "profiling.customer_rfm.rfm_segment: rows outside ['hibernating', 'at_risk', 'cant_lose', 'about_to_sleep',"
    " 'need_attention', 'loyal', 'promising', 'recent', 'potential_loyalist', 'champions', 'inactive']",
    "profitability.customer_clv: column predicted_sales_amount missing",
    "profitability.customer_clv: column predicted_sales_amount_low missing",
    "profitability.customer_clv: column predicted_sales_amount_high missing",
    "profitability.customer_clv: column verdict missing",
    "profitability.customer_value_tiers: column value_basis missing",
    "profitability.resource_allocation: column value_basis missing",
    "profitability.resource_allocation: column verdict missing",
    "performance.sales_by_dimension: column grouping_level missing",
    "prospecting.customer_base_forecast: column customer_group missing",
    "prospecting.customer_base_forecast: column verdict missing",
}


def test_the_interface_holds(chain):
    check = PROJECT.parent / "shared" / "acceptance" / "check_interface.py"
    if not check.exists():
        pytest.skip("shared/acceptance is not beside this checkout")
    built = [name for (name,) in chain.query("select schema_name || '.' || table_name from duckdb_tables()")]
    done = subprocess.run(
        [sys.executable, check, chain.root / "published", *built], capture_output=True, text=True, check=False
    )
    *found, total = done.stdout.strip().splitlines()
    assert "relations checked" in total
    assert {re.sub(r"\d+ rows", "rows", line) for line in found} == ANNOUNCED


def test_parquet_manifest_and_comments(chain):
    published = chain.root / "published"
    manifest = json.loads((published / "manifest.json").read_text())
    assert manifest["as_of_date"] == "2017-12-31"
    assert manifest["rows"]["core.fct_order_lines"] == 1469307
    assert len(manifest["inputs"]) == 7
    months = sorted(path.name for path in (published / "parquet" / "core" / "fct_order_lines").iterdir())
    assert months == [f"order_month=2017-{month:02}" for month in range(1, 13)]
    assert chain.query("select count(*) from duckdb_columns() where comment is null and not internal") == [(0,)]
    assert {schema for (schema,) in chain.query("select distinct schema_name from duckdb_tables()")} == {
        "core", "profiling", "persistency", "profitability", "performance", "prospecting", "quality",
    }  # fmt: skip


def test_data_docs_need_nothing_from_outside(chain):
    pages = list((chain.root / "published" / "data_docs").rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//[^\"]+\.(?:js|css|png|ico|svg)", page.read_text()), page


def test_data_docs_open_on_every_expectation_and_its_remedy(chain):
    docs = chain.root / "published" / "data_docs"
    index = (docs / "index.html").read_text()
    checks = chain.query("select check_name, is_passed, remedy from quality.check_results where gate <> 'dbt'")
    for name, is_passed, remedy in checks:
        assert f"<code>{name}</code>" in index
        assert is_passed or remedy.split(":")[0] in html.unescape(index)
    for link in re.findall(r'href="([^"]+)"', index):
        assert (docs / link).exists(), link


def test_unchanged_is_not_published_again(chain):
    before = chain.warehouse.resolve()
    again = chain.refresh()
    assert again.exit == 0
    assert "Nothing new" in again.out
    for path in chain.landing.rglob("*.parquet"):
        os.utime(path)
    touched = chain.refresh()
    assert "Nothing new" in touched.out
    assert chain.warehouse.resolve() == before


@pytest.mark.prove
def test_one_thread_gives_the_same_rows(chain):
    def rows() -> dict[str, list]:
        relations = ["core.fct_orders", "core.dim_customers", "profiling.customer_rfm", "profiling.customer_pyramid",
                     "profiling.pyramid_migration", "profiling.customer_360", "core.fct_customer_months",
                     "core.bridge_customer_sources", "core.fct_campaign_contacts", "profitability.customer_clv",
                     "profitability.clv_model_runs", "profiling.customer_needs", "prospecting.customer_base_forecast"]  # fmt: skip
        return {name: chain.query(f"select * from {name} order by all") for name in relations}

    before = rows()
    chain.settings("threads: 1\n")
    again = chain.refresh("--full")
    assert again.exit == 0, again.text
    assert rows() == before


@pytest.mark.prove
def test_a_past_date_knows_nothing_later(chain):
    past = chain.refresh("--as-of", "2017-06-30")
    assert past.exit == 0, past.text
    assert chain.query("select max(order_date), max(order_month) from core.fct_order_lines") == [
        (date(2017, 6, 30), date(2017, 6, 1))
    ]
    buyers = 1983 + 185 + 112 + 47 + 46 + 20
    assert chain.query("select count(*) from core.dim_customers where not is_prospect") == [(buyers,)]
    assert chain.query("select max(as_of_date), min(as_of_date) from profiling.customer_360") == [
        (date(2017, 6, 30), date(2017, 6, 30))
    ]


def test_no_path_of_this_machine_is_published(chain):
    manifest = (chain.root / "published" / "manifest.json").read_text()
    assert str(Path(chain.root).parent) not in manifest
