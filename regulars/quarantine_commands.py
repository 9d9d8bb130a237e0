"""The commands of `regulars quarantine`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from regulars.home import Home
from regulars.terminal import HomeOption, console

app = typer.Typer(
    help="Rows that could not be used: list them, write them out for correction, take them back.",
    no_args_is_help=True,
)


@app.command("list")
def list_rows(
    home: HomeOption = None,
    source: Annotated[str | None, typer.Option(help="Only this source system.")] = None,
    entity: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    chinese: Annotated[bool, typer.Option("--zh", help="Reasons and remedies in Chinese.")] = False,
) -> None:
    """List rows in quarantine by file and reason, with their first lines and what to do."""
    from orchestration.quarantine import Quarantine

    groups = Quarantine(Home.at(home)).groups(source, entity)
    if not groups:
        console.print("Nothing is in quarantine.")
        return
    for group in groups:
        more = ", …" if group.row_count > len(group.lines) else ""
        lines = ", ".join(map(str, group.lines)) + more
        reason = (group.label_zh if chinese else group.label_en) or group.reason
        remedy = (group.remedy_zh if chinese else group.remedy_en) or ""
        console.print(f"[bold]{escape(group.file)}[/]: {group.row_count} rows, lines {lines}: {escape(reason)}")
        console.print(f"  [dim]{escape(remedy)}[/]")


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write them: one CSV per source system and table.")],
    home: HomeOption = None,
) -> None:
    """Write quarantined rows out, with file, line, reason and remedy. They may hold personal data: keep them safe."""
    from orchestration.quarantine import Quarantine

    place = Home.at(home)
    for path, count in Quarantine(place).export(_tables(place), folder):
        console.print(f"{count} rows: {escape(str(path))}")
    console.print("Correct them there, delete those you can't, then: regulars quarantine take FILE")


@app.command("take")
def take(
    files: Annotated[list[Path], typer.Argument(help="Corrected files that `export` wrote.")], home: HomeOption = None
) -> None:
    """Take corrected rows back: the next refresh loads them, and they leave quarantine."""
    from orchestration.ledger import Ledger
    from orchestration.quarantine import Quarantine

    place = Home.at(home)
    tables = _tables(place)
    with place.lock("regulars quarantine take"):
        for file in files:
            for path, count in Quarantine(place).take(file, tables, Ledger(place)):
                console.print(f"{count} rows: {escape(str(path))}")
    console.print("Next: regulars refresh")


def _tables(home: Home) -> list:
    from orchestration.contract import tables
    from orchestration.resources import load_manifest

    home.prepare()
    home.export()
    return list(tables(load_manifest(home)).values())
