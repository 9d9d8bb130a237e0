"""The command line: starts the same Dagster job that the schedule and the sensor start, and tells what came of it."""

from __future__ import annotations

import atexit
import gc
import os
import re
import sys
import time
import traceback
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from regulars import quarantine_commands
from regulars.errors import Exit, UserError, is_out_of_room, out_of_room
from regulars.home import Fingerprint, Home
from regulars.terminal import HomeOption, console, errors

for switch, value in {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
}.items():
    os.environ[switch] = value

# Millions of objects stay until a refresh ends: by default a tenth of its time goes into collecting garbage.
gc.set_threshold(50_000, 20, 50)
# dbt's threads and Dagster's share one interpreter: the default has them take turns two hundred times a second.
sys.setswitchinterval(0.05)

app = typer.Typer(
    help="Know your regulars: turns a retailer's records into one trustworthy view of each customer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(quarantine_commands.app, name="quarantine")

LandingOption = Annotated[
    Path | None,
    typer.Option("--landing", help="Landing zone to read instead of HOME/landing.", show_default=False),
]

STAGES = {
    "landing__databases": "read databases",
    "landing": "load files",
    "control__tables": "load files",
    "incoming_models_gate": "gate: what came in",
    "incoming_models": "check, identify, join",
    "mart_models_gate": "gate: marts",
    "mart_models": "build marts",
    "fit_": "fit",
    "control__check_results": "gate: marts",
    "closing_models": "publish",
    "published": "publish",
}


def stage_of(step: str) -> str:
    """Stage of a Dagster step, as people are told."""
    return next((stage for prefix, stage in STAGES.items() if step.startswith(prefix)), "load files")


@app.command()
def refresh(
    home: HomeOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            help="Day the figures are true for (default: the last order date).",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Build everything again, even if nothing is new.")] = False,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Make the orders of these days again, from this one."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last of the days to make again.")
    ] = None,
    landing: LandingOption = None,
) -> None:
    """Load what lies in the landing zone, build and check the warehouse, and publish it, or change nothing.

    Exit status: 0 published (or nothing new); 3 stopped by a gate; 2 wrong usage, configuration or input; 1 a fault.
    """
    began = time.perf_counter()
    place = Home.at(home, landing)
    again_from, again_until = _days(first, last)
    day = as_of.date().isoformat() if as_of else None
    _ = place.settings
    try:
        place.prepare()
        # What is new in a database only the database knows.
        if not (full or again_from or place.databases) and Fingerprint(place, {"as_of": day}).is_unchanged():
            console.print(f"Nothing new since the last refresh; published: {escape(str(place.published))}")
            raise typer.Exit(Exit.PUBLISHED)
        with place.lock("regulars refresh"):
            pass
        place.export()
        asked = {"as_of": day, "full": full, "again_from": again_from, "again_until": again_until}
        code = _run(place, asked, began)
    except UserError as error:
        _tell(place, Exit.UNUSABLE, "none", str(error))
        raise
    except typer.Exit:
        raise
    except Exception as error:
        _tell(place, Exit.FAULT, "none", f"{type(error).__name__}: {error}")
        raise
    raise typer.Exit(code)


def _days(first: datetime | None, last: datetime | None) -> tuple[str | None, str | None]:
    if (first is None) != (last is None) or (first and last and last < first):
        raise UserError(
            "--from and --until name the first and the last of some days",
            remedy="Give both, the earlier day first: --from 2026-01-01 --until 2026-01-31.",
        )
    return (first.date().isoformat(), last.date().isoformat()) if first and last else (None, None)


def _run(home: Home, asked: dict[str, Any], began: float) -> Exit:
    from orchestration import gate_worker

    gate_worker.warm_up(home)
    with console.status("starting") as status:
        from regulars.job import run_refresh

        outcome = run_refresh(home, asked, on_step=lambda step: status.update(f"{stage_of(step)} …"))
    if outcome.exit is not Exit.PUBLISHED:
        errors.print(f"[bold red]{_headline(outcome.exit)}[/]", *map(escape, outcome.messages), sep="\n")
        if outcome.exit is Exit.FAULT:
            errors.print(f"Run {outcome.run_id}: `regulars dev` shows its log. Please report this.")
        _tell(home, outcome.exit, outcome.run_id, outcome.messages[0] if outcome.messages else "")
        return outcome.exit
    from regulars.summary import print_summary

    starting = time.perf_counter() - began - sum(outcome.seconds.values())
    seconds: dict[str, float] = {"start": starting}
    for step, spent in outcome.seconds.items():
        seconds[stage_of(step)] = seconds.get(stage_of(step), 0) + spent
    print_summary(console, home, seconds)
    return Exit.PUBLISHED


def _tell(home: Home, code: Exit, run_id: str, message: str) -> None:
    from regulars.notify import notify

    for failed in notify(home, code, run_id, message):
        errors.print(f"Nobody was told: {escape(failed)}")


def _headline(code: Exit) -> str:
    return {
        Exit.STOPPED_BY_GATE: "Stopped by a gate: nothing was published, the last version is untouched.",
        Exit.UNUSABLE: "This can't be refreshed: nothing was published, the last version is untouched.",
    }.get(code, "An unexpected fault: nothing was published, the last version is untouched.")


@app.command("try")
def try_(
    model: Annotated[str, typer.Argument(help="A model of the project, such as customer_rfm.")],
    home: HomeOption = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 10,
) -> None:
    """Build one model on a refreshed home, run its rules and show its first rows; nothing is published.

    Exit status: 0 sound; 3 a rule fails; 2 its files lack something, or it can't be built; 1 a fault.
    """
    from regulars.trying import run_trial

    try:
        code = run_trial(console, Home.at(home), model, rows)
    except UserError as error:
        errors.print("[bold red]This model can't be tried: nothing was published.[/]", escape(str(error)), sep="\n")
        raise typer.Exit(Exit.UNUSABLE) from error
    raise typer.Exit(code)


@app.command()
def demo(home: HomeOption = None) -> None:
    """Put a year of a grocery chain (Complete Journey) into the landing zone of a home of its own."""
    from regulars.demo import SOURCE_SYSTEM, demo_home, land

    place = Home.at(home or demo_home())
    landed = land(place)
    folder = place.landing / SOURCE_SYSTEM
    console.print(f"Complete Journey (data: 84.51°, for research and education) lies in {escape(str(folder))}")
    console.print(f"{len(landed)} files were put there now. Next: regulars refresh --home {escape(str(place.root))}")


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the source system: small letters, digits and _.")],
    files: Annotated[list[Path], typer.Argument(help="Its exports: csv, tsv, csv.gz, parquet, jsonl, xlsx or txt.")],
    home: HomeOption = None,
) -> None:
    """Look at a source's exports, guess what they mean, write its staging models and land the files."""
    from regulars.onboarding import adopt

    place = Home.at(home)
    place.prepare()
    adoption = adopt(name, files, place)
    table = Table("file", "please check", box=None)
    for file, told in adoption.told:
        table.add_row(escape(file), escape(told))
    console.print(table)
    for file, told in adoption.unmapped:
        errors.print(f"[bold red]{escape(file)} is left out[/]: {escape(told)}")
    for path in adoption.written:
        console.print(f"[dim]written[/] {escape(str(path))}")
    console.print(f"Next: check the lines marked guess, then regulars refresh --home {escape(str(place.root))}")


@app.command()
def withdraw(
    path: Annotated[str, typer.Argument(help="A landed file, as quality.load_history names it.")],
    home: HomeOption = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let the file count again.")] = False,
) -> None:
    """Take a landed file out: its rows leave at the next refresh, and this content of it is not loaded again."""
    from orchestration.ledger import Ledger

    place = Home.at(home)
    place.prepare()
    given = Path(path)
    name = (
        given.absolute().relative_to(place.landing).as_posix()
        if given.absolute().is_relative_to(place.landing)
        else path
    )
    with place.lock("regulars withdraw"):
        ledger = Ledger(place)
        count = ledger.restore(name) if undo else ledger.withdraw(name)
        if not count:
            known = sorted({load["file"] for load in ledger.loads() if bool(load["is_withdrawn"]) == undo})
            raise UserError(
                "no load of this file is withdrawn" if undo else "no load of this file counts",
                file=name,
                remedy=f"Name one of: {', '.join(known[:10]) or 'none'}.",
            )
        Fingerprint(place, {}).path.unlink(missing_ok=True)
    console.print(f"{escape(name)} {'counts again' if undo else 'is withdrawn'}. Next: regulars refresh")


@app.command()
def status(
    home: HomeOption = None,
    last: Annotated[int, typer.Option(min=1, help="How many refreshes to list.")] = 10,
) -> None:
    """List the last refreshes: when, how long, what came of them, rows, checks; and the versions that are kept."""
    place = Home.at(home)
    place.prepare()
    place.export()
    from orchestration.publication import Publication
    from orchestration.runs import forget_dead_runs, recent
    from regulars.summary import print_status

    forget_dead_runs(place)
    refreshes = recent(place, last)
    print_status(console, refreshes, Publication(place).versions(), place.published.resolve().name)


@app.command()
def rollback(
    home: HomeOption = None,
    version: Annotated[
        str | None, typer.Argument(help="A version `regulars status` lists (default: the last).")
    ] = None,
) -> None:
    """Put an earlier version back, at once. The next refresh that finds something new publishes a new one."""
    from orchestration.publication import Publication

    place = Home.at(home)
    place.prepare()
    with place.lock("regulars rollback"):
        back = Publication(place).roll_back(version)
    console.print(f"Published is version {back.path.name} of {back.published_at}, as of {back.as_of_date}.")
    console.print("Find what was wrong (regulars withdraw takes a file out), then: regulars refresh --full")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Home to write: landing zone, regulars.yml, and truth beside them.")],
    customers: Annotated[int, typer.Option(min=1, help="Persons, prospects included.")] = 5000,
    months: Annotated[int, typer.Option(min=1, help="Length of history.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same retailer.")] = 1,
    scale: Annotated[float, typer.Option(min=0.01, help="How busy customers are: 2 doubles how often they buy.")] = 1.0,
    dirty_rate: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of dirty rows, besides the sound ones.")
    ] = 0.0,
    answers_by_attitude: Annotated[
        bool, typer.Option(help="Who answers surveys depends on attitude itself: no weighting can repair that.")
    ] = False,
    campaign_effects: Annotated[bool, typer.Option(help="Whether campaigns cause orders.")] = True,
) -> None:
    """Write a simulated omnichannel retailer, every table of the contract, and the truth that analyses must find."""
    from regulars.simulator import Plan
    from regulars.simulator import simulate as write

    plan = Plan(customers, months, seed, scale, dirty_rate, answers_by_attitude, campaign_effects)
    with console.status("drawing") as status:
        rows = write(plan, out.absolute(), lambda told: status.update(told))
    landed = sum(count for name, count in rows.items() if not name.startswith(("persons", "identities")))
    console.print(f"{landed:,} rows in {escape(str(out))}. Next: regulars refresh --home {escape(str(out))}")


@app.command()
def dev(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port of the web page.")] = 3000,
) -> None:
    """Open Dagster on this home: assets, checks, runs, the nightly schedule and the sensor."""
    from regulars.settings import project_root

    place = Home.at(home)
    _ = place.settings
    place.prepare()
    place.export()
    dagster = Path(sys.executable).parent / "dagster"
    os.chdir(project_root())
    os.execv(dagster, [str(dagster), "dev", "--port", str(port)])


@app.command()
def docs(home: HomeOption = None) -> None:
    """Write docs/source_contract.md, docs/commands.md, and dbt's documentation of all models (docs/dbt/index.html)."""
    from regulars.settings import project_root

    place = Home.at(home)
    place.prepare()
    place.export()
    from orchestration.documentation import write
    from orchestration.resources import load_manifest

    folder = project_root() / "docs"
    page = folder / "commands.md"
    page.write_text(commands_page())
    for path in [page, *write(place, load_manifest(place), folder)]:
        console.print(escape(str(path)))


def commands_page() -> str:
    """Markdown of every command and option, as their help says."""
    from typer.cli import get_docs_for_click

    command = typer.main.get_command(app)
    return (
        get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="regulars"), name="regulars").strip()
        + "\n"
    )


@app.command()
def doctor(home: HomeOption = None, landing: LandingOption = None) -> None:
    """Say what is wrong with this installation and this home, and what to do."""
    from regulars.doctor import examine

    table = Table("", "what", "found", "what to do", box=None)
    findings = examine(Home.at(home, landing))
    for finding in findings:
        mark = {"ok": "[green]ok[/]", "warning": "[yellow]note[/]", "wrong": "[red]wrong[/]"}[finding.verdict]
        table.add_row(mark, finding.what, escape(finding.found), escape(finding.remedy))
    console.print(table)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(Exit.UNUSABLE)


def main() -> None:
    """Run the command line; a fault a user can mend is told without a stack trace."""
    try:
        app()
    except UserError as error:
        errors.print(f"[bold red]{_headline(Exit.UNUSABLE)}[/]", escape(str(error)), sep="\n")
        sys.exit(Exit.UNUSABLE)
    except Exception as error:
        told = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")
        if is_out_of_room(told):
            mendable = out_of_room(told, os.environ.get("REGULARS_HOME", ""))
            errors.print(f"[bold red]{_headline(Exit.UNUSABLE)}[/]", escape(str(mendable)), sep="\n")
            sys.exit(Exit.UNUSABLE)
        errors.print(f"[bold red]{_headline(Exit.FAULT)}[/]", escape(told), sep="\n")
        if os.environ.get("REGULARS_DEBUG"):
            traceback.print_exc()
        else:
            errors.print("Set REGULARS_DEBUG=1 to see where it happened. Please report this.")
        sys.exit(Exit.FAULT)


def run() -> NoReturn:
    """The program: the command line, and an end without taking imported modules apart, which takes two seconds."""
    code: object = 0
    try:
        main()
    except SystemExit as left:
        code = left.code
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    run()
