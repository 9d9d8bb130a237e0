"""What the simulated retailer's files say, read by plain SQL instead of a refresh: seconds a seed, for tests of many."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from regulars.fits import attitudes
from regulars.lifetime_value import Customers

REPEAT_EDGES, RECENCY_EDGES = (1, 2, 3, 5, 8, 12), (15, 31, 61, 121, 181, 366)


def connected(root: Path) -> duckdb.DuckDBPyConnection:
    """Orders of known customers, one row an order-day: `days(customer, day, net)`; cancelled orders left out."""
    landing = root / "landing"
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"""
        create table days as
        with lines as (
            select 'till' as system, lpad(customer_id, 8, '0') as number, cast(ordered_at as timestamp)::date as day, channel,
                cast(net_sales_amount as double) as net
            from read_csv('{landing}/till/order_lines/*.csv', all_varchar = true)
            where not is_return::boolean and customer_id is not null
            union all
            select 'web', customer_id, timezone('Asia/Shanghai', ordered_at)::date, channel, cast(net_sales_amount as double) * 7.1
            from '{landing}/web/order_lines/*.parquet'
            where quantity > 0 and status <> 'cancelled'
        )
        select system || number as customer, day, min(channel) as channel, sum(net) as net
        from lines group by all having sum(net) > 0
    """)
    return connection


def histories(root: Path, end: str) -> Customers:
    """Purchase histories up to a day, in days."""
    with connected(root) as connection:
        rows = connection.execute(
            "select count(*) - 1 as x, max(day) - min(day) as t_x, date '" + end + "' - min(day) as age from days"
            " where day <= '" + end + "' group by customer order by customer"
        ).fetchnumpy()
    return Customers(rows["x"], rows["t_x"], rows["age"])


def order_days_between(root: Path, before: str, end: str) -> np.ndarray:
    """Order-days after one day up to another of each customer known at the first, in the order of `histories`."""
    with connected(root) as connection:
        rows = connection.execute(
            f"select count(*) filter (where day > '{before}' and day <= '{end}') as later from days group by customer"
            f" having min(day) <= '{before}' order by customer"
        ).fetchnumpy()
    return rows["later"].astype(float)


def loyalty(root: Path, end: str) -> tuple[attitudes.Cells, dict[str, float], dict[str, float]]:
    """Cells of customers, the true share of each quadrant, and the raw share among those who answered."""
    with connected(root) as connection:
        connection.execute(f"""
            create table answers as
            select 'till' || customer_id as customer, responded_at::timestamp::date as day
            from read_json('{root}/landing/survey/survey_responses/*.jsonl', format = 'newline_delimited')
            union all
            select 'web' || customer_id, responded_at::timestamp::date from '{root}/landing/web/survey_responses/*.parquet';
            create table consents as
            select 'till' || customer_id as customer, bool_or(email_consent::boolean) as has_consent
            from read_csv('{root}/landing/till/customers/*.csv', all_varchar = true) group by 1
        """)
        rows = connection.execute(f"""
            with measured as (
                select
                    customer, mode(channel) as channel, date '{end}' - max(day) as recency,
                    count(*) filter (where day > date '{end}' - interval 12 month) as window_days,
                    coalesce(sum(net) filter (where day > date '{end}' - interval 12 month), 0) as net
                from days group by customer
            ),
            ranked as (
                select
                    customer, rank() over (order by net desc) as place, count(*) over () as n,
                    avg(window_days - 1) over () as mean_repeats
                from measured where window_days > 0
            ),
            answered as (select customer, count(distinct day) as answer_days from answers where day > date '{end}' - interval 24 month group by 1)
            select
                measured.*, greatest(window_days - 1, 0) as repeats, coalesce(answer_days, 0) as answer_days,
                coalesce(window_days - 1 >= mean_repeats, false) as is_repeating,
                case
                    when place is null then 'none' when place <= ceil(.01 * n) then 'A' when place <= ceil(.05 * n) then 'B'
                    when place <= ceil(.2 * n) then 'C' else 'D'
                end as tier,
                case when has_consent then 1 when not has_consent then 0 else -1 end as has_consent,
                persons.stated_attitude_score >= 75 as is_fond
            from measured
            inner join '{root}/truth/identities/*.parquet' as i on measured.customer = i.source_system || i.source_customer_id
            inner join '{root}/truth/persons/*.parquet' as persons using (person)
            left join ranked using (customer) left join answered using (customer) left join consents using (customer)
            order by customer
        """).fetchnumpy()
    known = rows["answer_days"] > 0
    fond, repeating = rows["is_fond"].astype(bool), rows["is_repeating"].astype(bool)
    quadrants = {
        "true": fond & repeating, "latent": fond & ~repeating, "spurious": ~fond & repeating, "none": ~fond & ~repeating,
    }  # fmt: skip
    cells = attitudes.Cells(
        tier=rows["tier"].astype(str),
        channel=rows["channel"].astype(str),
        repeat_band=np.digitize(rows["repeats"], REPEAT_EDGES),
        recency_band=np.digitize(rows["recency"], RECENCY_EDGES),
        is_repeating=repeating,
        has_consent=rows["has_consent"],
        answers_often=rows["answer_days"] > 1,
        is_known=known,
        customers=np.ones(len(known)),
        fond=(fond & known).astype(float),
    )
    truth = {name: float(where.mean()) for name, where in quadrants.items()}
    return cells, truth, {name: float(where[known].mean()) for name, where in quadrants.items()}
