"""The ledger: every load there ever was, in SQLite, so that it survives any crash and any rebuild of the warehouse."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from orchestration.contract import Table
from orchestration.reading.base import Outputs
from regulars.errors import UserError
from regulars.home import Home
from regulars.settings import SourceSettings

SCHEMA = """
create table if not exists loads (
    load_id integer primary key autoincrement,
    source_system text not null,
    source text not null,
    entity text not null,
    file text not null,
    content_hash text not null,
    file_id integer not null,
    size integer not null,
    mtime_ns integer not null,
    rows_in integer not null,
    rejected integer not null,
    first_line integer not null,
    encoding text,
    delimiter text,
    ignored_columns text,
    run_id text not null,
    loaded_at text not null,
    event_limit_at text not null,
    is_published integer not null default 0,
    is_withdrawn integer not null default 0
);
create table if not exists source_settings (source_system text primary key, declared text not null);
create table if not exists withdrawals (
    file text not null, content_hash text not null, withdrawn_at text not null, primary key (file, content_hash)
);
create table if not exists corrections (
    file_id integer not null, line integer not null, corrected_file text not null,
    primary key (file_id, line, corrected_file)
);
create table if not exists published_volumes (
    source_system text not null, entity text not null, accepted integer not null,
    primary key (source_system, entity)
);
"""

# The newest load of a path that was not withdrawn is the path's content; of paths with one content, the first counts.
STATUS = """
select
    loads.*,
    case
        when is_withdrawn then 'withdrawn'
        when load_id <> max(load_id) filter (where not is_withdrawn) over (partition by source_system, entity, file)
            then 'replaced'
        else 'standing'
    end as standing
from loads
"""

# Corrected rows stand for lines of a certain content: where that gave way to a newer one, or was withdrawn, so do they.
# A correction of corrected rows falls with them.
LOADS = f"""
with recursive
standing as ({STATUS}),
fallen (file) as (
    select corrected_file from corrections
    where file_id not in (select file_id from standing where standing = 'standing')
    union
    select corrections.corrected_file
    from corrections
    inner join standing on standing.file_id = corrections.file_id and standing.standing = 'standing'
    inner join fallen on fallen.file = standing.file
),
judged as (
    select
        standing.*,
        case
            when standing = 'standing' and file in (select file from fallen) then 'replaced'
            else standing
        end as judgement
    from standing
)
select *, case
    when judgement <> 'standing' then judgement
    when row_number() over (partition by judgement, file_id order by file) = 1 then 'current'
    else 'same_content'
end as status
from judged
order by load_id
"""


class Ledger:
    """Loads of one home. Every method is one transaction."""

    def __init__(self, home: Home):
        self.home = home
        self.path = home.ledger
        with self._connect() as connection:
            connection.executescript(SCHEMA)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
                connection.row_factory = sqlite3.Row
                connection.execute("pragma synchronous = full")
                yield connection
        except sqlite3.OperationalError as error:
            raise UserError(
                f"the ledger can't be used: {error}",
                file=str(self.path),
                remedy="Free space or change its permissions.",
            ) from error

    def raw_files(self, source_system: str, entity: str, file_id: int) -> Outputs:
        """Parquet files of a landed content; those of recovered and rejected rows only where there are any."""
        stem = self.home.raw / source_system / entity / f"{file_id:016x}.parquet"
        return Outputs(stem, stem.with_suffix(".recovered.parquet"), stem.with_suffix(".rejects.parquet"))

    def standing(self, source_system: str, entity: str, file: str) -> sqlite3.Row | None:
        """The load that tells what lies under a path."""
        with self._connect() as connection:
            return connection.execute(
                f"select * from ({STATUS}) where standing = 'standing'"
                " and source_system = ? and entity = ? and file = ?",
                (source_system, entity, file),
            ).fetchone()

    def twin(self, file_id: int) -> sqlite3.Row | None:
        """The first load of a content."""
        with self._connect() as connection:
            query = "select * from loads where file_id = ? order by load_id limit 1"
            return connection.execute(query, (file_id,)).fetchone()

    def enter(self, load: Mapping[str, Any]) -> None:
        """Remember a load: column of `loads` -> value."""
        columns, marks = ", ".join(load), ", ".join("?" for _ in load)
        with self._connect() as connection:
            connection.execute(f"insert into loads ({columns}) values ({marks})", tuple(load.values()))

    def leaves_out(self, file: str, content_hash: str) -> bool:
        """Whether this content of a file was withdrawn; whatever lay there in between gave way to it, then."""
        with self._connect() as connection:
            query = "select count(*) from withdrawals where file = ? and content_hash = ?"
            is_withdrawn = connection.execute(query, (file, content_hash)).fetchone()[0] > 0
            if is_withdrawn:
                connection.execute("update loads set is_withdrawn = 1 where file = ?", (file,))
            return is_withdrawn

    def withdraw(self, file: str) -> int:
        """Take a file's rows out, and keep this content of it out; returns how many loads were withdrawn.

        What was published of its table is no yardstick any more for how much the next refresh must find.
        """
        with self._connect() as connection:
            loads = connection.execute(
                "select * from loads where file = ? and not is_withdrawn order by load_id", (file,)
            ).fetchall()
            now = datetime.now(UTC).isoformat(" ", "seconds")
            for load in loads:
                connection.execute(
                    "insert or replace into withdrawals values (?, ?, ?)", (file, load["content_hash"], now)
                )
                connection.execute("update loads set is_withdrawn = 1 where load_id = ?", (load["load_id"],))
                connection.execute(
                    "delete from published_volumes where source_system = ? and entity = ?",
                    (load["source_system"], load["entity"]),
                )
            return len(loads)

    def restore(self, file: str) -> int:
        """Undo withdraw: the file's newest content counts again; returns how many loads came back."""
        with self._connect() as connection:
            forgotten = connection.execute("delete from withdrawals where file = ?", (file,)).rowcount
            returned = connection.execute(
                "update loads set is_withdrawn = 0 where load_id = (select max(load_id) from loads where file = ?)"
                " and is_withdrawn",
                (file,),
            ).rowcount
            return max(forgotten, returned)

    def correct(self, rows: Iterable[tuple[int, int]], corrected_file: str) -> None:
        """Remember that quarantined rows (content, line) are delivered anew by a file of the landing zone."""
        with self._connect() as connection:
            connection.executemany(
                "insert or ignore into corrections values (?, ?, ?)",
                [(file_id, line, corrected_file) for file_id, line in rows],
            )

    def corrected_places(self) -> set[tuple[int, int]]:
        """Rows (content, line) that were taken back already, by files that still lie in the landing zone."""
        with self._connect() as connection:
            rows = connection.execute("select * from corrections").fetchall()
        return {(row["file_id"], row["line"]) for row in rows if self.home.landed(row["corrected_file"]).exists()}

    def corrections(self) -> list[sqlite3.Row]:
        """Rows that a file which counts delivers anew: content and line."""
        counted = {load["file"] for load in self.loads() if load["status"] in ("current", "same_content")}
        with self._connect() as connection:
            rows = connection.execute("select distinct * from corrections").fetchall()
        return [row for row in rows if row["corrected_file"] in counted]

    def forget_unpublished(self) -> None:
        """A file that was never published and is gone again was a mistake: it withdraws itself."""
        published: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError):
            published = json.loads((self.home.published / "manifest.json").read_text()).get("inputs", {})
        with self._connect() as connection:
            # A refresh may have died right after it published.
            connection.executemany(
                "update loads set is_published = 1 where file = ? and content_hash = ? and not is_withdrawn",
                list(published.items()),
            )
            rows = connection.execute(
                "select load_id, file from loads where not is_published and not is_withdrawn"
            ).fetchall()
            gone = [(row["load_id"],) for row in rows if not self.home.landed(row["file"]).exists()]
            connection.executemany("update loads set is_withdrawn = 1 where load_id = ?", gone)

    def remember_settings(self, declared: dict[str, SourceSettings]) -> None:
        """Keep what source systems declare: their rows stay when people clean the landing zone up."""
        rows = [(system, settings.model_dump_json()) for system, settings in declared.items()]
        with self._connect() as connection:
            connection.executemany("insert or replace into source_settings values (?, ?)", rows)

    def settings(self) -> dict[str, SourceSettings]:
        """What each source system that was ever seen declares."""
        with self._connect() as connection:
            rows = connection.execute("select source_system, declared from source_settings").fetchall()
        return {row["source_system"]: SourceSettings.model_validate_json(row["declared"]) for row in rows}

    def is_empty(self) -> bool:
        """Whether no load stands."""
        with self._connect() as connection:
            return connection.execute("select count(*) from loads where not is_withdrawn").fetchone()[0] == 0

    def loads(self) -> list[sqlite3.Row]:
        """Every load with its status: current, same_content, replaced or withdrawn."""
        with self._connect() as connection:
            return connection.execute(LOADS).fetchall()

    def current(self, table: Table) -> list[sqlite3.Row]:
        """Loads whose rows count, of one table."""
        return [
            load
            for load in self.loads()
            if load["status"] == "current" and (load["source"], load["entity"]) == (table.source, table.name)
        ]

    def published_volumes(self) -> list[tuple[str, str, int]]:
        """Accepted rows per source system and table at the last publication."""
        with self._connect() as connection:
            return [tuple(row) for row in connection.execute("select * from published_volumes")]

    def mark_published(self, volumes: list[tuple[str, str, int]]) -> None:
        """Everything loaded so far is part of what readers see now."""
        with self._connect() as connection:
            connection.execute("update loads set is_published = 1")
            connection.execute("delete from published_volumes")
            connection.executemany("insert into published_volumes values (?, ?, ?)", volumes)
