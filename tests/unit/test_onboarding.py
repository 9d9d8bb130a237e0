"""What `regulars init` makes of exports: entity, columns, formats, each told; and what it can't map, by name."""

from __future__ import annotations

import duckdb
import openpyxl
import pytest

from regulars.errors import UserError
from regulars.onboarding.guess import Mapping, contract, fold, guess, names
from regulars.onboarding.look import look_at


@pytest.fixture
def guessed(tmp_path):
    def guessed(content: str | bytes, name: str = "export.csv", encoding: str = "utf-8") -> Mapping:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        with duckdb.connect() as connection:
            return guess(look_at(path, connection, tmp_path)[0], connection)

    return guessed


def test_a_chinese_till(guessed):
    found = guessed(
        "订单号,会员号,下单时间,商品编号,商品名称,数量,单价,优惠金额,实付金额(元),门店\n"
        '0001,00017,2024年3月1日 8:05,P1,苹果,2,"1,250.00",0,"2,500.00",上海一店\n'
        "0002,00018,2024年3月2日 9:10,P2,梨,1,3.50,0.50,3.00,上海一店\n",
        "销售明细.csv",
        "gb18030",
    )
    assert (found.entity, found.missing, found.look.encoding, found.currency) == ("order_lines", [], "gb18030", "CNY")
    assert found.columns == {
        "order_id": "订单号", "customer_id": "会员号", "ordered_at": "下单时间", "product_id": "商品编号",
        "product_name": "商品名称", "quantity": "数量", "unit_price": "单价", "discount_amount": "优惠金额",
        "net_sales_amount": "实付金额(元)", "store_id": "门店",
    }  # fmt: skip


def test_members_in_chinese(guessed):
    found = guessed(
        "会员号,姓名,手机号,性别,生日,注册时间\n007,王小明,13800000000,男,1990-01-01,2020-05-05\n", "会员.csv"
    )
    assert found.entity == "customers"
    assert found.columns["phone"] == "手机号"
    assert found.missing == []


def test_households_are_customers_where_nothing_else_is(guessed):
    found = guessed("household_id,age,income\n1,25-34,50-74K\n2,65+,\n", "demographics.csv")
    assert (found.entity, found.missing) == ("customers", [])
    assert found.columns == {"customer_id": "household_id", "age_band": "age", "income_band": "income"}
    both = guessed("customer_id,household_id,age\n7,1,30\n", "customers.csv")
    assert (both.columns["customer_id"], both.columns["household_id"]) == ("customer_id", "household_id")


@pytest.mark.parametrize(
    ("days", "form", "is_doubtful"),
    [
        (("08.11.2016", "31.12.2016"), "%d.%m.%Y", False),
        (("11/8/2016", "12/31/2016"), "%m/%d/%Y", False),
        (("31/12/2016 08:30", "01/02/2016 23:15"), "%d/%m/%Y %H:%M", False),
        (("01/02/2016", "03/02/2016"), "%d/%m/%Y", True),  # two days of February, or January and March
        (("2016-11-08", "2016/12/31"), None, False),
    ],
)
def test_date_formats(guessed, days, form, is_doubtful):
    found = guessed(
        "Order ID;Order Date;Customer;Sales\n" + "".join(f"{n};{day};c{n};5,50\n" for n, day in enumerate(days))
    )
    assert (found.date_format, found.decimal_separator) == (form, ",")
    assert any("would fit too" in note for note in found.notes) == is_doubtful


def test_a_rate_is_no_amount(guessed):
    found = guessed("invoice,date,qty,price,discount\n1,2024-01-01,2,10,0.2\n2,2024-01-02,1,5,0\n")
    assert "discount_amount" not in found.columns
    assert found.sql["discount_amount"].startswith("cast({unit_price} * {quantity} * {discount_rate}")


def test_amounts_that_disagree_are_no_mapping(guessed):
    rows = "".join(f"{n},2024-01-01,2,10,{n + 7}.00\n" for n in range(20))
    found = guessed("invoice,date,qty,list price,total\n" + rows)
    assert "unit_price" not in found.columns
    assert found.columns["net_sales_amount"] == "total"


def test_blanks_for_delimiter_and_no_header(guessed):
    found = guessed(
        " 00004 0001 19970101  2   29.33\n 00004 0001 19970118  2   29.73\n 00021 0002 19970101  3   63.34\n", "x.txt"
    )
    assert found.missing == []
    assert found.columns == {
        "customer_id": "column_1", "ordered_at": "column_3", "quantity": "column_4", "net_sales_amount": "column_5",
    }  # fmt: skip
    assert "order_id" in found.sql


def test_what_is_missing_is_named(guessed):
    found = guessed("order_id\tquantity\titem_name\titem_price\n1\t2\tChips\t$2.39 \n", "chips.tsv")
    assert (found.entity, found.missing, found.currency) == ("order_lines", ["ordered_at"], "USD")


def test_numbers_that_became_fractions_and_words_for_nothing(guessed):
    found = guessed(
        "InvoiceNo,InvoiceDate,Quantity,UnitPrice,CustomerID\n1,2024-01-01,1,2,17850.0\n2,2024-01-01,1,2,NULL\n"
    )
    assert found.null_values == {"NULL"}
    assert found.sql["customer_id"] == "split_part({customer_id}, '.', 1)"


def test_a_workbook_gives_a_look_per_sheet(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Orders"
    for row in (["Order ID", "Order Date", "Customer", "Amount"], ["1", "2024-01-01", "c", 5]):
        book.active.append(row)
    for row in (["Customer", "Name", "Email"], ["c", "Ann", "ann@example.com"]):
        book["Customers"].append(row) if "Customers" in book.sheetnames else book.create_sheet("Customers").append(row)
    book.create_sheet("Empty")
    book.save(tmp_path / "shop.xlsx")
    with duckdb.connect() as connection:
        looks = look_at(tmp_path / "shop.xlsx", connection, tmp_path)
        assert [guess(look, connection).entity for look in looks] == ["order_lines", "customers"]


def test_no_file_and_no_workbook(tmp_path):
    with duckdb.connect() as connection, pytest.raises(UserError, match="there is no such file"):
        look_at(tmp_path / "nowhere.csv", connection, tmp_path)
    (tmp_path / "x.xlsx").write_bytes(b"x")
    with duckdb.connect() as connection, pytest.raises(UserError, match="no Excel workbook"):
        look_at(tmp_path / "x.xlsx", connection, tmp_path)


def test_usual_names_are_of_the_contract_and_mean_one_thing():
    for entity, columns in names().items():
        assert set(columns) <= set(contract()[entity]["columns"]), entity
        assert all(name == fold(name) and name for usual in columns.values() for name in usual)
