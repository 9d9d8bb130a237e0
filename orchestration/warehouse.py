"""The build: opened by one at a time, for short.

One file holds raw relations, control tables and dbt's models; the marts lie in a second one, which gets published.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from orchestration.contract import Table
from orchestration.fitting.base import Rows
from orchestration.ledger import Ledger
from orchestration.reading.base import identifier, limit_engine, literal, located, quoted
from regulars.errors import UserError, in_short
from regulars.home import Home

RESTRICTED = "restricted"
# The name that dbt and all SQL know the file of the marts by; see profiles.yml.
MARTS = "warehouse"
# Of the database files: the oldest DuckDB that reads them. In older formats texts that repeat (labels, codes) are no
# dictionary that queries can use: writing takes half as long again, reading twice as long.
STORAGE_VERSION = "v1.3.0"
# Tables beside the marts that go on with what they hold: a build without them is none.
FACTS = (
    "core.int_order_lines",
    "core.int_orders",
)


def attach_marts(connection: duckdb.DuckDBPyConnection, marts: Path, read_only: bool = False) -> None:
    """Attach the marts of a build to a connection to its database: `schema.table` is looked up in both then."""
    if read_only and not marts.exists():
        return
    connection.execute(f"attach if not exists {quoted(marts)} as {MARTS}{' (read_only)' if read_only else ''}")
    schemas = connection.execute(
        f"select schema_name from duckdb_schemas() where database_name = '{MARTS}' and not internal"
    ).fetchall()
    (build,) = connection.execute("select current_database()").fetchone()
    places = [f"{build}.main", *(f"{MARTS}.{name}" for (name,) in schemas)]
    connection.execute(f"set search_path = {quoted(','.join(places))}")


class Warehouse:
    """The build database of a home."""

    def __init__(self, home: Home):
        self.home = home

    @contextlib.contextmanager
    def connect(self, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the build database, its marts too; nobody else may have it open meanwhile."""
        try:
            config = {"storage_compatibility_version": STORAGE_VERSION}
            connection = duckdb.connect(str(self.home.database), read_only=read_only, config=config)
            limit_engine(connection, self.home.engine)
            attach_marts(connection, self.home.marts, read_only)
        except duckdb.IOException as error:
            raise UserError(
                f"the build database can't be opened: {in_short(error)}",
                file=str(self.home.database),
                remedy="Close the program that holds it, or make it writable.",
            ) from error
        try:
            yield connection
        finally:
            connection.close()

    def discard(self) -> None:
        """Begin from nothing: the raw zone and the ledger stay, everything else can be made again."""
        for database in (self.home.database, self.home.marts):
            database.unlink(missing_ok=True)
            database.with_suffix(".duckdb.wal").unlink(missing_ok=True)

    def drop_marts(self, names: Sequence[str]) -> None:
        """Drop marts (`schema.table`) that are made anew next: their room in the file is used again."""
        if names:
            with self.connect() as connection:
                for name in names:
                    connection.execute(f"drop table if exists {MARTS}.{name}")

    def built_on(self) -> str | None:
        """What the build rests on, as the refresh that finished it told; None where there is no whole build.

        A file that a crash left unreadable is no loss: it is made again.
        """
        if not self.home.database.exists():
            return None
        try:
            with self.connect() as connection:
                for fact in FACTS:
                    connection.execute(f"select count(*) from {MARTS}.{fact}")
                found = connection.execute(
                    f"select content from {RESTRICTED}.int_state where kind = 'rules'"
                ).fetchone()
                return found[0] if found else None
        except duckdb.CatalogException:
            return None
        except (UserError, duckdb.Error):
            if not os.access(self.home.database, os.W_OK):
                raise
            return None

    def create_raw_relations(self, tables: Sequence[Table], ledger: Ledger) -> list[int]:
        """(Re)create the relations of landed tables over their current raw files; returns the rows of each."""
        with self.connect() as connection:
            return [self._create_raw_relation(connection, table, ledger) for table in tables]

    @staticmethod
    def _create_raw_relation(connection: duckdb.DuckDBPyConnection, table: Table, ledger: Ledger) -> int:
        """(Re)create one; returns its rows.

        Columns: the declared ones, `_file_id`, `_file_row` (place among the file's typed rows, from 0; rows that had
        to be normalised count down from -1), and for canonical tables `source_system`.
        """
        loads = ledger.current(table)
        columns = ", ".join(
            f"cast(null as {column.stored_type}) as {identifier(column.name)}" for column in table.columns
        )
        system = "cast(null as varchar) as source_system, " if table.is_canonical else ""
        empty = (
            f"select {system}{columns}, cast(null as bigint) as _file_id, cast(null as bigint) as _file_row where false"
        )
        parts = [empty]
        names = ", ".join(identifier(column.name) for column in table.columns)
        places: dict[tuple[str, str], list[str]] = {}
        for load in loads:
            raw = ledger.raw_files(load["source_system"], load["entity"], load["file_id"])
            places.setdefault((load["source_system"], "file_row_number"), []).append(located(raw.typed))
            if raw.recovered.exists():
                places.setdefault((load["source_system"], "-1 - file_row_number"), []).append(located(raw.recovered))
        for (name, row), files in places.items():
            system = f"{quoted(name)} as source_system, " if table.is_canonical else ""
            parts.append(
                f"select {system}{names}, _file_id, {row} as _file_row "
                f"from read_parquet([{', '.join(files)}], file_row_number = true, union_by_name = true)"
            )
        connection.execute(f"create schema if not exists {table.schema}")
        connection.execute(f"create or replace view {table.relation} as " + " union all by name ".join(parts))
        return sum(load["rows_in"] - load["rejected"] for load in loads)

    def replace_tables(
        self,
        tables: Mapping[str, tuple[Sequence[tuple[str, str]], Rows]],
        schema: str = RESTRICTED,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        """(Re)create several small tables of a schema, with an open connection or one of its own."""
        with contextlib.nullcontext(connection) if connection else self.connect() as connection:
            connection.begin()
            for name, (columns, rows) in tables.items():
                self._replace(connection, f"{schema}.{name}", columns, rows)
            connection.commit()

    def create_rejects_relation(self, name: str, columns: Sequence[tuple[str, str]], ledger: Ledger) -> None:
        """(Re)create the relation of all rows that the reader could not read, of current loads."""
        files = [
            located(path)
            for load in ledger.loads()
            if load["status"] == "current"
            for path in [ledger.raw_files(load["source_system"], load["entity"], load["file_id"]).rejects]
            if path.exists()
        ]
        names = ", ".join(column for column, _ in columns)
        empty = "select " + ", ".join(f"cast(null as {kind}) as {column}" for column, kind in columns) + " where false"
        query = f"select {names} from read_parquet([{', '.join(files)}])" if files else empty
        with self.connect() as connection:
            connection.execute(f"create schema if not exists {RESTRICTED}")
            connection.execute(f"create or replace view {RESTRICTED}.{name} as {query}")

    @staticmethod
    def _replace(connection, name, columns, rows) -> None:
        connection.execute(f"create schema if not exists {name.split('.')[0]}")
        connection.execute(
            f"create or replace table {name} ({', '.join(f'{column} {kind}' for column, kind in columns)})"
        )
        if not isinstance(rows, list | tuple):  # columns of NumPy
            connection.register("handed_over", rows)
            connection.execute(f"insert into {name} by name select * from handed_over")
            connection.unregister("handed_over")
        elif rows:
            # Spelt out as text, which the column's type reads: to bind parameters DuckDB imports pandas.
            values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
            connection.execute(f"insert into {name} values {values}")
