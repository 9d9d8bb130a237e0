"""What time zones did: by how much their clocks were off UTC, from when on.

A zone has few shifts in the years that data tells of; asking the engine's calendar for each row's takes many times as
long as adding what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import duckdb

# Shifts change at a whole second; each step looks closer at the stretches in which one did.
STEPS = ("1 day", "1 minute", "1 second")
# What the engine's calendar is asked about at most.
FIRST_YEAR, LAST_YEAR = 1900, 2200
# What is added to a `moment`: to a local time in the connection's zone to be UTC, and to UTC to be local in a zone.
TO_UTC = "epoch_us(timezone('UTC', cast(moment as timestamptz))) - epoch_us(moment)"
TO_LOCAL = "epoch_us(timezone('{zone}', timezone('UTC', moment))) - epoch_us(moment)"


def shifts(
    connection: duckdb.DuckDBPyConnection, added: str, first: datetime, last: datetime, steps: Sequence[str] = STEPS
) -> list[tuple[datetime, int]]:
    """From when on how many microseconds are added to a moment, from `first` to `last`, which begin a day.

    Args:
        added: SQL of what is added to `moment`: TO_UTC or TO_LOCAL.
        steps: how far apart moments are asked for, and ever closer where it changed between two.
    """
    asked = connection.execute(
        f"select moment, {added} from generate_series(timestamp '{first}', timestamp '{last}', interval {steps[0]})"
        " as times (moment) order by moment"
    ).fetchall()
    found = asked[:1]
    for (before, shift), (after, other) in pairwise(asked):
        if shift != other:
            found += shifts(connection, added, before, after, steps[1:])[1:] if steps[1:] else [(after, other)]
    return found


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
    (_, earliest), *later = shifts(connection, TO_UTC, first, last)
    # The latest first: most rows are of these days.
    cases = " ".join(
        f"when {value} >= timestamp '{since}' then to_microseconds({shift})" for since, shift in reversed(later)
    )
    return (
        f"{value} + {f'case {cases} else to_microseconds({earliest}) end' if cases else f'to_microseconds({earliest})'}"
    )
