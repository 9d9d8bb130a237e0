"""Landed files: every file of every source system, as it came, in the raw zone; and what the ledger knows of them.

Belongs here: which table becomes which asset. Does not: how a file is loaded (loading.py), read (reading/) or
remembered (ledger.py).
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from orchestration.contract import CONTROL, Table
from orchestration.resources import Refresh, told
from regulars.errors import UserError

DATABASES = dg.AssetKey(["landing", "databases"])
LANDING_ZONE = dg.AssetKey(["landing", "files"])
CONTROL_TABLES = dg.AssetKey([CONTROL, "tables"])


@dg.asset(
    key=DATABASES,
    group_name="ingest",
    kinds={"postgres"},
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
)
def databases(context: dg.AssetExecutionContext, refresh: Refresh) -> dg.MaterializeResult:
    """Rows that are new in the databases of sources.yml, each table's as one more file to load."""
    found: dict[str, int] = {}
    with told():
        if refresh.session.home.databases:
            from orchestration.databases import extract_all

            for extraction in extract_all(refresh.session.home):
                found[f"{extraction.source_system}.{extraction.table}"] = extraction.rows
    return dg.MaterializeResult(metadata={"tables": len(found), "new rows": sum(found.values()), **found})


@dg.asset(key=LANDING_ZONE, deps=[DATABASES], group_name="ingest", kinds={"file"})
def landing_zone(context: dg.AssetExecutionContext, refresh: Refresh) -> dg.MaterializeResult:
    """Files that lie in the landing zone: whose they are, and that their source systems' declarations are sound."""
    with told():
        session = refresh.session
        _ = session.fingerprint.now  # what lies there now, before anything is read
        session.ledger.forget_unpublished()
        files = session.landing.files
        if not files and session.ledger.is_empty():
            raise UserError(
                "there are no files to load",
                file=str(session.home.landing),
                remedy="Put one at <source_system>/order_lines.csv there, or run `regulars demo` first.",
            )
        session.remember_settings()
        if refresh.full or not session.basis.is_that_of(session.warehouse.built_on()):
            session.warehouse.discard()
    return dg.MaterializeResult(
        metadata={"files": len(files), "source systems": ", ".join(session.landing.source_systems)}
    )


def landed_tables(tables: Sequence[Table]) -> dg.AssetsDefinition:
    """The assets of all tables that files can be loaded into, in one step; their keys are the dbt sources'.

    A step each cost more than loading a small file does.
    """
    by_key = {dg.AssetKey([table.source, table.name]): table for table in tables}
    specs = [
        dg.AssetSpec(
            key,
            deps=[LANDING_ZONE],
            group_name="ingest",
            kinds={"parquet"},
            description=f"Files of {table.source}.{table.name}, typed, one Parquet file per content.",
        )
        for key, table in by_key.items()
    ]

    @dg.multi_asset(specs=specs, name="landed_tables", can_subset=True)
    def load(context: dg.AssetExecutionContext, refresh: Refresh) -> Iterator[dg.MaterializeResult]:
        selected = [(key, table) for key, table in by_key.items() if key in context.selected_asset_keys]
        with told():
            loads = refresh.session.load([table for _, table in selected])
        for (key, _), (count, row_count) in zip(selected, loads, strict=True):
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": row_count,
                    "files": count.files,
                    "files loaded now": count.loaded,
                    "rows loaded now": count.rows_in,
                    "rows that could not be read": count.rejected,
                },
            )

    return load


def control_tables(ingested: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset of the small tables that tell models about ledger, settings and run."""

    @dg.asset(
        key=CONTROL_TABLES,
        deps=ingested,
        group_name="ingest",
        description="Ledger, settings and this run, as small tables (models/staging/control/_sources.yml).",
    )
    def write(context: dg.AssetExecutionContext, refresh: Refresh) -> None:
        with told():
            session = refresh.session
            built = session.warehouse.built_on()
            if built is not None and not session.basis.is_that_of(built):
                # The step that starts the build over was left out of this run.
                raise UserError(
                    "the build rests on other rules or settings than this run's",
                    file=str(session.home.database),
                    remedy="Run the whole job `refresh`, not a part of it.",
                )
            session.write_control(refresh.asked)

    return write
