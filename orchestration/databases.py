"""Tables of running databases: read through dlt by a cursor column, into files that are loaded like any other.

Each extraction that finds rows leaves one Parquet file of its own; how far it got stands in that file's footer. There
is no other state, so a run that dies leaves nothing half-done. Belongs here: what is read from where, and the cursor.
Does not: types and quarantine; the typed reader judges these files as it judges landed ones.

dlt 1.31 is used as a reader (its `sql_table` resource and incremental cursor) without its pipeline: that keeps a second
state and a second copy of the data, puts files in place that are not whole yet, and writes to the user's home folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from regulars.errors import UserError
from regulars.home import Home
from regulars.settings import DatabaseSettings, DatabaseTable

# Before dlt is imported: it says nothing to anybody, and nothing to the log.
SILENT = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
FOOTER = b"regulars"
CHUNK_ROWS = 50_000


@dataclass(frozen=True)
class Extraction:
    """What one table's extraction found: the file it wrote, None when nothing was new."""

    source_system: str
    table: str
    file: Path | None
    rows: int


@dataclass(frozen=True)
class _Reached:
    """How far a table was read: the highest cursor, and which rows stand at it, each how often."""

    sequence: int
    cursor: Any
    rows_at_cursor: Counter[str]


def extract_all(home: Home) -> Iterator[Extraction]:
    """Read every table that sources.yml names; yields what each found.

    Raises:
        UserError: naming what is wrong with the connection, table or cursor. Passwords are never told.
    """
    for system, settings in home.databases.items():
        for name, table in settings.tables.items():
            yield _extract(home, system, settings, name, table)


def _extract(home: Home, system: str, settings: DatabaseSettings, name: str, table: DatabaseTable) -> Extraction:
    os.environ.update(SILENT)
    import sqlalchemy

    place = f"{home.databases_file.name}: {system}.{name}"
    address = os.environ.get(settings.connection)
    if not address:
        raise UserError(
            f"the environment variable {settings.connection} is not set",
            file=str(home.databases_file),
            column=f"{system}.connection",
            remedy=f"Set it to the database's address: export {settings.connection}=postgresql://user:password@host/name",
        )
    folder = home.extracts / system / (table.entity or name)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.part"):
        leftover.unlink()
    try:
        if address.startswith("postgresql://"):
            address = address.replace("postgresql://", "postgresql+psycopg://", 1)
        _check_address(sqlalchemy, address, settings, home)
        engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.pool.NullPool, hide_parameters=True)
        # When reading stops halfway dlt leaves a transaction open: it would hold its locks.
        opened: list = []
        sqlalchemy.event.listen(engine, "connect", lambda connection, _: opened.append(connection))
        try:
            file, rows = _read(engine, settings, name, table, folder)
        finally:
            for connection in opened:
                if not getattr(connection, "closed", False):
                    connection.rollback()
            engine.dispose()
    except UserError:
        raise
    except Exception as error:
        told = str(_innermost(error)).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"this table can't be read: {told[0]}",
            file=place,
            remedy="Check that the database is up, its address, permissions, and the names given.",
        ) from None
    return Extraction(system, name, file, rows)


def _check_address(sqlalchemy, address: str, settings: DatabaseSettings, home: Home) -> None:
    """An address that is taken apart wrongly would show parts of its password in other errors."""
    try:
        parts = sqlalchemy.engine.make_url(address)
        is_sound = "@" not in (parts.host or "")
    except Exception:
        is_sound = False
    if not is_sound:
        raise UserError(
            f"the address in {settings.connection} can't be read",
            file=str(home.databases_file),
            column="connection",
            remedy="Write postgresql://user:password@host/name, and @ : / ? # in the password as %40 %3A %2F %3F %23.",
        )


def _innermost(error: BaseException) -> BaseException:
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error


def _reached(folder: Path) -> _Reached | None:
    import pyarrow.parquet as parquet

    files = sorted(folder.glob("*.parquet"))
    if not files:
        return None
    said = json.loads(parquet.read_metadata(files[-1]).metadata[FOOTER])
    return _Reached(said["sequence"], _decoded(said["cursor"]), Counter(said["rows_at_cursor"]))


def _read(engine, settings: DatabaseSettings, name: str, table: DatabaseTable, folder: Path) -> tuple[Path | None, int]:
    import dlt
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet
    from dlt.sources.sql_database import sql_table

    before = _reached(folder)
    resource = sql_table(
        credentials=engine,
        table=table.table or name,
        schema=settings.schema_name,
        backend="pyarrow",
        chunk_size=CHUNK_ROWS,
        reflection_level="full",
        type_adapter_callback=_exact,
        query_adapter_callback=lambda query, source: _settled(query, source, table),
        incremental=dlt.sources.incremental(
            table.cursor, initial_value=before and before.cursor, on_cursor_value_missing="raise"
        ),
    )
    top = before.cursor if before else None
    at_top = Counter(before.rows_at_cursor) if before else Counter()
    seen = Counter(at_top)
    rows, writer = 0, None
    sequence = before.sequence + 1 if before else 1
    part, whole = folder / f".{sequence:08d}.part", folder / f"{sequence:08d}.parquet"
    try:
        with closing(iter(resource)) as chunks:
            for chunk in chunks:
                _check_cursor(chunk, table.cursor)
                fresh = _unseen(chunk, table.cursor, before, seen)
                if not fresh.num_rows:
                    continue
                highest = compute.max(fresh[table.cursor]).as_py()
                if top is None or highest > top:
                    top, at_top = highest, Counter()
                if highest == top:
                    at_top += Counter(_marks(fresh.filter(_at(fresh, table.cursor, top))))
                writer = writer or parquet.ParquetWriter(part, fresh.schema, compression="zstd")
                writer.write_table(fresh.cast(writer.schema))
                rows += fresh.num_rows
        if writer is None:
            return None, 0
        footer = {"sequence": sequence, "cursor": _encoded(top), "rows_at_cursor": dict(sorted(at_top.items()))}
        writer.add_key_value_metadata({FOOTER: json.dumps(footer).encode()})
        writer.close()
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.rename(whole)
    except pyarrow.ArrowInvalid as error:
        raise UserError(
            f"a value does not fit its column: {error}",
            file=name,
            remedy="Read it through a view that casts it to text.",
        ) from error
    finally:
        if writer is not None:
            writer.close()
        part.unlink(missing_ok=True)
    return whole, rows


def _exact(kind):
    """What dlt carries exactly stays as it is; the rest (json, arrays, intervals, boundless numerics) comes as text."""
    import sqlalchemy as sa

    if isinstance(kind, sa.Float):
        return sa.Numeric(asdecimal=False)
    if isinstance(kind, sa.Numeric) and (kind.precision is None or kind.precision > 38):
        return sa.Text()
    plain = (sa.Integer, sa.String, sa.Boolean, sa.Date, sa.DateTime, sa.Numeric)
    return kind if isinstance(kind, plain) and not isinstance(kind, sa.Enum) else sa.Text()


def _settled(query, source, table: DatabaseTable):
    """The query with odd types as text, and without rows younger than `settle_seconds`.

    A transaction that began earlier may commit later than the newest row read: its rows would be passed over.
    """
    import sqlalchemy as sa

    columns = [
        sa.cast(column, sa.Text).label(column.name)
        if isinstance(_exact(column.type), sa.Text) and not isinstance(column.type, sa.String)
        else column
        for column in source.columns
    ]
    if table.settle_seconds:
        young = source.c[table.cursor] >= sa.func.now() - sa.text(f"interval '{table.settle_seconds} seconds'")
        query = query.where(sa.or_(source.c[table.cursor].is_(None), sa.not_(young)))
    return query.with_only_columns(*columns, maintain_column_froms=True)


def _check_cursor(chunk, cursor: str) -> None:
    import pyarrow.types as types

    kind = chunk.schema.field(cursor).type
    if not (types.is_temporal(kind) or types.is_integer(kind) or types.is_decimal(kind)):
        raise UserError(
            f"a cursor of type {kind} can't be trusted: the database may sort it otherwise",
            file="sources.yml",
            column=cursor,
            remedy="Name a column that only rises: a time of change, or a running number.",
        )
    if chunk[cursor].null_count:
        raise UserError(
            "the cursor is empty in some rows",
            file="sources.yml",
            column=cursor,
            remedy="Name a column that is never empty.",
        )


def _at(chunk, cursor: str, value):
    import pyarrow
    import pyarrow.compute as compute

    return compute.equal(chunk[cursor], pyarrow.scalar(value, chunk[cursor].type))


def _unseen(chunk, cursor: str, before: _Reached | None, seen: Counter[str]):
    """Rows not read before: the query begins at the last cursor, where some rows were read already.

    seen: rows read before and not met again yet; equal rows may rightly be there several times.
    """
    import pyarrow
    import pyarrow.compute as compute

    if before is None:
        return chunk
    boundary = _at(chunk, cursor, before.cursor)
    if not compute.any(boundary).as_py():
        return chunk
    here = chunk.filter(boundary)
    new = []
    for mark in _marks(here):
        new.append(seen[mark] == 0)
        seen[mark] -= seen[mark] > 0
    new = pyarrow.array(new, pyarrow.bool_())
    return pyarrow.concat_tables([here.filter(new), chunk.filter(compute.invert(boundary))])


def _marks(rows) -> list[str]:
    """A hash per row, by column name and without NULLs: a column added later does not make an old row new."""
    return [
        hashlib.sha256(
            repr(sorted((key, str(value)) for key, value in row.items() if value is not None)).encode()
        ).hexdigest()[:24]
        for row in rows.to_pylist()
    ]


_KINDS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
    "int": int,
}


def _encoded(value: Any) -> list[str]:
    for name, kind in (("datetime", datetime), ("date", date), ("decimal", Decimal), ("int", int)):
        if isinstance(value, kind):
            return [name, value.isoformat() if isinstance(value, date) else str(value)]
    raise TypeError(type(value))


def _decoded(said: list[str]) -> Any:
    return _KINDS[said[0]](said[1])
