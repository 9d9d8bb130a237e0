"""Every gate really stops: nothing is published, the last version stays byte for byte, exit 3, and it is told why."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import dagster as dg
import pytest
from conftest import Place, call, orders

from regulars.home import Home

pytestmark = pytest.mark.e2e


def fingerprint(folder: Path) -> dict[str, str]:
    """Content of every file under the published folder, and where it points."""
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {**files, "points to": str(folder.resolve())}


@pytest.fixture(scope="module")
def shop(new_place):
    """A published home, shared: whatever is stopped must leave it as it was."""
    place = new_place("gates")
    place.land("shop/order_lines.csv", orders(20))
    assert place.refresh_here().exit == 0
    return place


@pytest.fixture
def copy_of_shop(shop, tmp_path) -> Place:
    """For changed projects: what dbt parsed of them must not be left where the real one is parsed next."""
    place = Place(tmp_path / "home", shop.parsed)
    shutil.copytree(shop.root, place.root, symlinks=True)
    return place


def test_incoming_gate_stops_at_the_quarantine_rate(place):
    place.land("shop/order_lines.csv", orders(20))
    assert place.refresh_here().exit == 0
    before = fingerprint(place.root / "published")
    place.land("shop/order_lines/more.csv", orders(20, first=100) + "o999,2024-03-01 10:00:00,c1,many,10\n")
    stopped = place.call_here()
    assert stopped.exit == 3, stopped.text
    assert "incoming.load_history.quarantine_rate" in stopped.err
    assert '"quarantined": 1' in stopped.err
    assert "What to do: Look at the reasons" in stopped.err
    assert "Traceback" not in stopped.text
    assert fingerprint(place.root / "published") == before
    # The mistake is taken away again: it was never published, so it withdraws itself.
    (place.landing / "shop/order_lines/more.csv").unlink()
    assert "Nothing new" in place.call_here().out
    place.land("shop/order_lines/good.csv", orders(5, first=200))
    assert place.refresh_here().exit == 0
    assert place.query("select count(*) from core.fct_orders") == [(25,)]
    assert place.query("select status from quality.load_history order by load_id") == [
        ("current",), ("withdrawn",), ("current",),
    ]  # fmt: skip


def test_incoming_gate_stops_when_a_file_shrinks(shop):
    before = fingerprint(shop.root / "published")
    shop.land("shop/order_lines.csv", orders(5))
    outcome = shop.refresh_here()
    assert outcome.exit == 3, outcome.messages
    assert "volume_against_last_publication" in outcome.messages[0]
    assert fingerprint(shop.root / "published") == before
    shop.land("shop/order_lines.csv", orders(20))


def broken_suite(project: Path) -> None:
    path = project / "expectations" / "marts" / "fct_orders.json"
    suite = json.loads(path.read_text())
    query = "select order_id, net_sales_amount from {batch} where net_sales_amount > 0"
    suite["expectations"].append(
        {
            "type": "unexpected_rows_expectation",
            "kwargs": {"unexpected_rows_query": query, "description": "Nobody pays."},
            "severity": "critical",
            "description": "Nobody pays.",
            "meta": {"name": "nobody_pays", "remedy": "Give it all away.", "remedy_zh": "全部赠送。"},
        }
    )
    path.write_text(json.dumps(suite))


def broken_test(project: Path) -> None:
    (project / "tests" / "data" / "assert_nobody_pays.sql").write_text(
        "-- Fails if anybody pays.\nselect order_id, net_sales_amount from {{ ref('fct_orders') }} where net_sales_amount > 0\n"
    )


def broken_rule(project: Path) -> None:
    path = project / "models" / "marts" / "core" / "fct_orders.yml"
    rule = '      - holds: {arguments: {condition: "net_sales_amount < 0"}}\n'
    path.write_text(path.read_text().replace("    data_tests:\n", f"    data_tests:\n{rule}", 1))
    assert rule in path.read_text()


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (broken_suite, ["marts.fct_orders.nobody_pays", '"order_id": "o', "Give it all away."]),
        (broken_test, ["assert_nobody_pays", "order_id=o", "What to do:"]),
        (
            broken_rule,
            ["holds_fct_orders_net_sales_amount_0 on fct_orders: Got 20 results", "order_id=o", "What to do:"],
        ),
    ],
    ids=["mart gate", "dbt test", "rule"],
)
def test_mart_gate_and_dbt_tests_stop(copy_of_shop, project, breaks, told):
    shop = copy_of_shop
    before = fingerprint(shop.root / "published")
    breaks(project)
    stopped = call("refresh", "--home", shop.root, project=project)
    assert stopped.exit == 3, stopped.text
    for words in told:
        assert words in stopped.err, stopped.text
    assert "Traceback" not in stopped.text
    assert fingerprint(shop.root / "published") == before


def test_a_mart_that_breaks_its_contract_stops(copy_of_shop, project):
    """Its yml declares another type than its query gives: found when the part of the graph is built."""
    shop = copy_of_shop
    before = fingerprint(shop.root / "published")
    path = project / "models" / "marts" / "core" / "fct_orders.yml"
    text = path.read_text()
    path.write_text(text.replace("data_type: bigint", "data_type: integer", 1))
    assert path.read_text() != text
    stopped = call("refresh", "--home", shop.root, project=project)
    assert stopped.exit == 1, stopped.text
    assert "fct_orders does not keep its contract" in stopped.err
    assert "declares [line_count integer], its query gives [line_count bigint]" in stopped.err
    assert fingerprint(shop.root / "published") == before


def test_publishing_refuses_without_the_checks_of_its_own_run(shop):
    """Materializing the assets without their checks, as `materialize` and the page allow, publishes nothing."""
    before = fingerprint(shop.root / "published")
    shop.land("shop/order_lines.csv", orders(21))
    Home.at(shop.root).export()
    from orchestration.definitions import build

    everything_but_gates = dg.AssetSelection.all().without_checks() | dg.AssetSelection.assets(
        dg.AssetKey(["published", "warehouse"])
    )
    definitions = build()
    job = dg.Definitions(
        assets=definitions.assets,
        asset_checks=definitions.asset_checks,
        resources=definitions.resources,
        jobs=[dg.define_asset_job("partial", everything_but_gates, executor_def=dg.in_process_executor)],
    ).resolve_job_def("partial")
    result = job.execute_in_process(instance=dg.DagsterInstance.get(), raise_on_error=False)
    assert not result.success
    told = [event.event_specific_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert "check incoming_load_history on quality/load_history has no result" in told[0].description
    assert fingerprint(shop.root / "published") == before
