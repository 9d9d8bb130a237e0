"""Publishing: only when every gate of this very run is present and green, then all at once."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from orchestration.publication import describe
from orchestration.resources import Refresh, told
from orchestration.version import relations
from regulars.errors import Exit

WARN_WINDOW, FAIL_WINDOW = timedelta(hours=26), timedelta(hours=50)
PUBLISHED = dg.AssetKey(["published", "warehouse"])


def refuse_unless_green(context: dg.AssetExecutionContext, expected: Sequence[dg.AssetCheckKey]) -> None:
    """Read what this run's checks found from the event log; absent counts as red.

    Raises:
        dagster.Failure: naming the checks that failed or are missing.
    """
    records = context.instance.all_logs(context.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = {}
    for record in records:
        evaluation = record.dagster_event.event_specific_data
        found[evaluation.asset_check_key] = evaluation
    missing = [key for key in expected if key not in found]
    failed = [key for key, item in found.items() if not item.passed and item.severity == dg.AssetCheckSeverity.ERROR]
    if missing or failed:
        lines = [f"check {key.name} on {key.asset_key.to_user_string()} failed" for key in failed]
        lines += [f"check {key.name} on {key.asset_key.to_user_string()} has no result" for key in missing]
        raise dg.Failure(
            "nothing was published: "
            + "; ".join(lines[:20])
            + "\n  What to do: run the whole job `refresh`, so that every check has a result of the same run.",
            metadata={"exit": int(Exit.STOPPED_BY_GATE)},
            allow_retries=False,
        )


def published_warehouse(
    manifest: dict, after: Sequence[dg.AssetKey], expected: Sequence[dg.AssetCheckKey]
) -> dg.AssetsDefinition:
    """The asset of what readers see."""

    # A nightly refresh that is late shows at once in Dagster.
    @dg.asset(
        key=PUBLISHED,
        deps=after,
        group_name="published",
        kinds={"duckdb", "parquet"},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FAIL_WINDOW, warn_window=WARN_WINDOW),
    )
    def publish(context: dg.AssetExecutionContext, refresh: Refresh) -> dg.MaterializeResult:
        """The published warehouse: a DuckDB file, Parquet, Data Docs and a manifest, put in place at once."""
        refuse_unless_green(context, expected)
        with told():
            session = refresh.session
            with session.warehouse.connect(read_only=True) as connection:
                as_of = connection.execute("select as_of_date from quality.run_info").fetchone()[0]
                volumes = connection.execute(
                    "select source_system, entity, sum(accepted)::bigint from quality.load_history"
                    " where status in ('current', 'same_content') group by all"
                ).fetchall()
            rows = session.publication.publish(
                relations(session.manifest),
                describe(
                    session.home, session.run_id, str(as_of) if as_of else None, [*map(dict, session.ledger.loads())]
                ),
                session.run_id,
                lambda folder: session.gates.ask(do="docs", target=str(folder)),
                is_full=refresh.full,
            )
            session.ledger.mark_published(volumes)
            session.fingerprint.write()
        return dg.MaterializeResult(
            metadata={
                "published": dg.MetadataValue.path(str(session.home.published)),
                "relations": len(rows),
                "rows": sum(rows.values()),
            }
        )

    return publish
