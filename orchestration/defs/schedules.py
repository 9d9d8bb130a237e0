"""When a refresh starts by itself: every night, and when files arrive; and who is told when one fails."""

import hashlib
import json

import dagster as dg

from orchestration.resources import current_home
from orchestration.runs import forget_dead_runs
from regulars.home import Fingerprint, landed_paths
from regulars.job import STARTED_BY, outcome_of
from regulars.notify import notify


def nightly(job) -> dg.ScheduleDefinition:
    """The nightly refresh, at the home's hour (`nightly_at` in regulars.yml) in the home's time zone."""
    settings = current_home().settings
    hour, minute = settings.nightly_at.split(":")
    return dg.ScheduleDefinition(
        name="nightly",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=settings.time_zone,
        description="One refresh a night, where something is new.",
        should_execute=lambda context: _has_news(),
    )


def _has_news() -> bool:
    """Whether a refresh would publish anything else; a version that was rolled back to stays until then."""
    home = current_home()
    return bool(home.databases) or not Fingerprint(home, {"as_of": None}).is_unchanged()


def dead_runs() -> dg.SensorDefinition:
    """Marks runs as failed whose process died: a schedule would wait for them for ever."""

    @dg.sensor(name="dead_runs", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=60)
    def watch(context: dg.SensorEvaluationContext):
        """Runs that no process stands behind."""
        return dg.SkipReason(f"{forget_dead_runs(current_home())} runs had died.")

    return watch


def arrivals(job) -> dg.SensorDefinition:
    """Starts a refresh when the landing zone differs from what was published, once per state of the landing zone."""

    @dg.sensor(name="arrivals", job=job, minimum_interval_seconds=60)
    def watch(context: dg.SensorEvaluationContext):
        """Files arrived, changed or went."""
        home = current_home()
        state = {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in landed_paths(home.landing)}
        published = Fingerprint(home, {}).last.get("landing", {})
        digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
        if not state or state == {path: parts[:2] for path, parts in published.items()}:
            return dg.SkipReason("The landing zone is as it was published.")
        if context.cursor == digest:
            return dg.SkipReason("This state of the landing zone was tried before; change a file to try again.")
        context.update_cursor(digest)
        return dg.RunRequest(run_key=None)

    return watch


def failures(jobs) -> dg.SensorDefinition:
    """Tells of refreshes that failed, as regulars.yml says under `notify`; the command line tells of its own."""

    @dg.run_failure_sensor(
        name="failures",
        monitored_jobs=jobs,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
    def tell(context: dg.RunFailureSensorContext):
        """A refresh failed."""
        run = context.dagster_run
        if STARTED_BY in run.tags:
            return dg.SkipReason("The command line told of it.")
        logs = context.instance.all_logs(run.run_id)
        events = [log.dagster_event for log in logs if log.dagster_event]
        home = current_home()
        outcome = outcome_of(run.run_id, False, events, home)
        for failed in notify(home, outcome.exit, run.run_id, outcome.messages[0] if outcome.messages else ""):
            context.log.warning(failed)
        return None

    return tell
