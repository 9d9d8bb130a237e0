"""Dagster's event log in SQLite, with connections kept open.

Dagster opens and closes a connection for each of a refresh's eight hundred events, and waits for the disk each time:
a third of a small refresh's seconds. This keeps the two files in use open, and lets SQLite wait for the disk at its
checkpoints only (a write-ahead log stays sound without more: sqlite.org/pragma.html#pragma_synchronous).
Named in dagster.yaml of a home; the files are Dagster's own, readable by its standard storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS


class LocalEventLog(SqliteEventLogStorage):
    """The standard storage; only how it connects differs."""

    def __init__(self, base_dir, inst_data=None):
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        """Made by Dagster from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    def _engine(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            # The index and one run's file: a page that looks at old runs must not gather open files.
            for other in [name for name in self._engines if name != INDEX_SHARD_NAME]:
                self._engines.pop(other).dispose()
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=sa.pool.SingletonThreadPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            sa.event.listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous = normal"))
            self._engines[shard] = engine
        return self._engines[shard]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection
