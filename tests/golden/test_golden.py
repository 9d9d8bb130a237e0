"""Golden cases: tiny landing zones and the rows they must yield, each checkable by hand (see the case's README).

Expected files name the columns they check. `customer` stands for the source's customer number, `system:number` where
there are several systems. Relations of SOME_ROWS list some rows only.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import yaml

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/README.md"))
SOME_ROWS = {
    "quality.coverage",
    "quality.reconciliation",
    "profitability.profit_concentration",
    "performance.purchase_timing",
    "performance.behavior_kpis",
    "profiling.segment_profiles",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, place):
    shutil.copytree(case / "landing", place.landing)
    own = case / "regulars.yml"
    place.settings(own.read_text() if own.exists() else "publish_source_customer_ids: true\n")
    options = yaml.safe_load((case / "options.yml").read_text()) if (case / "options.yml").exists() else {}
    files = sorted((case / "expected").glob("*.csv"))
    relations = {path.stem for path in files} | {"core.bridge_customer_sources"}
    place.build(*relations, as_of=str(options["as_of"]) if options else None)
    several = len(list(place.landing.iterdir())) > 1
    for path in files:
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        expected = sorted(map(tuple, rows))
        found = sorted(_rows(place, path.stem, header, several))
        if path.stem in SOME_ROWS:
            assert set(expected) <= set(found), path.stem
        else:
            assert found == expected, path.stem


def _rows(place, relation: str, header: list[str], several: bool) -> list[tuple[str, ...]]:
    name = "sources.source_system || ':' || sources.source_customer_id" if several else "sources.source_customer_id"
    columns = [name if column == "customer" else f"relation.{column}" for column in header]
    texts = ", ".join(f"coalesce(cast({column} as varchar), '')" for column in columns)
    join = (
        "left join core.bridge_customer_sources as sources on relation.customer_id = sources.customer_id"
        if "customer" in header
        else ""
    )
    return place.query_build(f"select {texts} from {relation} as relation {join}")
