"""Local times become UTC as the engine's own cast has them, whatever the zone did meanwhile."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from orchestration.zones import TO_LOCAL, as_utc, shifts

# A day apart from any rule: skipped days (Apia), half hours (Lord Howe), minutes past midnight (St John's), none (Shanghai, UTC).
ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("first", "step"), [("1940-01-01", "1 hour 7 minutes 13 seconds"), ("2011-03-01", "59.5 seconds")]
)
def test_every_instant_is_that_of_the_cast(zone, first, step):
    with duckdb.connect() as connection:
        connection.execute(f"set TimeZone = '{zone}'")
        connection.execute(
            f"create table times as select unnest(generate_series(timestamp '{first}', timestamp '2012-06-01', interval '{step}')) as moment"
            " union all select null"
        )
        instant = as_utc(connection, "moment", "times")
        query = f"select count(*), count(*) filter ({instant} is distinct from timezone('UTC', cast(moment as timestamptz))) from times"
        rows, different = connection.execute(query).fetchone()
    assert rows > 500_000
    assert different == 0


def test_shifts_are_told_once_each():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Europe/Berlin'")
        connection.execute(
            "create table times as select timestamp '2026-01-15 12:00' + to_days(range::integer) as moment from range(365)"
        )
        instant = as_utc(connection, "moment", "times")
        assert instant.count("when") == 2  # summer time of 2026 begins and ends
        assert "timestamp '2026-03-29 0" in instant and "timestamp '2026-10-25 0" in instant


@pytest.mark.parametrize("value", ["infinity", "-infinity", "0044-03-15 (BC)", "2963-01-01"])
def test_what_is_beyond_the_calendar_is_left_to_the_cast(value):
    with duckdb.connect() as connection:
        connection.execute(
            f"create table times as select timestamp '{value}' as moment union all select timestamp '2026-01-01'"
        )
        assert as_utc(connection, "moment", "times") is None


def test_a_column_without_a_time_stays_empty():
    with duckdb.connect() as connection:
        connection.execute("create table times as select cast(null as timestamp) as moment")
        assert connection.execute(f"select {as_utc(connection, 'moment', 'times')} from times").fetchall() == [(None,)]


@pytest.mark.parametrize("zone", ZONES)
def test_what_utc_becomes_local_by_is_told(zone):
    """Asked of every 59.5 seconds of two years; the shift before, or none, would be found at once."""
    first, last = datetime(2010, 6, 1), datetime(2012, 6, 1)
    with duckdb.connect() as connection:
        told = shifts(connection, TO_LOCAL.format(zone=zone), first, last)
        assert told[0][0] == first
        connection.execute("create table told (since timestamp, added bigint)")
        connection.executemany("insert into told values (?, ?)", told)
        connection.execute(
            f"create table times as select unnest(generate_series(timestamp '{first}', timestamp '{last}', interval '59.5 seconds')) as moment"
        )
        local = f"timezone('{zone}', timezone('UTC', moment))"
        query = f"select count(*), count(*) filter (moment + to_microseconds(added) <> {local}) from times asof join told on moment >= since"
        rows, different = connection.execute(query).fetchone()
    assert rows > 1_000_000
    assert different == 0
