"""JSON lines: one object a line; keys are columns."""

from __future__ import annotations

from collections.abc import Iterable
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
                line,
                case when object is null then line_text end as line_text,
                object
            from (
                select *, case when json_type(document) = 'OBJECT' then document end as object
                from (
                    select row_number() over () + {first_line - 1} as line, *, try_cast(line_text as json) as document
                    from {lines}
                )
            )
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
    texts = {name: identifier(f"text of {name}") for name in given}
    numbers = [column.name for column in task.columns if column.name in given and is_number(column)]
    kinds = {name: identifier(f"kind of {name}") for name in numbers}
    # Each object is taken apart once, all its values together; they are asked for many times.
    apart = f"object ->> {_pointers(given.values())} as texts" if given else "null as texts"
    named = "".join(f", texts[{place}] as {text}" for place, text in enumerate(texts.values(), 1))
    if kinds:
        apart += f", json_type(object, {_pointers(given[name] for name in kinds)}) as kinds"
        named += "".join(f", kinds[{place}] as {kind}" for place, kind in enumerate(kinds.values(), 1))
    connection.execute(
        f"create temp table taken_apart as select line, line_text, object, object is null as broken{named}"
        f" from (select *, {apart} from objects)"
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


def _pointers(keys: Iterable[str]) -> str:
    """SQL of a list of JSON pointers."""
    return f"[{', '.join(quoted(pointer(key)) for key in keys)}]"
