"""Parquet: already typed; columns of another type than declared are converted, text ones like any text."""

from __future__ import annotations

import duckdb

from orchestration.contract import Column
from orchestration.landing import LandedFile
from orchestration.reading import values
from orchestration.reading.base import (
    AS_PARQUET,
    Reading,
    Task,
    first_fault,
    identifier,
    located,
    match_columns,
    quoted,
    select_list,
    write_rejects,
)
from orchestration.zones import as_utc
from regulars.errors import UserError


def read(task: Task) -> Reading:
    """Read a Parquet file."""
    connection, landed = task.connection, task.landed
    source = f"read_parquet({located(landed.path)}, file_row_number = true)"
    try:
        described = connection.execute(f"describe select * exclude (file_row_number) from {source}").fetchall()
    except duckdb.Error as error:
        raise _unreadable(landed, error) from error
    kinds = {name: kind.lower() for name, kind, *_ in described}
    given = match_columns(landed, list(kinds))
    readable: dict[str, str] = {}
    instants: dict[str, str] = {}
    texts, unreadable = {}, {}
    named = ", ".join(f"{identifier(name)} := cast({identifier(key)} as varchar)" for name, key in given.items())
    try:
        for column in task.columns:
            if column.name not in given:
                continue
            name, kind = given[column.name], kinds[given[column.name]]
            is_local = column.data_type == "timestamptz" and kind == "timestamp"
            instant = as_utc(connection, identifier(name), source) if is_local else None
            if instant:
                instants[column.name] = instant
                continue
            value, converted = _converted(task, column, name, kind)
            readable[column.name] = converted or value
            if converted:
                texts[column.name] = f"cast({value} as varchar)"
                unreadable[column.name] = f"({value} is not null and {converted} is null)"
        bad = " or ".join(unreadable.values()) or "false"
        typed = connection.execute(
            f"copy (select {select_list(task.columns, readable, instants)}, "
            f"cast({task.file_id} as bigint) as _file_id from {source} where not ({bad})) "
            f"to {quoted(task.outputs.typed)} {AS_PARQUET}"
        ).fetchone()[0]
        connection.execute(
            f"""
            create temp table set_aside as
            select
                file_row_number + 1 as line,
                {values.reason(texts, unreadable)} as reason,
                {first_fault(unreadable)} as column_name,
                to_json(struct_pack({named})) as content
            from {source}
            where {bad}
            """
        )
    except duckdb.InvalidInputException as error:
        raise _unreadable(landed, error) from error
    rejected = write_rejects(task, first_line=1)
    ignored = tuple(name for name in kinds if name not in given.values())
    return Reading(typed + rejected, rejected, 1, None, None, ignored)


def _converted(task: Task, column: Column, name: str, kind: str) -> tuple[str, str | None]:
    """SQL of a column's value, and of its conversion where it is not of the declared type already."""
    value = identifier(name)
    if kind in (column.data_type, "timestamp with time zone" if column.data_type == "timestamptz" else ""):
        # A text column may hold empty texts; a number in a file may be infinite.
        if kind in ("double", "float"):
            return value, f"case when isfinite({value}) then {value} end"
        return (task.filled(value) if kind == "varchar" else value), None
    if kind == "varchar":
        value = task.filled(value)
        return value, task.typed(value, column)
    if column.data_type == "varchar" and kind in ("double", "float"):
        # 1001.0 is how a missing value turns the number 1001 into a fraction.
        integral = f"{value} = trunc({value}) and abs({value}) < 1e15"
        whole = f"case when {integral} then cast(cast({value} as bigint) as varchar) end"
        return value, f"coalesce({whole}, cast({value} as varchar))"
    converted = values.finite(f"try_cast({value} as {column.data_type})", column.data_type)
    if column.data_type == "bigint" and kind.startswith(("double", "float", "decimal")):
        converted = f"case when {value} = trunc({value}) then {converted} end"
    if column.data_type == "boolean":
        converted = f"case when cast({value} as varchar) in ('0', '1', 'true', 'false') then {converted} end"
    return value, converted


def _unreadable(landed: LandedFile, error: Exception) -> UserError:
    return UserError(
        f"this can't be read as Parquet: {str(error).splitlines()[0].replace(str(landed.path), landed.file)}",
        file=landed.file,
        remedy="It may have been cut short on the way: export or copy it again.",
    )
