"""Refreshes that were: read from Dagster's own record of runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.publish import PUBLISHED
from regulars.errors import Exit
from regulars.home import Home
from regulars.job import outcome_of
from regulars.notify import first_line

TOLD = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
}
UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
SURELY_STARTED_SECONDS = 120  # by then a run holds the home's lock


@dataclass(frozen=True)
class PastRefresh:
    """One refresh.

    Args:
        outcome: published, stopped_by_gate, unusable, fault, running or died.
        rows: in all published relations; None where nothing was published.
        failed_checks: warnings included.
    """

    run_id: str
    started_at: datetime
    seconds: float | None
    outcome: str
    rows: int | None
    checks: int
    failed_checks: int
    cause: str


def forget_dead_runs(home: Home) -> int:
    """Mark runs as failed whose process is gone: Dagster would wait for them for ever. Returns how many.

    Whoever runs holds the home's lock, which the operating system takes back from the dead.
    """
    instance = dg.DagsterInstance.get()
    records = instance.get_run_records(dg.RunsFilter(job_name="refresh", statuses=UNFINISHED))
    if not records or home.is_locked():
        return 0
    dead = [record for record in records if time.time() - (record.start_time or 0) > SURELY_STARTED_SECONDS]
    for record in dead:
        instance.report_run_failed(record.dagster_run, "The process died; the last published version is untouched.")
    return len(dead)


def recent(home: Home, count: int) -> list[PastRefresh]:
    """The last refreshes, newest first."""
    instance = dg.DagsterInstance.get()
    records = instance.get_run_records(dg.RunsFilter(job_name="refresh"), limit=count)
    return [_told(record, instance, home) for record in records]


def _told(record: dg.RunRecord, instance: dg.DagsterInstance, home: Home) -> PastRefresh:
    run = record.dagster_run
    logs = instance.all_logs(run.run_id, of_type=TOLD)
    events = [log.dagster_event for log in logs if log.dagster_event]
    checks = [
        event.event_specific_data for event in events if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    rows = None
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key == PUBLISHED:
            rows = int(event.materialization.metadata["rows"].value)
    outcome, cause = "running" if home.is_locked() else "died", ""
    if run.is_finished:
        told = outcome_of(run.run_id, run.is_success, events, home)
        outcome = told.exit.name.lower()
        cause = first_line(told.messages[0]) if told.messages else ""
        if told.exit is Exit.FAULT and not told.messages:
            outcome, cause = "died", "the process was killed or the machine went down"
    started = record.start_time or record.create_timestamp.timestamp()
    return PastRefresh(
        run.run_id,
        datetime.fromtimestamp(started, UTC),
        record.end_time - started if record.end_time else None,
        outcome,
        rows,
        len(checks),
        sum(not check.passed for check in checks),
        cause,
    )
