"""Local times as UTC, by the few shifts a zone had meanwhile: asking the engine for each takes seven times as long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import duckdb

# Shifts change at a whole second; each step looks closer at the stretches in which one did.
STEPS = ("1 day", "1 hour", "1 minute", "1 second")
# What the engine's calendar is asked about at most.
FIRST_YEAR, LAST_YEAR = 1900, 2200
SHIFT = "epoch_us(timezone('UTC', cast(moment as timestamptz))) - epoch_us(moment)"


def as_utc(connection: duckdb.DuckDBPyConnection, value: str, source: str) -> str | None:
    """SQL of a column of local timestamps as UTC timestamps, as a cast by way of the connection's zone gives it.

    Args:
        value: SQL of the column, of type timestamp.
        source: the relation it is a column of.

    Returns:
        None where times lie beyond the years that are looked at.
    """
    first, last, is_within = connection.execute(
        f"select date_trunc('day', low), date_trunc('day', high) + interval 1 day,"
        f" isfinite(low) and isfinite(high) and year(low) >= {FIRST_YEAR} and year(high) < {LAST_YEAR}"
        f" from (select min({value}) as low, max({value}) as high from {source})"
    ).fetchone()
    if first is None:
        return value
    if not is_within:
        return None
    shift, cases = _shift(connection, first), ""
    for since in _changes(connection, first, last, STEPS):
        cases = f"when {value} >= timestamp '{since}' then {_shift(connection, since)} {cases}"
    return f"{value} + {f'case {cases}else {shift} end' if cases else shift}"


def _shift(connection: duckdb.DuckDBPyConnection, moment: datetime) -> str:
    """What is added to a local time, as SQL of an interval."""
    (shift,) = connection.execute(f"select {SHIFT} from (select cast(? as timestamp) as moment)", [moment]).fetchone()
    return f"to_microseconds({shift})"


def _changes(
    connection: duckdb.DuckDBPyConnection, first: datetime, last: datetime, steps: Sequence[str]
) -> Iterator[datetime]:
    """Local times from which on another shift holds, in order."""
    shifts = connection.execute(
        f"select moment, {SHIFT} from generate_series(cast(? as timestamp), cast(? as timestamp), interval {steps[0]})"
        " as times (moment) order by moment",
        [first, last],
    ).fetchall()
    for (before, shift), (after, other) in pairwise(shifts):
        if shift != other:
            if steps[1:]:
                yield from _changes(connection, before, after, steps[1:])
            else:
                yield after
