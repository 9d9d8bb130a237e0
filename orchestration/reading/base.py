"""What every format shares: the task, its outcome, and how a file's columns meet the table's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.contract import Column
from orchestration.landing import LandedFile
from orchestration.reading import values
from regulars.errors import UserError
from regulars.settings import SourceSettings

# How Parquet is written. A column that has more values than this in a row group gets no dictionary: trying one of
# DuckDB's default size on keys takes a quarter of the time, and makes no smaller file.
AS_PARQUET = "(format parquet, dictionary_size_limit 3000)"


@dataclass(frozen=True)
class Reading:
    """What became of a file. rows_in counts data rows; rejected of them could not be read."""

    rows_in: int
    rejected: int
    first_line: int
    encoding: str | None
    delimiter: str | None
    ignored_columns: tuple[str, ...]


@dataclass(frozen=True)
class Outputs:
    """Parquet files of one landed content: rows; rows that had to be normalised; places of those and of bad rows."""

    typed: Path
    recovered: Path
    rejects: Path

    def __iter__(self):
        return iter((self.typed, self.recovered, self.rejects))


@dataclass(frozen=True)
class Task:
    """One file to read, and all it takes."""

    connection: duckdb.DuckDBPyConnection
    landed: LandedFile
    settings: SourceSettings
    file_id: int
    outputs: Outputs
    work: Path

    @property
    def columns(self) -> tuple[Column, ...]:
        """The table's declared columns."""
        return self.landed.table.columns

    def filled(self, value: str) -> str:
        """SQL of a text value, NULL where it is empty or one of the source's words for nothing."""
        for nothing in ("", *self.settings.null_values):
            value = f"nullif({value}, {quoted(nothing)})"
        return value

    def typed(self, value: str, column: Column) -> str:
        """SQL of a text value as its column's type, NULL where it can't be."""
        return values.typed(value, column.data_type, self.settings)


def is_number(column: Column) -> bool:
    """Whether a column's values may have a decimal point."""
    return column.data_type.startswith(("decimal", "double", "float"))


def limit_engine(connection: duckdb.DuckDBPyConnection, limits: Mapping[str, str | int]) -> None:
    """Hold a connection to what DuckDB may take: `Home.engine`, or `exported_engine` for code that knows no home."""
    for name, value in limits.items():
        connection.execute(f"set {name} = {quoted(str(value))}")


def quoted(text: object) -> str:
    """A SQL text literal."""
    return "'" + str(text).replace("'", "''") + "'"


def literal(value: object) -> str:
    """A value as SQL: a text literal that a column's type reads, or NULL."""
    return "null" if value is None else quoted(value)


def located(path: Path) -> str:
    """A path as a SQL text literal for the engine's readers, which take brackets and stars for a pattern."""
    return quoted(re.sub(r"([*?\[])", r"[\1]", str(path)))


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def pointer(key: str) -> str:
    """JSON pointer to a key of an object."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def stored(expression: str, data_type: str) -> str:
    """An instant as a UTC timestamp; everything else as it is."""
    return f"timezone('UTC', {expression})" if data_type == "timestamptz" else expression


def fold(name: str) -> str:
    """How column names are compared: by width, case and surrounding blanks they are the same."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def match_columns(landed: LandedFile, names: Sequence[str]) -> dict[str, str]:
    """Match a file's column names to the table's; returns declared -> given.

    Raises:
        UserError: when a name is there twice, or a required one is missing.
    """
    given: dict[str, str] = {}
    for name in names:
        folded = fold(name)
        if folded and folded in given:
            raise UserError(
                "this column is there twice", file=landed.file, line=1, column=name, remedy="Rename or remove one."
            )
        given[folded] = name
    declared = {fold(column.header): column.name for column in landed.table.columns}
    found = {declared[folded]: name for folded, name in given.items() if folded in declared}
    missing = landed.table.missing_from(set(found))
    if missing:
        raise UserError(
            f"the required column is missing; the file has: {', '.join(names) or 'none'}",
            file=landed.file,
            line=1,
            column=missing,
            remedy=f"Add {missing} to the export, or rename the column that holds it.",
        )
    return found


def select_list(columns: Sequence[Column], values: dict[str, str], instants: Mapping[str, str] | None = None) -> str:
    """SQL of every declared column as it is stored; NULL for those a file does not have.

    Args:
        values: declared column -> SQL of its value, of the declared type.
        instants: declared column -> SQL of its value as it is stored.
    """
    kept = {column.name: stored(values[column.name], column.data_type) for column in columns if column.name in values}
    kept |= instants or {}
    return ", ".join(
        f"{kept.get(column.name, f'cast(null as {column.stored_type})')} as {identifier(column.name)}"
        for column in columns
    )


def first_fault(unreadable: dict[str, str]) -> str:
    """SQL of the name of the first column whose value can't be read."""
    cases = " ".join(f"when {test} then {quoted(name)}" for name, test in unreadable.items())
    return f"case {cases} when false then '' end"


def write_text_rows(
    task: Task, source: str, given: dict[str, str], content: str, native: dict[str, str] | None = None
) -> tuple[int, int]:
    """Type a relation of text values; returns rows typed and rows set aside.

    Args:
        source: a table with `line` (1-based, rising), `broken` (true: no row at all) and the file's columns.
        given: declared column -> SQL of its text value in that relation.
        content: SQL of what a row said, kept in the build for correction.
        native: declared number column -> SQL that is true where the file itself holds a number, not a text.
    """
    connection = task.connection
    present = [column for column in task.columns if column.name in given]
    texts = {column.name: task.filled(given[column.name]) for column in present}
    typed = {column.name: task.typed(texts[column.name], column) for column in present}
    for column in present:
        if native and column.name in native:
            # A number has a point whatever separator the source's texts have.
            plain = values.finite(f"try_cast({texts[column.name]} as {column.data_type})", column.data_type)
            typed[column.name] = f"case when {native[column.name]} then {plain} else {typed[column.name]} end"
    unreadable = {
        column.name: f"({texts[column.name]} is not null and {typed[column.name]} is null)"
        for column in present
        if column.data_type != "varchar"
    }
    bad = " or ".join(["broken", *unreadable.values()])
    selected = select_list(task.columns, typed)
    count = connection.execute(
        f"copy (select {selected}, cast({task.file_id} as bigint) as _file_id from {source} where not ({bad}))"
        f" to {quoted(task.outputs.typed)} {AS_PARQUET}"
    ).fetchone()[0]
    reason = values.reason({name: texts[name] for name in unreadable}, unreadable)
    connection.execute(
        f"""
        create temp table set_aside as
        select
            line,
            case when broken then 'ragged_row' else {reason} end as reason,
            case when not broken then {first_fault(unreadable)} end as column_name,
            {content} as content
        from {source}
        where {bad}
        """
    )
    return count, write_rejects(task, first_line=1)


def write_rejects(task: Task, first_line: int, recovered: str = "cast(null as bigint)") -> int:
    """Write the temporary table `set_aside` (line, reason, column_name, content) out; returns how many were rejected.

    rows_before places a row among the typed ones. A row that was recovered has its place in that file instead of a
    reason.
    """
    connection = task.connection
    connection.execute(
        f"""
        create temp table rejects as
        select
            cast({task.file_id} as bigint) as _file_id,
            cast(line as bigint) as line,
            cast(line - {first_line} - row_number() over (order by line) + 1 as bigint) as rows_before,
            {recovered} as recovered_row,
            reason,
            column_name,
            cast(content as varchar) as content
        from set_aside
        """
    )
    total, rejected = connection.execute(
        "select count(*), count(*) filter (recovered_row is null) from rejects"
    ).fetchone()
    if total:
        connection.execute(f"copy (select * from rejects order by line) to {quoted(task.outputs.rejects)} {AS_PARQUET}")
    return rejected
