"""What one wants to know at the end of a refresh, and of those before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from regulars.home import WAREHOUSE, Home

if TYPE_CHECKING:
    from orchestration.publication import Version
    from orchestration.runs import PastRefresh

COLOURS = {"published": "green", "running": "yellow"}

PYRAMID = """
select pyramid_tier, any_value(pyramid_tier_label_en), count(*), sum(net_sales_amount),
    sum(net_sales_amount) / nullif(sum(sum(net_sales_amount)) over (), 0)
from profiling.customer_pyramid where period_type = 'trailing_12m' group by 1 order by 1
"""


def print_summary(console: Console, home: Home, seconds: dict[str, float]) -> None:
    """Rows, checks, customers, the pyramid in four lines, where the result lies, seconds per stage."""
    with duckdb.connect(str(home.published / WAREHOUSE), read_only=True) as connection:

        def row(query: str) -> tuple:
            return connection.execute(query).fetchone()

        rows_in, accepted, duplicates, superseded, quarantined = row(
            "select coalesce(sum(rows_in), 0), coalesce(sum(accepted), 0), coalesce(sum(duplicates), 0),"
            " coalesce(sum(superseded), 0), coalesce(sum(quarantined), 0)"
            " from quality.load_history where status in ('current', 'same_content')"
        )
        checks, passed = row("select count(*), count(*) filter (where is_passed) from quality.check_results")
        warnings = connection.execute(
            "select check_name, observed, remedy from quality.check_results where not is_passed order by 1"
        ).fetchall()
        customers, prospects = row(
            "select count(*) filter (where not is_prospect), count(*) filter (where is_prospect)"
            " from core.dim_customers"
        )
        orders, net = row("select count(*), coalesce(sum(net_sales_amount), 0) from core.fct_orders")
        as_of, currency, keyed = row(
            "select as_of_date, reporting_currency, is_customer_id_keyed from quality.run_info"
        )
        pyramid = connection.execute(PYRAMID).fetchall()

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row(
        "rows",
        f"{rows_in:,} in = {accepted:,} accepted + {duplicates:,} duplicate + {superseded:,} superseded"
        f" + {quarantined:,} quarantined",
    )
    table.add_row("checks", f"{checks} run, {passed} passed, {checks - passed} warnings")
    table.add_row("customers", f"{customers:,} with an order, {prospects:,} prospects")
    table.add_row("orders", f"{orders:,}, net sales {net:,.2f} {currency or ''}")
    for tier, label, count, sales, share in pyramid:
        table.add_row(f"tier {tier}", f"{label:<12} {count:>7,} customers {sales:>16,.2f} {float(share or 0):>7.2%}")
    for name, observed, remedy in warnings:
        table.add_row("[yellow]warning[/]", f"{name}: {observed}. {remedy}")
    if not keyed:
        table.add_row("[yellow]note[/]", "REGULARS_KEY is not set: pseudonyms of customers are unkeyed")
    table.add_row("as of", str(as_of))
    table.add_row("published", str(home.published))
    spent = ", ".join(f"{stage} {time:.1f}" for stage, time in seconds.items())
    table.add_row("seconds", f"{sum(seconds.values()):.1f} = {spent}")
    console.print(table)


def print_status(
    console: Console, refreshes: Sequence[PastRefresh], versions: Sequence[Version], published: str
) -> None:
    """The last refreshes, newest first, a line each; and the versions that are kept.

    Args:
        published: name of the version that is.
    """
    for number, refresh in enumerate(refreshes):
        earlier = next((past.rows for past in refreshes[number + 1 :] if past.rows), None)
        seconds = f"{refresh.seconds:.1f} s" if refresh.seconds is not None else ""
        told = [f"{refresh.rows:,} rows"] if refresh.rows is not None else []
        if refresh.rows and earlier:
            told[0] += f" ({refresh.rows / earlier - 1:+.1%})"
        if refresh.checks:
            told.append(f"{refresh.checks - refresh.failed_checks} of {refresh.checks} checks passed")
        if refresh.cause:
            told.append(refresh.cause)
        outcome = f"[{COLOURS.get(refresh.outcome, 'red')}]{refresh.outcome.replace('_', ' '):<15}[/]"
        started = f"{refresh.started_at:%Y-%m-%d %H:%M:%S} UTC"
        console.print(f"{started} {seconds:>9}  {outcome}  {escape('; '.join(told))}")
    if not refreshes:
        console.print("There was no refresh yet.")
    for version in versions:
        mark = " ← published" if version.path.name == published else ""
        console.print(f"version {version.path.name}: {version.published_at}, as of {version.as_of_date}{mark}")
