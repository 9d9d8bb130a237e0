"""A past as-of date gives the figures that a refresh on that day would have given, with the files of that day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from regulars.simulator import Plan, simulate

pytestmark = pytest.mark.e2e

# A day in the middle of a campaign, a month and a quarter; files go on for three months more.
DAY = date(2025, 9, 24)


def was(moment: str) -> str:
    """SQL: whether a moment, in local time as files write it, had come by the end of the day."""
    return f"left(cast({moment} as varchar), 10) <= '{DAY}'"


ANSWERED = "cast(opened_at as timestamp) + to_seconds(cast(first_response_seconds as bigint))"
CAMPAIGN = "campaign_id in (select campaign_id from campaigns)"
# Which rows a source had by the end of the day. Coupons, held-back customers and relations bear no date, but they speak
# of what does: a campaign that has begun, persons that the source has records of.
ROWS = {
    "order_lines": was("ordered_at"),
    "customers": was("updated_at"),
    "customer_relations": "customer_id in (select customer_id from members)"
    " and related_customer_id in (select customer_id from members)",
    "products": was("updated_at"),
    "stores": "true",
    "regions": "true",
    "campaigns": was("started_at"),
    "campaign_contacts": CAMPAIGN,
    "coupons": CAMPAIGN,
    "coupon_redemptions": was("redeemed_at"),
    "promotions": was("started_at"),
    "web_sessions": was("started_at"),
    "survey_responses": was("responded_at"),
    "service_cases": was("opened_at"),
    "loyalty_transactions": was("occurred_at"),
    "marketing_costs": was("cost_date"),
    "exchange_rates": was("rate_date"),
}
# What these rows did not tell yet.
VALUES = {
    "campaign_contacts": {"responded_at": f"case when {was('responded_at')} then responded_at end"},
    "service_cases": {
        "closed_at": f"case when {was('closed_at')} then closed_at end",
        "is_resolved": f"case when {was('closed_at')} then is_resolved end",
        "updated_at": f"case when {was('closed_at')} then updated_at else opened_at end",
        "first_response_seconds": f"case when {was(ANSWERED)} then first_response_seconds end",
    },
}


@pytest.fixture(scope="module")
def homes(new_place):
    """The files of that day, and those of three months later: both refreshed as of that day."""
    then, now = new_place("then"), new_place("now")
    for place in (then, now):
        simulate(Plan(700, 14, 21), place.root)
        go_on(place.landing)
    left_out, untold = turn_back(then.landing)
    # Whatever is dated goes on after the day, or nothing is proved.
    assert {entity for entity, count in left_out.items() if count == 0} == {"stores", "regions"}
    assert set(untold) == set(VALUES) and all(untold.values()), untold
    for place in (then, now):
        outcome = place.refresh_here(as_of=str(DAY))
        assert outcome.exit == 0, outcome.messages
        assert place.query("select as_of_date from quality.run_info") == [(DAY,)]
    return then, now


def go_on(landing: Path) -> None:
    """What the simulator leaves to be desired: products that change after the day, and a coupon of a later campaign."""
    with (landing / "till" / "products.csv").open("r+", encoding="utf-8") as file:
        header, *rows = [line.rstrip("\n").split(",") for line in file]
        at = {name: header.index(name) for name in ("updated_at", "category", "unit_cost_amount")}
        for row in rows[::7]:
            row[at["updated_at"]], row[at["category"]], row[at["unit_cost_amount"]] = "2025-11-15", "Moved", "0.01"
            file.write(",".join(row) + "\n")
    with (landing / "crm" / "coupons.csv").open("a", encoding="utf-8") as file:
        file.write("C5,K5\n")


def turn_back(landing: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Files as they were at the end of the day; counts of the rows left out, and of the rows that tell less, by entity."""
    left_out, untold = dict.fromkeys(ROWS, 0), dict.fromkeys(VALUES, 0)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Shanghai'")
        for name, file in (("campaigns", "crm/campaigns.csv"), ("members", "till/customers/part-0000.csv")):
            connection.execute(f"create table {name} as from {rows_of(landing / file)}")
        connection.execute(f"delete from campaigns where not {ROWS['campaigns']}")
        connection.execute(f"delete from members where not {ROWS['customers']}")
        for path in sorted(landing.glob("*/**/*.*")):
            entity = path.relative_to(landing).parts[1].split(".")[0]
            if entity not in ROWS:
                continue
            connection.execute(f"create or replace table landed as from {rows_of(path)}")
            values = ", ".join(f"{value} as {column}" for column, value in VALUES.get(entity, {}).items())
            kept = f"select * {f'replace ({values})' if values else ''} from landed where {ROWS[entity]}"
            counts = "select (select count(*) from landed), count(*) from landed where"
            total, count = connection.execute(f"{counts} {ROWS[entity]}").fetchone()
            left_out[entity] += total - count
            if values:
                untold[entity] += connection.execute(
                    f"select count(*) from ({kept} except all from landed)"
                ).fetchone()[0]
            write(connection, kept, path)
    return left_out, untold


def rows_of(path: Path) -> str:
    """SQL: the rows of a landed file; text stays text."""
    if path.suffix == ".parquet":
        return f"'{path}'"
    if path.suffix == ".jsonl":
        names = json.loads(path.open(encoding="utf-8").readline())
        return f"read_json('{path}', format = 'newline_delimited', columns = {dict.fromkeys(names, 'VARCHAR')})"
    return f"read_csv('{path}', all_varchar = true)"


def write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Rows to a file of the kind it was."""
    form = {
        ".parquet": "format parquet",
        ".jsonl": "format json",
        ".tsv": "format csv, header, delimiter '\t'",
        ".gz": "format csv, header, compression gzip",
        ".csv": "format csv, header",
    }[path.suffix]
    connection.execute(f"copy ({query}) to '{path}' ({form})")


@pytest.mark.prove
def test_figures_are_those_of_that_day(homes):
    """Every relation but those that tell of files and runs, row for row, in all its columns."""
    with duckdb.connect() as connection:
        for name, place in zip(("then_", "now_"), homes, strict=True):
            connection.execute(f"attach '{place.warehouse.resolve()}' as {name} (read_only)")
        relations = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where database_name = 'now_' and schema_name <> 'quality' order by 1"
        ).fetchall()
        assert {name.split(".")[0] for (name,) in relations} >= {
            "core", "profiling", "persistency", "profitability", "performance",
        }  # fmt: skip
        different = {}
        for (name,) in relations:
            then, now = f"from then_.{name}", f"from now_.{name}"
            assert connection.execute(f"select count(*) > 0 from ({now})").fetchone() == (True,), f"{name} is empty"
            only = [
                connection.execute(f"({one}) except all ({other})").fetchall()
                for one, other in ((then, now), (now, then))
            ]
            if any(only):
                different[name] = (
                    f"{len(only[0])} rows of that day, {len(only[1])} of today, such as {(only[0] + only[1])[0]}"
                )
    assert different == {}, "\n".join(f"{name}: {told}" for name, told in different.items())
