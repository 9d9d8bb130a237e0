"""The two gates: Great Expectations suites as blocking checks on the assets they guard; and outcomes as a table."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

import dagster as dg

from expectations.runner import suite_files
from orchestration.contract import CONTROL
from orchestration.control import CheckOutcome
from orchestration.resources import Refresh, told

OUTCOMES = dg.AssetKey([CONTROL, "check_results"])
GATES = ("incoming", "marts")  # folders under expectations/


def _suites(guarded: Collection[dg.AssetKey]) -> dict[tuple[str, str], dg.AssetCheckSpec]:
    """Suites on these assets, by gate (the folder under expectations/) and name."""
    specs = {}
    for gate in GATES:
        for path in suite_files(gate):
            suite = json.loads(path.read_text(encoding="utf-8"))
            asset = dg.AssetKey(suite["meta"]["table"].split("."))
            if asset in guarded:
                specs[gate, path.stem] = dg.AssetCheckSpec(
                    name=f"{gate}_{path.stem}",
                    asset=asset,
                    blocking=True,
                    description="; ".join(item["description"] for item in suite["expectations"]),
                )
    return specs


def gate(part: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The gate behind a part of the graph: the suites that guard its relations, each a blocking check."""
    specs = _suites(part.keys)

    @dg.multi_asset_check(name=f"{part.op.name}_gate", specs=list(specs.values()))
    def check(context: dg.AssetCheckExecutionContext, refresh: Refresh) -> Iterator[dg.AssetCheckResult]:
        session = refresh.session
        for name, group in groupby(specs, key=lambda suite: suite[0]):
            suites = [suite for _, suite in group]
            with told():
                found = session.gates.ask(
                    do="validate",
                    gate=name,
                    suites=suites,
                    database=str(session.home.database),
                    marts=str(session.home.marts),
                )
            session.outcomes += [_outcome(name, item) for item in found]
            for suite in suites:
                items = [item for item in found if item["check_name"].split(".")[1] == suite]
                yield _result(specs[name, suite], items)

    return check


def _outcome(gate: str, item: dict) -> CheckOutcome:
    return CheckOutcome(
        check_name=item["check_name"],
        gate=gate,
        checked_relation=item["relation"],
        severity=item["severity"],
        is_passed=item["is_passed"],
        observed=item["observed"],
        expected=item["expected"],
        failed_row_count=item["failed_row_count"],
        remedy=item["remedy"],
    )


def _result(spec: dg.AssetCheckSpec, items: Sequence[dict]) -> dg.AssetCheckResult:
    """What a suite's expectations come to; none at all counts as failed."""
    failed = [item for item in items if not item["is_passed"]]
    critical = [item for item in failed if item["severity"] == "critical"]
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=bool(items) and not failed,
        severity=dg.AssetCheckSeverity.ERROR if critical or not items else dg.AssetCheckSeverity.WARN,
        description="\n".join(told_of(item) for item in critical or failed) or None,
        metadata={"expectations": len(items), "failed": len(failed)},
    )


def told_of(item: dict) -> str:
    """A failed expectation for people: its name, what it expects, rows that break it, what to do."""
    rows = "".join(f"\n    {row}" for row in item["rows"])
    return (
        f"{item['check_name']} on {item['relation']}: expected: {item['expected']} Found: {item['observed']}{rows}"
        f"\n  What to do: {item['remedy']}"
    )


def outcomes(after: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset of everything that gates and tests found; made after the last mart passed its gate."""

    @dg.asset(
        key=OUTCOMES,
        deps=after,
        group_name="quality",
        description="Outcomes of this run's gates and dbt tests.",
    )
    def write(context: dg.AssetExecutionContext, refresh: Refresh) -> dg.MaterializeResult:
        with told():
            session = refresh.session
            session.control.write_outcomes(session.outcomes, session.started)
        failed = [outcome for outcome in session.outcomes if not outcome.is_passed]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(session.outcomes),
                "warnings": len(failed),
                "by relation": dg.MetadataValue.md(_by_relation(session.outcomes)),
            }
        )

    return write


def _by_relation(outcomes: Sequence[CheckOutcome]) -> str:
    """Outcomes of each relation's rules and expectations, as a Markdown table."""
    lines = ["| relation | rules | failed |", "|---|---|---|"]
    counts = Counter(outcome.checked_relation or "" for outcome in outcomes)
    for relation, count in sorted(counts.items()):
        names = [o.check_name for o in outcomes if (o.checked_relation or "") == relation and not o.is_passed]
        lines.append(f"| {relation} | {count} | {', '.join(names)} |")
    return "\n".join(lines)
