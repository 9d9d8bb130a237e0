"""dbt, run inside this process: half the time of a subprocess a part. The only place that knows dbt's internals.

dbt and dagster-dbt are pinned for the names used here; tests/unit/test_project.py watches them.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from orchestration.reading.base import quoted
from orchestration.warehouse import RESTRICTED, Warehouse
from regulars.errors import UserError
from regulars.home import Home, code_hash
from regulars.settings import project_root

os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
# Tells dbt that a refresh runs it, and not somebody by hand: see macros/incremental.sql.
os.environ["REGULARS_REFRESH"] = "1"

RESULTS = ("LogSeedResult", "LogModelResult", "LogTestResult", "LogSnapshotResult")


PREVIEW_ROWS = 5
STATE = "int_state"  # what the build was made of; without it, the next refresh rebuilds everything


@dataclass(frozen=True)
class Inspection:
    """What dbt just built: rows of a table, and the first rows of a mart as a Markdown table."""

    rows: int | None
    preview: str | None


@dataclass(frozen=True)
class TestOutcome:
    """Outcome of one dbt test; query: what finds the rows that break it, where dbt ran it as a node."""

    name: str
    relation: str | None
    severity: str
    is_passed: bool
    failures: int | None
    message: str | None
    is_skipped: bool = False
    query: str | None = None


@dataclass(frozen=True)
class Trial:
    """One model, built by itself on what the build holds.

    Attributes:
        fault: dbt's message where the model could not be built.
        seconds: what the model took.
        columns: type by name; also where only the contract stopped the model.
        rows: the first rows.
        row_count: all of them.
        tests: its data tests, and those whose other relations are its ancestors.
        failing: by test that failed, the first rows that break it.
        absent: relations that the model reads and the build does not hold: name -> model, seed or source.
        is_build_whole: whether the next refresh can go on with the build.
    """

    fault: str | None = None
    seconds: float = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[tuple] = ()
    row_count: int = 0
    tests: Sequence[TestOutcome] = ()
    failing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    is_build_whole: bool = True


def _arguments(home: Home, target: Path | None = None) -> list[str]:
    return [
        "--project-dir", str(project_root()),
        "--profiles-dir", str(project_root()),
        "--target-path", str(target or home.dbt_target),
        "--vars", json.dumps(home.settings.dbt_vars(), sort_keys=True),
    ]  # fmt: skip


QUIET = ["--log-level", "none", "--log-level-file", "none", "--no-write-json", "--no-use-colors"]


def prepare(home: Home) -> Path:
    """The manifest of this home's project and vars, parsed again only when they changed; returns its path.

    Raises:
        UserError: with dbt's message, when the project can't be parsed.
    """
    manifest = home.dbt_target / "manifest.json"
    stamp = home.dbt_target / "manifest.stamp"
    now = code_hash() + json.dumps(home.settings.dbt_vars(), sort_keys=True)
    if manifest.exists() and stamp.exists() and stamp.read_text() == now:
        return manifest
    from dbt.cli.main import dbtRunner

    home.export()
    stamp.unlink(missing_ok=True)
    result = dbtRunner().invoke(["--log-level", "none", "--log-level-file", "none", "parse", *_arguments(home)])
    _close()
    if not result.success:
        raise UserError(
            f"dbt can't parse the project: {result.exception}",
            file=str(project_root()),
            remedy="Mend the model, macro or yml named there.",
        )
    _loaded.cache_clear()
    stamp.write_text(now)
    return manifest


@dataclass(frozen=True)
class _Project:
    """dbt's own manifest object without what a refresh does not run as nodes; each part of the graph would pay for it.

    Attributes:
        manifest: without rules and unit tests; macros see all of them in dbt's `graph`.
        rules: nodes of generic tests by unique id.
    """

    manifest: Any
    rules: Mapping[str, Any]


@cache
def _loaded(path: str, stamp: str) -> _Project:
    """The project from what parsing left: saves parsing again for every part."""
    from dbt.contracts.graph.manifest import Manifest

    manifest = Manifest.from_msgpack(Path(path).read_bytes())
    manifest.build_flat_graph()
    manifest.unit_tests.clear()
    rules = {test: node for test, node in manifest.nodes.items() if getattr(node, "test_metadata", None)}
    for test in rules:
        del manifest.nodes[test]
    return _Project(manifest, rules)


def _project(home: Home) -> _Project:
    packed = home.dbt_target / "partial_parse.msgpack"
    return _loaded(str(packed), (home.dbt_target / "manifest.stamp").read_text())


class Build:
    """One `dbt build` of a part of the graph; iterate to run it. Unit tests are for developers: left out.

    Generic tests, the rules in models' yml, are counted at the end (macro `rule_outcomes`). dbt runs as nodes only
    those that are broken, for its messages.
    """

    def __init__(self, home: Home, selection: Sequence[str]):
        self.home, self.selection = home, selection
        self.result: Any = None
        self.broken_rules: Any = None
        self.rules: dict[str, int] = {}

    def __iter__(self) -> Iterator[tuple[dict[str, Any], Inspection]]:
        """dbt's result events, as dictionaries, while it runs; with what was built."""
        from dbt.cli.main import dbtRunner
        from google.protobuf.json_format import MessageToDict

        events: queue.Queue = queue.Queue()
        self.home.export()
        project = _project(self.home)
        invocations: list[str] = []

        def listen(event) -> None:
            if not invocations:
                invocations.append(event.info.invocation_id)
            if event.info.name in RESULTS:
                found = MessageToDict(event, preserving_proto_field_name=True)
                # Here, in dbt's own thread, its connection is open; a moment later it may not be.
                node = project.manifest.nodes.get(found["data"].get("node_info", {}).get("unique_id"))
                events.put((found, inspect(node)))

        def work() -> None:
            arguments = _arguments(self.home)
            try:
                self.result = dbtRunner(manifest=project.manifest, callbacks=[listen]).invoke(
                    [*QUIET, "build", *arguments, "--indirect-selection", "buildable", *self.selection]
                )
                self.rules = _rule_outcomes(invocations)
                broken = [project.rules[test].name for test, count in self.rules.items() if count]
                if broken:
                    self.broken_rules = dbtRunner().invoke([*QUIET, "test", *arguments, "--select", *broken])
            finally:
                _close()
                events.put(None)

        thread = threading.Thread(target=work, name="dbt")
        thread.start()
        while (event := events.get()) is not None:
            yield event
        thread.join()

    def tests(self) -> list[TestOutcome]:
        """Outcomes of the tests that ran, and of the rules of each relation that was built; absent counts as broken."""
        results = [*_results(self.result), *_results(self.broken_rules)]
        built = {result.node.unique_id for result in results if str(result.status) == "success"}
        tests = {result.node.unique_id: result for result in results if result.node.resource_type == "test"}
        counted = [
            _rule_outcome(rule, self.rules.get(test))
            for test, rule in _project(self.home).rules.items()
            if rule.attached_node in built and test not in tests
        ]
        return counted + [_test_outcome(result) for result in tests.values()]

    def faults(self) -> list[str]:
        """What went wrong, besides tests: models that could not be built, and dbt's own failure."""
        if self.result is None:
            return ["dbt stopped without a result"]
        told = [
            f"{result.node.name}: {result.message}"
            for result in _results(self.result)
            if str(result.status) in ("error", "runtime error") and result.node.resource_type != "test"
        ]
        return told or ([str(self.result.exception)] if self.result.exception else [])


def _results(run: Any) -> list[Any]:
    return list(getattr(getattr(run, "result", None), "results", None) or [])


def is_rule(node: Mapping[str, Any]) -> bool:
    """Whether a node of manifest.json is a generic test: a rule of one relation, in its yml."""
    return bool(node.get("test_metadata"))


def _rule_outcomes(invocations: Sequence[str]) -> dict[str, int]:
    """Failing rows by rule (unique id of the test), as the last run of dbt counted them; its database must be open."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is None or environment.conn is None:
        return {}
    with contextlib.suppress(duckdb.CatalogException):
        query = (
            "select test_id, failing_row_count from restricted.rule_outcomes"
            f" where invocation_id = {quoted(invocations[0])}"
        )
        return dict(environment.conn.cursor().execute(query).fetchall())
    return {}


def _test_outcome(result: Any) -> TestOutcome:
    """Outcome of a test that dbt ran as a node."""
    return _outcome(
        result.node,
        is_passed=str(result.status) == "pass",
        is_skipped=str(result.status) == "skipped",
        failures=result.failures,
        message=result.message,
    )


def _rule_outcome(rule: Any, count: int | None) -> TestOutcome:
    """Outcome of a rule that was counted."""
    return _outcome(
        rule, is_passed=count == 0, failures=count, message=None if count == 0 else "the rule was not counted"
    )


def _outcome(node: Any, **found: Any) -> TestOutcome:
    attached = getattr(node, "attached_node", None)
    return TestOutcome(
        name=node.name,
        relation=attached.split(".")[-1] if attached else None,
        severity="critical" if str(node.config.severity).lower() == "error" else "warning",
        query=getattr(node, "compiled_code", None),
        **found,
    )


def try_model(home: Home, model: str, selection: Sequence[str], row_limit: int) -> Trial:
    """Build one model and run its data tests, as somebody by hand does: the next refresh does not count on it.

    dbt parses into a folder of its own, so that a refresh never takes a model that was only tried for its own. One
    invocation: a second one takes half a second to read the project.

    Args:
        selection: what dbt selects.
        row_limit: rows to return, of the model and of each test that failed.
    """
    from dbt.cli.main import dbtRunner

    home.export()
    target = home.trial_target
    target.mkdir(parents=True, exist_ok=True)
    parsed, tried = (folder / "partial_parse.msgpack" for folder in (home.dbt_target, target))
    if parsed.exists() and not (tried.exists() and tried.stat().st_mtime >= parsed.stat().st_mtime):
        shutil.copyfile(parsed, tried)
    options = ["--cache-selected-only", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test"]
    with _by_hand():
        try:
            run = dbtRunner().invoke([*QUIET, "build", *_arguments(home, target), *options, "--select", *selection])
            return _trial(run, model, tried, row_limit)
        finally:
            if model == STATE:
                _drop_state()
            _close()


def _drop_state() -> None:
    """Built by hand, it would vouch for a build that no refresh knows; dbt's database must be open."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None and environment.conn is not None:
        environment.conn.cursor().execute(f"drop table if exists {RESTRICTED}.{STATE}")


@contextlib.contextmanager
def _by_hand() -> Iterator[None]:
    """What runs within is no refresh to dbt: see macros/incremental.sql."""
    mark = os.environ.pop("REGULARS_REFRESH", None)
    try:
        yield
    finally:
        if mark is not None:
            os.environ["REGULARS_REFRESH"] = mark


def _trial(run: Any, model: str, parsed: Path, row_limit: int) -> Trial:
    """What came of a trial; dbt's database must be open."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    results = _results(run)
    broken = [result for result in results if str(result.status) in ("error", "runtime error")]
    of_model = next((result for result in results if result.node.name == model), None)
    others = [result for result in broken if result.node.resource_type != "test" and result is not of_model]
    if run.exception or of_model is None or others:
        messages = [str(run.exception)] if run.exception else [result.message for result in others]
        return Trial(fault="\n".join(messages) or "dbt found nothing to build")
    node = of_model.node
    cursor = DuckDBConnectionManager._ENV.conn.cursor()
    relation, fault, absent = node.relation_name, None, {}
    if of_model in broken:
        fault, relation = of_model.message, None
        absent = _absent(cursor, node, parsed)
        if "enforced contract" in fault and not absent:
            relation = f"({node.compiled_code}\n)"
    columns, rows, row_count = {}, [], 0
    if relation:
        rows = cursor.execute(f"select * from {relation} limit {row_limit}").fetchall()
        columns = {name: str(kind).lower() for name, kind, *_ in cursor.description}
        row_count = cursor.execute(f"select count(*) from {relation}").fetchone()[0]
    tests = [result for result in results if result.node.resource_type == "test" and str(result.status) != "skipped"]
    failing = {
        result.node.name: _texts(cursor.execute(f"select * from ({result.node.compiled_code}\n) limit {row_limit}"))
        for result in tests
        if result.failures
    }
    # A literal: to bind a parameter DuckDB imports pandas, a third of a second.
    held = cursor.execute(f"select count(*) from duckdb_tables() where table_name = '{STATE}'").fetchone()[0]
    is_whole = model != STATE and bool(held)
    outcomes = [_test_outcome(result) for result in tests]
    return Trial(fault, of_model.execution_time, columns, rows, row_count, outcomes, failing, absent, is_whole)


def _absent(cursor: Any, node: Any, parsed: Path) -> dict[str, str]:
    """Relations that a model reads and the build does not hold, with what they are."""
    from dbt.contracts.graph.manifest import Manifest

    manifest = Manifest.from_msgpack(parsed.read_bytes())
    held = {
        row
        for kind in ("table", "view")
        for row in cursor.execute(f"select database_name, schema_name, {kind}_name from duckdb_{kind}s()").fetchall()
    }
    read = [manifest.nodes.get(key) or manifest.sources.get(key) for key in node.depends_on.nodes]
    return {
        parent.name: str(parent.resource_type)
        for parent in read
        if parent is not None and (parent.database, parent.schema, parent.identifier) not in held
    }


def _texts(cursor: Any) -> list[str]:
    """Rows of a query, each as one line."""
    names = [column[0] for column in cursor.description]
    return [", ".join(f"{n}={v}" for n, v in zip(names, row, strict=True)) for row in cursor.fetchall()]


def site(home: Home) -> Path:
    """dbt's documentation of every model and column, as one file; returns its path.

    Raises:
        UserError: with dbt's message.
    """
    from dbt.cli.main import dbtRunner

    home.export()
    result = dbtRunner().invoke(["--log-level", "none", "--log-level-file", "none", "docs", "generate", "--static",
                                 *_arguments(home)])  # fmt: skip
    _close()
    if not result.success:
        raise UserError(f"dbt can't write its site: {result.exception}", remedy="Run `regulars refresh` first.")
    return home.dbt_target / "static_index.html"


def _close() -> None:
    """dbt leaves its database open; the next tool needs it closed."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
        DuckDBConnectionManager._ENV = None
    DuckDBConnectionManager.close_all_connections()


def inspect(node: Any) -> Inspection:
    """Rows of a table that dbt just built, without scanning it, and for marts its first rows; dbt must be running."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if node is None or node.resource_type not in ("model", "seed") or node.config.materialized == "view":
        return Inspection(None, None)
    cursor = DuckDBConnectionManager._ENV.conn.cursor()
    found = cursor.execute(
        f"select estimated_size from duckdb_tables() where database_name = {quoted(node.database)}"
        f" and schema_name = {quoted(node.schema)} and table_name = {quoted(node.name)}"
    ).fetchone()
    preview = None
    if node.fqn[1] == "marts" and found:
        cursor.execute(f"select * from {node.relation_name} limit {PREVIEW_ROWS}")
        names = [column[0] for column in cursor.description]
        lines = [names, ["---"] * len(names), *cursor.fetchall()]
        preview = "\n".join("| " + " | ".join(str(v).replace("|", "\\|") for v in line) + " |" for line in lines)
    return Inspection(found[0] if found else None, preview)


def failing_rows(home: Home, test: TestOutcome, limit: int = 5) -> list[str]:
    """Some rows that break a dbt test; none for relations of the restricted schema, which hold personal data."""
    nodes = _project(home).manifest.nodes.values()
    if not test.query or any(node.name == test.relation and node.schema == "restricted" for node in nodes):
        return []
    with Warehouse(home).connect(read_only=True) as connection:
        return _texts(connection.execute(f"select * from ({test.query}) limit {limit}"))
