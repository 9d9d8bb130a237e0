"""What holds for the whole project: house rules that a look at its files can check, and names of others it leans on."""

from __future__ import annotations

import ast
import csv
import json
import re
import subprocess

import duckdb
import pytest
import yaml
from conftest import PROJECT, call_here

from expectations.runner import keep_inside
from orchestration.warehouse import FACTS


def test_every_model_has_a_yml_beside_it_and_says_its_grain():
    for path in (PROJECT / "models").rglob("*.sql"):
        assert path.with_suffix(".yml").exists(), path
        assert path.read_text().startswith("-- Grain: "), path
        assert not re.search(r"current_date|now\(\)|current_timestamp", path.read_text()), path


def test_a_build_without_one_of_the_incremental_tables_beside_the_marts_is_none():
    beside = re.compile(r"'incremental'.*database='warehouse', schema='(\w+)'")
    found = [(beside.search(path.read_text()), path.stem) for path in (PROJECT / "models").rglob("*.sql")]
    assert sorted(f"{match[1]}.{name}" for match, name in found if match) == sorted(FACTS)


def test_every_test_on_data_says_when_it_fails():
    for path in (PROJECT / "tests" / "data").glob("*.sql"):
        assert path.name.startswith("assert_")
        assert path.read_text().startswith("-- Fails if "), path


def test_every_expectation_has_a_name_a_severity_and_a_remedy():
    names = []
    for path in (PROJECT / "expectations").glob("*/*.json"):
        for item in json.loads(path.read_text())["expectations"]:
            names.append(f"{path.parent.name}.{path.stem}.{item['meta']['name']}")
            assert item["severity"] in ("critical", "warning"), names[-1]
            assert item["description"] and item["meta"]["remedy"] and item["meta"]["remedy_zh"], names[-1]
    assert len(names) == len(set(names)) > 20


def test_rfm_segments_partition_every_score():
    with (PROJECT / "seeds" / "rfm_segments.csv").open() as file:
        cells = [(row["r_score"], row["f_score"]) for row in csv.DictReader(file)]
    assert sorted(cells) == sorted((str(r), str(f)) for r in range(1, 6) for f in range(1, 6))


def test_every_code_has_a_name_and_advice_in_both_languages():
    with (PROJECT / "seeds" / "playbook.csv").open() as file:
        playbook = {(row["code_list"], row["code"]): row for row in csv.DictReader(file)}
    assert all(all(row.values()) for row in playbook.values())
    for name, column in (("rfm_segments", "rfm_segment"), ("rfm_octants", "rfm_octant")):
        with (PROJECT / "seeds" / f"{name}.csv").open() as file:
            for row in csv.DictReader(file):
                assert (column, row[column]) in playbook
    with (PROJECT / "seeds" / "quarantine_reasons.csv").open() as file:
        told = {row["reason"] for row in csv.DictReader(file)}
    contract = yaml.safe_load((PROJECT / "models/staging/canonical/_sources.yml").read_text())
    used = set(re.findall(r"'reason': '(\w+)'", (PROJECT / "macros/contract_exceptions.sql").read_text()))
    used |= set(re.findall(r"'(\w+)' as reason", (PROJECT / "macros/contract_exceptions.sql").read_text()))
    for table in contract["sources"][0]["tables"]:
        meta = table["config"]["meta"]
        used |= {rule["reason"] for rule in meta.get("rules", [])}
        used |= {meta["one_per"]["reason"]} if "one_per" in meta else set()
    assert used <= told


def test_the_list_of_entities_is_the_contract_s():
    contract = yaml.safe_load((PROJECT / "models/staging/canonical/_sources.yml").read_text())
    listed = re.search(
        r"macro contract_entities.*?do return\(\[(.*?)\]\)", (PROJECT / "macros/contract.sql").read_text(), re.DOTALL
    )
    assert sorted(re.findall(r"'(\w+)'", listed[1])) == sorted(
        table["name"] for table in contract["sources"][0]["tables"]
    )


def test_the_list_of_entities_that_refer_is_the_contract_s():
    contract = yaml.safe_load((PROJECT / "models/staging/canonical/_sources.yml").read_text())
    listed = re.search(
        r"macro entities_that_refer.*?do return\(\[(.*?)\]\)", (PROJECT / "macros/contract.sql").read_text(), re.DOTALL
    )
    assert sorted(re.findall(r"'(\w+)'", listed[1])) == sorted(
        table["name"]
        for table in contract["sources"][0]["tables"]
        if any("references" in column.get("config", {}).get("meta", {}) for column in table["columns"])
    )


def test_the_state_of_the_build_waits_for_every_incremental_model():
    incremental = [p.stem for p in (PROJECT / "models").rglob("*.sql") if "materialized='incremental'" in p.read_text()]
    listed = re.search(
        r"macro depends_on_incremental.*?for model in \[(.*?)\]",
        (PROJECT / "macros/incremental.sql").read_text(),
        re.DOTALL,
    )
    assert sorted(re.findall(r"'(\w+)'", listed[1])) == sorted(incremental)


def test_settings_of_the_whole_database_are_given_when_it_is_opened():
    """dbt-duckdb sets `settings` again on each cursor; a setting of the database, set beside planning, crashes DuckDB."""
    target = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "2", (PROJECT / "profiles.yml").read_text()))["regulars"]["outputs"][
        "duckdb"
    ]
    with duckdb.connect() as connection:
        for name, value in target["settings"].items():
            one, other = connection.cursor(), connection.cursor()
            before = other.execute(f"select current_setting('{name}')").fetchone()
            one.execute(f"set {name} = '{'Asia/Tokyo' if name == 'TimeZone' else value}'")
            assert one.execute(f"select current_setting('{name}')").fetchone() != before, name
            assert other.execute(f"select current_setting('{name}')").fetchone() == before, name
    assert "disabled_optimizers" in target["config_options"]
    assert "set disabled_optimizers" not in "".join(
        p.read_text().lower()
        for folder in ("orchestration", "regulars", "macros")
        for p in (PROJECT / folder).rglob("*.*")
        if p.suffix in {".py", ".sql"}
    )


def test_rules_are_counted_as_dbt_would_count_them():
    """A refresh counts the rows of generic tests itself (macro rule_outcomes): limits and other conditions would be lost."""
    for path in (PROJECT / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            tests = [
                *model.get("data_tests", []),
                *(t for c in model.get("columns", []) for t in c.get("data_tests", [])),
            ]
            for test in tests:
                (arguments,) = test.values()
                assert set(arguments) <= {"arguments", "name", "description"}, (path, test)


def test_the_names_of_dbt_and_dagster_that_we_lean_on_are_there():
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.contracts.graph.manifest import Manifest

    assert callable(Manifest.from_msgpack)
    assert callable(Manifest.build_flat_graph)
    assert hasattr(DuckDBConnectionManager, "_ENV")
    assert callable(DuckDBConnectionManager.close_all_connections)
    assert callable(DbtCoreCliEventMessage.to_default_asset_events)


def test_great_expectations_is_never_imported_by_the_refresh_process():
    for path in [*(PROJECT / "orchestration").rglob("*.py"), *(PROJECT / "regulars").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("great_expectations") for name in names), path


def test_data_docs_lose_what_is_outside_and_keep_the_rest():
    page = (
        '<head><script src="https://cdn.example/x.js"></script><link rel="stylesheet" href="https://cdn.example/x.css"/>'
        '<link rel="stylesheet" href="static/own.css"></head><body><a href="https://docs.example">docs</a></body>'
    )
    kept = keep_inside(page, "body {}")
    assert "cdn.example" not in kept
    assert 'href="static/own.css"' in kept
    assert "<style>body {}</style></head>" in kept


def test_nothing_of_this_machine_or_a_registry_is_committed():
    files = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False).stdout.split()
    if not files:
        pytest.skip("not a git checkout")
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|" + re.escape(str(PROJECT)))
    for name in files:
        if name.startswith("tests/unit/test_project.py"):
            continue
        text = (PROJECT / name).read_text(errors="ignore")
        assert not hosts.search(text), name


def test_doctor_finds_a_sound_installation_sound(place):
    found = call_here("doctor", "--home", place.root)
    assert found.exit == 0, found.text
    assert "REGULARS_KEY" in found.out
    place.settings("time_zone: Nowhere/Land\n")
    broken = call_here("doctor", "--home", place.root)
    assert broken.exit == 2
    assert "Nowhere/Land" in broken.out


def test_help_names_the_exit_statuses():
    told = " ".join(call_here("refresh", "--help").out.split())
    for words in ("0 published", "3 stopped by a gate", "2 wrong usage", "1 a fault"):
        assert words in told


def test_the_contract_page_is_what_the_contract_says(parsed):
    from orchestration.documentation import contract_page

    manifest = json.loads((parsed.target() / "manifest.json").read_text())
    assert (PROJECT / "docs" / "source_contract.md").read_text() == contract_page(manifest), "run `make docs`"


def test_layers_depend_downwards_only(parsed):
    """A part of the graph that waits for a later part is split by Dagster, and then builds the wrong things."""
    nodes = json.loads((parsed.target() / "manifest.json").read_text())["nodes"]
    order = {"staging": 0, "intermediate": 1, "fits": 2, "marts": 2}
    incoming = {
        name
        for name, node in nodes.items()
        if node["resource_type"] in ("model", "seed") and "incoming" in node["tags"] and "closing" not in node["tags"]
    }
    for name in incoming:
        parents = [parent for parent in nodes[name]["depends_on"].get("nodes", []) if parent.startswith("model.")]
        assert set(parents) <= incoming, (name, "waits for a part that is built after it: tag it `incoming`")
    for node in nodes.values():
        if node["resource_type"] != "model":
            continue
        for parent in node["depends_on"]["nodes"]:
            if nodes.get(parent, {}).get("resource_type") == "model":
                assert order[nodes[parent]["fqn"][1]] <= order[node["fqn"][1]], (node["name"], parent)
