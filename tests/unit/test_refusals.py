"""Input that can't be used is refused where it is read, with file, line, column and remedy; without the job around it."""

from __future__ import annotations

import pytest
from conftest import FIVE_COLUMNS, orders

from regulars.errors import UserError

GOOD = orders(10)
HEADERLESS = "order_id,ordered_at,customer_id,quantity\n1,2024-01-01,a,1\n"


@pytest.fixture(scope="module")
def shop(new_place):
    """A home with a loaded file, shared: refused input must leave its ledger as it was."""
    place = new_place("refusals")
    place.land("shop/order_lines.csv", GOOD)
    place.load()
    return place


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("shop/order_lines/b.csv", b"", ["shop/order_lines/b.csv", "is empty", "not even a header"]),
        (
            "shop/order_lines/b.csv",
            HEADERLESS.encode(),
            ["line 1", "unit_price or gross_sales_amount", "is missing"],
        ),
        ("shop/order_lines/b.csv", b"order_id,order_id\n1,2\n", ["column order_id", "there twice"]),
        ("shop/order_lines/b.parquet", b"PAR1 not really", ["b.parquet", "can't be read as Parquet"]),
        (
            "shop/order_lines/b.csv",
            FIVE_COLUMNS.encode() + b"1,2024-01-01,\xff\x81\xff,1,1\n",
            ["b.csv", "line 2"],
        ),
        ("shop/receipts.csv", GOOD.encode(), ["there is no table 'receipts'", "order_lines"]),
        ("order_lines.csv", GOOD.encode(), ["in no source system's folder"]),
        ("shop/order_lines/b.pdf", b"%PDF", [".pdf can't be read", "csv, csv.gz"]),
        ("shop/_source.yml", b"time_zne: UTC\n", ["time_zne", "no such key", "Known keys"]),
        ("shop/_source.yml", b"time_zone: Mars/Base\n", ["time_zone", "'Mars/Base' is no time zone"]),
        (
            "../regulars.yml",
            b"vars:\n  windw_months: 3\n",
            ["vars.windw_months", "no model asks for this var"],
        ),
        ("../regulars.yml", b"quarantine_limit_rate: much\n", ["quarantine_limit_rate"]),
        ("../regulars.yml", b"a: [\n", ["not YAML", "line 2"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusable_input_is_refused(shop, name, content, words):
    path = shop.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    before = shop.load_count()
    path.write_bytes(content)
    try:
        with pytest.raises(UserError) as refusal:
            shop.load()
    finally:
        path.unlink()
    assert "What to do:" in str(refusal.value)
    for word in words:
        assert word in str(refusal.value)
    assert shop.load_count() == before
