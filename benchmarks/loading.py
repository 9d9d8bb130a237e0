"""What loading 10 million CSV lines costs, against DuckDB's own `create table as select * from read_csv(…)`.

In one run: same file, same declared types, order kept. Each part runs in a process of its own, for its peak memory.
Prints Markdown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LINES = int(os.environ.get("REGULARS_BENCHMARK_LINES", "10000000"))
MAKE = """
copy (
    select
        'o' || (i // 4) as order_id,
        i % 4 + 1 as line_number,
        strftime(timestamp '2023-01-01' + to_seconds(i // 4 * 25), '%Y-%m-%d %H:%M:%S') as ordered_at,
        'c' || (hash(i // 4) % 760000) as customer_id,
        'p' || (hash(i) % 5000) as product_id,
        's' || (i % 40) as store_id,
        1 + i % 3 as quantity,
        (hash(i) % 9000 / 100 + 1)::decimal(18, 2) as unit_price
    from range({lines}) as t(i)
) to '{path}' (format csv, header)
"""


def home_at(folder: str | Path):
    """The benchmark's home, prepared, and what loading needs of it."""
    from orchestration import dbt
    from orchestration.contract import tables
    from orchestration.resources import load_manifest
    from regulars.home import Home

    home = Home.at(Path(folder))
    home.prepare()
    home.export()
    dbt.prepare(home)
    manifest = load_manifest(home)
    return home, manifest, tables(manifest)


def by_duckdb(folder: str) -> None:
    """DuckDB's own load into a table of a database file."""
    _, _, tables = home_at(folder)
    table = tables["canonical", "order_lines"]
    landed = Path(folder) / "landing" / "till" / "order_lines.csv"
    with landed.open() as file:
        names = file.readline().strip().split(",")
    types = {column.name: column.data_type for column in table.columns}
    columns = ", ".join(f"'{name}': '{types[name]}'" for name in names)
    with duckdb.connect(f"{folder}/own.duckdb") as connection:
        begin = time.perf_counter()
        connection.execute(
            f"create table t as select * from read_csv('{landed}', columns = {{{columns}}}, "
            "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '')"
        )
        print(time.perf_counter() - begin)


def to_raw_zone(folder: str) -> None:
    """Ours: hash, encoding, header, types, rejects, Parquet, ledger."""
    from orchestration.landing import Landing
    from orchestration.ledger import Ledger
    from orchestration.loading import Loader

    home, _, tables = home_at(folder)
    landing = Landing(home, tables)
    begin = time.perf_counter()
    count = Loader(home, Ledger(home), "benchmark").load(landing.files, {"till": landing.settings("till")})
    print(time.perf_counter() - begin)
    assert (count.rows_in, count.rejected) == (LINES, 0)


def contract_check(folder: str) -> None:
    """The contract's exceptions of order lines: the model's own SQL on the loaded lines."""
    from dbt.cli.main import dbtRunner

    from orchestration.dbt import _arguments, _close
    from orchestration.resources import Session

    home, _, tables = home_at(folder)
    session = Session(home, "benchmark", None)
    session.remember_settings()
    warehouse = session.warehouse
    warehouse.create_raw_relations(list(tables.values()), session.ledger)
    session.write_control({})
    union, exceptions = "int_order_lines__unioned", "int_order_lines__exceptions"
    dbtRunner().invoke(["--quiet", "run", "--select", f"+{union}", *_arguments(home)])
    dbtRunner().invoke(["--quiet", "compile", "--select", exceptions, *_arguments(home)])
    _close()
    compiled = (
        home.dbt_target / "compiled" / "regulars" / "models" / "intermediate" / "exceptions" / f"{exceptions}.sql"
    )
    with warehouse.connect() as connection:
        connection.execute("set threads = 2")
        begin = time.perf_counter()
        connection.execute(f"create or replace table restricted.{exceptions} as {compiled.read_text()}")
        print(time.perf_counter() - begin)
        assert connection.execute(f"select count(*) from restricted.{exceptions}").fetchone() == (0,)


def measured(part: str, folder: str) -> tuple[float, float]:
    """Seconds a part tells, and peak memory (MiB) of its process."""
    process = subprocess.Popen([sys.executable, __file__, part, folder], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, part
    return float(told.strip().splitlines()[-1]), usage.ru_maxrss / 1024


def main() -> None:
    """Make the file, measure every part on it, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "landing" / "till" / "order_lines.csv"
        path.parent.mkdir(parents=True)
        duckdb.execute(MAKE.format(lines=LINES, path=path))
        size = path.stat().st_size / 1e6
        own, own_memory = measured("by_duckdb", folder)
        raw, raw_memory = measured("to_raw_zone", folder)
        check, check_memory = measured("contract_check", folder)
    print(f"{LINES:,} lines, {size:,.0f} MB of CSV, {os.cpu_count()} cores\n")
    print("| what | seconds | ratio | peak memory |\n|---|---|---|---|")
    print(f"| DuckDB: create table as select * from read_csv | {own:.1f} | 1 | {own_memory:,.0f} MiB |")
    print(f"| to the raw zone | {raw:.1f} | {raw / own:.2f} (≤ 1.5) | {raw_memory:,.0f} MiB |")
    print(
        f"| with the contract check | {raw + check:.1f} | {(raw + check) / own:.2f} (≤ 2.5) | {check_memory:,.0f} MiB |"
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        globals()[sys.argv[1]](sys.argv[2])
