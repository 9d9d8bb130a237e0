"""What profiling, persistency, performance and profitability cost at ten million lines, against one scan of the lines.

Each model's own compiled SQL runs once more on a refreshed home's build database, by hand in DuckDB; the floor is a
scan of the published lines' Parquet that groups by customer (sum, max, count distinct orders), in the same run.
Then a peer, openretailscience 0.48, on the same lines, in an environment that is made for it and removed; where that
fails the row says so. Prints Markdown.

usage: marts.py [HOME]   (without one, a retailer is simulated and refreshed first: some minutes)
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
CUSTOMERS, MONTHS = 620_000, 24
MEMORY = "5GB"
FLOOR = """
select
    customer_id, sum(net_sales_amount) as net, max(order_date) as last,
    count(distinct source_system || order_id) as orders
from read_parquet('{lines}/*/*.parquet') group by customer_id
"""
# Models that came before these marts, and what they read: not counted.
BEFORE = {"core", "quality", "restricted", "seeds"}
SHARED = {
    "int_as_of_date", "int_data_span", "int_months", "int_customer_days", "int_customer_purchases", "int_persons",
}  # fmt: skip
EARLIER = {"accepted", "exceptions", "identity", "quality", "sales"}  # folders
# What the peer's two analyses are here, with the aggregates that they read.
PEER_RFM = ("int_customer_days", "int_customer_purchases", "customer_rfm")
PEER_COHORTS = ("int_customer_days", "cohort_retention")
PEER = """
import json, sys, time
import ibis
from openretailscience.analysis.cohort import CohortAnalysis
from openretailscience.segmentation.rfm import RFMSegmentation

database, as_of, start = sys.argv[1:]
connection = ibis.duckdb.connect(database, read_only=True, threads=2)
lines = connection.table("fct_order_lines", database="core")
lines = lines.filter(lines.customer_id.notnull(), ~lines.is_return).select(
    "customer_id", transaction_date=lines.order_date, unit_spend=lines.net_sales_amount,
    transaction_id=lines.source_system + lines.order_id,
)
window = lines.filter(lines.transaction_date > ibis.date(start))

def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began

def rfm():
    table = RFMSegmentation(window, current_date=as_of, r_segments=5, f_segments=5, m_segments=5).table
    connection.raw_sql("create or replace temp table scored as " + ibis.to_sql(table, dialect="duckdb"))

def cohorts():
    CohortAnalysis(lines, aggregation_column="customer_id", period="month")

rfm(), cohorts()
print(json.dumps({"rfm": min(seconds(rfm) for _ in range(3)), "cohorts": min(seconds(cohorts) for _ in range(3))}))
"""
LIFETIME = ("clv", "value_tier", "resource_allocation", "customer_base_forecast")


def timed(connection: duckdb.DuckDBPyConnection, query: str, table: str = "measured") -> float:
    """Seconds to build a temporary table of a query."""
    began = time.perf_counter()
    connection.execute(f"create or replace temp table {table} as {query}")
    return time.perf_counter() - began


def peer_seconds(database: Path, as_of: str, start: str) -> dict[str, float] | None:
    """Seconds of the peer's RFM and cohorts on the same lines; None where it can't be installed or run."""
    with tempfile.TemporaryDirectory(prefix="regulars-peer-") as folder:
        python = Path(folder) / "bin" / "python"
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
            install = [python, "-m", "pip", "install", "-q", "openretailscience==0.48.*"]
            subprocess.run(install, check=True, capture_output=True, timeout=600)
            run = [python, "-c", PEER, database, as_of, start]
            done = subprocess.run(run, check=True, capture_output=True, text=True, timeout=1800)
        except (OSError, subprocess.SubprocessError) as error:
            print(getattr(error, "stderr", error), file=sys.stderr)
            return None
    return json.loads(done.stdout.splitlines()[-1])


def measure(root: Path) -> None:
    """Time every model of a refreshed home and print them, slowest first."""
    from orchestration.warehouse import Warehouse
    from regulars.home import Home

    home = Home.at(root)
    manifest = json.loads((home.dbt_target / "manifest.json").read_text())
    compiled = home.dbt_target / "compiled" / "regulars"
    with Warehouse(home).connect(read_only=True) as connection:
        connection.execute(f"set TimeZone = 'UTC'; set preserve_insertion_order = false; set memory_limit = '{MEMORY}'")
        lines, as_of, start = connection.execute(
            "select count(*), max(as_of_date), max(as_of_date) - interval 12 month"
            " from core.fct_order_lines cross join quality.run_info"
        ).fetchone()
        floor = FLOOR.format(lines=home.published / "parquet" / "core" / "fct_order_lines")
        scans = [timed(connection, floor) for _ in range(5)][1:]
        seconds: dict[str, float] = {}
        shared: dict[str, float] = {}
        for node in manifest["nodes"].values():
            if node["resource_type"] != "model":
                continue
            if node["name"] in {*PEER_RFM, *PEER_COHORTS}:
                query = (compiled / node["original_file_path"]).read_text()
                shared[node["name"]] = min(timed(connection, query) for _ in range(3))
            if node["schema"] in BEFORE or node["name"] in SHARED:
                continue
            if node["config"]["materialized"] == "view" or node["fqn"][2] in EARLIER:
                continue
            seconds[node["name"]] = timed(connection, (compiled / node["original_file_path"]).read_text())
        scans += [timed(connection, floor) for _ in range(4)][1:]
    scan = statistics.median(scans)
    parts = {
        "marts of profiling, persistency, performance, value matrix, concentration": [
            name for name in seconds if not any(word in name for word in LIFETIME)
        ],
        "lifetime value, tiers, allocation, forecast": [name for name in seconds if any(w in name for w in LIFETIME)],
    }
    print(f"{lines:,} lines; the scan takes {scan:.2f} s ({min(scans):.2f} to {max(scans):.2f})\n")
    print("| what | seconds | scans |\n|---|---|---|")
    for part, names in parts.items():
        total = sum(seconds[name] for name in names)
        print(f"| **{part}**: {len(names)} models | {total:.1f} | {total / scan:.1f} |")
        for name in sorted(names, key=seconds.get, reverse=True)[:12]:
            print(f"| {name} | {seconds[name]:.2f} | {seconds[name] / scan:.1f} |")
    peer = peer_seconds(home.marts, as_of.isoformat(), start.date().isoformat())
    for what, names in (("rfm", PEER_RFM), ("cohorts", PEER_COHORTS)):
        ours = sum(shared[name] for name in names)
        told = f"{peer[what]:.2f} | {ours / peer[what]:.2f} (≤ 1)" if peer else "could not be installed or run | |"
        print(f"| {what}, with the aggregates it reads: {ours:.2f} s; openretailscience 0.48 | {told} |")
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


@contextmanager
def home_to_measure() -> Iterator[Path]:
    """The refreshed home that the command line names, or a simulated retailer's, which is gone afterwards."""
    if len(sys.argv) > 1:
        yield Path(sys.argv[1])
        return
    regulars = Path(sys.executable).parent / "regulars"
    with tempfile.TemporaryDirectory(prefix="regulars-benchmark-") as folder:
        root = Path(folder) / "home"
        size = ["--customers", str(CUSTOMERS), "--months", str(MONTHS), "--seed", "1"]
        subprocess.run([regulars, "simulate", *size, "--out", root], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([regulars, "refresh", "--home", root], check=True, stdout=subprocess.DEVNULL)
        yield root


if __name__ == "__main__":
    with home_to_measure() as named_or_made:
        measure(named_or_made)
