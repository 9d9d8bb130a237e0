"""The dbt graph in three parts: what came in, core and fits' inputs; other marts; what the last gate leaves to say."""

from collections.abc import Container, Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration import dbt, warehouse
from orchestration.contract import CONTROL
from orchestration.control import CheckOutcome
from orchestration.defs.gates import OUTCOMES
from orchestration.defs.ingest import CONTROL_TABLES
from orchestration.resources import Refresh, told
from regulars.errors import Exit, is_out_of_room, out_of_room

# A part costs dbt half a second whatever it holds: facts, fits' inputs, and the few marts that these read, come with
# the first. By tags, for dbt searches the whole graph for each other criterion.
INCOMING = "tag:incoming"
CLOSING = "tag:closing"
MARTS = "fqn:regulars.marts"


class Translator(DagsterDbtTranslator):
    """Groups by layer; keys and lineage are dagster-dbt's own."""

    def get_asset_spec(self, manifest, unique_id, project) -> dg.AssetSpec:
        """Put a node into its layer's group; the control tables, which are written at once, are one asset."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        source = manifest["sources"].get(unique_id)
        if source and source["source_name"] == CONTROL and spec.key != OUTCOMES:
            return spec.replace_attributes(key=CONTROL_TABLES)
        node = manifest["nodes"].get(unique_id)
        if node is None:
            return spec
        if node["resource_type"] == "seed":
            return spec.replace_attributes(group_name="seeds")
        layer = node["fqn"][1]
        return spec.replace_attributes(group_name=node["fqn"][2] if layer == "marts" else layer)

    def get_asset_check_spec(self, asset_spec, manifest, unique_id, project) -> dg.AssetCheckSpec | None:
        """Tests across relations are checks; rules of one are counted together, and stop their part (see dbt.Build)."""
        if dbt.is_rule(manifest["nodes"][unique_id]):
            return None
        return super().get_asset_check_spec(asset_spec, manifest, unique_id, project)


def part(name: str, manifest: dict[str, Any], select: str, exclude: str = "") -> dg.AssetsDefinition:
    """One part of the graph as assets; tests across relations are checks, rules of one are counted in the end."""
    translator = Translator(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    @dbt_assets(manifest=manifest, select=select, exclude=exclude, name=name, dagster_dbt_translator=translator)
    def build(context: dg.AssetExecutionContext, refresh: Refresh) -> Iterator[Any]:
        selection = get_updated_cli_invocation_params_for_context(context, manifest, translator).selection_args
        with told():
            refresh.session.warehouse.drop_marts(_made_anew(manifest, context.selected_asset_keys))
            run = dbt.Build(refresh.session.home, selection)
            for event, built in run:
                message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
                for item in message.to_default_asset_events(manifest, translator, context):
                    yield _with_rows(item, built)
        tests = run.tests()
        refresh.session.outcomes += [_outcome(test) for test in tests]
        faults = run.faults()
        if faults:
            raise _fault(faults, refresh)
        broken = [test for test in tests if not test.is_passed and test.severity == "critical"]
        if broken:
            # What was skipped waited for what failed: that is the cause to tell.
            causes = [test for test in broken if not test.is_skipped] or broken
            raise dg.Failure(
                "\n".join(_told(test, refresh) for test in causes),
                metadata={"exit": int(Exit.STOPPED_BY_GATE)},
                allow_retries=False,
            )

    return build


def _made_anew(manifest: dict[str, Any], keys: Container[dg.AssetKey]) -> list[str]:
    """Marts among these assets that do not go on with what they hold."""
    return [
        ".".join(key.path)
        for node in manifest["nodes"].values()
        if node["database"] == warehouse.MARTS
        and node["resource_type"] == "model"
        and node["config"]["materialized"] not in ("incremental", "view")
        and (key := dg.AssetKey([node["schema"], node["name"]])) in keys
    ]


def _with_rows(item: Any, built: dbt.Inspection) -> Any:
    """Add rows, and for marts a preview, to a materialization."""
    if not isinstance(item, dg.Output) or built.rows is None:
        return item
    metadata: dict[str, Any] = {"dagster/row_count": built.rows}
    if built.preview:
        metadata["preview"] = dg.MetadataValue.md(built.preview)
    return item.with_metadata({**item.metadata, **metadata})


def _fault(faults: list[str], refresh: Refresh) -> dg.Failure:
    told = "dbt: " + "\n".join(faults)
    if is_out_of_room(told):
        error = out_of_room(told, str(refresh.session.home.root))
        return dg.Failure(str(error), metadata={"exit": int(Exit.UNUSABLE)}, allow_retries=False)
    return dg.Failure(told, allow_retries=False)


def _outcome(test: dbt.TestOutcome) -> CheckOutcome:
    return CheckOutcome(
        check_name=test.name,
        gate="dbt",
        checked_relation=test.relation,
        severity=test.severity,
        is_passed=test.is_passed,
        observed=f"{test.failures or 0} failing rows",
        expected="0 failing rows",
        failed_row_count=test.failures,
        remedy=None if test.is_passed else f"See the rows: dbt show --select {test.name}",
    )


def _told(test: dbt.TestOutcome, refresh: Refresh) -> str:
    rows = "\n".join(f"    {row}" for row in dbt.failing_rows(refresh.session.home, test))
    return (
        f"dbt test {test.name} on {test.relation}: {test.message or 'failed'}\n{rows}\n"
        f"  What to do: look at these rows in the build database ({refresh.session.home.database}); "
        "correct the input, or the model that made them."
    )
