"""Everything Dagster shows, for the home that REGULARS_HOME names: a table of contents."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from pathlib import Path

# dagster-dbt looks for `dbt` on the path.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"

import dagster as dg

from orchestration import dbt
from orchestration.contract import tables
from orchestration.defs import fits, gates, ingest, models, publish, schedules
from orchestration.fitting import FITTED
from orchestration.resources import Refresh, again, current_home, load_manifest
from regulars.doctor import check_source_systems

# A run that is started once more after its process died begins with the first step: gates count within one run.
WHOLE = {"dagster/retry_strategy": "ALL_STEPS"}


@dg.logger(description="For the command line: steps as they start.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger that the command line listens to."""
    logger = logging.getLogger("regulars.progress")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


@cache
def _build(stamp: str, settings: str) -> dg.Definitions:
    """Assets, checks, the job and what starts it, for one state of the project and of a home's settings."""
    manifest = load_manifest(current_home())

    landed = ingest.landed_tables(list(tables(manifest).values()))
    control = ingest.control_tables(sorted(landed.keys))
    incoming = models.part("incoming_models", manifest, models.INCOMING, exclude=models.CLOSING)
    fitted = [fits.fit_asset(fit) for fit in FITTED]
    marts = models.part("mart_models", manifest, models.MARTS, exclude=f"{models.INCOMING} {models.CLOSING}")
    outcomes = gates.outcomes(after=sorted(marts.keys))
    closing = models.part("closing_models", manifest, models.CLOSING)
    checks = [gates.gate(incoming), gates.gate(marts)]
    # Gates first: of many missing results these are told.
    expected = [key for part in (*checks, incoming, marts, closing) for key in sorted(part.check_keys)]
    published = publish.published_warehouse(
        manifest, after=sorted({*incoming.keys, *marts.keys, *closing.keys}), expected=expected
    )
    refresh = dg.define_asset_job(
        "refresh",
        selection=dg.AssetSelection.all(),
        tags=WHOLE,
        executor_def=dg.in_process_executor,
        description="Landing zone to published warehouse, or nothing.",
    )
    backfill = dg.define_asset_job(
        "backfill",
        selection=dg.AssetSelection.all(),
        config=again(current_home()),
        tags=WHOLE,
        executor_def=dg.in_process_executor,
        description="A refresh that makes chosen months' orders again from what was loaded, though nothing changed.",
    )
    return dg.Definitions(
        assets=[
            ingest.databases,
            ingest.landing_zone,
            landed,
            control,
            incoming,
            *fitted,
            marts,
            outcomes,
            closing,
            published,
        ],
        asset_checks=checks,
        jobs=[refresh, backfill],
        schedules=[schedules.nightly(refresh)],
        sensors=[schedules.arrivals(refresh), schedules.failures([refresh, backfill]), schedules.dead_runs()],
        resources={"refresh": Refresh()},
        executor=dg.in_process_executor,
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
    )


def build() -> dg.Definitions:
    """Definitions for the home that the environment names now."""
    check_source_systems()
    home = current_home()
    home.prepare()
    dbt.prepare(home)
    return _build((home.dbt_target / "manifest.stamp").read_text(), repr(home.settings))


defs = build()
