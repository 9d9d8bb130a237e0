"""Threads that query side by side, each through a cursor of one engine: one memory limit holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import duckdb


class Workers:
    """A pool of threads, to be used as a context: when that is left by an error, what still runs is stopped.

    Args:
        database: the connection that cursors are made of. A cursor begins with the default of every setting that is
            a session's (time zone, search path).
        count: threads.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, count: int):
        self.database = database
        self.pool = ThreadPoolExecutor(count)
        self.cursors: dict[int, duckdb.DuckDBPyConnection] = {}

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future:
        """Call `work` with a cursor and these arguments, in a thread."""
        return self.pool.submit(self._run, work, arguments)

    def _run(self, work: Callable[..., Any], arguments: tuple) -> Any:
        with self.database.cursor() as cursor:
            self.cursors[id(cursor)] = cursor
            try:
                return work(cursor, *arguments)
            finally:
                del self.cursors[id(cursor)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind:
            self.pool.shutdown(wait=False, cancel_futures=True)
            for cursor in list(self.cursors.values()):
                cursor.interrupt()
        self.pool.shutdown()
