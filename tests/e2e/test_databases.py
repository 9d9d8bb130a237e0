"""Tables of a real PostgreSQL: read by a cursor, again only what is new, and loaded like any landed file."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import postgres
import psycopg
import pyarrow.parquet as parquet
import pytest
from conftest import PROJECT, call

from orchestration.databases import extract_all
from regulars.errors import UserError
from regulars.home import Home

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(postgres.programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
]

SOURCES = """
erp:
  connection: ERP_URL
  schema: public
  tables:
    sales: {entity: order_lines, cursor: updated_at}
"""


@pytest.fixture(scope="module")
def address():
    with postgres.running() as address:
        yield address


@pytest.fixture
def home(tmp_path, address, monkeypatch) -> Home:
    monkeypatch.setenv("ERP_URL", address)
    (tmp_path / "home").mkdir()
    return Home.at(tmp_path / "home")


def sql(address: str, *statements: str) -> None:
    with psycopg.connect(address) as connection:
        for statement in statements:
            connection.execute(statement)


def extract(home: Home, sources: str = SOURCES) -> list[int]:
    home.databases_file.write_text(sources)
    fresh = Home.at(home.root)
    return [extraction.rows for extraction in extract_all(fresh)]


def ids(folder: Path) -> list:
    return [n for file in sorted(folder.glob("*.parquet")) for n in parquet.read_table(file).column("id").to_pylist()]


def test_sales_of_a_database(place, address, monkeypatch):
    sql(
        address,
        "drop table if exists sales",
        "create table sales (order_id text, line_number int, ordered_at timestamptz, customer_id text, quantity numeric(9,2),"
        " unit_price numeric, updated_at timestamptz not null, note json)",
        """insert into sales values
        ('001', 1, '2024-03-01 23:30+08', '007', 1, 10.50, '2024-03-02', '{"a": 1}'),
        ('002', 1, '2024-03-02 10:00+08', '008', 2, 3.25, '2024-03-03', null)""",
    )
    place.land("erp/_source.yml", "time_zone: Asia/Shanghai\n")
    place.settings("publish_source_customer_ids: true\n")
    (place.root / "sources.yml").write_text(SOURCES)
    monkeypatch.delenv("ERP_URL", raising=False)
    unset = place.call_here()
    assert unset.exit == 2
    assert "ERP_URL is not set" in unset.err
    monkeypatch.setenv("ERP_URL", address)
    first = place.call_here()
    assert first.exit == 0, first.text
    shown = "select order_id, order_date::varchar, net_sales_amount::double from core.fct_orders order by 1"
    assert place.query(shown) == [("001", "2024-03-01", 10.5), ("002", "2024-03-02", 6.5)]
    # One changed, one new; the changed row gives way to its later version.
    sql(
        address,
        "update sales set quantity = 3, updated_at = '2024-03-04' where order_id = '001'",
        "insert into sales values ('003', 1, '2024-03-03 10:00+08', '007', 1, 5, '2024-03-04', null)",
    )
    second = place.call_here()
    assert second.exit == 0, second.text
    assert place.query(shown) == [
        ("001", "2024-03-01", 31.5),
        ("002", "2024-03-02", 6.5),
        ("003", "2024-03-03", 5.0),
    ]
    assert place.query("select file, rows_in, accepted, superseded from quality.load_history order by file") == [
        ("extracts/erp/order_lines/00000001.parquet", 2, 1, 1),
        ("extracts/erp/order_lines/00000002.parquet", 2, 2, 0),
    ]
    left = subprocess.run(["grep", "-rla", postgres.PASSWORD, place.root], capture_output=True, text=True, check=False)
    assert left.stdout == "", "the password stands in a file"


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("timestamp", "2024-01-01", "2024-01-02"),
        ("date", "2024-01-01", "2024-01-02"),
        ("int", 1, 2),
        ("numeric(9,2)", 1.1, 2.2),
    ],
)
def test_rows_at_the_last_cursor_are_read_once(home, address, kind, low, high):
    table = "cursor_" + kind.split("(")[0]
    sources = SOURCES.replace("sales", table).replace("updated_at", "at")
    sql(address, f"create table {table} (id int, at {kind})", f"insert into {table} values (1, '{low}'), (2, '{low}')")
    assert extract(home, sources) == [2]
    sql(address, f"insert into {table} values (3, '{low}'), (4, '{high}')")
    assert extract(home, sources) == [2]
    assert extract(home, sources) == [0]
    assert ids(home.extracts / "erp" / "order_lines") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (SOURCES.replace("sales", "nowhere"), "nowhere"),
        (SOURCES.replace("updated_at", "name"), "a cursor of type"),
        (SOURCES.replace("cursor: updated_at", "cursor: updated_at, curser: x"), "there is no such key"),
        (SOURCES.replace("ERP_URL", "postgresql://x"), "connection"),
    ],
)
def test_mistakes_are_told(home, address, sources, told):
    sql(address, "drop table if exists sales", "create table sales (id int, name text, updated_at timestamptz)",
        "insert into sales values (1, 'a', now())")  # fmt: skip
    with pytest.raises(UserError) as error:
        extract(home, sources)
    assert told in str(error.value)
    assert postgres.PASSWORD not in str(error.value)


def test_equal_rows_at_the_last_cursor_are_all_read(home, address):
    sources = SOURCES.replace("sales", "equal_rows").replace("updated_at", "at")
    sql(address, "create table equal_rows (id int, at int)", "insert into equal_rows values (1, 1), (2, 2), (2, 2)")
    assert extract(home, sources) == [3]
    sql(address, "insert into equal_rows values (2, 2), (3, 3)")
    assert extract(home, sources) == [2]
    assert sorted(ids(home.extracts / "erp" / "order_lines")) == [1, 2, 2, 2, 3]


@pytest.mark.parametrize("password", ["pa@S3CRET", "pa@S3:CRET", "pa/S3CRET"])
def test_an_address_that_is_misread_shows_no_password(home, monkeypatch, password):
    monkeypatch.setenv("ERP_URL", f"postgresql://app:{password}@nowhere.invalid/db")
    with pytest.raises(UserError) as error:
        extract(home)
    assert "CRET" not in str(error.value)


def test_a_wrong_password_is_told_and_not_shown(home, address, monkeypatch):
    monkeypatch.setenv("ERP_URL", address.replace(postgres.PASSWORD, "wr0ng"))
    with pytest.raises(UserError, match="authentication failed") as error:
        extract(home)
    assert "wr0ng" not in str(error.value)


@pytest.mark.prove
def test_killed_at_any_moment_nothing_is_lost_or_read_twice(home, address):
    sql(address, "drop table if exists sales",
        "create table sales as select n as id, timestamp '2024-01-01' + n / 10 * interval '1 second' as updated_at"
        " from generate_series(1, 200000) as n")  # fmt: skip
    home.databases_file.write_text(SOURCES)
    code = "from orchestration.databases import extract_all; from regulars.home import Home; from pathlib import Path;"
    code += f"list(extract_all(Home.at(Path({str(home.root)!r}))))"
    dice, killed, total = random.Random(1), 0, 200_000
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)
        time.sleep(dice.uniform(0.8, 2.6))
        killed += process.poll() is None
        process.kill()
        process.wait()
        sql(address, "insert into sales select n, timestamp '2024-01-01' + n / 10 * interval '1 second'"
            f" from generate_series({total + 1}, {total + 20_000}) as n")  # fmt: skip
        total += 20_000
    extract(home)
    assert killed > 0
    assert sorted(ids(home.extracts / "erp" / "order_lines")) == list(range(1, total + 1))
    assert call("doctor", "--home", home.root).exit == 0
