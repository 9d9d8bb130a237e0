"""One model on a home's last build: what its files lack, what it gives, which of its rules fail.

What belongs here: the search for the model, the checks of its two files, and what the terminal shows. Files are read as
they lie there; dbt is run by `orchestration.dbt`.
"""

from __future__ import annotations

import csv
import difflib
import re
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from regulars.errors import Exit, UserError, is_out_of_room, out_of_room
from regulars.home import Home
from regulars.settings import project_root

if TYPE_CHECKING:
    from orchestration.dbt import TestOutcome, Trial

GRAIN = "-- Grain: "
KEY_RULE = "keyed_by"
LANGUAGES = ("en", "zh")
META = {
    "owner": "`owner: customer_analytics`, or another group of models/groups.yml",
    "p": "`p: {folder}`, the folder it lies in",
    "needs": "`needs: [order_lines]`, the tables of the source contract that it comes from",
}
# Marts about refreshes: they need no input to have rows.
QUALITY = "quality"
# Models that rest on what the last refresh found changed: see macros/incremental.sql.
INCREMENTAL = re.compile(r"materialized\s*=\s*['\"](incremental|changed_only)['\"]")
PROJECT_FILE = re.compile(r"(?:models/|macros/|seeds/|tests/|regulars: )[\w./-]+\.(?:sql|yml|csv)")
OF_MODEL = re.compile(r"\w+ Error in model \w+ \(.*\)$")
CELL_WIDTH = 12  # at least, of a row beside others


@dataclass(frozen=True)
class Lack:
    """Something that a model's files lack.

    Args:
        file: where to write, from the project's folder.
        what: what is missing.
        remedy: what to write there.
    """

    file: str
    what: str
    remedy: str

    def text(self) -> str:
        """One line of the list."""
        return f"{self.file}: {self.what}; {self.remedy}"


@dataclass(frozen=True)
class Model:
    """A model's two files.

    Args:
        sql: its query; the yml of the same stem lies beside it.
        project: the folder of dbt_project.yml.
    """

    sql: Path
    project: Path

    @classmethod
    def named(cls, name: str, project: Path) -> Model:
        """The model of this name.

        Raises:
            UserError: naming those with similar names.
        """
        models = {path.stem: path for path in sorted((project / "models").rglob("*.sql"))}
        if name in models:
            return cls(models[name], project)
        near = difflib.get_close_matches(name, models, n=3)
        raise UserError(
            f"there is no model {name}",
            file="models/",
            remedy=f"Did you mean {' or '.join(near)}?" if near else "Name the stem of an .sql file under models/.",
        )

    @property
    def name(self) -> str:
        """As dbt knows it."""
        return self.sql.stem

    @property
    def yml(self) -> Path:
        """Its description, beside it."""
        return self.sql.with_suffix(".yml")

    @property
    def folder(self) -> str:
        """The folder it lies in: of a mart, its schema."""
        return self.sql.parent.name

    @cached_property
    def is_mart(self) -> bool:
        """Whether it is published."""
        return self.sql.relative_to(self.project / "models").parts[0] == "marts"

    @cached_property
    def query(self) -> str:
        """Its SQL, before dbt fills it in."""
        return self.sql.read_text(encoding="utf-8")

    @property
    def grain(self) -> str:
        """What one row is, by its first line; empty where that does not say."""
        first = self.query.split("\n", 1)[0]
        return first.removeprefix(GRAIN).strip().rstrip(".") if first.startswith(GRAIN) else ""

    def shown(self, path: Path) -> str:
        """A file, from the project's folder."""
        return path.relative_to(self.project).as_posix()

    def described(self) -> dict[str, Any] | None:
        """Its entry in the yml beside it; None where there is none.

        Raises:
            UserError: when the yml is no YAML.
        """
        if not self.yml.exists():
            return None
        try:
            content = yaml.safe_load(self.yml.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            raise UserError(
                "this is not YAML",
                file=self.shown(self.yml),
                line=mark.line + 1 if mark else None,
                remedy="Check indentation, colons and quotes there.",
            ) from error
        entries = content.get("models") if isinstance(content, dict) else None
        return next((e for e in entries or [] if isinstance(e, dict) and e.get("name") == self.name), None)


def lacking(model: Model, columns: Mapping[str, str] | None = None) -> list[Lack]:
    """What a model's files lack by the house rules, in the order of writing it.

    Args:
        columns: types by name that the model gives, where it was built: those that the yml does not list are lacking.
    """
    found = list(_of_query(model))
    entry = model.described()
    yml = model.shown(model.yml)
    if entry is None:
        what = f"no entry `name: {model.name}` under `models:`" if model.yml.exists() else "there is no such file"
        found.append(Lack(yml, what, "write it like the example below"))
        listed = {}
    else:
        found += _of_entry(model, entry, yml)
        listed = {column["name"]: column for column in _named_columns(entry)}
        # Of models that are not published, a yml lists the columns that need words.
        for name, kind in (columns or {}).items() if model.is_mart else ():
            if name not in listed:
                found.append(
                    Lack(yml, f"column {name} is not listed", f"write `- {_column_yml(name, kind)}`, described")
                )
    if model.is_mart:
        found += _of_labels(model, [*listed, *(name for name in columns or {} if name not in listed)])
    return found


def _of_query(model: Model) -> Iterator[Lack]:
    if not model.grain:
        yield Lack(
            model.shown(model.sql),
            f"the first line does not begin with `{GRAIN}`",
            f"write what one row is, such as `{GRAIN}one customer who has ever ordered.`",
        )


def _of_entry(model: Model, entry: Mapping[str, Any], yml: str) -> Iterator[Lack]:
    if not _says(entry.get("description")):
        yield Lack(
            yml,
            "the model has no description",
            "write which question it answers, where its formula comes from, and its grain",
        )
    columns = _named_columns(entry)
    if model.is_mart and not columns:
        yield Lack(yml, "no columns are listed", "write name, data_type and description of each under `columns:`")
    for column in columns:
        if not _says(column.get("description")):
            yield Lack(yml, f"column {column['name']} has no description", "write what low and high mean, and NULL")
        if model.is_mart and not column.get("data_type"):
            yield Lack(yml, f"column {column['name']} has no data_type", "write its type, such as `data_type: bigint`")
    if not model.is_mart:
        return
    meta = {**(entry.get("meta") or {}), **((entry.get("config") or {}).get("meta") or {})}
    for key, what in META.items():
        if not meta.get(key) and not (key == "needs" and model.folder == QUALITY):
            yield Lack(yml, f"config.meta.{key} is missing", f"write {what.format(folder=model.folder)}")
    # The key of a view on a table of the build is tested at that table.
    if not any(KEY_RULE in rule for rule in entry.get("data_tests") or []) and "stored_as" not in meta:
        yield Lack(
            yml,
            f"no rule {KEY_RULE}",
            f"write `- {KEY_RULE}: {{arguments: {{columns: [the columns of its grain]}}}}` under `data_tests:`",
        )


def _named_columns(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Columns of a yml; what has no name dbt refuses by itself."""
    return [column for column in entry.get("columns") or [] if isinstance(column, dict) and "name" in column]


def _of_labels(model: Model, columns: Sequence[str]) -> Iterator[Lack]:
    for code in columns:
        labels = [f"{code}_label_{language}" for language in LANGUAGES]
        missing = [label for label in labels if label not in columns]
        if missing and code in _code_lists(model.project):
            yield Lack(
                model.shown(model.sql),
                f"the code {code} stands without {' and '.join(missing)}",
                f"write `{{{{ name_of('{code}') }}}}` after it, `{{{{ join_playbook('{code}', '<its relation>') }}}}`"
                " at the end, and the columns into the yml (example: customer_rfm)",
            )


def _code_lists(project: Path) -> set[str]:
    """Codes that the playbook has names for."""
    with (project / "seeds" / "playbook.csv").open(encoding="utf-8") as file:
        return {row["code_list"] for row in csv.DictReader(file)}


def _says(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _column_yml(name: str, kind: str) -> str:
    """A column of a yml, to be described."""
    quoted = f'"{kind}"' if "," in kind else kind
    return f'{{name: {name}, {f"data_type: {quoted}, " if kind else ""}description: ""}}'


def example_yml(model: Model, columns: Mapping[str, str] | None = None) -> str:
    """The yml that a model lacks, as far as its query tells; what is empty remains to be written."""
    grain = f" Grain: {model.grain}." if model.grain else ""
    lines = [
        "models:",
        f"  - name: {model.name}",
        f'    description: ""  # which question it answers, and where its formula comes from.{grain}',
    ]
    if model.is_mart:
        owner = "platform" if model.folder == QUALITY else "customer_analytics"
        needs = "" if model.folder == QUALITY else ", needs: [order_lines]"
        lines += ["    config:", f"      meta: {{owner: {owner}, p: {model.folder}{needs}}}"]
    lines.append("    columns:  # of each: what low and high mean, and NULL")
    columns = columns or {"customer_id": "varchar"}
    lines += [f"      - {_column_yml(name, kind if model.is_mart else '')}" for name, kind in columns.items()]
    key = next(iter(columns))
    lines += ["    data_tests:", f"      - {KEY_RULE}: {{arguments: {{columns: [{key}]}}}}  # the columns of its grain"]
    return "\n".join(lines) + "\n"


def run_trial(console: Console, home: Home, name: str, row_limit: int) -> Exit:
    """Build one model, run its rules and show what came of it.

    Returns:
        STOPPED_BY_GATE when a rule fails, else UNUSABLE when its files lack something, else PUBLISHED.

    Raises:
        UserError: when there is no such model, no build, or dbt can't build it.
    """
    began = time.perf_counter()
    model = Model.named(name, project_root())
    if not (home.database.exists() and home.marts.exists()):
        raise UserError(
            "this home has no build to try a model on",
            file=str(home.root),
            remedy=f"Run `regulars refresh --home {home.root}` first, or name another --home.",
        )
    lacks = lacking(model)
    with home.lock("regulars try"):
        from orchestration import dbt

        trial = dbt.try_model(home, name, _selection(model), row_limit)
    if trial.columns:
        lacks = lacking(model, trial.columns)
        print_rows(console, trial, row_limit)
    print_lacks(console, model, lacks, trial.columns)
    if trial.fault and not (trial.columns and lacks):
        raise _fault(model, home, trial)
    if trial.fault:
        console.print("[yellow]not stored[/] its contract wants the yml to list the columns that the query gives")
        return Exit.UNUSABLE
    is_broken = print_rules(console, trial.tests, trial.failing)
    if not trial.is_build_whole:
        console.print("[yellow]note[/] an incremental model was built by hand: the next refresh rebuilds everything")
    console.print(f"[dim]{time.perf_counter() - began:.1f} s in all[/]")
    if is_broken:
        return Exit.STOPPED_BY_GATE
    return Exit.UNUSABLE if lacks else Exit.PUBLISHED


def _selection(model: Model) -> list[str]:
    """The model; with an incremental one, the views of what it is made from, which hold only what changed last."""
    if INCREMENTAL.search(model.query):
        return [model.name, f"+{model.name},config.materialized:changed_only"]
    return [model.name]


def _fault(model: Model, home: Home, trial: Trial) -> UserError:
    """Why dbt could not build the model, without the calls that led there."""
    if trial.absent:
        first, kind = next(iter(trial.absent.items()))
        command = f"try {first}" if kind == "model" else "refresh"
        return UserError(
            f"the build holds no {', no '.join(trial.absent)}, which this model reads",
            file=model.shown(model.sql),
            remedy=f"Run `regulars {command} --home {home.root}` first.",
        )
    lines = [line for line in (trial.fault or "").splitlines() if line.strip() and not line.lstrip().startswith("> ")]
    text = textwrap.dedent("\n".join(lines[1:] if OF_MODEL.match(lines[0]) else lines))
    if "Could not set lock" in text:
        return UserError(text, file=str(home.build), remedy="Close the program that holds the build database.")
    if is_out_of_room(text):
        return out_of_room(text, str(home.build))
    named = PROJECT_FILE.search(trial.fault or "")
    compiled = home.trial_target / "compiled" / "regulars" / model.shown(model.sql)
    is_filled_in = lines[0].startswith("Runtime Error in model") and compiled.exists()
    return UserError(
        text,
        file=named[0].replace("regulars: ", "models/") if named else model.shown(model.sql),
        remedy=f"Correct that file.{f' Lines are counted in {compiled}.' if is_filled_in else ''}",
    )


def print_lacks(console: Console, model: Model, lacks: Sequence[Lack], columns: Mapping[str, str]) -> None:
    """What is lacking, a line each, with an example of the yml where there is none."""
    for lack in lacks:
        console.print(f"[yellow]lacking[/] {escape(lack.text())}")
    if any("example below" in lack.remedy for lack in lacks):
        console.print(f"\n[dim]# {model.shown(model.yml)}[/]\n{escape(example_yml(model, columns))}")


def print_rows(console: Console, trial: Trial, row_limit: int) -> None:
    """The first rows: columns across where they fit, else one column a line."""
    cells = [[_cell(value) for value in row] for row in trial.rows]
    names = list(trial.columns)
    widths = [max(map(cell_len, [name, *(row[at] for row in cells)])) for at, name in enumerate(names)]
    if sum(widths) + 3 * len(names) + 1 <= console.width:
        table = Table(*map(escape, names))
        for row in cells:
            table.add_row(*map(Text, row))
        console.print(table)
        shown = len(cells)
    else:
        shown = _print_upright(console, names, cells)
    first = f"the first {shown} shown" if shown < trial.row_count else "all shown"
    wider = "; a wider terminal shows more" if shown < min(row_limit, trial.row_count) else ""
    console.print(f"{_counted(trial.row_count, 'row')}, {first}{wider}; {trial.seconds:.1f} s")


def _print_upright(console: Console, names: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Columns as lines, and as many rows beside them as fit; returns how many."""
    room = console.width - max(map(cell_len, names)) - 4
    shown = max(1, min(len(cells), room // (CELL_WIDTH + 3)))
    table = Table("column")
    for at in range(shown):
        table.add_column(str(at + 1), max_width=room // shown - 3, no_wrap=True, overflow="ellipsis")
    for at, name in enumerate(names):
        table.add_row(Text(name), *(Text(row[at]) for row in cells[:shown]))
    console.print(table)
    return shown


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(value).replace("\n", " ")


def print_rules(console: Console, tests: Sequence[TestOutcome], failing: Mapping[str, Sequence[str]]) -> bool:
    """How many rules hold, and rows that break the others; returns whether a critical one fails."""
    broken = [test for test in tests if not test.is_passed]
    console.print(f"{_counted(len(tests), 'rule')}: {len(tests) - len(broken)} passed, {len(broken)} failed")
    for test in broken:
        colour = "red" if test.severity == "critical" else "yellow"
        told = f"{_counted(test.failures, 'row')} against it" if test.failures else (test.message or "").strip()
        console.print(f"[{colour}]{test.severity}[/] {escape(test.name)}: {escape(told)}")
        for row in failing.get(test.name, ()):
            console.print(f"    {escape(row)}")
    return any(test.severity == "critical" for test in broken)
