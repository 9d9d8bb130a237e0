"""What a refresh of Complete Journey costs, against the same SQL run by hand in DuckDB, in one run.

Prints Markdown. Everything happens in a home of its own that is removed afterwards.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RUNS = 3


def run(*command: str | Path, **environment: str) -> tuple[float, float]:
    """Wall seconds and peak memory (MiB, largest single process) of a command."""
    before = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return time.perf_counter() - before, usage.ru_maxrss / 1024


def ordered_models(home) -> list[dict]:
    """Models of the project in the order of their dependencies, with their compiled SQL."""
    manifest = json.loads((home.dbt_target / "manifest.json").read_text())
    nodes = {k: n for k, n in manifest["nodes"].items() if n["resource_type"] == "model"}
    done: dict[str, dict] = {}
    while len(done) < len(nodes):
        for key, node in nodes.items():
            if key not in done and all(up in done for up in node["depends_on"]["nodes"] if up in nodes):
                done[key] = node
    return list(done.values())


def by_hand(home) -> float:
    """Seconds of the models' own SQL in plain DuckDB: same engine, same inputs, no dbt, no tests, no gates."""
    from orchestration.warehouse import MARTS

    compiled = home.dbt_target / "compiled" / "regulars"
    with tempfile.TemporaryDirectory(dir=home.root) as folder:
        connection = duckdb.connect(f"{folder}/regulars_build.duckdb")
        connection.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
        connection.execute(f"attach '{home.database}' as original (read_only)")
        connection.execute(f"attach '{folder}/{home.marts.name}' as {MARTS}")
        for database, schema in sorted({(node["database"], node["schema"]) for node in ordered_models(home)}):
            connection.execute(f"create schema {database}.{schema}")
        connection.execute("create schema seeds")
        inputs = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'original'"
            " and (schema_name = 'seeds' or table_name like 'control\\_\\_%' escape '\\'"
            " or (schema_name = 'fits' and not starts_with(table_name, 'fit_')))"
        ).fetchall()
        for schema, name in inputs:
            connection.execute(f"create table {schema}.{name} as from original.{schema}.{name}")
        views = connection.execute(
            "select view_name, sql from duckdb_views() where database_name = 'original'"
            " and schema_name = 'restricted' and (view_name like '%\\_\\_%' escape '\\')"
            " and not starts_with(view_name, 'int_') and not starts_with(view_name, 'stg_')"
        ).fetchall()
        for _, sql in views:
            connection.execute(sql.replace("CREATE VIEW original.", "CREATE VIEW "))
        connection.execute("detach original")
        began = time.perf_counter()
        for node in ordered_models(home):
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            sql = (compiled / node["original_file_path"]).read_text()
            connection.execute(f"create {kind} {node['relation_name']} as {sql}")
        seconds = time.perf_counter() - began
        connection.close()
    return seconds


def engine_seconds(home) -> float:
    """Seconds the models took inside the refresh, from dbt's own run results per part."""
    import dagster as dg

    instance = dg.DagsterInstance.get()
    total = 0.0
    record = instance.get_run_records(limit=1)[0]
    for event in instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        seconds = event.dagster_event.event_specific_data.materialization.metadata.get("Execution Duration")
        total += seconds.value if seconds else 0
    return total


def main() -> None:
    """Measure and print."""
    from regulars.home import Home

    with tempfile.TemporaryDirectory(prefix="regulars-benchmark-") as folder:
        home = Home.at(Path(folder) / "home")
        regulars = Path(sys.executable).parent / "regulars"
        run(regulars, "demo", "--home", home.root)
        first, _ = run(regulars, "refresh", "--home", home.root)
        whole, peak = zip(*(run(regulars, "refresh", "--home", home.root, "--full") for _ in range(RUNS)), strict=True)
        nothing, _ = zip(*(run(regulars, "refresh", "--home", home.root) for _ in range(RUNS)), strict=True)
        home.export()
        models = engine_seconds(home)
        hand = statistics.median(by_hand(home) for _ in range(RUNS))
        tiny = Home.at(Path(folder) / "tiny")
        (tiny.landing / "shop").mkdir(parents=True)
        (tiny.landing / "shop" / "order_lines.csv").write_text(
            "order_id,ordered_at,customer_id,quantity,unit_price\n1,2024-01-01,a,1,1\n"
        )
        run(regulars, "refresh", "--home", tiny.root)
        fixed = statistics.median(run(regulars, "refresh", "--home", tiny.root, "--full")[0] for _ in range(RUNS))
        median = statistics.median(whole)
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print("| what | figure |\n|---|---|")
        print(f"| first refresh, files landed, project not parsed | {first:.1f} s |")
        print(f"| whole refresh, median of {RUNS} | {median:.1f} s ({min(whole):.1f} to {max(whole):.1f}) |")
        print(f"| of that fixed (a refresh of one line) | {fixed:.1f} s, {fixed / median:.0%} |")
        print(f"| models as dbt times them, summed over two threads | {models:.1f} s, {models / median:.0%} |")
        print(f"| the same models' SQL by hand in DuckDB | {hand:.1f} s |")
        print(f"| ratio of the two | {models / hand:.1f} |")
        print(f"| nothing new, median of {RUNS} | {statistics.median(nothing):.2f} s |")
        print(f"| peak memory, largest process | {max(*peak, children):.0f} MiB |")


if __name__ == "__main__":
    main()
