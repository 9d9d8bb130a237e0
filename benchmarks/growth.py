"""How seconds, memory and disk of a refresh grow with lines: simulated retailers, from landed files to published.

Each size is simulated; all but its last day of order lines is refreshed in a process of its own, then the last day too.
Held against the floor of benchmarks/marts.py, a scan of the published lines that groups by customer. Prints Markdown,
with where the largest size's seconds go, and draws docs/growth.svg.

usage: growth.py [MILLION LINES ...]   (default: 1 3 10; 30 takes a quarter of an hour)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from math import log10
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LINES_PER_CUSTOMER, MONTHS = 15.88, 24
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 70, 30, 220, 50
# What a step of the job does, by a sign in its name; steps of models are split by model.
STEPS = {
    "_gate": "gates",
    "fit_": "fits",
    "published": "publishing",
    "control": "other",
    "_models": "dbt",
    "land": "loading",
}
TOLD_MODELS = 15
SERIES = {
    "seconds": ("#1f6feb", "all, seconds"),
    "day_seconds": ("#1a7f37", "one more day, seconds"),
    "gibibytes": ("#bf3989", "memory, GiB"),
    "floor": ("#57606a", "the scan, seconds"),
}


def folder_size(folder: Path) -> float:
    """Bytes of all files, in GiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**30


def hold_back_the_last_day(landing: Path, held: Path, types: dict[str, str]) -> int:
    """Move the last day of every system's order lines out of the landing zone, all as Parquet; returns its lines.

    Args:
        types: of the contract's columns; what is text gets them.
    """

    def rows(paths: list[Path]) -> str:
        listed = [str(path) for path in paths]
        if paths[0].suffix != ".csv":
            return f"read_parquet({listed})"
        with paths[0].open() as file:
            names = file.readline().strip().split(",")
        return f"read_csv({listed}, types = { {name: types[name] for name in names} })"

    count = 0
    for folder in sorted(landing.glob("*/order_lines")):
        paths = sorted(folder.glob("part-*"))
        day = "left(cast(ordered_at as varchar), 10)"
        target = held / folder.relative_to(landing) / "last.parquet"
        target.parent.mkdir(parents=True)
        with duckdb.connect() as connection:
            connection.execute("set enable_progress_bar = false; set timezone = 'UTC'")
            (last,) = connection.execute(f"select max({day}) from {rows(paths)}").fetchone()
            (found,) = connection.execute(
                f"copy (select * from {rows(paths)} where {day} = '{last}') to '{target}'"
            ).fetchone()
            for path in paths:
                rest = path.with_name(f".{path.stem}.parquet")
                connection.execute(f"copy (select * from {rows([path])} where {day} <> '{last}') to '{rest}'")
                path.unlink()
                rest.replace(path.with_suffix(".parquet"))
        count += found
    return count


def refresh(regulars: Path, root: Path) -> tuple[float, float]:
    """Seconds and peak memory (GiB) of a refresh in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen([regulars, "refresh", "--home", root], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{root}: the refresh failed")
    return time.perf_counter() - began, usage.ru_maxrss / 2**20


def where_it_goes(root: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of a home's last refresh by kind of work, and by model, as Dagster's event log has them.

    Models run two at a time: their seconds are halved, to be of the clock.
    """
    import dagster as dg

    from regulars.home import Home

    Home.at(root).export()
    kinds: dict[str, float] = defaultdict(float)
    models: dict[str, float] = {}
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(limit=1)
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            told = event.event_specific_data if event else None
            if event and event.is_step_success:
                kind = next((kind for sign, kind in STEPS.items() if sign in event.step_key), "other")
                kinds[kind] += told.duration_ms / 1000
            elif event and event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
                duration = told.materialization.metadata.get("Execution Duration")
                if duration and told.materialization.metadata["unique_id"].value.startswith("model."):
                    models[event.asset_key.path[-1]] = duration.value / 2
    kinds["models"] = sum(models.values())
    kinds["rules, and dbt itself"] = kinds.pop("dbt") - kinds["models"]
    return kinds, models


def measure(million: float, folder: Path) -> dict[str, Any]:
    """Simulate, refresh, let one more day of order lines arrive, refresh again, and look at one size."""
    from benchmarks.loading import home_at
    from benchmarks.marts import FLOOR

    root = folder / f"home{million:g}"
    regulars = Path(sys.executable).parent / "regulars"
    customers = str(round(million * 1e6 / LINES_PER_CUSTOMER))
    size = ["--customers", customers, "--months", str(MONTHS), "--seed", "1", "--out", root]
    subprocess.run([regulars, "simulate", *size], check=True, stdout=subprocess.DEVNULL)
    held = folder / "held"
    # A home of its own: the measured one parses the project itself.
    _, _, tables = home_at(folder / "contract")
    types = {column.name: column.stored_type for column in tables["canonical", "order_lines"].columns}
    day_lines = hold_back_the_last_day(root / "landing", held, types)
    landed = folder_size(root / "landing")
    seconds, gibibytes = refresh(regulars, root)
    kinds, models = where_it_goes(root)
    lines = root / "published" / "parquet" / "core" / "fct_order_lines"
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        scans = []
        for _ in range(4):
            began = time.perf_counter()
            connection.execute(f"create or replace temp table scanned as {FLOOR.format(lines=lines)}")
            scans.append(time.perf_counter() - began)
        (count,) = connection.execute(f"select count(*) from read_parquet('{lines}/*/*.parquet')").fetchone()
    found = {
        "lines": count,
        "seconds": seconds,
        "gibibytes": gibibytes,
        "floor": min(scans),
        "landed": landed,
        "build": folder_size(root / "build"),
        "version": folder_size(root / "published" / "."),
    }
    print(json.dumps(found), file=sys.stderr, flush=True)
    # What is loaded stays loaded: the landing zone may be cleaned up, and disks are small.
    for path in (root / "landing").glob("*/order_lines/part-*"):
        path.unlink()
    shutil.copytree(held, root / "landing", dirs_exist_ok=True)
    shutil.rmtree(held)
    day_seconds, day_gibibytes = refresh(regulars, root)
    shutil.rmtree(root)
    found |= {"day_lines": day_lines, "day_seconds": day_seconds, "day_gibibytes": day_gibibytes}
    return found | {"kinds": kinds, "models": models}


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Seconds and memory against lines, both axes by powers of ten; what was not measured of a size is left out."""
    low, high = log10(min(row["lines"] for row in rows)), log10(max(row["lines"] for row in rows))
    values = [row[name] for row in rows for name in SERIES if name in row]
    bottom, top = int(log10(min(values)) // 1), int(-(-log10(max(values)) // 1))

    def x(lines: float) -> float:
        return LEFT + (log10(lines) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18">A refresh, landed files to published, 2 cores · 一次刷新（2 核）</text>',
    ]
    for power in range(bottom, top + 1):
        height = y(10**power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for row in rows:
        place = x(row["lines"])
        parts.append(
            f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{row["lines"] / 1e6:.1f} M</text>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">order lines · 订单行</text>'
    )
    below = 0.0
    measured = {name: [row for row in rows if name in row] for name in SERIES}
    for name, (colour, label) in sorted(SERIES.items(), key=lambda series: -measured[series[0]][-1][series[0]]):
        places = [(x(row["lines"]), y(row[name])) for row in measured[name]]
        points = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="{colour}"/>' for across, up in places]
        # Names of lines that end close together are moved apart.
        below = max(places[-1][1] + 4, below + 14)
        value = measured[name][-1][name]
        told = f"{label}: {value:,.0f}" if value >= 100 else f"{label}: {value:.3g}"
        parts.append(f'<text x="{places[-1][0] + 8:.1f}" y="{below:.1f}" fill="{colour}">{told}</text>')
    target.write_text("\n".join([*parts, "</svg>"]) + "\n")


def main() -> None:
    """Measure the sizes asked for and print them."""
    sizes = [float(size) for size in sys.argv[1:]] or [1, 3, 10]
    rows = []
    columns = ["lines", "seconds", "scans", "memory, GiB", "one more day, seconds", "of all"]
    columns += [f"{place}, GiB" for place in ("landed", "build", "a version")]
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    with tempfile.TemporaryDirectory(prefix="regulars-growth-") as folder:
        for size in sizes:
            row = measure(size, Path(folder))
            rows.append(row)
            print(
                f"| {row['lines']:,} | {row['seconds']:.0f} | {row['seconds'] / row['floor']:.0f}"
                f" | {row['gibibytes']:.1f} | {row['day_seconds']:.0f} | {row['day_seconds'] / row['seconds']:.0%}"
                f" | {row['landed']:.2f} | {row['build']:.2f} | {row['version']:.2f} |",
                flush=True,
            )
    print(f"\n| where {rows[-1]['lines']:,} lines go | seconds | scans |\n|---|---|---|")
    told = sorted(rows[-1]["kinds"].items(), key=lambda kind: -kind[1])
    told += sorted(rows[-1]["models"].items(), key=lambda model: -model[1])[:TOLD_MODELS]
    for what, seconds in told:
        print(f"| {what} | {seconds:.1f} | {seconds / rows[-1]['floor']:.1f} |")
    if len(rows) > 1:
        draw(rows, ROOT / "docs" / "growth.svg")
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
