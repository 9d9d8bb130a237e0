"""CSV and TSV, packed or not. Typed by the engine at once; only rows it refuses are looked at again as text.

DuckDB 1.5 reads an instant it does not understand as NULL, 1.5 as the integer 2 and inf as a number, without a word.
Columns of these types are therefore read as text and cast here; a text that gave nothing stands beside in a column
of its own.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb

from orchestration.contract import Column
from orchestration.reading import text, values
from orchestration.reading.base import (
    AS_PARQUET,
    Reading,
    Task,
    first_fault,
    fold,
    identifier,
    located,
    match_columns,
    pointer,
    quoted,
    select_list,
    write_rejects,
)
from regulars.errors import UserError

DELIMITERS = ",;\t|"
DOUBTED = ("timestamptz", "bigint", "double", "float")
UNREAD = "_unread_"
QUOTING = "header = true, auto_detect = false, quote = '\"', escape = '\"'"


def read(task: Task) -> Reading:
    """Read a delimited file."""
    path, file = task.landed.path, task.landed.file
    encoding = text.detect_encoding(path, file, task.settings.encoding)
    first = text.first_line(path, file, encoding)
    delimiter = task.settings.delimiter or _delimiter(task.landed.format, first)
    names = _names(first, delimiter, file)
    given = match_columns(task.landed, names)
    with text.as_utf8(path, file, encoding, task.work) as readable:
        typed = _typed(task, readable, names, given, delimiter)
    recovered, rejected, taken = _look_again(task, names, given, delimiter)
    ignored = tuple(name for name in names if name not in given.values() and fold(name))
    shown = "utf-8" if encoding == "utf-8-sig" else encoding
    return Reading(typed - taken + recovered + rejected, rejected, 2, shown, delimiter, ignored)


def _names(first: str, delimiter: str, file: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(first), delimiter=delimiter))
    except csv.Error as error:
        raise UserError(
            f"the header can't be read: {error}", file=file, line=1, remedy="Export it again, as plain CSV."
        ) from error


def _delimiter(form: str, first: str) -> str:
    return "\t" if form == "tsv" else max(DELIMITERS, key=first.count)


def _typed(task: Task, readable: Path, names: list[str], given: dict[str, str], delimiter: str) -> int:
    """Write the rows that can be read as they are; the others stand in the engine's reject_errors then."""
    types = {
        given[column.name]: "varchar" if column.data_type in DOUBTED else column.data_type
        for column in task.columns
        if column.name in given
    }
    # The reader wants distinct names in file order; columns nobody declared stay text and are left out.
    order = {f"c{index}": types.get(name, "varchar") for index, name in enumerate(names)}
    place = {name: f"c{index}" for index, name in enumerate(names)}
    options = [
        f"columns = {{{', '.join(f'{name}: {quoted(kind)}' for name, kind in order.items())}}}",
        f"delim = {quoted(delimiter)}",
        QUOTING,
        f"nullstr = [{', '.join(map(quoted, ('', *task.settings.null_values)))}]",
        "store_rejects = true",
        f"compression = '{'gzip' if readable.suffix.lower() == '.gz' else 'none'}'",
    ]
    if task.settings.decimal_separator == ",":
        options.append("decimal_separator = ','")
    if task.settings.date_format:
        options += [f"{kind} = {quoted(task.settings.date_format)}" for kind in ("dateformat", "timestampformat")]
    values_of = {name: place[key] for name, key in given.items()}
    unread = ""
    for column in _doubted(task, given):
        value = values_of[column.name]
        values_of[column.name] = values.quick(value, column.data_type, task.settings)
        failed = f"{value} is not null and {values_of[column.name]} is null"
        unread += f"case when {failed} then {value} end as {identifier(UNREAD + column.name)}, "
    selected = select_list(task.columns, values_of)
    try:
        return task.connection.execute(
            f"copy (select {selected}, {unread}cast({task.file_id} as bigint) as _file_id "
            f"from read_csv({located(readable)}, {', '.join(options)})) "
            f"to {quoted(task.outputs.typed)} {AS_PARQUET}"
        ).fetchone()[0]
    except duckdb.InvalidInputException as error:
        raise UserError(
            f"this can't be read as CSV: {str(error).splitlines()[0].replace(str(readable), task.landed.file)}",
            file=task.landed.file,
            remedy="Open it at the place named and export it again.",
        ) from error


def _doubted(task: Task, given: dict[str, str]) -> list[Column]:
    return [column for column in task.columns if column.name in given and column.data_type in DOUBTED]


def _look_again(task: Task, names: list[str], given: dict[str, str], delimiter: str) -> tuple[int, int, int]:
    """Read the refused rows as text, the slower way of normalising.

    Returns:
        Rows recovered, rows rejected, and rows taken out of the typed ones.
    """
    connection = task.connection
    connection.execute(
        """
        create temp table refused as
        select
            cast(line as bigint) as line,
            cast(null as bigint) as typed_row,
            bool_or(error_type <> 'CAST') as is_ragged,
            min(column_name) filter (error_type <> 'CAST') as ragged_place,
            trim(any_value(csv_line), chr(13) || chr(10)) as csv_line
        from reject_errors
        group by line
        """
    )
    _refuse_open_quotes(task, names, delimiter)
    taken = _find_unread(task, given)
    if not connection.execute("select count(*) from refused").fetchone()[0]:
        return 0, 0, 0
    _split(task, names, given, delimiter)
    columns = [column for column in task.columns if column.name in given]
    texts = {column.name: f"split.{identifier(column.name)}" for column in columns}
    typed = {column.name: task.typed(texts[column.name], column) for column in columns}
    unreadable = {
        column.name: f"({texts[column.name]} is not null and {typed[column.name]} is null)"
        for column in columns
        if column.data_type != "varchar"
    }
    named = ", ".join(f"{identifier(name)} := {text}" for name, text in texts.items())
    ragged = first_fault({name: f"refused.ragged_place = 'c{names.index(key)}'" for name, key in given.items()})
    connection.execute(
        f"""
        create temp table set_aside as
        select
            refused.line,
            case when split.line is null then 'ragged_row' else {values.reason(texts, unreadable)} end as reason,
            case when split.line is null then {ragged} else {first_fault(unreadable)} end as column_name,
            case
                when split.line is null then to_json(struct_pack(_line := refused.csv_line))
                else to_json(struct_pack({named}))
            end as content,
            split.line is not null and not ({" or ".join(unreadable.values()) or "false"}) as is_recovered
        from refused
        left join split on refused.line = split.line
        """
    )
    recovered = connection.execute("select count(*) from set_aside where is_recovered").fetchone()[0]
    if recovered:
        connection.execute(
            f"copy (select {select_list(task.columns, typed)}, cast({task.file_id} as bigint) as _file_id from split "
            f"where line in (select line from set_aside where is_recovered) order by line) "
            f"to {quoted(task.outputs.recovered)} {AS_PARQUET}"
        )
    rejected = write_rejects(
        task,
        first_line=2,
        recovered="case when is_recovered then row_number() over (partition by is_recovered order by line) - 1 end",
    )
    return recovered, rejected, taken


def _refuse_open_quotes(task: Task, names: list[str], delimiter: str) -> None:
    """A quote that is never closed swallows the rows after it: that is no bad row, but a file that can't be read.

    Raises:
        UserError: naming the line where the quote was opened.
    """
    query = "select line, csv_line from refused where is_ragged and contains(csv_line, chr(10)) order by line"
    lines = task.connection.execute(query)
    while rows := lines.fetchmany(1000):
        for line, swallowed in rows:
            inner = swallowed.splitlines()[1:]
            if swallowed.count('"') % 2 or any(len(_values(text, delimiter)) == len(names) for text in inner):
                raise UserError(
                    f"a quote is opened here and not closed: {len(inner)} lines would be taken for one value",
                    file=task.landed.file,
                    line=line,
                    remedy="Close the quote, or double it where it is part of the value.",
                )


def _find_unread(task: Task, given: dict[str, str]) -> int:
    """Move typed rows with a text that gave nothing to `refused`; returns how many."""
    connection, typed = task.connection, located(task.outputs.typed)
    marks = [identifier(UNREAD + column.name) for column in _doubted(task, given)]
    unread = " or ".join(f"{mark} is not null" for mark in marks) or "false"
    count = (
        connection.execute(f"select count(*) from read_parquet({typed}) where {unread}").fetchone()[0] if marks else 0
    )
    if not count:
        return 0
    rows = f"read_parquet({typed}, file_row_number = true)"
    connection.execute(
        f"""
        insert into refused
        with places as (
            select line - 1 - row_number() over (order by line) as place, cast(null as bigint) as typed_row from refused
            union all
            select file_row_number as place, file_row_number as typed_row from {rows} where {unread}
        ),

        counted as (
            select
                *,
                count(*) filter (typed_row is null)
                    over (order by place, typed_row nulls first rows unbounded preceding) as refused_before
            from places
        )

        select
            typed_row + 2 + refused_before as line, typed_row,
            false as is_ragged, null as ragged_place, null as csv_line
        from counted
        where typed_row is not null
        """
    )
    texts = []
    for column in task.columns:
        name = identifier(column.name)
        if column.name in given:
            told = f"{name} || '+00'" if column.data_type == "timestamptz" else name
            told = f"cast({told} as varchar)"
            if column.data_type.startswith("decimal") and task.settings.decimal_separator == ",":
                told = f"replace({told}, '.', ',')"
            mark = identifier(UNREAD + column.name)
            texts.append(f"coalesce({mark}, {told}) as {name}" if mark in marks else f"{told} as {name}")
    connection.execute(
        f"""
        create temp table unread as
        select refused.line, {", ".join(texts)}
        from {rows} as typed_rows
        inner join refused on typed_rows.file_row_number = refused.typed_row
        """
    )
    kept = task.outputs.typed.with_suffix(".kept")
    connection.execute(
        f"copy (select * exclude (file_row_number) from {rows} where not ({unread})) to {quoted(kept)} {AS_PARQUET}"
    )
    kept.replace(task.outputs.typed)
    return count


def _split(task: Task, names: list[str], given: dict[str, str], delimiter: str) -> None:
    """Table `split`: the refused rows that have as many values as the header, each declared column a text.

    Row by row in Python, whose reader takes one line at a time: what is refused is little, and may hold anything.
    """
    copy = task.work / f"{task.outputs.typed.stem}.refused"
    task.work.mkdir(parents=True, exist_ok=True)
    lines = task.connection.execute("select line, csv_line from refused where not is_ragged and typed_row is null")
    position = {key: index for index, key in enumerate(names)}
    try:
        with copy.open("w", encoding="utf-8", newline="") as sink:
            while rows := lines.fetchmany(10_000):
                for line, text_of_line in rows:
                    row = _values(text_of_line, delimiter)
                    if len(row) == len(names):
                        nothing = {"", *task.settings.null_values}
                        texts = {
                            name: None if row[position[key]] in nothing else row[position[key]]
                            for name, key in given.items()
                        }
                        sink.write(f"{line}\x01{json.dumps(texts)}\n")
        columns = ", ".join(f"(texts ->> {quoted(pointer(name))}) as {identifier(name)}" for name in given)
        task.connection.execute(
            f"create temp table split as select line, {columns} from read_csv({located(copy)}, "
            "columns = {line: 'bigint', texts: 'json'}, auto_detect = false, header = false, "
            "delim = '\x01', quote = '', escape = '')"
        )
    finally:
        copy.unlink(missing_ok=True)
    if task.connection.execute("select count(*) from refused where typed_row is not null").fetchone()[0]:
        task.connection.execute("insert into split by name select * from unread")


def _values(line: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter))
    except csv.Error:
        return []
    return rows[0] if len(rows) == 1 else []
