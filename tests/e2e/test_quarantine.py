"""Quarantine: what could not be used is listed, corrected and taken back; a file is withdrawn and restored."""

from __future__ import annotations

import csv

import pytest
from conftest import FIVE_COLUMNS, call_here

pytestmark = pytest.mark.e2e

DIRTY = FIVE_COLUMNS + (
    "o1,2024-03-01 10:00:00,c1,1,10.00\n"
    "o2,2024-03-01 23:30:00,c2,many,5.00\n"
    "o3,2024-03-02 10:00:00,c3\n"
    "o4,2024-03-02 10:00:00,c4,１,2.50\n"
    "o5,1970-03-02 23:30:00,c5,1,7.00\n"
    ",2024-03-03 10:00:00,c6,1,1.00\n"
)


@pytest.fixture(scope="module")
def dirty(new_place):
    """One home, whose tests go on where the one before left it."""
    place = new_place("dirty")
    place.settings("quarantine_limit_rate: 0.9\npublish_source_customer_ids: true\n")
    place.land("shop/_source.yml", "time_zone: Asia/Shanghai\n")
    place.land("shop/order_lines.csv", DIRTY)
    assert place.refresh_here().exit == 0
    return place


def test_corrected_rows_come_back(dirty, tmp_path):
    home = ("--home", dirty.root)
    listed = call_here("quarantine", "list", *home)
    assert "shop/order_lines.csv" in listed.out
    assert "日期过早" in call_here("quarantine", "list", "--zh", *home).out
    assert dirty.query("select line, reason from quality.quarantined_rows order by line") == [
        (3, "unreadable_value"), (4, "ragged_row"), (6, "event_date_too_early"), (7, "required_missing"),
    ]  # fmt: skip
    assert call_here("quarantine", "export", tmp_path / "out", *home).exit == 0
    file = tmp_path / "out" / "shop.order_lines.csv"
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = {int(row["_line"]): row for row in csv.DictReader(source)}
    assert [rows[line]["_text"] for line in (3, 4)] == ["", "o3,2024-03-02 10:00:00,c3"]
    assert rows[3]["quantity"] == "many"
    assert (rows[6]["order_id"], rows[6]["unit_price"]) == ("o5", "7.0000")
    assert rows[6]["ordered_at"].startswith("1970-03-02 15:30:00+00"), "instants come with their zone"
    rows[3]["quantity"] = "2"
    rows[4].update(order_id="o3", ordered_at="2024-03-02 10:00:00", customer_id="c3", quantity="1", unit_price="3.00")
    rows[6]["ordered_at"] = rows[6]["ordered_at"].replace("1970", "2024")
    del rows[7]  # nobody knows whose order it was: it stays where it is
    with file.open("w", encoding="gb18030", newline="") as sink:
        writer = csv.DictWriter(sink, list(rows[3]))
        writer.writeheader()
        writer.writerows(rows.values())
    assert call_here("quarantine", "take", file, *home).exit == 0
    outcome = dirty.refresh_here()
    assert outcome.exit == 0, outcome.messages
    assert dirty.query("select line, reason from quality.quarantined_rows") == [(7, "required_missing")]
    assert dirty.query("select file, rows_in, accepted, superseded, quarantined from quality.load_history order by file")[0] == (
        "shop/order_lines.csv", 6, 2, 3, 1,
    )  # fmt: skip
    found = dirty.query(
        "select order_id, order_date::varchar, net_sales_amount::double from core.fct_orders order by 1"
    )
    assert found == [
        ("o1", "2024-03-01", 10.0), ("o2", "2024-03-01", 10.0), ("o3", "2024-03-02", 3.0), ("o4", "2024-03-02", 2.5),
        ("o5", "2024-03-02", 7.0),
    ]  # fmt: skip
    again = call_here("quarantine", "take", file, *home)
    assert again.exit == 2
    assert "is not in quarantine" in again.err


@pytest.mark.prove
def test_a_corrected_file_replaces_its_rows_and_empties_its_quarantine(dirty):
    dirty.land(
        "shop/order_lines.csv", FIVE_COLUMNS + "o1,2024-03-01 10:00:00,c1,1,10.00\no2,2024-03-01 23:30:00,c2,1,5.00\n"
    )
    dirty.land("shop/order_lines/later.csv", FIVE_COLUMNS + "o9,2024-03-05 10:00:00,c9,1,9.00\n")
    assert dirty.refresh_here().exit == 0
    assert dirty.query("select count(*) from quality.quarantined_rows") == [(0,)]
    assert dirty.query("select count(*), sum(net_sales_amount)::int from core.fct_orders") == [(3, 24)]
    assert dirty.query("select status, rows_in, superseded from quality.load_history where file = 'shop/order_lines.csv'"
                       " order by load_id") == [("replaced", 6, 6), ("current", 2, 0)]  # fmt: skip
    # A file that is gone withdraws nothing: people clean up.
    (dirty.landing / "shop/order_lines.csv").unlink()
    # Withdrawn: its rows are gone, and stay away though the file still lies there; until somebody lets it count again.
    assert call_here("withdraw", "shop/order_lines/later.csv", "--home", dirty.root).exit == 0
    assert dirty.refresh_here().exit == 0
    assert dirty.query("select count(*) from core.fct_orders") == [(2,)]
    status = "select status from quality.load_history where file = 'shop/order_lines/later.csv'"
    assert dirty.query(status) == [("withdrawn",)]
    unknown = call_here("withdraw", "shop/nothing.csv", "--home", dirty.root)
    assert unknown.exit == 2
    assert "shop/order_lines.csv" in unknown.err
    assert call_here("withdraw", "--undo", dirty.landing / "shop/order_lines/later.csv", "--home", dirty.root).exit == 0
    assert dirty.refresh_here().exit == 0
    assert dirty.query("select count(*) from core.fct_orders") == [(3,)]
