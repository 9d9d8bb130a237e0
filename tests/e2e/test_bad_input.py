"""Bad input gets a clear message, leaves the published warehouse alone, and loses nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import duckdb
import pytest
from conftest import FIVE_COLUMNS, PROJECT, call, orders

pytestmark = pytest.mark.e2e
GOOD = orders(10)


def refused(result, *words: str) -> None:
    assert result.exit == 2, result.text
    assert "nothing was published" in result.err
    assert "What to do:" in result.err
    assert "Traceback" not in result.text
    for word in words:
        assert word in result.err, result.text


@pytest.fixture(scope="module")
def shop(new_place):
    """A home with a published warehouse, shared: refused input must leave it as it was."""
    place = new_place("shop")
    place.land("shop/order_lines.csv", GOOD)
    assert place.refresh_here().exit == 0
    place.before = place.warehouse.resolve(), place.warehouse.read_bytes()
    return place


def test_an_unusable_file_and_an_unusable_setting_are_refused(shop):
    """Two of tests/unit/test_refusals.py end to end: what is refused stops the refresh and leaves what is published."""
    for name, content, words in (
        ("shop/order_lines/b.csv", b"", ["shop/order_lines/b.csv", "is empty", "not even a header"]),
        ("../regulars.yml", b"vars:\n  windw_months: 3\n", ["vars.windw_months", "no model asks for this var"]),
    ):
        path = shop.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        try:
            refused(shop.call_here(), *words)
        finally:
            path.unlink()
        assert (shop.warehouse.resolve(), shop.warehouse.read_bytes()) == shop.before


def test_no_files(place):
    refused(place.call_here(), "there are no files to load", str(place.landing), "regulars demo")


def test_a_landing_zone_that_cannot_be_read(place, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    refused(place.call_here("--landing", str(file)), "is no folder", str(file))


def test_an_unreadable_file(place):
    place.land("shop/order_lines.csv", GOOD)
    (place.landing / "shop" / "customers.csv").symlink_to("/nowhere/at/all.csv")
    refused(place.call_here(), "customers.csv", "can't be read")


def test_wrong_usage(place):
    assert call("refresh", "--home", place.root, "--as-of", "yesterday").exit == 2
    assert call("refresh", "--nonsense").exit == 2


@pytest.fixture(scope="module")
def bazaar(new_place):
    """One landing zone, a kind of trouble in each source system: they are loaded file by file, so they do not meet."""
    place = new_place("bazaar")
    place.land("blank/order_lines.csv", FIVE_COLUMNS)
    place.land("cut/order_lines.csv", orders(300)[:-12])
    place.land("twice/order_lines/a.csv", GOOD)
    place.land("twice/order_lines/b.csv", GOOD)
    place.land(
        "dirty/order_lines.csv",
        orders(600)
        + "x,2024-03-01,anna,1,1\nx,2024-03-01,ben,1,1\ny,2024-03-01,anna,one,1\n"
        + "z,2999-01-01,anna,1,1\nw,1900-01-01,anna,1,1\n",
    )
    header = "order_id,ordered_at,customer_id,quantity,unit_price,channel,colour\n"
    rows = [f"{n},2024-03-01,c{n},1,10,门店销售渠道{'网店' if n % 2 else '超市'},红\n" for n in range(50)]
    place.land("chinese/order_lines/a.csv", header + "".join(rows[:20]), "gb18030")
    place.land("chinese/order_lines/b.csv", header + "".join(rows[20:40]), "utf-16")
    place.land("chinese/order_lines/c.csv", header + "".join(rows[40:]), "utf-8-sig")
    path = place.landing / "columns" / "order_lines.parquet"
    path.parent.mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select i::int as order_id, timestamp '2024-03-01 10:00:00' as ordered_at, 'c' || i as customer_id,"
            " case when i = 7 then 'many' else '1' end as quantity, case when i = 9 then 'inf'::double else 10.0 end"
            f" as unit_price from range(400) as r (i)) to '{path}' (format parquet)"
        )
    outcome = place.refresh_here()
    assert outcome.exit == 0, outcome.messages
    return place


def loads(place, system: str, columns: str) -> list[tuple]:
    return place.query(f"select {columns} from quality.load_history where source_system = '{system}' order by file")


def quarantined(place, system: str) -> list[tuple]:
    return place.query(
        f"select line, reason, column_name from quality.quarantined_rows where source_system = '{system}' order by line"
    )


def counted(place, system: str, relation: str = "core.fct_order_lines") -> int:
    return place.query(f"select count(*) from {relation} where source_system = '{system}'")[0][0]


def test_a_header_only_passes(bazaar):
    assert loads(bazaar, "blank", "status, rows_in") == [("current", 0)]
    assert counted(bazaar, "blank") == 0


def test_a_file_cut_in_the_middle(bazaar):
    """The cut line is quarantined with its place; the rest counts, if the limit allows."""
    assert quarantined(bazaar, "cut") == [(301, "ragged_row", "quantity")]
    assert loads(bazaar, "cut", "rows_in, accepted, quarantined") == [(300, 299, 1)]


def test_a_duplicated_file_counts_once(bazaar):
    assert counted(bazaar, "twice") == 10
    assert loads(bazaar, "twice", "file, status, rows_in, accepted, duplicates") == [
        ("twice/order_lines/a.csv", "current", 10, 10, 0),
        ("twice/order_lines/b.csv", "same_content", 10, 0, 10),
    ]


def test_dirt_in_a_large_file_is_set_aside(bazaar):
    """An order of two customers, text in a number, dates of 2999 and 1900: five rows and their reasons, the rest counts."""
    assert quarantined(bazaar, "dirty") == [
        (602, "order_two_customers", "customer_id"),
        (603, "order_two_customers", "customer_id"),
        (604, "unreadable_value", "quantity"),
        (605, "event_date_in_future", "ordered_at"),
        (606, "event_date_too_early", "ordered_at"),
    ]
    assert counted(bazaar, "dirty", "core.fct_orders") == 600


def test_gb18030_and_utf16_and_bom(bazaar):
    assert bazaar.query("select channel, count(*) from core.fct_orders where channel is not null group by 1 order by 1") == [
        ("门店销售渠道网店", 25), ("门店销售渠道超市", 25),
    ]  # fmt: skip
    assert loads(bazaar, "chinese", "encoding") == [("gb18030",), ("utf-16",), ("utf-8",)]


def test_an_unknown_column_is_a_warning(bazaar):
    assert bazaar.query(
        "select is_passed, severity from quality.check_results where check_name like '%columns_are_known'"
    ) == [(False, "warning")]
    assert loads(bazaar, "chinese", "ignored_columns") == [("colour",)] * 3


def test_a_parquet_file_with_unreadable_values(bazaar):
    assert quarantined(bazaar, "columns") == [
        (8, "unreadable_value", "quantity"),
        (10, "number_not_finite", "unit_price"),
    ]


def test_two_refreshes_at_once(shop):
    from regulars.home import Home

    with Home.at(shop.root).lock("the first one"):
        second = shop.refresh("--full")
    refused(second, "another refresh holds this home: the first one, process")


def test_a_target_that_is_not_ours(place):
    """Refused before anything is read."""
    place.land("shop/order_lines.csv", GOOD)
    (place.root / "published").mkdir(parents=True)
    (place.root / "published" / "precious.txt").write_text("mine")
    refused(place.call_here(), "was not published by Regulars")
    assert (place.root / "published" / "precious.txt").read_text() == "mine"
    assert not (place.root / "build" / "regulars_build.duckdb").exists()


def test_a_read_only_target(tmp_path):
    refused(call("refresh", "--home", "/proc/regulars"), "can't be written", "/proc/regulars")


@pytest.mark.prove
def test_a_full_disk(shop):
    """File sizes are limited as a full disk would: the published warehouse stays, and a later refresh mends all."""
    shop.land("shop/order_lines/more.csv", orders(40000, first=1000))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    done = subprocess.run(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
         "from regulars.cli import main; main()", "refresh", "--home", shop.root],
        cwd=PROJECT, env=environment, preexec_fn=full, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "What to do:" in done.stderr
    assert (shop.warehouse.resolve(), shop.warehouse.read_bytes()) == shop.before
    after = shop.refresh_here()
    assert after.exit == 0, after.messages
    assert shop.query("select count(*) from core.fct_orders") == [(40010,)]
    shop.before = shop.warehouse.resolve(), shop.warehouse.read_bytes()


def test_a_lock_left_by_a_dead_process_is_free(shop):
    code = (
        "import sys, time; from pathlib import Path; from regulars.home import Home\n"
        "home = Home.at(Path(sys.argv[1])); home.prepare()\n"
        "with home.lock('dead'): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, shop.root], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert "another refresh holds this home: dead" in shop.refresh("--full").err
    holder.kill()
    holder.wait()
    time.sleep(0.1)
    assert shop.call_here().exit == 0
