"""What a file says about itself: encoding, delimiter, header and values, before anything is guessed about meaning."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from orchestration.landing import FORMATS
from orchestration.reading import text
from orchestration.reading.base import fold, identifier, located, quoted
from regulars.errors import UserError

SAMPLE_ROWS = 200_000
NUMBER = re.compile(r"[-+]?[\d.,]+")


@dataclass
class Look:
    """A file, or a sheet of one, with its values as the table `view` of a DuckDB connection; all columns are text.

    header: names as the file gives them; made up where it has none. converted: lines of a plain CSV to land instead of
    the file, where the landing zone could not take it as it is.
    """

    path: Path
    sheet: str | None
    header: list[str]
    view: str
    form: str
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool = True
    converted: list[list[str]] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What to call it to its user."""
        return f"{self.path.name}, sheet {self.sheet}" if self.sheet else self.path.name


def look_at(path: Path, connection: duckdb.DuckDBPyConnection, work: Path) -> list[Look]:
    """Look at a file; a workbook gives one look per sheet that has rows.

    Raises:
        UserError: when it can't be read at all.
    """
    if not path.is_file():
        raise UserError("there is no such file", file=str(path), remedy="Name a file that exists.")
    lower = path.name.lower()
    form = next((form for form in FORMATS if lower.endswith(f".{form}")), "txt")
    view = f"looked_{abs(hash(str(path)))}"
    if form == "parquet":
        return [_table(connection, path, view, form, f"read_parquet({located(path)})")]
    if form == "jsonl":
        return [_table(connection, path, view, form, f"read_json({located(path)}, format = 'newline_delimited')")]
    if form == "xlsx":
        return _sheets(connection, path, view)
    return [_delimited(connection, path, view, form, work)]


def _table(connection, path: Path, view: str, form: str, source: str) -> Look:
    try:
        names = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
        texts = ", ".join(f"cast({identifier(name)} as varchar) as {identifier(name)}" for name in names)
        connection.execute(f"create table {view} as select {texts} from {source} limit {SAMPLE_ROWS}")
    except duckdb.Error as error:
        raise UserError(
            f"this can't be read: {str(error).splitlines()[0]}", file=str(path), remedy="Export it again."
        ) from error
    return Look(path, None, names, view, form)


def _sheets(connection, path: Path, view: str) -> list[Look]:
    from python_calamine import CalamineError, CalamineWorkbook

    from orchestration.reading.workbook import cell_text

    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
    except (CalamineError, OSError) as error:
        raise UserError(
            f"this is no Excel workbook: {error}", file=str(path), remedy="Save it again as .xlsx."
        ) from error
    found = []
    for place, (name, sheet) in enumerate(sheets.items()):
        rows = [
            [cell_text(cell) or "" for cell in row]
            for row, _ in zip(sheet.iter_rows(), range(SAMPLE_ROWS), strict=False)
        ]
        if len(rows) > 1:
            header, body = rows[0], rows[1:]
            table = f"{view}_{place}"
            _refuse_doubles(header, f"{path.name}, sheet {name}")
            _fill(connection, table, header, body)
            look = Look(path, name if len(sheets) > 1 else None, header, table, "xlsx")
            if look.sheet:
                # A workbook of several sheets is no table: each is landed as a CSV of its own.
                look.converted = [[cell_text(cell) or "" for cell in row] for row in sheet.iter_rows()]
            found.append(look)
    if not found:
        raise UserError("no sheet has rows below a header", file=str(path), remedy="Put the header into the first row.")
    return found


def _delimited(connection, path: Path, view: str, form: str, work: Path) -> Look:
    encoding = text.detect_encoding(path, path.name, None)
    first = text.first_line(path, path.name, encoding).rstrip("\r\n")
    separator = "\t" if form == "tsv" else max(",;\t|", key=first.count)
    delimiter: str | None = separator
    look = Look(path, None, [], view, form, encoding, delimiter)
    if not first.count(separator):
        look.notes.append("columns are set apart by blanks: a plain CSV is landed instead")
        delimiter = None
    if delimiter is None or form == "txt":
        look.converted = _rows(path, encoding, delimiter)
        look.header = look.converted[0]
    else:
        look.header = next(csv.reader([first], delimiter=delimiter))
    if all(NUMBER.fullmatch(cell.strip()) for cell in look.header if cell.strip()):
        look.has_header = False
        look.notes.append("the first line is data: the file has no header, columns are told by their values")
        if look.converted is None:
            look.converted = _rows(path, encoding, delimiter)
        look.header = [f"column_{place}" for place in range(1, len(look.converted[0]) + 1)]
        look.converted.insert(0, look.header)
    _refuse_doubles(look.header, path.name)
    if look.converted is not None:
        look.delimiter, look.encoding = ",", "utf-8"
        _fill(connection, view, look.header, look.converted[1 : SAMPLE_ROWS + 1])
        return look
    with text.as_utf8(path, path.name, encoding, work) as readable:
        columns = ", ".join(f"{quoted(f'c{place}')}: 'varchar'" for place in range(len(look.header)))
        names = ", ".join(f"c{place} as {identifier(name)}" for place, name in enumerate(_distinct(look.header)))
        connection.execute(
            f"create table {view} as select {names} from read_csv({located(readable)}, columns = {{{columns}}}, "
            f"auto_detect = false, header = true, delim = {quoted(delimiter)}, quote = '\"', escape = '\"', "
            f"ignore_errors = true) limit {SAMPLE_ROWS}"
        )
    look.header = _distinct(look.header)
    return look


def _rows(path: Path, encoding: str, delimiter: str | None) -> list[list[str]]:
    """Every row of a file that is landed as a plain CSV: set apart by a delimiter, or by runs of blanks."""
    with text.opened(path, path.name) as stream:
        lines = io.TextIOWrapper(stream, encoding=encoding, newline="")
        if delimiter is None:
            return [line.split() for line in lines if line.strip()]
        return [row for row in csv.reader(lines, delimiter=delimiter) if any(row)]


def _refuse_doubles(header: list[str], file: str) -> None:
    for place, name in enumerate(header):
        if name.strip() and fold(name) in map(fold, header[:place]):
            raise UserError(
                "this column is there twice", file=file, line=1, column=name, remedy="Rename or remove one."
            )


def _distinct(names: list[str]) -> list[str]:
    return [
        name if name.strip() and names.index(name) == place else f"column_{place + 1}"
        for place, name in enumerate(names)
    ]


def _fill(connection, table: str, header: list[str], rows: list[list[str]]) -> None:
    import pyarrow as pa

    width = len(header)
    columns = [[(row[place] if place < len(row) else "") or None for row in rows] for place in range(width)]
    content = pa.table(
        {name: pa.array(values, pa.string()) for name, values in zip(_distinct(header), columns, strict=True)}
    )
    connection.register("content", content)
    connection.execute(f"create table {table} as select * from content")
    connection.unregister("content")
