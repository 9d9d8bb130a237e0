"""Excel workbooks: one sheet, its first row the header. Rows pass through JSON lines, so that a row is a line."""

from __future__ import annotations

import json
from pathlib import Path

from orchestration.landing import LandedFile
from orchestration.reading.base import Reading, Task
from orchestration.reading.json_lines import read_objects
from regulars.errors import UserError


def read(task: Task) -> Reading:
    """Read an Excel workbook. An empty row is no row.

    Raises:
        UserError: when it is no workbook, or several sheets have rows and none is named after the table.
    """
    task.work.mkdir(parents=True, exist_ok=True)
    copy = task.work / f"{task.landed.path.name}.jsonl"
    try:
        header = _write_rows(task.landed, copy)
        return read_objects(task, copy, first_line=2, encoding=None, names=header)
    finally:
        copy.unlink(missing_ok=True)


def _write_rows(landed: LandedFile, copy: Path) -> list[str]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = _sheet(CalamineWorkbook.from_path(str(landed.path)), landed)
        rows = sheet.iter_rows()
        header = [cell_text(cell) or "" for cell in next(rows, [])]
        with copy.open("w", encoding="utf-8") as sink:
            for row in rows:
                values = {name: _json(cell) for name, cell in zip(header, row, strict=False) if name}
                if any(value is not None for value in values.values()):
                    sink.write(json.dumps(values, ensure_ascii=False) + "\n")
    except (CalamineError, OSError) as error:
        raise UserError(
            f"this can't be read as an Excel workbook: {error}",
            file=landed.file,
            remedy="Open it in Excel, save it again as .xlsx, or export it as CSV.",
        ) from error
    return [name for name in header if name]


def _sheet(book, landed: LandedFile):
    """The sheet named after the table, else the only one with rows."""
    named = [name for name in book.sheet_names if name.strip().casefold() == landed.table.name]
    filled = named or [name for name in book.sheet_names if book.get_sheet_by_name(name).height > 0]
    if len(filled) > 1:
        raise UserError(
            f"several sheets have rows: {', '.join(filled)}",
            file=landed.file,
            remedy=f"Name the one to read '{landed.table.name}', or save it as a workbook of its own.",
        )
    if not filled:
        raise UserError("no sheet has rows", file=landed.file, remedy="Put the header into the first row.")
    return book.get_sheet_by_name(filled[0])


def _json(cell: object) -> object:
    """A cell as JSON holds it: numbers stay numbers, 1001.0 is 1001; empty is nothing."""
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 1e15 else cell
    return cell if isinstance(cell, bool | int) else cell_text(cell)


def cell_text(cell: object) -> str | None:
    """A cell as the text that the typed reader reads: 1001.0 is the number 1001."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell)
