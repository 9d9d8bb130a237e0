"""Rows in quarantine: listed, written out for correction, and taken back. What they say never leaves the build and
the folder the user names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.contract import Table
from orchestration.ledger import Ledger
from orchestration.reading import text
from orchestration.reading.base import AS_PARQUET, identifier, located, pointer, quoted
from orchestration.warehouse import RESTRICTED, Warehouse
from regulars.errors import UserError
from regulars.home import Home

PLACE = ("_source_system", "_entity", "_file", "_line", "_reason", "_column", "_remedy", "_text")
EXCEPTIONS = "intermediate.int_row_exceptions"


@dataclass(frozen=True)
class Group:
    """Quarantined rows of one file with one reason."""

    source_system: str
    entity: str
    file: str
    reason: str
    label_en: str
    label_zh: str
    remedy_en: str
    remedy_zh: str
    row_count: int
    lines: tuple[int, ...]


class Quarantine:
    """The quarantine of a home, as its last refresh left it, whether that was published or stopped."""

    def __init__(self, home: Home):
        self.home = home

    def _connect(self):
        if not self.home.database.exists():
            raise UserError(
                "nothing was refreshed here yet", file=str(self.home.root), remedy="Run `regulars refresh`."
            )
        return Warehouse(self.home).connect(read_only=True)

    def groups(self, source_system: str | None = None, entity: str | None = None) -> list[Group]:
        """Rows in quarantine by file and reason, most first, each with its first lines."""
        with self._connect() as connection:
            rows = connection.execute(
                f"""
                select
                    loads.source_system, loads.entity, loads.file, rows.reason,
                    reasons.label_en, reasons.label_zh, reasons.remedy_en, reasons.remedy_zh,
                    count(*) as row_count,
                    list(rows.line order by rows.line)[:5] as lines
                from {EXCEPTIONS} as rows
                inner join {RESTRICTED}.control__loads as loads on rows._file_id = loads._file_id and loads.is_current
                left join seeds.quarantine_reasons as reasons on rows.reason = reasons.reason
                where
                    rows.outcome = 'quarantined'
                    and coalesce(loads.source_system = $1, true)
                    and coalesce(loads.entity = $2, true)
                group by all
                order by row_count desc, loads.file, rows.reason
                """,
                [source_system, entity],
            ).fetchall()
        return [Group(*(*row[:-1], tuple(row[-1]))) for row in rows]

    def export(self, tables: Sequence[Table], folder: Path) -> list[tuple[Path, int]]:
        """Write rows for correction, one CSV per source system and table (UTF-8, as Excel opens it).

        Returns:
            Files written, with their rows.
        """
        written = []
        folder.mkdir(parents=True, exist_ok=True)
        with self._connect() as connection:
            for table in tables:
                systems = connection.execute(
                    f"select distinct loads.source_system from {EXCEPTIONS} as rows "
                    f"inner join {RESTRICTED}.control__loads as loads on rows._file_id = loads._file_id and is_current "
                    "where rows.outcome = 'quarantined' and loads.entity = ? and loads.source = ? order by all",
                    [table.name, table.source],
                ).fetchall()
                for (system,) in systems:
                    target = folder / f"{system}.{table.name}.csv"
                    query = self._rows(table, system)
                    body = folder / f".{target.name}.part"
                    count = connection.execute(f"copy ({query}) to {quoted(body)} (format csv, header)").fetchone()[0]
                    target.write_bytes(b"\xef\xbb\xbf" + body.read_bytes())
                    body.unlink()
                    written.append((target, count))
        return written

    def _rows(self, table: Table, system: str) -> str:
        comma = Ledger(self.home).settings()[system].decimal_separator == ","

        def said(column) -> str:
            value = f"raw.{identifier(column.name)}"
            if comma and column.data_type.startswith("decimal"):
                return f"replace(cast({value} as varchar), '.', ',')"
            # Instants are stored in UTC: say so, or the source's zone would shift them when they come back.
            return f"{value} || '+00'" if column.data_type == "timestamptz" else f"cast({value} as varchar)"

        columns = ", ".join(
            f"coalesce({said(column)}, rejected.content ->> {quoted(pointer(column.name))}) "
            f"as {identifier(column.header)}"
            for column in table.columns
        )
        return f"""
            select
                loads.source_system as _source_system, loads.entity as _entity, loads.file as _file, rows.line as _line,
                rows.reason as _reason, rows.column_name as _column, reasons.remedy_en as _remedy,
                rejected.content ->> '/_line' as _text,
                {columns}
            from {EXCEPTIONS} as rows
            inner join {RESTRICTED}.control__loads as loads on rows._file_id = loads._file_id and loads.is_current
            left join seeds.quarantine_reasons as reasons on rows.reason = reasons.reason
            left join {table.relation} as raw on rows._file_id = raw._file_id and rows._file_row = raw._file_row
            left join {RESTRICTED}.control__rejected_rows as rejected
                on rows._file_id = rejected._file_id and rows.line = rejected.line and rows._file_row is null
            where
                rows.outcome = 'quarantined' and loads.source_system = {quoted(system)}
                and loads.entity = {quoted(table.name)} and loads.source = {quoted(table.source)}
            order by loads.file, rows.line
        """

    def take(self, path: Path, tables: Sequence[Table], ledger: Ledger) -> list[tuple[Path, int]]:
        """Take corrected rows back: they become a file of the landing zone and leave quarantine at the next refresh.

        Returns:
            Files put into the landing zone, with their rows.

        Raises:
            UserError: when this is no file that `export` wrote, or a row is not in quarantine.
        """
        if not path.is_file():
            raise UserError("there is no such file", file=str(path), remedy="Name the file that you corrected.")
        work = self.home.build / "work"
        with (
            text.as_utf8(path, path.name, text.detect_encoding(path, path.name, None), work) as readable,
            self._connect() as connection,
        ):
            try:
                connection.execute(
                    "create temp table corrected as "
                    f"select * from read_csv({located(readable)}, all_varchar = true, header = true, quote = '\"')"
                )
            except duckdb.Error as error:
                raise UserError(
                    f"this can't be read as CSV: {str(error).splitlines()[0]}",
                    file=str(path),
                    remedy="Save it as CSV, with the columns that were exported.",
                ) from error
            names = [row[0] for row in connection.execute("describe corrected").fetchall()]
            missing = [name for name in ("_file", "_line") if name not in names]
            if missing:
                raise UserError(
                    "this column tells which row is corrected, and is not there",
                    file=str(path),
                    column=missing[0],
                    remedy="Correct a file that `regulars quarantine export` wrote, and keep its first columns.",
                )
            self._refuse_strangers(connection, path, ledger)
            return [
                self._put(connection, system, table, file_id, names, path, ledger)
                for system, table, file_id in self._contents(connection, tables)
            ]

    @staticmethod
    def _refuse_strangers(connection, path: Path, ledger: Ledger) -> None:
        connection.execute(
            f"""
            create temp table places as
            select
                loads.source_system, loads.source, loads.entity, loads._file_id, rows.line,
                corrected._file, corrected._line
            from corrected
            left join {RESTRICTED}.control__loads as loads on corrected._file = loads.file and loads.is_current
            left join {EXCEPTIONS} as rows
                on
                    loads._file_id = rows._file_id
                    and try_cast(corrected._line as bigint) = rows.line
                    and rows.outcome = 'quarantined'
            """
        )
        stranger = connection.execute("select _file, _line from places where line is null limit 1").fetchone()
        if stranger:
            raise UserError(
                f"row {stranger[1]} of {stranger[0]} is not in quarantine",
                file=str(path),
                remedy="Export again: the file was loaded anew, or the row was corrected before.",
            )

        twice = connection.execute(
            "select _file, _line from places group by all having count(*) > 1 order by all limit 1"
        ).fetchone()
        places = connection.execute("select _file, _line, _file_id, line from places order by all").fetchall()
        taken = ledger.corrected_places()
        again = twice or next(((file, line) for file, line, *place in places if tuple(place) in taken), None)
        if again:
            raise UserError(
                f"row {again[1]} of {again[0]} is {'here twice' if twice else 'taken back already'}",
                file=str(path),
                remedy="Keep one of them."
                if twice
                else "Refresh first; or remove the corrected-… file from the landing zone.",
            )

    @staticmethod
    def _contents(connection, tables: Sequence[Table]) -> list[tuple[str, Table, int]]:
        """Landed contents that are corrected: each gets a file of its own, which falls when the content does."""
        query = "select distinct source_system, source, entity, _file_id from places order by all"
        loaded = connection.execute(query).fetchall()
        known = {(table.source, table.name): table for table in tables}
        return [(system, known[source, entity], file_id) for system, source, entity, file_id in loaded]

    def _put(
        self, connection, system: str, table: Table, file_id: int, names: list[str], path: Path, ledger: Ledger
    ) -> tuple[Path, int]:
        columns = [name for name in names if name not in PLACE]
        texts = ", ".join(f"nullif({identifier(name)}, '') as {identifier(name)}" for name in columns)
        mark = hashlib.sha256(path.read_bytes() + str(file_id).encode()).hexdigest()[:8]
        target = self.home.landing / system / table.name / f"corrected-{mark}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        where = f"where _file_id = {file_id}"
        part = target.with_name(f".{target.name}.part")
        count = connection.execute(
            f"copy (select {texts} from corrected inner join places using (_file, _line) {where}) "
            f"to {quoted(part)} {AS_PARQUET}"
        ).fetchone()[0]
        rows = connection.execute(f"select _file_id, line from places {where}").fetchall()
        ledger.correct(rows, target.relative_to(self.home.landing).as_posix())
        part.replace(target)
        return target, count
