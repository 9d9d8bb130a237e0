"""Runs the Dagster job `refresh` in this process, and reads from its events what to tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from regulars.errors import Exit, is_out_of_room, out_of_room
from regulars.home import Home

STARTED_BY = "regulars/started_by"
JOBS = ("refresh", "backfill")


@dataclass
class Outcome:
    """What came of a run: exit status, messages for people, seconds per step."""

    exit: Exit
    run_id: str
    messages: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def run_refresh(home: Home, asked: Mapping[str, Any], on_step: Callable[[str], None]) -> Outcome:
    """Run the job on the home's Dagster instance, where schedule and sensor runs are seen too.

    Args:
        asked: what to do, as the resource `Refresh` has it; what is left out is as every night.
        on_step: called with the name of each step that starts.
    """
    from orchestration.definitions import build
    from orchestration.runs import forget_dead_runs

    forget_dead_runs(home)
    job = build().resolve_job_def("refresh")
    listener = _Listener(on_step)
    logging.getLogger("regulars.progress").addHandler(listener)
    try:
        result = job.execute_in_process(
            instance=dg.DagsterInstance.get(),
            raise_on_error=False,
            # Whoever called the command line starts it again, or does not.
            tags={STARTED_BY: "command_line", "dagster/max_retries": "0"},
            run_config={
                "loggers": {"progress": {"config": {}}},
                "resources": {"refresh": {"config": dict(asked)}},
            },
        )
    finally:
        logging.getLogger("regulars.progress").removeHandler(listener)
    return outcome_of(result.run_id, result.success, result.all_events, home)


class _Listener(logging.Handler):
    def __init__(self, on_step: Callable[[str], None]):
        super().__init__()
        self.on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event") if isinstance(meta, dict) else getattr(meta, "dagster_event", None)
        if event is not None and event.event_type == dg.DagsterEventType.STEP_START:
            self.on_step(event.step_key)


def outcome_of(run_id: str, is_success: bool, events: Sequence[dg.DagsterEvent], home: Home) -> Outcome:
    """What a run's events come to, whoever started it."""
    seconds = {
        event.step_key: event.event_specific_data.duration_ms / 1000 for event in events if event.is_step_success
    }
    if is_success:
        return Outcome(Exit.PUBLISHED, run_id, seconds=seconds)
    # A gate that failed speaks through its checks; the step's own error only repeats that it failed.
    messages = [
        event.event_specific_data.description or f"check {event.event_specific_data.check_name} failed"
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and not event.event_specific_data.passed
        and event.event_specific_data.blocking
        and event.event_specific_data.severity == dg.AssetCheckSeverity.ERROR
        and event.event_specific_data.description
    ]
    code = Exit.STOPPED_BY_GATE if messages else Exit.FAULT
    for event in events:
        if event.is_step_failure:
            said = event.event_specific_data.user_failure_data
            if said and "exit" in said.metadata:
                return Outcome(Exit(said.metadata["exit"].value), run_id, [said.description])
            if not messages:
                messages.append(said.description if said else _cause(event.event_specific_data.error))
    if not messages:
        for event in events:
            error = getattr(event.event_specific_data, "error", None)
            if error:
                told = _cause(error)
                if "What to do:" in told:
                    code = Exit.UNUSABLE
                messages.append(told)
    if code is Exit.FAULT and is_out_of_room(" ".join(messages)):
        return Outcome(Exit.UNUSABLE, run_id, [str(out_of_room(messages[0], str(home.root)))])
    return Outcome(code, run_id, messages)


def _cause(error) -> str:
    """The innermost error's own words."""
    while error.cause:
        error = error.cause
    return error.message.strip()
