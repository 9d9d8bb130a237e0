"""`regulars init` on exports of several kinds; what it writes builds without an edit."""

from __future__ import annotations

import pytest
from conftest import call

pytestmark = pytest.mark.e2e

TILL = (
    "订单号,会员号,下单时间,商品名称,数量,单价,实付金额\n"
    '0001,007,2024年3月1日 23:30,苹果,2,"1,250.00","2,500.00"\n'
    "0002,,2024年3月2日 9:10,梨,１,3.50,3.50\n"
)
SHOP = (
    "Order ID;Order Date;Customer ID;Quantity;Sales\n"
    "A1;08.11.2023 10:00;C1;2;261,96\nA2;31.12.2023 11:00;C2;1;1.731,94\nA3;31.12.2023 12:00;NULL;1;1,00\n"
    "A4;08.01.1923 10:00;C1;1;2,50\n"
)


@pytest.fixture
def initiated(place, project, tmp_path):
    """Two source systems that `regulars init` wrote, refreshed."""
    (tmp_path / "销售.csv").write_bytes(TILL.encode("gb18030"))
    (tmp_path / "members.csv").write_text("会员号,姓名,手机号,性别\n007,王小明,13800000000,男\n")
    (tmp_path / "shop 2023.csv").write_bytes(SHOP.encode("cp1252"))
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    place.settings(
        "reporting_currency: CNY\nquarantine_limit_rate: 0.9\nvars: {exchange_rate_carry_days: 30}\npublish_source_customer_ids: true\n"
    )
    home = ("--home", place.root)
    first = call(
        "init", "kasse", tmp_path / "销售.csv", tmp_path / "members.csv", tmp_path / "notes.csv", *home, project=project
    )
    assert first.exit == 0, first.text
    assert "会员号 → customer_id" in first.out
    assert "notes.csv is left out" in first.err
    second = call("init", "shop", tmp_path / "shop 2023.csv", *home, project=project)
    assert second.exit == 0, second.text
    assert "%d.%m.%Y %H:%M" in second.out
    again = call("init", "shop", tmp_path / "shop 2023.csv", *home, project=project)
    assert again.exit == 2
    assert "there already" in again.err
    nothing = call("init", "other", tmp_path / "notes.csv", *home, project=project)
    assert nothing.exit == 2
    assert "nothing was found for" in nothing.err
    done = call("refresh", *home, project=project)
    assert done.exit == 0, done.text
    return place, home


def test_what_init_writes_builds_without_an_edit(initiated):
    place, _ = initiated
    found = place.query(
        "select sources.source_customer_id, orders.order_id, orders.order_date::varchar, orders.net_sales_amount::double"
        " from core.fct_orders as orders left join core.bridge_customer_sources as sources using (customer_id) order by 2"
    )
    assert found == [
        ("007", "0001", "2024-03-01", 2500.0), (None, "0002", "2024-03-02", 3.5),
        ("C1", "A1", "2023-11-08", 261.96), ("C2", "A2", "2023-12-31", 1731.94), (None, "A3", "2023-12-31", 1.0),
    ]  # fmt: skip
    assert place.query("select line, reason from quality.quarantined_rows") == [(5, "event_date_too_early")]
    assert place.query("select gender from core.dim_customers where gender is not null") == [("男",)]


@pytest.mark.prove
def test_corrected_rows_come_back_in_the_source_s_own_shape(initiated, project, tmp_path):
    place, home = initiated
    # Its header, its decimal comma.
    assert call("quarantine", "export", tmp_path / "out", *home, project=project).exit == 0
    file = tmp_path / "out" / "shop.shop_2023.csv"
    text = file.read_text(encoding="utf-8-sig")
    assert "Order ID,Order Date,Customer ID,Quantity,Sales" in text
    assert '"2,5000"' in text
    file.write_text(text.replace("1923-", "2023-"))
    taken = call("quarantine", "take", file, *home, project=project)
    assert taken.exit == 0, taken.text
    again = call("quarantine", "take", file, *home, project=project)
    assert again.exit == 2
    assert "taken back already" in again.err
    done = call("refresh", *home, project=project)
    assert done.exit == 0, done.text
    assert place.query(
        "select order_date::varchar, net_sales_amount::double from core.fct_orders where order_id = 'A4'"
    ) == [("2023-01-08", 2.5)]
    assert place.query("select count(*) from quality.quarantined_rows") == [(0,)]
