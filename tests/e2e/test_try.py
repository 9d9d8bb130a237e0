"""`regulars try`: one model on a refreshed home, and a home that the next refresh can go on from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Place, call_here, contents, orders

from regulars.home import Home

pytestmark = pytest.mark.e2e

ORDERS = "models/intermediate/sales/int_orders.sql"
RFM = "models/marts/profiling/customer_rfm.sql"
# Tries a model as a user does, then tells what was imported on the way.
WITHOUT_DAGSTER = """
import sys
from regulars.cli import main
try:
    main()
finally:
    print("imported:", {name.split(".")[0] for name in sys.modules} & {"dagster", "great_expectations", "pandas"})
"""


@pytest.fixture(scope="module")
def home(new_place) -> Place:
    """Two days, the second refreshed incrementally; every test tries models on it, and the last one refreshes it."""
    place = new_place("try")
    place.land("shop/order_lines/one.csv", orders(5))
    assert place.refresh_here().exit == 0
    place.land("shop/order_lines/two.csv", orders(3, day="2024-03-02", first=6))
    assert place.refresh_here().exit == 0
    return place


@pytest.fixture
def edited(project, monkeypatch) -> Path:
    """A copy of the project, which `try` takes for the checkout."""
    for module in ("regulars.trying", "orchestration.dbt"):
        monkeypatch.setattr(f"{module}.project_root", lambda: project)
    return project


def try_here(place: Place, model: str, *arguments: str):
    return call_here("try", model, "--home", place.root, *arguments)


def test_a_model_is_built_and_shown_without_dagster(home):
    version, before = home.warehouse.resolve(), contents(home)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DAGSTER, "try", "customer_rfm", "--home", home.root, "--rows", "2"],
        cwd=PROJECT, env={"PYTHONPATH": str(PROJECT), "PATH": "", "COLUMNS": "200"}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 rows, the first 2 shown" in done.stdout
    assert "6 rules: 6 passed, 0 failed" in done.stdout
    assert "rfm_segment_label_zh" in done.stdout
    assert "imported: set()" in done.stdout
    assert not Home.at(home.root).is_locked()
    assert not list((home.root / "build").glob("*.wal"))
    assert home.warehouse.resolve() == version and contents(home) == before


def test_an_edit_that_breaks_a_rule_ends_with_three_and_shows_the_rows(home, edited):
    sql = (edited / RFM).read_text()
    (edited / RFM).write_text(sql.replace("    coded.rfm_octant,\n", "    'x' || coded.rfm_octant as rfm_octant,\n"))
    found = try_here(home, "customer_rfm")
    assert found.exit == 3, found.text
    assert "6 rules: 5 passed, 1 failed" in found.out
    assert "critical within_customer_rfm_rfm_octant" in found.out
    assert "    rfm_octant=x" in found.out


def test_sql_that_is_wrong_is_told_with_its_file_and_no_stack_trace(home, edited):
    sql = (edited / RFM).read_text()
    for wrong, said in (("{{ bla( }}", "unexpected '}'"), ("fromm x", 'syntax error at or near "fromm"')):
        (edited / RFM).write_text(f"{sql}\n{wrong}\n")
        found = try_here(home, "customer_rfm")
        assert found.exit == 2, found.text
        assert f"{RFM}: " in found.err and said in found.err
        assert "Traceback" not in found.text and "> in macro" not in found.text


def test_a_new_mart_is_shown_with_the_yml_to_write(home, edited):
    folder = edited / "models" / "marts" / "profiling"
    (folder / "customer_mood.sql").write_text(
        "-- Grain: one customer.\nselect customer_id, 1.5 as mood_score from {{ ref('int_mood') }}\n"
    )
    (edited / "models" / "intermediate" / "int_mood.sql").write_text(
        "-- Grain: one customer.\nselect customer_id from {{ ref('int_persons') }}\n"
    )
    found = try_here(home, "customer_mood")
    assert found.exit == 2
    assert "the build holds no int_mood, which this model reads" in found.err
    assert f"regulars try int_mood --home {home.root}" in found.err
    found = try_here(home, "int_mood")
    assert found.exit == 2 and "int_mood.yml: there is no such file" in found.out
    found = try_here(home, "customer_mood")
    assert found.exit == 2 and "8 rows, all shown" in found.out, found.text
    proposed = found.out.split("# models/marts/profiling/customer_mood.yml\n")[1].split("\n\n")[0]
    (folder / "customer_mood.yml").write_text(proposed.replace('description: ""', "description: Said."))
    found = try_here(home, "customer_mood")
    assert found.exit == 0 and "1 rule: 1 passed" in found.out, found.text


def test_a_home_without_a_build_and_a_model_that_is_not_there_are_refused(home, tmp_path):
    found = call_here("try", "customer_rfm", "--home", tmp_path)
    assert found.exit == 2 and f"regulars refresh --home {tmp_path}" in found.err
    found = try_here(home, "customer_rmf")
    assert found.exit == 2 and "Did you mean customer_rfm" in found.err
    with Home.at(home.root).lock("a test"):
        found = try_here(home, "customer_rfm")
    assert found.exit == 2 and "a test, process" in found.err


def test_a_refresh_after_trials_publishes_what_a_build_at_once_does(home, new_place, edited, monkeypatch):
    version, before = home.warehouse.resolve(), contents(home)
    sql = (edited / RFM).read_text()
    (edited / RFM).write_text(sql.replace("    coded.rfm_octant,\n", "    'x' || coded.rfm_octant as rfm_octant,\n"))
    assert try_here(home, "customer_rfm").exit == 3
    # All of them, not only what the last refresh found changed.
    found = try_here(home, "int_order_lines")
    assert found.exit == 0 and "8 rows" in found.out and "the next refresh rebuilds everything" in found.out, found.text
    counted = "where order_lines.order_date <= {{ as_of_date() }}"
    text = (edited / ORDERS).read_text()
    assert counted in text
    (edited / ORDERS).write_text(text.replace(counted, f"{counted} and order_lines.order_id <> 'o1'"))
    assert "7 rows" in try_here(home, "int_orders").out
    # Trying the state does not make the build whole again.
    assert "the next refresh rebuilds everything" in try_here(home, "int_state").out
    assert home.warehouse.resolve() == version and contents(home) == before
    monkeypatch.undo()
    home.land("shop/order_lines/three.csv", orders(2, day="2024-03-03", first=20))
    assert home.refresh_here().exit == 0
    other = new_place("at_once")
    for path in (home.landing / "shop" / "order_lines").iterdir():
        other.land(f"shop/order_lines/{path.name}", path.read_bytes())
    assert other.refresh_here().exit == 0
    assert contents(home) == contents(other)
