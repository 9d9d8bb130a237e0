"""Everything Dagster shows, for the home that REGULARS_HOME names: a table of contents."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# dagster-dbt looks for `dbt` on the path.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"

import dagster as dg

from orchestration.contract import tables
from orchestration.defs import gates, ingest, models, publish, schedules
from orchestration.resources import Refresh, current_home, load_manifest


def build() -> dg.Definitions:
    """Assets, checks, the job and what starts it."""
    home = current_home()
    home.prepare()
    manifest = load_manifest(home)

    landed = [ingest.landed_table(table) for table in tables(manifest).values()]
    control = ingest.control_tables(manifest, [asset.key for asset in landed])
    incoming = models.part("incoming_models", manifest, models.INCOMING)
    marts = models.part("mart_models", manifest, models.MARTS, exclude=f"tag:incoming {models.CLOSING}")
    outcomes = gates.outcomes(after=sorted(marts.keys))
    closing = models.part("closing_models", manifest, models.CLOSING)
    checks = [gates.gate("incoming"), gates.gate("marts")]
    expected = {key for part in (incoming, marts, closing, *checks) for key in part.check_keys}
    published = publish.published_warehouse(
        manifest, after=sorted({*incoming.keys, *marts.keys, *closing.keys}), expected=expected
    )
    refresh = dg.define_asset_job(
        "refresh",
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Landing zone to published warehouse, or nothing.",
    )
    return dg.Definitions(
        assets=[ingest.landing_zone, *landed, control, incoming, marts, outcomes, closing, published],
        asset_checks=checks,
        jobs=[refresh],
        schedules=[schedules.nightly(refresh)],
        sensors=[schedules.arrivals(refresh)],
        resources={"refresh": Refresh()},
        executor=dg.in_process_executor,
    )


defs = build()
