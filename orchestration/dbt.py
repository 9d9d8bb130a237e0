"""dbt, run inside this process: half the time of a subprocess a part. The only place that knows dbt's internals.

dbt and dagster-dbt are pinned for the names used here; tests/unit/test_project.py watches them.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from orchestration.warehouse import Warehouse
from regulars.errors import UserError
from regulars.home import Home, code_hash
from regulars.settings import project_root

os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
# Tells dbt that a refresh runs it, and not somebody by hand: see macros/incremental.sql.
os.environ["REGULARS_REFRESH"] = "1"

RESULTS = ("LogSeedResult", "LogModelResult", "LogTestResult", "LogSnapshotResult")


PREVIEW_ROWS = 5


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


def _arguments(home: Home) -> list[str]:
    return [
        "--project-dir", str(project_root()),
        "--profiles-dir", str(project_root()),
        "--target-path", str(home.dbt_target),
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
        query = "select test_id, failing_row_count from restricted.rule_outcomes where invocation_id = ?"
        return dict(environment.conn.cursor().execute(query, list(invocations[:1])).fetchall())
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
        "select estimated_size from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?",
        [node.database, node.schema, node.name],
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
        cursor = connection.execute(f"select * from ({test.query}) limit {limit}")
        names = [column[0] for column in cursor.description]
        return [", ".join(f"{n}={v}" for n, v in zip(names, row, strict=True)) for row in cursor.fetchall()]
