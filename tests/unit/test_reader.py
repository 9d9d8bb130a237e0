"""The typed reader: every row is read or set aside with its line and reason."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.contract import Column, Table
from orchestration.landing import LandedFile
from orchestration.reader import detect_encoding, read
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
        target, rejects = tmp_path / "out.parquet", tmp_path / "rejects.parquet"
        reading = read(landed, SourceSettings(**settings), zone, 7, target, rejects, tmp_path / "work")
        rows = duckdb.sql(f"select * from '{target}'").fetchall()
        set_aside = []
        if rejects.exists():
            set_aside = duckdb.sql(f"select line, rows_before, reason, column_name from '{rejects}'").fetchall()
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
    _, rows, rejects = load("id,day\na,31.12.2024\nb,2024-12-31\n", date_format="%d.%m.%Y")
    assert str(rows[0][2]) == "2024-12-31"
    assert [reason for _, _, reason, _ in rejects] == ["unreadable_value"]


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
