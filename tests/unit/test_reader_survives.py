"""Whatever is landed: the reader never crashes and never loses a row without saying so."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.contract import Column, Table
from orchestration.landing import LandedFile
from orchestration.reading import engine, read
from orchestration.reading.base import Outputs
from regulars.errors import UserError
from regulars.settings import SourceSettings

COLUMNS = (
    Column("id", "varchar", {"required": True}),
    Column("at", "timestamptz", {}),
    Column("count", "bigint", {}),
    Column("amount", "decimal(18,4)", {}),
    Column("day", "date", {}),
)
TABLE = Table("canonical", "things", "restricted", "canonical__things", COLUMNS, {})
HEADER = [column.name for column in COLUMNS]
SOUND = ("", "1", "2024-03-01", "2024-03-01 10:00:00", "1,234.50", "１２", "2024年3月1日", "007")
cells = st.one_of(
    st.sampled_from([*SOUND, "x", "inf", "1.5", "1e5", "-", '"', "12:00", "2024-13-01", "NULL", "  "]),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12),
)
rows = st.lists(st.lists(cells, min_size=5, max_size=5), max_size=12)


def load(content: bytes, name: str):
    """What became of a file: the reading, ids of rows read, and (line, reason, content) of rows set aside."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / name).write_bytes(content)
        outputs = Outputs(*(place / f"out.{part}.parquet" for part in ("typed", "recovered", "rejects")))
        landed = LandedFile(place / name, f"shop/{name}", "shop", TABLE)
        with engine(place / "work") as database:
            reading = read(database, landed, SourceSettings(), "Asia/Shanghai", 7, outputs, place / "work")
        ids, rejects = [], []
        for output in (outputs.typed, outputs.recovered):
            if output.exists():
                ids += [row[0] for row in duckdb.sql(f"select id from '{output}'").fetchall()]
        if outputs.rejects.exists():
            query = f"select line, reason, content from '{outputs.rejects}' where recovered_row is null"
            rejects = duckdb.sql(query).fetchall()
        assert reading.rows_in == len(ids) + reading.rejected
        assert reading.rejected == len(rejects)
        assert all(reason for _, reason, _ in rejects)
        assert not list((place / "work").glob("*")) if (place / "work").exists() else True
        return reading, ids, rejects


def told(content: bytes, name: str) -> None:
    """Reading gives rows that add up, or an error that names the file and a remedy."""
    try:
        load(content, name)
    except UserError as error:
        assert error.file
        assert error.remedy


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]))
def test_every_row_of_a_csv_has_a_fate(table, delimiter, newline):
    table = [[f"r{number}", *row[1:]] for number, row in enumerate(table)]
    sink = io.StringIO()
    # An unquoted carriage return would be the end of a line.
    quoting = csv.QUOTE_ALL if any("\r" in cell for row in table for cell in row) else csv.QUOTE_MINIMAL
    csv.writer(sink, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows([HEADER, *table])
    reading, ids, rejects = load(sink.getvalue().encode(), "things.csv")
    assert reading.rows_in == len(table)
    set_aside = [
        json.loads(content).get("id") or json.loads(content)["_line"].split(delimiter)[0] for *_, content in rejects
    ]
    assert Counter(ids) + Counter(set_aside) == Counter(row[0] for row in table)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_every_row_of_json_lines_has_a_fate(table):
    table = [[f"r{number}", *row[1:]] for number, row in enumerate(table)]
    text = "\n".join(json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) for row in table)
    if not table:
        return
    reading, ids, rejects = load(text.encode(), "things.jsonl")
    assert reading.rows_in == len(table)
    assert Counter(ids) + Counter(json.loads(content)["id"] for *_, content in rejects) == Counter(r[0] for r in table)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "csv.gz", "tsv", "jsonl", "parquet", "xlsx"]))
def test_any_bytes(content, form):
    told(content, f"things.{form}")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 120), st.sampled_from(["csv", "csv.gz", "jsonl"]))
def test_a_file_with_garbage_in_it(garbage, place, form):
    sound = b"id,at,count,amount,day\na,2024-01-01,1,2.5,2024-01-01\nb,,,,\n" * 2
    if form == "jsonl":
        sound = b'{"id": "a", "amount": 1}\n{"id": "b"}\n' * 3
    content = sound[:place] + garbage + sound[place:]
    told(gzip.compress(content) if form == "csv.gz" else content, f"things.{form}")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.sampled_from(["csv.gz", "parquet"]))
def test_a_file_cut_short(length, form):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        duckdb.sql(f"copy (select 'a' as id, 1.5 as amount) to '{path}' (format parquet)")
        whole = path.read_bytes() if form == "parquet" else gzip.compress(b"id,amount\n" + b"a,1.5\n" * 500)
    told(whole[:length], f"things.{form}")
