"""The ledger: every load there ever was, in SQLite, so that it survives any crash and any rebuild of the warehouse."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from orchestration import reading
from orchestration.contract import Table
from orchestration.landing import LandedFile
from orchestration.reading.base import Outputs, Reading
from orchestration.workers import Workers
from regulars.errors import UserError
from regulars.home import Home, hash_file
from regulars.settings import SourceSettings

# Files read at a time: Python checks the encoding of one while the engine types another.
READERS = 2

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


@dataclass(frozen=True)
class LoadCount:
    """What one table's ingestion did: files looked at, loaded now, and rows of those."""

    files: int
    loaded: int
    rows_in: int
    rejected: int


@dataclass(frozen=True)
class _Arrival:
    """A landed file whose content is not loaded under its name; is_standing: it is, but its raw file is gone."""

    landed: LandedFile
    settings: SourceSettings
    zone: str
    stat: os.stat_result
    content_hash: str
    file_id: int
    raw: Outputs
    is_standing: bool

    def is_untouched(self) -> bool:
        """Whether the file still is the one that was hashed."""
        with contextlib.suppress(FileNotFoundError):
            now = self.landed.path.stat()
            return (now.st_size, now.st_mtime_ns) == (self.stat.st_size, self.stat.st_mtime_ns)
        return False


class Ledger:
    """Loads of one home. Every method is one transaction, but for `load`: one a file."""

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

    def load(
        self,
        files: Iterable[LandedFile],
        settings: dict[str, SourceSettings],
        default_zone: str,
        run_id: str,
        hash_of: Callable[[Path, os.stat_result], str] = lambda path, _: hash_file(path),
    ) -> LoadCount:
        """Load every file whose content was not loaded before under its path. The same again changes nothing.

        Files are read some at a time, and entered in their order.

        Args:
            hash_of: a file's SHA-256, for one who knows it by its size and time.
        """
        seen = loaded = rows_in = rejected = 0
        arrivals, refused = [], None
        for landed in files:
            seen += 1
            declared = settings[landed.source_system]
            try:
                arrival = self._recognise(landed, declared, declared.time_zone or default_zone, hash_of)
            except UserError as error:
                # Those before it are loaded first.
                refused = error
                break
            if arrival:
                arrivals.append(arrival)
        with self._reading(arrivals) as readings:
            for arrival in arrivals:
                outcome = self._enter(arrival, readings, run_id)
                loaded += 1
                rows_in += outcome.rows_in
                rejected += outcome.rejected
        if refused:
            raise refused
        return LoadCount(seen, loaded, rows_in, rejected)

    def _recognise(
        self, landed: LandedFile, settings: SourceSettings, zone: str, hash_of: Callable[[Path, os.stat_result], str]
    ) -> _Arrival | None:
        """What there is to do for a file; None: its content is loaded already, or is not to count."""
        entity = landed.table.name
        with self._connect() as connection:
            standing = connection.execute(
                f"select * from ({STATUS}) where standing = 'standing'"
                " and source_system = ? and entity = ? and file = ?",
                (landed.source_system, entity, landed.file),
            ).fetchone()
        try:
            stat = landed.path.stat()
            untouched = standing and (standing["size"], standing["mtime_ns"]) == (
                stat.st_size,
                stat.st_mtime_ns,
            )
            content_hash = standing["content_hash"] if untouched else hash_of(landed.path, stat)
        except OSError as error:
            raise UserError(
                f"this file can't be read: {error.strerror}", file=landed.file, remedy="Make it readable."
            ) from error
        if self._is_withdrawn(landed.file, content_hash):
            # Whatever lay there in between gave way to a content that does not count.
            with self._connect() as connection:
                connection.execute("update loads set is_withdrawn = 1 where file = ?", (landed.file,))
            return None
        parts = f"{landed.source_system}|{entity}|{content_hash}|" + reading.reader_hash_parts(
            landed.table, settings, zone
        )
        # 60 bits, positive in a 64-bit integer on every engine.
        file_id = int(hashlib.sha256(parts.encode()).hexdigest()[:15], 16)
        is_standing = bool(standing and standing["file_id"] == file_id)
        raw = self.raw_files(landed.source_system, entity, file_id)
        if is_standing and raw.typed.exists():
            return None
        return _Arrival(landed, settings, zone, stat, content_hash, file_id, raw, is_standing)

    def _twin(self, file_id: int) -> sqlite3.Row | None:
        """The first load of this content."""
        with self._connect() as connection:
            query = "select * from loads where file_id = ? order by load_id limit 1"
            return connection.execute(query, (file_id,)).fetchone()

    @contextlib.contextmanager
    def _reading(self, arrivals: Sequence[_Arrival]) -> Iterator[Mapping[int, Future[Reading]]]:
        """Readings, by file id, of the contents that have to be read."""
        fresh: dict[int, _Arrival] = {}
        for arrival in arrivals:
            if not arrival.raw.typed.exists() or not self._twin(arrival.file_id):
                fresh.setdefault(arrival.file_id, arrival)
        if not fresh:
            yield {}
            return
        work, readings = self.home.build / "work" / "reading", {}
        try:
            with reading.engine(work) as engine, Workers(engine, READERS) as workers:
                for file_id, arrival in fresh.items():
                    readings[file_id] = workers.submit(self._read, arrival, work)
                yield readings
        finally:
            # What was read beside a file that could not be, and is not entered, is read again.
            for file_id in readings:
                if not self._twin(file_id):
                    for path in fresh[file_id].raw:
                        path.unlink(missing_ok=True)

    def _enter(self, arrival: _Arrival, readings: Mapping[int, Future[Reading]], run_id: str) -> Reading:
        """Remember a load, once its content is read; returns what became of it."""
        landed, twin = arrival.landed, self._twin(arrival.file_id)
        if arrival.file_id in readings:
            outcome = readings[arrival.file_id].result()
        else:
            outcome = Reading(
                twin["rows_in"],
                twin["rejected"],
                twin["first_line"],
                twin["encoding"],
                twin["delimiter"],
                tuple(filter(None, (twin["ignored_columns"] or "").split(", "))),
            )
        if arrival.is_standing:
            return outcome
        now, zone = datetime.now(UTC), ZoneInfo(arrival.zone)
        tomorrow = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
        limit = twin["event_limit_at"] if twin else tomorrow.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        with self._connect() as connection:
            connection.execute(
                "insert into loads (source_system, source, entity, file, content_hash, file_id, size, mtime_ns,"
                " rows_in, rejected, first_line, encoding, delimiter, ignored_columns, run_id, loaded_at,"
                " event_limit_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    landed.source_system,
                    landed.table.source,
                    landed.table.name,
                    landed.file,
                    arrival.content_hash,
                    arrival.file_id,
                    arrival.stat.st_size,
                    arrival.stat.st_mtime_ns,
                    outcome.rows_in,
                    outcome.rejected,
                    outcome.first_line,
                    outcome.encoding,
                    outcome.delimiter,
                    ", ".join(outcome.ignored_columns) or None,
                    run_id,
                    now.replace(tzinfo=None).isoformat(" ", "seconds"),
                    limit,
                ),
            )
        return outcome

    @staticmethod
    def _read(connection: duckdb.DuckDBPyConnection, arrival: _Arrival, work: Path) -> Reading:
        raw, landed = arrival.raw, arrival.landed
        fresh = Outputs(*(path.with_suffix(".part") for path in raw))
        try:
            raw.typed.parent.mkdir(parents=True, exist_ok=True)
            for leftover in (*fresh, raw.recovered, raw.rejects):
                leftover.unlink(missing_ok=True)
            outcome = reading.read(connection, landed, arrival.settings, arrival.zone, arrival.file_id, fresh, work)
            if not arrival.is_untouched():
                raise UserError(
                    "this file changed while it was read", file=landed.file, remedy="Let it arrive, then refresh again."
                )
            # The typed rows last: a raw file that is there is whole, with all that belongs to it.
            for part, whole in reversed(list(zip(fresh, raw, strict=True))):
                if part.exists():
                    part.replace(whole)
        except OSError as error:
            raise UserError(
                f"the raw zone can't be written: {error.strerror}",
                file=str(raw.typed.parent),
                remedy="Free space or change its permissions, then refresh again: nothing was published.",
            ) from error
        finally:
            for part in fresh:
                part.unlink(missing_ok=True)
        return outcome

    def _is_withdrawn(self, file: str, content_hash: str) -> bool:
        with self._connect() as connection:
            query = "select count(*) from withdrawals where file = ? and content_hash = ?"
            return connection.execute(query, (file, content_hash)).fetchone()[0] > 0

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
