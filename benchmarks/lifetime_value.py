"""What lifetime value costs at ten million customers, against DuckDB's own scan-and-group, and a peer at one million.

Histories are drawn from MBG/NBD and written to Parquet; then, in one run: the floor (a scan that groups by repeats and
bins of recency and age, and adds up both), cells and fit, spend cells and Gamma-Gamma, the grid and the scores in SQL.
The peer, `lifetimes` 0.11.3, runs in an environment of its own, which is made for it and removed; where that fails the
row says so. Prints Markdown.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
CUSTOMERS, PEER_CUSTOMERS, CHUNK = 10_000_000, 1_000_000, 1_000_000
BIN = 7
CELLS = """
select
    repeat_count, recency_days // {bin} as recency_bin, age_days // {bin} as age_bin, count(*) as customer_count{sums}
from '{file}' group by all
"""
SUMS = ", sum(recency_days) as recency_days_sum, sum(age_days) as age_days_sum"
SPEND = """
select
    repeat_count, floor(ln(repeat_sales) * 200) as spend_bin, count(*) as customer_count,
    sum(repeat_sales) as repeat_sales
from '{file}' where repeat_count > 0 group by all
"""
SCORES = """
copy (select
    customer_key,
    1 / (1 + exp(least(700, ({r} + h.repeat_count) * ln(({alpha} + h.age_days) / ({alpha} + h.recency_days))
        + ln({a}) - ln({b} + h.repeat_count)))) as alive_probability,
    {p} * ({v} + repeat_sales) / ({p} * h.repeat_count + {q} - 1) as order_day_amount,
    grid.year, grid.discounted
from '{file}' as h
inner join grid on h.repeat_count = grid.repeat_count and h.age_days = grid.age_days
) to '{scores}' (format parquet)
"""
PEER = """
import sys, time
import pandas as pd
from lifetimes import ModifiedBetaGeoFitter
data = pd.read_csv(sys.argv[1])
began = time.perf_counter()
ModifiedBetaGeoFitter(penalizer_coef=0.0).fit(data.repeat_count, data.recency_days / 7, data.age_days / 7)
print(time.perf_counter() - began)
"""


def draw(path: Path) -> None:
    """Histories of MBG/NBD customers, a million at a time."""
    writer = None
    for chunk in range(CUSTOMERS // CHUNK):
        random = np.random.default_rng(chunk)
        rate, leave = random.gamma(0.6, 1 / 60, CHUNK), random.beta(1.0, 4.0, CHUNK)
        age = random.integers(1, 1096, CHUNK)
        x, last, clock = np.zeros(CHUNK, np.int64), np.zeros(CHUNK), np.zeros(CHUNK)
        alive = random.random(CHUNK) >= leave
        while alive.any():
            clock = clock + random.exponential(1, CHUNK) / rate
            alive &= clock <= age
            x += alive
            last = np.where(alive, clock, last)
            alive &= random.random(CHUNK) >= leave
        table = pa.table(
            {
                "customer_key": np.arange(chunk * CHUNK, (chunk + 1) * CHUNK),
                "repeat_count": x,
                "recency_days": np.floor(last).astype(np.int32),
                "age_days": age.astype(np.int32),
                "repeat_sales": np.where(x > 0, random.gamma(np.maximum(6 * x, 1)) * random.gamma(4, 2, CHUNK), 0),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def median_of(times: int, work) -> tuple[float, object]:
    """Median seconds of some runs after one that does not count, and the last result."""
    seconds, result = [], work()
    for _ in range(times):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), result


def peer_seconds(file: Path, folder: Path) -> float | None:
    """Seconds of the peer's own fit of MBG/NBD to a million customers; None where it can't be installed or run."""
    python = folder / "peer" / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "peer"], check=True, capture_output=True)
        wanted = ["lifetimes==0.11.3", "setuptools<81", "numpy<2", "pandas<2.3", "scipy<1.14"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True, capture_output=True, timeout=600)
        done = subprocess.run([python, "-c", PEER, file], check=True, capture_output=True, text=True, timeout=1800)
    except (OSError, subprocess.SubprocessError):
        return None
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    from regulars import lifetime_value as clv

    with tempfile.TemporaryDirectory(prefix="regulars-benchmark-") as folder:
        file, few = Path(folder) / "histories.parquet", Path(folder) / "few.parquet"
        draw(file)
        connection = duckdb.connect(f"{folder}/scores.duckdb")
        connection.execute("set threads = 2; set memory_limit = '1GB'; set preserve_insertion_order = false")
        connection.execute(f"copy (select * from '{file}' limit {PEER_CUSTOMERS}) to '{few}' (format parquet)")

        def fitted(path: Path):
            cells = connection.execute(CELLS.format(bin=BIN, sums=SUMS, file=path)).fetchnumpy()
            weight = cells["customer_count"].astype(float)
            sums = (cells[name].astype(float) / weight for name in ("recency_days_sum", "age_days_sum"))
            return clv.fit_dropout(clv.Customers(cells["repeat_count"], *sums, weight))

        def spent():
            cells = connection.execute(SPEND.format(file=file)).fetchnumpy()
            weight, orders = cells["customer_count"].astype(float), cells["repeat_count"].astype(float)
            return clv.fit_spend(orders, cells["repeat_sales"] / weight / orders, weight)

        def scored(model, spend):
            pairs = connection.execute(f"select distinct repeat_count, age_days from '{file}'").fetchnumpy()
            x, age = pairs["repeat_count"].astype(float), pairs["age_days"].astype(float)
            year = model.expected_orders_if_alive(365.25, x, age)
            discounted = model.discounted_orders_if_alive(np.log(1.1) / 365.25, x, age, 1095.75)
            grid = pa.table({**pairs, "year": year, "discounted": discounted})
            connection.register("grid", grid)
            names = dict(zip(["r", "alpha", "a", "b"], model.parameters, strict=True))
            names |= dict(zip("pqv", spend.parameters, strict=True))
            # As doubles: DuckDB takes long literals for decimals.
            names = {name: f"{value:.17e}" for name, value in names.items()}
            connection.execute(SCORES.format(file=file, scores=Path(folder) / "scores.parquet", **names))
            return len(pairs["age_days"])

        floor, _ = median_of(5, lambda: connection.execute(CELLS.format(bin=BIN, sums=SUMS, file=file)).fetchnumpy())
        fit_seconds, fit = median_of(5, lambda: fitted(file))
        spend_seconds, spend = median_of(3, spent)
        score_seconds, pairs = median_of(3, lambda: scored(fit.model, spend.model))
        few_seconds, _ = median_of(5, lambda: fitted(few))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        connection.execute(f"copy (select * from '{few}') to '{folder}/few.csv' (header)")
        peer = peer_seconds(Path(folder) / "few.csv", Path(folder))
        print("| what, 10 million customers | seconds | against |\n|---|---|---|")
        print(f"| scan and group by repeats and bins of recency and age, with their sums | {floor:.2f} | 1 |")
        print(f"| cells and fit | {fit_seconds:.2f} | {fit_seconds / floor:.2f} (≤ 1.5) |")
        print(f"| Gamma-Gamma | {spend_seconds:.2f} | |")
        print(f"| scores: {pairs:,} pairs in Python, joined in SQL, written to Parquet | {score_seconds:.2f} | |")
        print(f"| Gamma-Gamma and scores | {spend_seconds + score_seconds:.2f} | ≤ 3 s |")
        print(f"| peak memory of all of it, drawing included | {memory:.0f} MiB | < 1 GB besides drawing |")
        print(f"| 1 million customers: cells and fit | {few_seconds:.3f} | 1 |")
        told = f"{peer:.1f} | {peer / few_seconds:.0f} (≥ 300)" if peer else "could not be installed or run | |"
        print(f"| lifetimes 0.11.3, the same million | {told} |")


if __name__ == "__main__":
    main()
