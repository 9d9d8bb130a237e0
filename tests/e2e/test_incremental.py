"""What arrives, changes or goes is all that is made again; the outcome is that of a home built at once."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import Place, call_here, contents

from orchestration.warehouse import attach_marts

pytestmark = pytest.mark.e2e

LINES = "order_id,ordered_at,customer_id,product_id,quantity,unit_price\n"
SESSIONS = "session_id,visitor_id,started_at,customer_id,page_view_count\n"
RESPONSES = "response_id,customer_id,responded_at,survey,metric,score,scale_min,scale_max\n"
BOOKINGS = "transaction_id,customer_id,occurred_at,account,event,points\n"
FILES = {
    "order_lines/january.csv": LINES
    + "a1,2024-01-05 10:00:00,ann,tea,1,4.00\na2,2024-01-20 10:00:00,ben,pot,1,30.00\n"
    + "a3,2024-01-21 10:00:00,,tea,2,4.00\n",
    "order_lines/february.csv": LINES
    + "b1,2024-02-05 10:00:00,ann,tea,3,4.00\nb2,2024-02-06 10:00:00,cam,pot,1,30.00\n",
    "order_lines/mistake.csv": LINES
    + "m1,2024-02-07 10:00:00,ben,tea,100,4.00\na2,2024-02-08 10:00:00,ben,tea,1,4.00\n",
    "products.csv": "product_id,category,unit_cost_amount\ntea,drinks,1.50\npot,ware,12.00\n",
    "customers.csv": "customer_id,acquisition_channel\nann,web\nben,friend\n",
    "web_sessions/january.csv": SESSIONS
    + "s1,v1,2024-01-04 09:00:00,ann,3\ns2,v2,2024-01-06 09:00:00,,1\ns3,v1,2024-02-04 09:00:00,ann,2\n",
    "survey_responses/january.csv": RESPONSES
    + "r1,ann,2024-01-10 09:00:00,yearly,nps,9,0,10\nr2,,2024-02-10 09:00:00,yearly,nps,3,0,10\n",
    "loyalty_transactions/january.csv": BOOKINGS
    + "t1,ann,2024-01-05 10:00:00,points,earn,4\nt2,ben,2024-01-20 10:00:00,points,earn,30\n",
}


@pytest.fixture(scope="module")
def refreshed(new_place) -> tuple[Place, Path]:
    """A home after its first refresh, and a copy of it."""
    place = new_place("incremental")
    place.settings("publish_source_customer_ids: true\n")
    for name, text in FILES.items():
        place.land(f"shop/{name}", text)
    assert place.refresh_here().exit == 0
    copy = place.root.with_name("copy")
    shutil.copytree(place.root, copy, symlinks=True)
    return place, copy


@pytest.fixture
def home(refreshed) -> Place:
    """That home, as it was then, at the same place."""
    place, copy = refreshed
    shutil.rmtree(place.root)
    shutil.copytree(copy, place.root, symlinks=True)
    return place


def build(place: Place, sql: str) -> list:
    """What the build database answers."""
    with duckdb.connect(str(place.root / "build" / "regulars_build.duckdb")) as connection:
        attach_marts(connection, place.root / "build" / "warehouse.duckdb")
        with contextlib.suppress(duckdb.InvalidInputException):
            return connection.execute(sql).fetchall()
        return []


def changed_orders(place: Place) -> set[str]:
    return {row[0] for row in build(place, "select order_id from restricted.int_changed_orders")}


def made_anew(place: Place) -> bool:
    """Whether the last refresh began from nothing."""
    found = build(place, "select count(*) from duckdb_views() where view_name = 'int_order_lines__changed'")
    return found == [(1,)]


def assert_as_if_built_at_once(place: Place, new_place, as_of: str | None = None) -> None:
    other = new_place("at_once")
    other.settings((place.root / "regulars.yml").read_text())
    for path in (path for path in place.landing.rglob("*") if path.is_file()):
        other.land(str(path.relative_to(place.landing)), path.read_bytes())
    assert other.refresh_here(as_of=as_of).exit == 0
    found, expected = contents(place), contents(other)
    assert {name for name in expected if found.get(name) != expected[name]} == set()
    assert set(found) == set(expected)


def test_only_orders_of_files_that_came_or_went_are_made_again(home, new_place):
    assert made_anew(home)
    assert home.call_here().exit == 0
    # A new day; a line more for an order of January; a mistake that goes, with its line of a2.
    home.land(
        "shop/order_lines/march.csv",
        LINES + "c1,2024-03-01 10:00:00,ben,tea,1,4.00\na3,2024-01-21 10:00:00,dan,pot,1,30.00\n",
    )
    (home.landing / "shop" / "order_lines" / "mistake.csv").write_text(
        LINES + "m2,2024-02-07 10:00:00,ben,tea,1,4.00\n"
    )
    assert home.refresh_here().exit == 0
    assert not made_anew(home)
    assert changed_orders(home) == {"c1", "a3", "m1", "m2", "a2"}
    assert home.query("select count(distinct customer_id) from core.fct_orders where order_id = 'a3'") == [(1,)]
    assert_as_if_built_at_once(home, new_place)


def test_events_that_come_and_go_are_as_if_built_at_once(home, new_place):
    # A new session and a later telling of an old one; an answer that goes; nothing of points.
    home.land(
        "shop/web_sessions/later.csv",
        SESSIONS + "s4,v3,2024-02-05 09:00:00,ben,5\ns2,v2,2024-01-06 09:00:00,ben,1\n",
    )
    home.land("shop/survey_responses/january.csv", FILES["survey_responses/january.csv"].rsplit("r2", 1)[0])
    assert home.refresh_here().exit == 0
    assert not made_anew(home) and not changed_orders(home)
    assert home.query("select count(*), count(customer_id) from core.fct_web_sessions") == [(4, 4)]
    assert_as_if_built_at_once(home, new_place)


def test_attributes_and_days_change_what_they_must(home, new_place):
    home.land("shop/products.csv", FILES["products.csv"].replace("12.00", "15.00"))
    assert home.refresh_here(as_of="2024-02-05").exit == 0
    assert not made_anew(home)
    # Orders with a pot; and those of the days that are later than the figures now.
    assert changed_orders(home) == {"a2", "b2", "m1"}
    of_a2 = "select sum(cost_amount) from {} where order_id = 'a2'"
    files = home.warehouse.parent / "parquet/core/fct_order_lines/*/*.parquet"
    assert home.query(of_a2.format("core.fct_order_lines")) == home.query(of_a2.format(f"'{files}'")) == [(15,)]
    assert_as_if_built_at_once(home, new_place, as_of="2024-02-05")


def test_days_that_are_asked_for_are_made_again(home):
    """By the command line and by a partition in Dagster; from the raw zone, whatever the build says."""
    import dagster as dg

    from orchestration.definitions import build as definitions
    from regulars.home import Home

    wrong = "update core.int_order_lines set net_sales_amount = 99 where order_id = '{}'"
    expected = home.query("from core.fct_order_lines order by all")
    build(home, wrong.format("a1"))
    assert "Nothing new" in home.call_here().out
    assert home.call_here("--from", "2024-01-31", "--until", "2024-01-01").exit == 2
    build(home, "update core.int_web_sessions set page_view_count = 99 where session_id = 's1'")
    assert home.call_here("--from", "2024-01-01", "--until", "2024-01-31").exit == 0
    assert not made_anew(home) and changed_orders(home) == {"a1", "a2", "a3"}
    assert home.query("select page_view_count from core.fct_web_sessions where session_id = 's1'") == [(3,)]
    build(home, wrong.format("b1"))
    Home.at(home.root).export()
    with dg.DagsterInstance.get() as instance:
        job = definitions().resolve_job_def("backfill")
        assert job.execute_in_process(partition_key="2024-02-01", instance=instance).success
    assert changed_orders(home) == {"b1", "b2", "m1", "a2"}
    assert build(home, "select sum(net_sales_amount) from core.int_order_lines") == [(488,)]
    assert home.query("from core.fct_order_lines order by all") == expected
    assert " published " in call_here("status", "--home", home.root, "--last", "1").out


@pytest.mark.prove
def test_thresholds_of_marts_leave_the_build_and_rules_of_lines_do_not(home, new_place):
    home.settings("publish_source_customer_ids: true\nvars: {at_risk_overdue_ratio: 2}\n")
    assert home.refresh_here().exit == 0
    assert not made_anew(home) and not changed_orders(home)
    home.settings("publish_source_customer_ids: true\nvars: {window_months: 1, value_tier_month_ends: 1}\n")
    assert home.refresh_here().exit == 0
    assert not made_anew(home) and not changed_orders(home)
    assert_as_if_built_at_once(home, new_place)
    home.settings("publish_source_customer_ids: true\nvars: {default_margin_rate: 0.4}\n")
    assert home.refresh_here().exit == 0
    assert made_anew(home)
    assert_as_if_built_at_once(home, new_place)
    home.land("web/order_lines.csv", LINES + "w1,2024-03-05 10:00:00,ann,tea,1,4.00\n")
    assert home.refresh_here().exit == 0
    assert not made_anew(home) and changed_orders(home) == {"w1"}
    home.land("web/_source.yml", "time_zone: Asia/Tokyo\n")
    assert home.refresh_here().exit == 0
    assert made_anew(home)


@pytest.mark.prove
def test_what_lies_in_the_trailing_window_and_in_months_that_are_over_moves_with_the_day(home, new_place):
    """A year on, January has left the window and other months are told; back; and a crash on the way there."""
    for as_of in ("2025-02-06", "2024-02-29"):
        assert home.refresh_here(as_of=as_of).exit == 0
        assert not made_anew(home)
        assert_as_if_built_at_once(home, new_place, as_of=as_of)
    with as_if_it_died(home):
        assert home.refresh_here(as_of="2025-02-06").exit == 0
    assert home.refresh_here(as_of="2024-02-29").exit == 0
    assert not made_anew(home)
    assert_as_if_built_at_once(home, new_place, as_of="2024-02-29")


@pytest.mark.prove
def test_a_product_that_is_told_differently_is_looked_up_again(home, new_place):
    home.land(
        "shop/products.csv",
        FILES["products.csv"].replace("pot,ware", "pot,china").replace("_amount\n", "_amount\nacorn,nuts,1\n"),
    )
    assert home.refresh_here().exit == 0
    assert not made_anew(home) and changed_orders(home) == {"a2", "b2"}
    assert_as_if_built_at_once(home, new_place)


@pytest.mark.prove
def test_bookings_are_converted_again_where_their_rate_is_another(new_place):
    """Forward, and back after a crash on the way."""
    place = new_place("rates")
    rates = "rate_date,currency,rate\n2024-01-05,USD,{}\n2024-01-20,USD,0.9\n2024-01-25,USD,0.9\n"
    place.settings("reporting_currency: EUR\n")
    place.land("shop/_source.yml", "currency: USD\n")
    place.land("shop/order_lines.csv", LINES + "a1,2024-01-25 10:00:00,ann,tea,1,4.00\n")
    place.land(
        "shop/loyalty_transactions.csv",
        "transaction_id,customer_id,occurred_at,account,event,amount\n"
        "t1,ann,2024-01-05 10:00:00,stored_value,top_up,10\nt2,ann,2024-01-20 10:00:00,stored_value,top_up,10\n",
    )
    place.land("shop/exchange_rates.csv", rates.format("0.8"))
    assert place.refresh_here().exit == 0
    place.land("shop/exchange_rates.csv", rates.format("0.7"))
    assert place.refresh_here().exit == 0
    assert not made_anew(place) and not changed_orders(place)
    assert place.query("select sum(amount) from core.fct_loyalty_transactions") == [(16,)]
    with as_if_it_died(place):
        place.land("shop/exchange_rates.csv", rates.format("0.6"))
        assert place.refresh_here().exit == 0
    place.land("shop/exchange_rates.csv", rates.format("0.7"))
    assert place.refresh_here().exit == 0
    assert not made_anew(place)
    assert_as_if_built_at_once(place, new_place)


@pytest.mark.prove
def test_what_is_declared_after_a_crash_counts(home, new_place):
    """The crashed run knew the new source system's times as UTC and its campaigns as its own; the build that it left does not say so."""
    with as_if_it_died(home):
        home.land("web/order_lines.csv", LINES + "w1,2024-01-31 20:00:00+00,ann,tea,1,4.00\n")
        home.land("club/web_sessions.csv", "session_id,started_at,campaign_id\ns1,2024-01-31 20:00:00+00,spring\n")
        assert home.refresh_here().exit == 0
    home.land("web/_source.yml", "time_zone: Asia/Tokyo\n")
    home.land("club/_source.yml", "id_scope: shop\n")
    assert home.refresh_here().exit == 0
    assert home.query("select campaign_id from core.fct_web_sessions where source_system = 'club'") == [
        ("shop:spring",)
    ]
    assert home.query("select order_date::varchar from core.fct_orders where order_id = 'w1'") == [("2024-02-01",)]
    assert_as_if_built_at_once(home, new_place)


@pytest.mark.prove
def test_a_part_of_the_job_does_not_build_on_other_rules(home):
    """Re-executed from a failure, say: the step that starts the build over is not among what runs."""
    import dagster as dg

    from orchestration.definitions import build as definitions
    from regulars.home import Home

    home.settings("publish_source_customer_ids: true\nvars: {default_margin_rate: 0.4}\n")
    home.land("shop/order_lines/march.csv", LINES + "c1,2024-03-01 10:00:00,ben,tea,1,4.00\n")
    before = home.warehouse.resolve()
    Home.at(home.root).export()
    job = definitions().resolve_job_def("refresh")
    part = [key for key in job.asset_layer.executable_asset_keys if key.path[0] != "landing"]
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(asset_selection=part, instance=instance, raise_on_error=False)
    assert not done.success and home.warehouse.resolve() == before
    assert home.refresh_here().exit == 0
    assert made_anew(home)


@pytest.mark.prove
def test_what_dbt_made_by_hand_is_made_again(home, new_place):
    from dbt.cli.main import dbtRunner

    from orchestration import dbt
    from regulars.home import Home

    at = Home.at(home.root)
    at.export()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("REGULARS_REFRESH")
        done = dbtRunner().invoke(
            ["--quiet", "run", "--full-refresh", "--select", "int_order_lines int_orders", *dbt._arguments(at)]
        )
        dbt._close()
    assert done.success
    home.land("shop/order_lines/march.csv", LINES + "c1,2024-03-01 10:00:00,ben,tea,1,4.00\n")
    assert home.refresh_here().exit == 0
    assert made_anew(home)
    assert_as_if_built_at_once(home, new_place)


@contextlib.contextmanager
def as_if_it_died(place: Place):
    """What runs within leaves the build as a refresh does that dies before it can say that it is done."""
    build(place, "create table restricted.kept_state as from restricted.int_state")
    yield
    build(place, "create or replace table restricted.int_state as from restricted.kept_state")
    build(place, "drop table restricted.kept_state")


@pytest.mark.prove
def test_what_a_crash_left_half_made_is_made_again_though_its_cause_is_gone(home, new_place):
    with as_if_it_died(home):
        home.land("shop/order_lines/march.csv", LINES + "c1,2024-03-01 10:00:00,ben,tea,1,4.00\n")
        assert home.refresh_here().exit == 0
    assert call_here("withdraw", "shop/order_lines/march.csv", "--home", home.root).exit == 0
    (home.landing / "shop" / "order_lines" / "march.csv").unlink()
    assert home.refresh_here().exit == 0
    assert not made_anew(home) and changed_orders(home) == {"c1"}
    assert_as_if_built_at_once(home, new_place)
