"""The build: two files that count only together."""

from __future__ import annotations

import os

import pytest

from orchestration.warehouse import FACTS, Warehouse
from regulars.home import Home


@pytest.fixture
def warehouse(tmp_path):
    home = Home.at(tmp_path)
    home.prepare()
    warehouse = Warehouse(home)
    with warehouse.connect() as connection:
        connection.execute(
            "create schema restricted; create table restricted.int_state as select 'rules' as kind, 'rules' as content"
        )
        connection.execute("create schema warehouse.core")
        for fact in FACTS:
            connection.execute(f"create table warehouse.{fact} as select 1 as a")
    assert warehouse.built_on() == "rules"
    return warehouse


def test_tables_of_both_files_are_found_by_schema_and_name(warehouse):
    with warehouse.connect(read_only=True) as connection:
        found = connection.execute("select kind, a from restricted.int_state cross join core.int_order_lines")
        assert found.fetchall() == [("rules", 1)]


def test_marts_that_are_gone_or_damaged_make_the_build_begin_anew(warehouse):
    warehouse.home.marts.write_bytes(os.urandom(200_000))
    assert warehouse.built_on() is None
    warehouse.home.marts.unlink()
    assert warehouse.built_on() is None


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_that_is_gone_makes_the_build_begin_anew(warehouse, fact):
    with warehouse.connect() as connection:
        connection.execute(f"drop table warehouse.{fact}")
    assert warehouse.built_on() is None


def test_a_discarded_build_leaves_neither_file(warehouse):
    warehouse.discard()
    assert not warehouse.home.database.exists() and not warehouse.home.marts.exists()
    assert warehouse.built_on() is None


def test_both_files_are_written_for_the_oldest_engine_that_is_promised(warehouse):
    with warehouse.connect(read_only=True) as connection:
        found = connection.execute(
            "select database_name, tags['storage_version'] from duckdb_databases() where path is not null"
        )
        assert dict(found.fetchall()) == {"regulars_build": "v1.3.0+", "warehouse": "v1.3.0+"}
