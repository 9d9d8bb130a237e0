"""JSON lines: one object a line; keys are columns."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.reading import text
from orchestration.reading.base import (
    Reading,
    Task,
    identifier,
    is_number,
    located,
    match_columns,
    pointer,
    quoted,
    write_text_rows,
)
from regulars.errors import UserError


def read(task: Task) -> Reading:
    """Read a file of JSON lines."""
    path, file = task.landed.path, task.landed.file
    encoding = text.detect_encoding(path, file, task.settings.encoding)
    with text.as_utf8(path, file, encoding, task.work) as readable:
        return read_objects(task, readable, first_line=1, encoding="utf-8" if encoding == "utf-8-sig" else encoding)


def read_objects(
    task: Task, path: Path, first_line: int, encoding: str | None, names: list[str] | None = None
) -> Reading:
    """Read a UTF-8 file of JSON lines. An empty line is no row; a line that is no object is set aside.

    Args:
        names: columns, where the file has a header to tell; else the keys of all objects.

    Raises:
        UserError: when a required column is in no object, or a line is longer than the engine reads.
    """
    connection = task.connection
    # One column per line: a byte that JSON forbids as delimiter.
    lines = (
        f"read_csv({located(path)}, columns = {{line_text: 'varchar'}}, auto_detect = false, header = false, "
        "compression = 'none', delim = '\x01', quote = '', escape = '', nullstr = '\x02')"
    )
    try:
        connection.execute(
            f"""
            create temp table objects as
            select
                row_number() over () + {first_line - 1} as line,
                line_text,
                case when json_valid(line_text) and json_type(line_text) = 'OBJECT' then line_text::json end as object
            from {lines}
            """
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise UserError(
            f"this can't be read as JSON lines: {str(error).splitlines()[0].replace(str(path), task.landed.file)}",
            file=task.landed.file,
            remedy="Write one JSON object a line.",
        ) from error
    if names is None:
        keys = "select distinct unnest(json_keys(object)) as key from objects"
        names = [row[0] for row in connection.execute(f"select key from ({keys}) order by key").fetchall()]
    given = match_columns(task.landed, names)
    # Each object is taken apart once: values and kinds are asked for many times.
    texts = {name: identifier(f"text of {name}") for name in given}
    numbers = [column.name for column in task.columns if column.name in given and is_number(column)]
    kinds = {name: identifier(f"kind of {name}") for name in numbers}
    apart = "".join(f", object ->> {quoted(pointer(given[name]))} as {text}" for name, text in texts.items())
    apart += "".join(f", json_type(object, {quoted(pointer(given[name]))}) as {kind}" for name, kind in kinds.items())
    connection.execute(
        f"create temp table taken_apart as select line, line_text, object, object is null as broken{apart} from objects"
    )
    typed, rejected = write_text_rows(
        task,
        "taken_apart",
        texts,
        "coalesce(object, to_json(struct_pack(_line := line_text)))",
        {name: f"{kind} in ('DOUBLE', 'BIGINT', 'UBIGINT')" for name, kind in kinds.items()},
    )
    ignored = tuple(name for name in names if name not in given.values())
    return Reading(typed + rejected, rejected, first_line, encoding, None, ignored)
