"""The typed reader: every row is read or set aside with its line and reason."""

from __future__ import annotations

import gzip
from datetime import date

import duckdb
import openpyxl
import pytest

from orchestration.contract import Column, Table
from orchestration.landing import LandedFile
from orchestration.reading import engine, read
from orchestration.reading.base import Outputs
from orchestration.reading.text import detect_encoding
from regulars.errors import UserError
from regulars.settings import SourceSettings

COLUMNS = (
    Column("id", "varchar", {"required": True}),
    Column("at", "timestamptz", {}),
    Column("day", "date", {}),
    Column("amount", "decimal(18,4)", {}),
    Column("flag", "boolean", {}),
)
TABLE = Table("canonical", "things", "restricted", "canonical__things", COLUMNS, {})


@pytest.fixture
def load(tmp_path):
    def load(content: str | bytes, encoding="utf-8", zone="UTC", name="things.csv", **settings):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        landed = LandedFile(path, f"shop/{name}", "shop", TABLE)
        outputs = Outputs(*(tmp_path / f"out.{part}.parquet" for part in ("typed", "recovered", "rejects")))
        for output in outputs:
            output.unlink(missing_ok=True)
        with engine(tmp_path / "work") as database:
            reading = read(database, landed, SourceSettings(**settings), zone, 7, outputs, tmp_path / "work")
        declared = ", ".join(f'"{column.name}"' for column in COLUMNS)
        rows = duckdb.sql(f"select {declared}, _file_id from '{outputs.typed}'").fetchall()
        if outputs.recovered.exists():
            rows += duckdb.sql(f"select * from '{outputs.recovered}'").fetchall()
        set_aside = []
        if outputs.rejects.exists():
            set_aside = duckdb.sql(
                f"select line, rows_before, reason, column_name from '{outputs.rejects}' where recovered_row is null"
            ).fetchall()
        return reading, rows, set_aside

    return load


def text(value) -> str | None:
    return None if value is None else str(value)


def test_types_and_null(load):
    reading, rows, rejects = load('id,at,day,amount,flag\n007,2024-01-02 03:04:05,2024-01-02,1.23456,true\n"",,,,\n')
    assert [tuple(map(text, row)) for row in rows] == [
        ("007", "2024-01-02 03:04:05", "2024-01-02", "1.2346", "True", "7"),
        (None, None, None, None, None, "7"),
    ]
    assert (reading.rows_in, rejects) == (2, [])


def test_instants_follow_the_zone_and_offsets_their_own(load):
    _, rows, _ = load(
        "id,at\na,2024-07-01 12:00:00\nb,2024-01-01 12:00:00\nc,2024-07-01T12:00:00Z\nd,2024-07-01 12:00:00+09:00\n",
        zone="America/New_York",
    )
    assert [str(row[1]) for row in rows] == [
        "2024-07-01 16:00:00", "2024-01-01 17:00:00", "2024-07-01 12:00:00", "2024-07-01 03:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(load, delimiter):
    reading, rows, _ = load(delimiter.join(["id", "amount"]) + "\n" + delimiter.join(["x", "2"]) + "\n")
    assert reading.delimiter == delimiter
    assert (rows[0][0], str(rows[0][3])) == ("x", "2.0000")


def test_rejects_know_their_line_and_what_came_before(load):
    reading, rows, rejects = load("id,amount\na,1\nb,two\nc,3\nd\ne,5,6\nf,7\n")
    assert [row[0] for row in rows] == ["a", "c", "f"]
    assert [(line, before, reason) for line, before, reason, _ in rejects] == [
        (3, 1, "unreadable_value"),
        (5, 2, "ragged_row"),
        (6, 2, "ragged_row"),
    ]
    assert rejects[0][3] == "amount"
    assert (reading.rows_in, reading.rejected) == (6, 3)


def test_header_is_matched_by_case_and_blanks_and_the_rest_is_named(load):
    reading, rows, _ = load(" ID ,Amount,colour\nx,1,red\n")
    assert (rows[0][0], str(rows[0][3])) == ("x", "1.0000")
    assert reading.ignored_columns == ("colour",)


def test_quoted_delimiters_and_newlines(load):
    reading, rows, rejects = load('id,amount\n"a,b",1\n"c\nd",2\n')
    assert [row[0] for row in rows] == ["a,b", "c\nd"]
    assert (reading.rows_in, rejects) == (2, [])


def test_declared_date_format(load):
    _, rows, rejects = load(
        "id,day,at\na,31.12.2024,31.12.2024 08:30\nb,12/31/2024,\nc,2024-12-30,\n", date_format="%d.%m.%Y %H:%M"
    )
    assert sorted((row[0], text(row[2]), text(row[1])) for row in rows) == [
        ("a", "2024-12-31", "2024-12-31 08:30:00"),
        ("c", "2024-12-30", None),
    ]
    assert [(line, reason) for line, _, reason, _ in rejects] == [(3, "unreadable_value")]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1,234.50", "1234.5000"),
        ("１２．５", "12.5000"),
        ("１，２３４", "1234.0000"),
        ("(2.50)", "-2.5000"),
        ("2.50-", "-2.5000"),
        ("$ 3.99", "3.9900"),
        ("1 234.5", "1234.5000"),
        ("1,23.50", None),
        ("€3.99", None),
        ("12,5", None),
        ("inf", None),
        ("NaN", None),
        ("1e400", None),
    ],
)
def test_numbers_as_people_write_them(load, written, amount):
    reading, rows, rejects = load(f'id,amount\na,1\nb,"{written}"\nc,3\n', currency="USD")
    assert {row[0]: text(row[3]) for row in rows} == {"a": "1.0000", "c": "3.0000"} | ({"b": amount} if amount else {})
    assert (reading.rows_in, len(rows) + reading.rejected) == (3, 3)
    expected = "number_not_finite" if written.lower() in ("inf", "nan") else "unreadable_value"
    assert [(line, reason) for line, _, reason, _ in rejects] == ([] if amount else [(3, expected)])


def test_decimal_comma(load):
    _, rows, rejects = load("id;amount\na;1,5\nb;1.234,50\nc;1.5\n", decimal_separator=",")
    assert sorted((row[0], text(row[3])) for row in rows) == [("a", "1.5000"), ("b", "1234.5000")]
    assert [line for line, *_ in rejects] == [4]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2024年3月1日", "2024-03-01 00:00:00"),
        ("2024年3月1日 8时5分", "2024-03-01 08:05:00"),
        ("２０２４－０３－０１ ０８：０５：００", "2024-03-01 08:05:00"),
        ("20240301", "2024-03-01 00:00:00"),
        ("2024/3/1 8:05", "2024-03-01 08:05:00"),
        ("1 Mar 2024", "2024-03-01 00:00:00"),
        ("03/01/2024", None),
        ("2024-02-30", None),
    ],
)
def test_times_as_people_write_them(load, written, instant):
    _, rows, rejects = load(f'id,at\nb,"{written}"\n')
    assert ([text(row[1]) for row in rows] or [None]) == [instant]
    assert len(rejects) == (instant is None)


def test_truth_in_chinese(load):
    _, rows, _ = load("id,flag\na,是\nb,否\nc,Y\nd,n\n")
    assert {row[0]: row[4] for row in rows} == {"a": True, "b": False, "c": True, "d": False}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(load, encoding):
    reading, rows, rejects = load("id,amount\n客户甲乙丙丁,1\n上海市黄浦区,２\n", encoding=encoding)
    assert [row[0] for row in rows] == ["客户甲乙丙丁", "上海市黄浦区"]
    assert rejects == []
    assert reading.encoding.replace("-sig", "") == encoding.replace("-sig", "")


def test_tabs_and_packed_files(load):
    assert load("id\tamount\na,b\t2\n", name="things.tsv")[1][0][0] == "a,b"
    packed = gzip.compress("id,amount\n客户,2\n".encode("gb18030"))
    assert load(packed, name="things.csv.gz")[1][0][0] == "客户"
    with pytest.raises(UserError, match="no whole gzip"):
        load(packed[:-9], name="things.csv.gz")


def test_json_lines(load):
    lines = ['{"id": "007", "amount": 1.5, "flag": true, "more": {"x": 1}}', "", '{"id": 8, "amount": "1,000"}', '{"id": 9', "[1]",
             '{"id": "x", "amount": "two"}', '{"id": "y\\nz", "at": "2024-07-01 12:00:00", "amount": null}']  # fmt: skip
    reading, rows, rejects = load("\n".join(lines), name="things.jsonl", zone="Asia/Shanghai")
    assert [(row[0], text(row[3])) for row in rows] == [("007", "1.5000"), ("8", "1000.0000"), ("y\nz", None)]
    assert text(rows[2][1]) == "2024-07-01 04:00:00"
    assert [reason for _, _, reason, _ in rejects] == ["ragged_row", "ragged_row", "unreadable_value"]
    assert (reading.rows_in, reading.ignored_columns) == (6, ("more",))


def test_workbooks(load, tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Sales"
    for row in (["ID", "Amount", "Day", "Flag"], ["007", 12.5, date(2024, 3, 1), True], [1001, "1,000", None, None],
                ["bad", "x", None, None]):  # fmt: skip
        book.active.append(row)
    book.create_sheet("Empty")
    book.save(tmp_path / "source.xlsx")
    _, rows, rejects = load((tmp_path / "source.xlsx").read_bytes(), name="things.xlsx")
    assert [(row[0], text(row[3]), text(row[2]), row[4]) for row in rows] == [
        ("007", "12.5000", "2024-03-01", True), ("1001", "1000.0000", None, None),
    ]  # fmt: skip
    assert [(line, column) for line, _, _, column in rejects] == [(4, "amount")]
    book["Empty"].append(["ID"])
    book.save(tmp_path / "source.xlsx")
    with pytest.raises(UserError, match="several sheets have rows: Sales, Empty"):
        load((tmp_path / "source.xlsx").read_bytes(), name="things.xlsx")
    with pytest.raises(UserError, match="can't be read as an Excel workbook"):
        load(b"no workbook", name="things.xlsx")


def test_wrong_encoding_names_the_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("id\na\nb\n客户\n".encode("gb18030"))
    with pytest.raises(UserError, match="line 4"):
        detect_encoding(path, "shop/x.csv", "utf-8")
    with pytest.raises(UserError, match="'klingon' is no encoding"):
        detect_encoding(path, "shop/x.csv", "klingon")


def test_parquet_types_are_converted_or_set_aside(load, tmp_path):
    source = tmp_path / "in.parquet"
    duckdb.sql(f"copy (select 1 as id, 'x' as amount union all select 2, '3') to '{source}' (format parquet)")
    reading, rows, rejects = load(source.read_bytes(), name="things.parquet")
    assert [(row[0], text(row[3])) for row in rows] == [("2", "3.0000")]
    assert [(line, reason, column) for line, _, reason, column in rejects] == [(1, "unreadable_value", "amount")]
    assert reading.rows_in == 2


def test_a_quote_that_is_never_closed_is_no_bad_row(load):
    rows = "".join(f"{n},1\n" for n in range(50))
    with pytest.raises(UserError, match="opened here and not closed") as error:
        load(f'id,amount\n{rows}"oops,1\n{rows}')
    assert error.value.line == 52
    with pytest.raises(UserError, match="opened here and not closed"):
        load(f'id,amount\n"oops,1\n{rows}x,"1"\n{rows}')
    _, rows, rejects = load('id,amount\n"a\nb"\nc,1\n')
    assert (len(rows), [reason for _, _, reason, _ in rejects]) == (1, ["ragged_row"])


def test_names_of_files_are_names_and_no_patterns(load, tmp_path):
    (tmp_path / "x1.csv").write_text("id,amount\nwrong,1\n")
    _, rows, _ = load("id,amount\nright,1\n", name="x[1].csv")
    assert [row[0] for row in rows] == ["right"]
    reading, rows, _ = load(gzip.compress(b"id,amount\na,1\n"), name="THINGS.CSV.GZ")
    assert (reading.rows_in, rows[0][0]) == (1, "a")


def test_a_group_of_thousands_does_not_begin_with_zero(load):
    _, rows, rejects = load('id,amount\na,"0,125"\nb,"10,125"\n')
    assert [(row[0], text(row[3])) for row in rows] == [("b", "10125.0000")]
    assert len(rejects) == 1


def test_numbers_of_typed_files_have_a_point_whatever_texts_have(load, tmp_path):
    _, rows, _ = load(
        '{"id": "a", "amount": 1.234}\n{"id": "b", "amount": "1,5"}', name="things.jsonl", decimal_separator=","
    )
    assert [text(row[3]) for row in rows] == ["1.2340", "1.5000"]
    book = openpyxl.Workbook()
    for row in (["id", "amount"], ["a", 12.5], ["b", "2,5"]):
        book.active.append(row)
    book.save(tmp_path / "source.xlsx")
    _, rows, _ = load((tmp_path / "source.xlsx").read_bytes(), name="things.xlsx", decimal_separator=",")
    assert [text(row[3]) for row in rows] == ["12.5000", "2.5000"]


def test_broken_utf8_is_told_and_not_taken_for_something_else(load):
    content = "id,amount\n" + "Müller Größe,1\n" * 20
    with pytest.raises(UserError, match="line 22"):
        load(content.encode() + b"\xff,1\n")


def test_a_date_format_that_is_none():
    for form in ("%Q", "DD.MM.YYYY"):
        with pytest.raises(ValueError, match="is no date format"):
            SourceSettings(date_format=form)
