"""The typed reader: one landed file in, immutable Parquet of the raw zone out.

Types come from the table's declared columns. What can't be read is set aside with its line and reason; nothing else
is judged here. One module per family of formats; values.py knows how text becomes a value, text.py encodings.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.contract import Table
from orchestration.landing import LandedFile
from orchestration.reading import delimited, json_lines, parquet, workbook
from orchestration.reading.base import Outputs, Reading, Task, limit_engine, quoted
from regulars.errors import UserError
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


def read(
    landed: LandedFile, settings: SourceSettings, time_zone: str, file_id: int, outputs: Outputs, work: Path
) -> Reading:
    """Read a landed file into Parquet: its rows, those that had to be normalised first, and those that can't be read.

    Args:
        time_zone: zone of instants without one.
        file_id: carried by every row.
        outputs: where the three files go; all but the first are written only when they have rows.
        work: folder for temporary files.

    Raises:
        UserError: when the file as a whole can't be used.
    """
    with duckdb.connect() as connection:
        connection.execute(f"set TimeZone = {quoted(time_zone)}")
        connection.execute("set preserve_insertion_order = true")
        limit_engine(connection, exported_engine())
        connection.execute(f"set temp_directory = {quoted(work / 'spill')}")
        try:
            return READERS[landed.format](Task(connection, landed, settings, file_id, outputs, work))
        except duckdb.IOException as error:
            raise UserError(
                f"the raw zone can't be written: {str(error).splitlines()[0]}",
                file=str(outputs.typed.parent),
                remedy="Free space or change its permissions, then refresh again: nothing was published.",
            ) from error


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
