"""The typed reader: one landed file in, one immutable Parquet file of the raw zone out.

Types come from the table's declared columns. What can't be read is set aside with its line and reason; nothing else
is judged here.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

import charset_normalizer
import duckdb

from orchestration.contract import Table
from orchestration.landing import LandedFile
from regulars.errors import UserError
from regulars.settings import SourceSettings

READER_VERSION = "1"  # raise it when the same file would be read differently
DELIMITERS = ",;\t|"
CHUNK = 1 << 22
ENCODINGS = ("gb18030", "big5", "shift_jis", "cp1252")


@dataclass(frozen=True)
class Reading:
    """What became of a file. rows_in counts data rows; rejected of them could not be read."""

    rows_in: int
    rejected: int
    first_line: int
    encoding: str | None
    delimiter: str | None
    ignored_columns: tuple[str, ...]


def quoted(text: object) -> str:
    """A SQL text literal."""
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def read(
    landed: LandedFile,
    settings: SourceSettings,
    time_zone: str,
    file_id: int,
    target: Path,
    rejects: Path,
    work: Path,
) -> Reading:
    """Read a landed file into `target` (Parquet: declared columns and `_file_id`), its unreadable rows into `rejects`.

    Args:
        time_zone: zone of instants without one.
        file_id: carried by every row.
        work: folder for temporary files.

    Raises:
        UserError: when the file as a whole can't be used.
    """
    with duckdb.connect() as connection:
        connection.execute(f"set TimeZone = {quoted(time_zone)}")
        connection.execute("set preserve_insertion_order = true")
        connection.execute(f"set temp_directory = {quoted(work / 'spill')}")
        try:
            if landed.format == "parquet":
                return _read_parquet(connection, landed, file_id, target, rejects)
            return _read_csv(connection, landed, settings, file_id, target, rejects, work)
        except duckdb.IOException as error:
            raise _unwritable(target, error) from error


def _unwritable(target: Path, error: Exception) -> UserError:
    return UserError(
        f"the raw zone can't be written: {str(error).splitlines()[0]}",
        file=str(target.parent),
        remedy="Free space or change its permissions, then refresh again: nothing was published.",
    )


def _stored(expression: str, data_type: str) -> str:
    return f"timezone('UTC', {expression})" if data_type == "timestamptz" else expression


def _check_columns(landed: LandedFile, names: list[str]) -> dict[str, str]:
    """Match a file's column names to the table's, by case and surrounding blanks; returns declared -> given."""
    given: dict[str, str] = {}
    for name in names:
        folded = name.strip().casefold()
        if folded in given:
            raise UserError(
                "this column is there twice",
                file=landed.file,
                line=1,
                column=name,
                remedy="Rename or remove one.",
            )
        given[folded] = name
    missing = landed.table.missing_from(set(given))
    if missing:
        raise UserError(
            f"the required column is missing; the file has: {', '.join(names) or 'none'}",
            file=landed.file,
            line=1,
            column=missing,
            remedy=f"Add {missing} to the export, or rename the column that holds it.",
        )
    declared = {column.name.casefold(): column.name for column in landed.table.columns}
    return {declared[folded]: name for folded, name in given.items() if folded in declared}


# -- CSV


def detect_encoding(path: Path, file: str, declared: str | None) -> str:
    """Encoding of a text file: declared, by byte order mark, UTF-8 if it is that throughout, else guessed.

    Raises:
        UserError: naming the line of the first byte that no likely encoding explains.
    """
    if declared:
        try:
            codecs.lookup(declared)
        except LookupError as error:
            raise UserError(
                f"'{declared}' is no encoding",
                file=file,
                column="encoding",
                remedy="Write utf-8 or gb18030, say.",
            ) from error
        candidates: tuple[str, ...] = (declared,)
    else:
        with path.open("rb") as stream:
            start = stream.read(1 << 18)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            candidates = ("utf-16",)
        else:
            guess = charset_normalizer.from_bytes(start, cp_isolation=list(ENCODINGS)).best()
            guessed = (guess.encoding,) if guess else ()
            candidates = ("utf-8-sig", *guessed, "gb18030")
    line = 0
    for candidate in candidates:
        line = _first_bad_line(path, candidate)
        if line == 0:
            return candidate
    raise UserError(
        f"the text is not {' or '.join(dict.fromkeys(candidates))}",
        file=file,
        line=line,
        remedy=f"Save it as UTF-8, or declare `encoding` in {file.split('/')[0]}/_source.yml.",
    )


def _first_bad_line(path: Path, encoding: str) -> int:
    """1-based line of the first byte that is not of the encoding; 0 when all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 0
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                return lines + chunk[: getattr(error, "start", 0)].count(b"\n") + 1
            if not chunk:
                return 0
            lines += text.count("\n")


def _header(path: Path, file: str, encoding: str, declared: str | None) -> tuple[list[str], str]:
    with path.open(encoding=encoding, newline="") as stream:
        first = stream.readline(1 << 20)
        if first.count('"') % 2:
            first += stream.readline(1 << 20)
    if not first.strip():
        raise UserError("the file is empty: not even a header", file=file, remedy="Export it again, with its header.")
    delimiter = declared or max(DELIMITERS, key=first.count)
    return next(csv.reader(io.StringIO(first), delimiter=delimiter)), delimiter


def _as_utf8(path: Path, encoding: str, work: Path) -> Path:
    """The file itself, or a UTF-8 copy for the engine to read."""
    if encoding in ("utf-8", "utf-8-sig"):
        return path
    work.mkdir(parents=True, exist_ok=True)
    copy = work / f"{path.name}.utf8"
    with (
        path.open(encoding=encoding, newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as sink,
    ):
        while chunk := source.read(CHUNK):
            sink.write(chunk)
    return copy


def _read_csv(connection, landed, settings, file_id, target, rejects, work) -> Reading:
    if landed.path.stat().st_size == 0:
        raise UserError("the file is empty: not even a header", file=landed.file, remedy="Export it again.")
    encoding = detect_encoding(landed.path, landed.file, settings.encoding)
    names, delimiter = _header(landed.path, landed.file, encoding, settings.delimiter)
    given = _check_columns(landed, names)
    types = {given[column.name]: column.data_type for column in landed.table.columns if column.name in given}
    # The reader wants distinct names in file order; columns nobody declared stay text and are left out.
    order = {f"c{index}": types.get(name, "varchar") for index, name in enumerate(names)}
    place = {name: f"c{index}" for index, name in enumerate(names)}
    options = [
        f"columns = {{{', '.join(f'{name}: {quoted(kind)}' for name, kind in order.items())}}}",
        "header = true",
        "auto_detect = false",
        f"delim = {quoted(delimiter)}",
        "quote = '\"'",
        "escape = '\"'",
        "nullstr = ''",
        "store_rejects = true",
    ]
    if settings.date_format:
        options += [f"{kind} = {quoted(settings.date_format)}" for kind in ("dateformat", "timestampformat")]
    selected = [
        f"{_stored(place[given[column.name]], column.data_type)} as {identifier(column.name)}"
        if column.name in given
        else f"cast(null as {column.stored_type}) as {identifier(column.name)}"
        for column in landed.table.columns
    ]
    path = _as_utf8(landed.path, encoding, work)
    try:
        typed = connection.execute(
            f"copy (select {', '.join(selected)}, cast({file_id} as bigint) as _file_id "
            f"from read_csv({quoted(path)}, {', '.join(options)})) to {quoted(target)} (format parquet)"
        ).fetchone()[0]
    except duckdb.InvalidInputException as error:
        raise UserError(
            f"this can't be read as CSV: {str(error).splitlines()[0]}",
            file=landed.file,
            remedy="Open it at the place named and export it again.",
        ) from error
    finally:
        if path != landed.path:
            path.unlink()
    # One row per line, told by its first fault; rows_before places it among the typed rows.
    columns = ", ".join(f"({quoted(place[name])}, {quoted(column)})" for column, name in given.items())
    connection.execute(
        f"""
        create temp table rejected as
        with faults as (
            select line, error_type, column_name, csv_line, error_message
            from reject_errors
            qualify row_number() over (partition by line order by column_idx nulls first) = 1
        )
        select
            cast({file_id} as bigint) as _file_id,
            cast(line as bigint) as line,
            cast(line - 1 - row_number() over (order by line) as bigint) as rows_before,
            case when error_type = 'CAST' then 'unreadable_value' else 'ragged_row' end as reason,
            names.column_name,
            csv_line as content
        from faults
        left join (values {columns}) as names (place, column_name) on faults.column_name = names.place
        """
    )
    rejected = _write_rejects(connection, rejects)
    ignored = tuple(name for name in names if name not in given.values())
    shown = "utf-8" if encoding == "utf-8-sig" else encoding
    return Reading(typed + rejected, rejected, 2, shown, delimiter, ignored)


def _write_rejects(connection, rejects: Path) -> int:
    count = connection.execute("select count(*) from rejected").fetchone()[0]
    if count:
        connection.execute(f"copy (select * from rejected order by line) to {quoted(rejects)} (format parquet)")
    return count


# -- Parquet


def _read_parquet(connection, landed, file_id, target, rejects) -> Reading:
    source = f"read_parquet({quoted(landed.path)}, file_row_number = true)"
    try:
        described = connection.execute(f"describe select * exclude (file_row_number) from {source}").fetchall()
    except duckdb.Error as error:
        raise _unreadable_parquet(landed, error) from error
    kinds = {name: kind.lower() for name, kind, *_ in described}
    given = _check_columns(landed, list(kinds))
    selected, readable = [], []
    for column in landed.table.columns:
        if column.name not in given:
            selected.append(f"cast(null as {column.stored_type}) as {identifier(column.name)}")
            continue
        name = given[column.name]
        value = identifier(name)
        if kinds[name] == "varchar":
            value = f"nullif({value}, '')"
        if kinds[name] not in (
            column.data_type,
            "timestamp with time zone" if column.data_type == "timestamptz" else "",
        ):
            converted = f"try_cast({value} as {column.data_type})"
            readable.append((column.name, f"({value} is null or {converted} is not null)"))
            value = converted
        selected.append(f"{_stored(value, column.data_type)} as {identifier(column.name)}")
    condition = " and ".join(test for _, test in readable) or "true"
    reasons = " ".join(f"when not {test} then {quoted(name)}" for name, test in readable) or "when false then ''"
    try:
        typed = connection.execute(
            f"copy (select {', '.join(selected)}, cast({file_id} as bigint) as _file_id from {source} "
            f"where {condition}) to {quoted(target)} (format parquet)"
        ).fetchone()[0]
        connection.execute(
            f"""
            create temp table rejected as
            select
                cast({file_id} as bigint) as _file_id,
                file_row_number + 1 as line,
                file_row_number + 1 - row_number() over (order by file_row_number) as rows_before,
                'unreadable_value' as reason,
                case {reasons} end as column_name,
                cast(null as varchar) as content
            from {source}
            where not ({condition})
            """
        )
    except duckdb.InvalidInputException as error:
        raise _unreadable_parquet(landed, error) from error
    rejected = _write_rejects(connection, rejects)
    ignored = tuple(name for name in kinds if name not in given.values())
    return Reading(typed + rejected, rejected, 1, None, None, ignored)


def _unreadable_parquet(landed: LandedFile, error: Exception) -> UserError:
    return UserError(
        f"this can't be read as Parquet: {str(error).splitlines()[0].replace(str(landed.path), landed.file)}",
        file=landed.file,
        remedy="It may have been cut short on the way: export or copy it again.",
    )


def reader_hash_parts(table: Table, settings: SourceSettings, time_zone: str) -> str:
    """Everything besides a file's content that decides how it is read."""
    columns = ",".join(f"{column.name}:{column.data_type}" for column in table.columns)
    declared = (settings.encoding, settings.delimiter, settings.date_format, time_zone)
    return f"{READER_VERSION}|{columns}|{declared}"
