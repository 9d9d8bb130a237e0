"""The typed reader: one landed file in, immutable Parquet of the raw zone out.

Types come from the table's declared columns. What can't be read is set aside with its line and reason; nothing else
is judged here. One module per family of formats; values.py knows how text becomes a value, text.py encodings.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.contract import Table
from orchestration.landing import LandedFile
from orchestration.reading import delimited, json_lines, parquet, workbook
from orchestration.reading.base import Outputs, Reading, Task, limit_engine, quoted
from regulars.home import exported_engine
from regulars.settings import SourceSettings

READER_VERSION = "2"  # raise it when the same file would be read differently

READERS = {
    "csv": delimited.read,
    "csv.gz": delimited.read,
    "tsv": delimited.read,
    "jsonl": json_lines.read,
    "xlsx": workbook.read,
    "parquet": parquet.read,
}


@contextmanager
def engine(work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What files are read with: cursors of it read several at a time, and keep to one memory limit together.

    Args:
        work: folder for temporary files, which is emptied first and removed in the end.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with duckdb.connect() as database:
            limit_engine(database, exported_engine())
            database.execute("set preserve_insertion_order = true")
            database.execute(f"set temp_directory = {quoted(work / 'spill')}")
            yield database
    finally:
        shutil.rmtree(work, ignore_errors=True)


def read(
    connection: duckdb.DuckDBPyConnection,
    landed: LandedFile,
    settings: SourceSettings,
    time_zone: str,
    file_id: int,
    outputs: Outputs,
    work: Path,
) -> Reading:
    """Read a landed file into Parquet: its rows, those that had to be normalised first, and those that can't be read.

    Args:
        connection: an `engine`, or a cursor of one.
        time_zone: zone of instants without one.
        file_id: carried by every row.
        outputs: where the three files go; all but the first are written only when they have rows.
        work: the engine's folder for temporary files; one in it is this file's.

    Raises:
        UserError: when the file as a whole can't be used.
        duckdb.IOException: when the outputs can't be written.
    """
    own = work / f"{file_id:016x}"
    connection.execute(f"set TimeZone = {quoted(time_zone)}")
    try:
        return READERS[landed.format](Task(connection, landed, settings, file_id, outputs, own))
    finally:
        shutil.rmtree(own, ignore_errors=True)


def reader_hash_parts(table: Table, settings: SourceSettings, time_zone: str) -> str:
    """Everything besides a file's content that decides how it is read."""
    columns = ",".join(f"{column.name}:{column.data_type}:{column.header}" for column in table.columns)
    declared = (
        settings.encoding,
        settings.delimiter,
        settings.date_format,
        settings.decimal_separator,
        settings.currency,
        settings.null_values,
        time_zone,
    )
    return f"{READER_VERSION}|{columns}|{declared}"
