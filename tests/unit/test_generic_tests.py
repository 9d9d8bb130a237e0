"""The generic dbt tests and shared expressions, tested: each catches what it is for, and lets the rest pass."""

from __future__ import annotations

import re

import duckdb
import jinja2
import jinja2.ext
import pytest
from conftest import PROJECT


@pytest.fixture
def templates():
    """Macros of the project as Jinja, with the few things of dbt they use."""

    class Test(jinja2.ext.Extension):
        tags = {"test"}  # noqa: RUF012

        def parse(self, parser):
            line = next(parser.stream).lineno
            name = parser.parse_assign_target(name_only=True).name
            node = jinja2.nodes.Macro(lineno=line)
            node.name = f"test_{name}"
            parser.parse_signature(node)
            node.body = parser.parse_statements(("name:endtest",), drop_needle=True)
            return node

    environment = jinja2.Environment(extensions=[Test, "jinja2.ext.do"], autoescape=False)
    sources = {name: (PROJECT / "macros" / f"{name}.sql").read_text() for name in ("generic_tests", "expressions")}
    expressions = environment.from_string(
        sources["expressions"],
        globals={"quantile_over": lambda value, share, over: f"quantile_cont({value}, {share}) over ({over})"},
    ).module
    return {
        "tests": environment.from_string(
            sources["generic_tests"],
            globals={
                "quick_hash": lambda columns: f"hash({', '.join(columns)})",
                "changed_by_refresh": lambda relation: {"fresh": ["a"]} if relation == "replaced" else None,
                "built_relation": lambda name: "(select 2 as a)",
                "same_keys": expressions.same_keys,
            },
        ).module,
        "expressions": expressions,
    }


def rows(query: str, *values: tuple, columns: str) -> list[tuple]:
    with duckdb.connect() as connection:
        marks = ", ".join("(" + ", ".join("?" for _ in row) + ")" for row in values)
        connection.execute(
            f"create table relation as select * from (values {marks}) as v ({columns})",
            [x for row in values for x in row],
        )
        return connection.execute(query).fetchall()


def test_keyed_by(templates):
    query = templates["tests"].test_keyed_by("relation", columns=["a", "b"])
    assert rows(query, (1, 1), (1, 2), columns="a, b") == []
    assert rows(query, (1, 1), (1, 1), columns="a, b") == [(1, 1, 2)]
    assert rows(query, (1, None), (1, 2), columns="a, b") == [(1, None, 1)]
    lenient = templates["tests"].test_keyed_by("relation", columns=["a", "b"], may_be_null=["b"])
    assert rows(lenient, (1, None), (1, 2), columns="a, b") == []
    assert rows(lenient, (1, None), (1, None), columns="a, b") == [(1, None, 2)]


def test_keyed_by_after_a_refresh_holds_fresh_rows_against_all(templates):
    """Rows with a = 2 are fresh; what was there before was found to differ when it came."""
    query = templates["tests"].test_keyed_by("replaced", columns=["b"]).replace("from replaced", "from relation")
    assert rows(query, (1, 1), (2, 2), columns="a, b") == []
    assert rows(query, (1, 1), (2, 1), columns="a, b") == [(1, 2)]
    assert rows(query, (2, 1), (2, 1), columns="a, b") == [(1, 2)]
    assert rows(query, (1, 1), (1, 1), columns="a, b") == []
    assert rows(query, (1, None), (2, 1), columns="a, b") == [(None, 1)]


def test_within(templates):
    query = templates["tests"].test_within("relation", "code", values=["x", "y"])
    assert rows(query, ("x",), ("y",), columns="code") == []
    assert rows(query, ("x",), ("z",), columns="code") == [("z", 1)]
    assert rows(query, ("x",), (None,), columns="code") == [(None, 1)]


def test_holds(templates):
    query = templates["tests"].test_holds("relation", condition="a >= b")
    assert rows(query, (2, 1), (None, 1), columns="a, b") == []
    assert rows(query, (0, 1), columns="a, b") == [(0, 1)]


def test_ties_together(templates):
    query = templates["tests"].test_ties_together("relation", values=["v"], code="c", partition_by=["p"])
    assert rows(query, (1, 5, "A"), (1, 5, "A"), (2, 5, "B"), columns="p, v, c") == []
    assert rows(query, (1, 5, "A"), (1, 5, "B"), columns="p, v, c") == [(1, 5)]
    assert rows(query, (1, 5, "A"), (1, 5, None), columns="p, v, c") == [(1, 5)]


def score(templates, values: list, **options) -> list:
    expression = templates["expressions"].tie_safe_score("v asc", 5, **options)
    found = rows(f"select v, {expression} from relation", *((value,) for value in values), columns="v")
    by_value = dict(found)
    return [by_value[value] for value in values]


def test_scores_never_split_ties(templates):
    assert score(templates, [1, 2, 3, 4, 5]) == [1, 2, 3, 4, 5]
    assert score(templates, [1, 1, 1, 1, 9]) == [1, 1, 1, 1, 5]
    assert score(templates, [1, 9, 9, 9, 9]) == [1, 2, 2, 2, 2]
    assert score(templates, [1, 9, 9, 9, 9], ties="middle") == [1, 3, 3, 3, 3]
    assert score(templates, [7]) == [1]


def test_cutoffs(templates):
    def high(values, rule):
        expression = templates["expressions"].meets_cutoff("v", rule)
        return [
            h for _, h in sorted(rows(f"select v, {expression} from relation", *((v,) for v in values), columns="v"))
        ]

    assert high([1, 2, 6], "mean") == [False, False, True]
    assert high([1, 2, 6], "median") == [False, True, True]
    assert high([1, 2, 6], "quantile:0.8") == [False, False, True]
    assert high([1, 2, 6], 2) == [False, True, True]
    # Equal amounts whose mean is no exact binary number: all reach it.
    assert high([100.10, 100.10, 100.10], "mean") == [True, True, True]


def test_negated_cutoffs_mean_the_same(templates):
    negated = templates["expressions"].negated_cutoff
    assert [re.sub(r"\s", "", negated(rule)) for rule in ("mean", "median", "quantile:0.75", 30)] == [
        "mean", "median", "quantile:0.25", "-30",
    ]  # fmt: skip


def test_age(templates):
    expression = templates["expressions"].age_in_years("born", "day")
    query = f"select {expression} from (select cast(born as date) as born, cast(day as date) as day from relation)"
    assert rows(query, ("2000-02-29", "2024-02-28"), ("2000-02-29", "2024-02-29"), ("2000-03-01", "2024-02-29"), columns="born, day") == [
        (23,), (24,), (23,),
    ]  # fmt: skip
