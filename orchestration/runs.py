"""Refreshes that were: read from Dagster's own record of runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.publish import PUBLISHED
from regulars.errors import Exit
from regulars.home import Home
from regulars.job import JOBS, STARTED_BY, outcome_of
from regulars.notify import cause_of, notify

TOLD = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
}
STATUS = dg.DagsterRunStatus
UNFINISHED = [STATUS.STARTING, STATUS.STARTED, STATUS.CANCELING]
SURELY_LOCKED_SECONDS = 300  # by then a run that lives holds the home's lock
LOOK_AGAIN_SECONDS = 5  # a run that is ending frees the lock a moment before it is marked


@dataclass(frozen=True)
class PastRefresh:
    """One refresh.

    Args:
        outcome: published, stopped_by_gate, unusable, fault, died, cancelled, queued, starting or running.
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

    Whoever runs holds the home's lock, which the operating system takes back from the dead. A refresh of the command
    line could not tell of its own death: that is done here.
    """
    instance = dg.DagsterInstance.get()
    if not _dead(home, instance):
        return 0
    time.sleep(LOOK_AGAIN_SECONDS)
    dead = _dead(home, instance)
    for run in dead:
        instance.report_run_failed(run, "The process died; the last published version is untouched.")
        if STARTED_BY in run.tags:
            notify(home, Exit.FAULT, run.run_id, "the process was killed or the machine went down")
    return len(dead)


def _dead(home: Home, instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    records = _records(instance, statuses=UNFINISHED)
    since = [record.start_time or record.create_timestamp.timestamp() for record in records]
    old = [record for record, start in zip(records, since, strict=True) if time.time() - start > SURELY_LOCKED_SECONDS]
    return [record.dagster_run for record in old] if old and not home.is_locked() else []


def _records(
    instance: dg.DagsterInstance, count: int | None = None, statuses: Sequence[dg.DagsterRunStatus] = ()
) -> list[dg.RunRecord]:
    """Runs of the jobs that refresh, newest first."""
    found = [
        record
        for job in JOBS
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=statuses), limit=count)
    ]
    return sorted(found, key=lambda record: record.create_timestamp, reverse=True)[:count]


def recent(home: Home, count: int) -> list[PastRefresh]:
    """The last refreshes, newest first."""
    instance = dg.DagsterInstance.get()
    records = _records(instance, count)
    is_locked = any(not record.dagster_run.is_finished for record in records) and home.is_locked()
    return [_told(record, instance, home, is_locked) for record in records]


def _told(record: dg.RunRecord, instance: dg.DagsterInstance, home: Home, is_locked: bool) -> PastRefresh:
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
    outcome, cause = _state(run.status, is_locked), ""
    if run.status in (STATUS.SUCCESS, STATUS.FAILURE):
        told = outcome_of(run.run_id, run.is_success, events, home)
        outcome = told.exit.name.lower()
        cause = cause_of(told.exit, told.messages[0]) if told.messages else ""
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


def _state(status: dg.DagsterRunStatus, is_locked: bool) -> str:
    """Of a run that neither succeeded nor failed."""
    if status is STATUS.STARTED:
        return "running" if is_locked else "died"
    if status in (STATUS.CANCELED, STATUS.CANCELING):
        return "cancelled"
    return "starting" if status is STATUS.STARTING else "queued"
