"""What the models cost beside plain SQL: the same relations, as somebody writes them by hand who trusts the data.

The hand-written chain (straight.sql) starts from the raw zone's Parquet and from whose each customer number is; it
numbers nothing anew, sets nothing aside, converts no currency, joins no labels. Both run in one process on a refreshed
home's build database, each relation written to a temporary table. Prints Markdown, with the scan of marts.py as floor.

usage: straight.py [HOME]   (without one, a retailer is simulated and refreshed first: some minutes)
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.marts import FLOOR, home_to_measure, timed  # noqa: E402

RUNS = 3


def chain() -> list[tuple[str, list[str], str]]:
    """Each relation of straight.sql: its name, the models that take its place, its SQL."""
    parts = re.split(r"^-- (\w+): (.+)$", Path(__file__).with_suffix(".sql").read_text(), flags=re.MULTILINE)[1:]
    return [
        (name, models.split(", "), query.strip().rstrip(";"))
        for name, models, query in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def measure(root: Path) -> None:
    """Time both chains and print them."""
    from orchestration.warehouse import Warehouse
    from regulars.home import Home

    home = Home.at(root)
    manifest = json.loads((home.dbt_target / "manifest.json").read_text())
    compiled = {
        node["name"]: home.dbt_target / "compiled" / "regulars" / node["original_file_path"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }
    with Warehouse(home).connect(read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
        lines, start = connection.execute(
            "select (select count(*) from core.int_order_lines), max(as_of_date) - interval 12 month"
            " from quality.run_info"
        ).fetchone()
        floor = FLOOR.format(lines=home.published / "parquet" / "core" / "fct_order_lines")
        scans = [timed(connection, floor) for _ in range(RUNS + 1)][1:]
        rows = []
        for name, models, query in chain():
            by_hand = min(timed(connection, query.format(start=start.date()), name) for _ in range(RUNS))
            of_models = [compiled[model].read_text() for model in models]
            ours = sum(min(timed(connection, model) for _ in range(RUNS)) for model in of_models)
            rows.append((name, by_hand, models, ours))
        scans += [timed(connection, floor) for _ in range(RUNS + 1)][1:]
    scan = statistics.median(scans)
    print(f"{lines:,} lines; the scan takes {scan:.2f} s ({min(scans):.2f} to {max(scans):.2f})\n")
    print("| by hand | seconds | models | seconds | ratio |\n|---|---|---|---|---|")
    for name, by_hand, models, ours in rows:
        print(f"| {name} | {by_hand:.2f} | {', '.join(models)} | {ours:.2f} | {ours / by_hand:.2f} |")
    by_hand, ours = sum(row[1] for row in rows), sum(row[3] for row in rows)
    print(
        f"| all | {by_hand:.1f} = {by_hand / scan:.1f} scans | | {ours:.1f} = {ours / scan:.1f} scans"
        f" | {ours / by_hand:.2f} (≤ 1.5) |"
    )


if __name__ == "__main__":
    with home_to_measure() as named_or_made:
        measure(named_or_made)
