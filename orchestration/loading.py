"""Loading: files of the landing zone are recognised, read into the raw zone side by side, and entered in the ledger."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from orchestration import reading
from orchestration.landing import LandedFile
from orchestration.ledger import Ledger
from orchestration.reading.base import Outputs, Reading
from orchestration.workers import Workers
from regulars.errors import UserError, in_short
from regulars.home import Home, hash_file
from regulars.settings import SourceSettings

# Files read at a time: Python checks the encoding of one while the engine types another.
READERS = 2


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


class Loader:
    """Loads files into the raw zone of a home, within one refresh.

    Args:
        hash_of: a file's SHA-256, for one who knows it by its size and time.
    """

    def __init__(
        self,
        home: Home,
        ledger: Ledger,
        run_id: str,
        hash_of: Callable[[Path, os.stat_result], str] = lambda path, _: hash_file(path),
    ):
        self.home, self.ledger, self.run_id, self.hash_of = home, ledger, run_id, hash_of

    def load(self, files: Iterable[LandedFile], settings: Mapping[str, SourceSettings]) -> LoadCount:
        """Load every file whose content was not loaded before under its path. The same again changes nothing.

        Files are read some at a time, and entered in their order, each in a transaction.
        """
        seen = loaded = rows_in = rejected = 0
        arrivals, refused = [], None
        for landed in files:
            seen += 1
            try:
                arrival = self._recognise(landed, settings[landed.source_system])
            except UserError as error:
                # Those before it are loaded first.
                refused = error
                break
            if arrival:
                arrivals.append(arrival)
        with self._reading(arrivals) as readings:
            for arrival in arrivals:
                outcome = self._enter(arrival, readings)
                loaded += 1
                rows_in += outcome.rows_in
                rejected += outcome.rejected
        if refused:
            raise refused
        return LoadCount(seen, loaded, rows_in, rejected)

    def _recognise(self, landed: LandedFile, settings: SourceSettings) -> _Arrival | None:
        """What there is to do for a file; None: its content is loaded already, or is not to count."""
        entity, zone = landed.table.name, settings.time_zone or self.home.settings.time_zone
        standing = self.ledger.standing(landed.source_system, entity, landed.file)
        try:
            stat = landed.path.stat()
            untouched = standing and (standing["size"], standing["mtime_ns"]) == (
                stat.st_size,
                stat.st_mtime_ns,
            )
            content_hash = standing["content_hash"] if standing and untouched else self.hash_of(landed.path, stat)
        except OSError as error:
            raise UserError(
                f"this file can't be read: {error.strerror}", file=landed.file, remedy="Make it readable."
            ) from error
        if self.ledger.leaves_out(landed.file, content_hash):
            return None
        parts = f"{landed.source_system}|{entity}|{content_hash}|" + reading.reader_hash_parts(
            landed.table, settings, zone
        )
        # 60 bits, positive in a 64-bit integer on every engine.
        file_id = int(hashlib.sha256(parts.encode()).hexdigest()[:15], 16)
        is_standing = bool(standing and standing["file_id"] == file_id)
        raw = self.ledger.raw_files(landed.source_system, entity, file_id)
        if is_standing and raw.typed.exists():
            return None
        return _Arrival(landed, settings, zone, stat, content_hash, file_id, raw, is_standing)

    @contextlib.contextmanager
    def _reading(self, arrivals: Sequence[_Arrival]) -> Iterator[Mapping[int, Future[Reading]]]:
        """Readings, by file id, of the contents that have to be read."""
        fresh: dict[int, _Arrival] = {}
        for arrival in arrivals:
            if not arrival.raw.typed.exists() or not self.ledger.twin(arrival.file_id):
                fresh.setdefault(arrival.file_id, arrival)
        if not fresh:
            yield {}
            return
        work = self.home.build / "work" / "reading"
        try:
            with reading.engine(work) as engine, Workers(engine, READERS) as workers:
                yield {file_id: workers.submit(self._read, arrival, work) for file_id, arrival in fresh.items()}
        except BaseException:
            # What was read beside a file that could not be, and is not entered, is read again.
            for file_id, arrival in fresh.items():
                if not self.ledger.twin(file_id):
                    for path in arrival.raw:
                        path.unlink(missing_ok=True)
            raise

    def _enter(self, arrival: _Arrival, readings: Mapping[int, Future[Reading]]) -> Reading:
        """Remember a load, once its content is read; returns what became of it."""
        landed, twin = arrival.landed, self.ledger.twin(arrival.file_id)
        if arrival.file_id in readings:
            outcome = readings[arrival.file_id].result()
        else:
            assert twin  # what is not read now was entered before
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
        self.ledger.enter(
            {
                "source_system": landed.source_system,
                "source": landed.table.source,
                "entity": landed.table.name,
                "file": landed.file,
                "content_hash": arrival.content_hash,
                "file_id": arrival.file_id,
                "size": arrival.stat.st_size,
                "mtime_ns": arrival.stat.st_mtime_ns,
                "rows_in": outcome.rows_in,
                "rejected": outcome.rejected,
                "first_line": outcome.first_line,
                "encoding": outcome.encoding,
                "delimiter": outcome.delimiter,
                "ignored_columns": ", ".join(outcome.ignored_columns) or None,
                "run_id": self.run_id,
                "loaded_at": now.replace(tzinfo=None).isoformat(" ", "seconds"),
                "event_limit_at": twin["event_limit_at"]
                if twin
                else tomorrow.astimezone(UTC).replace(tzinfo=None).isoformat(" "),
            }
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
        except (OSError, duckdb.IOException) as error:
            raise UserError(
                f"the raw zone can't be written: {in_short(error)}",
                file=str(raw.typed.parent),
                remedy="Free space or change its permissions, then refresh again: nothing was published.",
            ) from error
        finally:
            for part in fresh:
                part.unlink(missing_ok=True)
        return outcome
