"""dbt's own unit tests: hand-checked rows for tricky models. They are for developers, so a refresh leaves them out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, orders

pytestmark = pytest.mark.e2e


def unit_tests_written() -> int:
    """How many the yml files beside the models hold."""
    files = (PROJECT / "models").rglob("*.yml")
    return sum(len(yaml.safe_load(file.read_text(encoding="utf-8")).get("unit_tests") or []) for file in files)


def test_dbt_unit_tests(corner_shop):
    build = corner_shop.root / "build"
    done = subprocess.run(
        [Path(sys.executable).parent / "dbt", "test", "--select", "test_type:unit", "--project-dir", PROJECT,
         "--profiles-dir", PROJECT, "--target-path", build / "dbt_unit", "--log-path", build / "dbt_unit"],
        cwd=build, env={**os.environ, "REGULARS_BUILD": str(build)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    # By name: dbt counts the hook at the start of a run as one more that passed.
    assert len(re.findall(r"PASS \w+::\w+", done.stdout)) == unit_tests_written() >= 25, done.stdout
    assert "WARN=0 ERROR=0" in done.stdout
    assert "Deprecated" not in done.stdout


def test_a_version_of_a_customer_holds_until_the_next_one(place):
    """Days are local: 22:30 in UTC on the last of March is the first of April in Berlin. No time: from ever."""
    place.settings("time_zone: Europe/Berlin\nreporting_currency: EUR\n")
    place.land("till/order_lines.csv", orders(3))
    place.land(
        "till/customers.csv",
        "customer_id,updated_at,city\n"
        "a,2024-03-31T22:30:00Z,Kiel\n"
        "a,2024-05-01T10:00:00Z,Ulm\n"
        "a,,Bonn\n"
        "b,2024-05-01T22:00:00Z,Jena\n",
    )
    place.build("restricted.int_customer_history")
    found = place.query_build(
        "select city, valid_from_date, valid_to_date from restricted.int_customer_history order by city"
    )
    assert found == [
        ("Bonn", None, date(2024, 4, 1)),
        ("Jena", date(2024, 5, 2), None),
        ("Kiel", date(2024, 4, 1), date(2024, 5, 1)),
        ("Ulm", date(2024, 5, 1), None),
    ]
