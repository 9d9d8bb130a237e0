"""What is wrong with an installation or a home: one finding for each thing looked at."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import available_timezones

import yaml

from regulars.errors import UserError
from regulars.home import WAREHOUSE, Home, landed_paths
from regulars.settings import project_root, project_vars

WATCHED = (
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "dagster",
    "dagster-dbt",
    "great-expectations",
    "duckdb-sqlalchemy",
)
ENOUGH_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at. verdict: ok, warning or wrong."""

    verdict: str
    what: str
    found: str
    remedy: str = ""


def examine(home: Home) -> list[Finding]:
    """Look at everything a refresh needs."""
    looks = (
        _python,
        _packages,
        _source_systems,
        _zones,
        _settings,
        _writable,
        _landing,
        _databases,
        _lock,
        _key,
        _published,
    )
    return [_safely(look, home) for look in looks]


def _safely(look: Callable[[Home], Finding], home: Home) -> Finding:
    name = look.__name__.strip("_").replace("_", " ")
    try:
        return look(home)
    except UserError as error:
        return Finding("wrong", name, f"{error.file or ''} {error.column or ''}: {error.what}".strip(), error.remedy)


def _python(_: Home) -> Finding:
    found = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    return Finding("ok" if good else "wrong", "Python", found, "" if good else "Install Python 3.11 or newer.")


def _packages(_: Home) -> Finding:
    lock = (project_root() / "requirements.lock").read_text()
    wrong = []
    for name in WATCHED:
        (wanted,) = re.findall(rf"^{re.escape(name)}==(\S+)", lock, re.MULTILINE)
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        if found != wanted:
            wrong.append(f"{name} {found}, not {wanted}")
    if wrong:
        return Finding("wrong", "packages", "; ".join(wrong), "Run `make clean setup`.")
    return Finding("ok", "packages", "as in requirements.lock")


def check_source_systems() -> None:
    """Folders of staging models and vars.source_systems must tell the same.

    Raises:
        UserError: naming the model that nobody would read, or the one that is not there.
    """
    declared = project_vars()["source_systems"] or {}
    staging = project_root() / "models" / "staging"
    models = {path.stem for path in staging.glob("*/stg_*__*.sql")}
    wanted = {f"stg_{system}__{entity}" for system, entities in declared.items() for entity in entities}
    for name in sorted(models ^ wanted):
        system, entity = name.removeprefix("stg_").split("__", 1)
        action = "Add" if name in models else "Write it, or remove"
        raise UserError(
            "this staging model is in no union" if name in models else "this staging model does not exist",
            file=f"models/staging/{system}/{name}.sql",
            column=f"vars.source_systems.{system}",
            remedy=f"{action} `{entity}` under vars.source_systems.{system} in dbt_project.yml.",
        )


def _source_systems(_: Home) -> Finding:
    check_source_systems()
    return Finding("ok", "source systems", ", ".join(project_vars()["source_systems"] or {}) or "canonical only")


def _zones(_: Home) -> Finding:
    count = len(available_timezones())
    good = count > 100
    return Finding("ok" if good else "wrong", "time zones", str(count), "" if good else "Install the package tzdata.")


def _settings(home: Home) -> Finding:
    _ = home.settings
    content = yaml.safe_load(home.settings_file.read_text()) if home.settings_file.exists() else None
    return Finding("ok", "regulars.yml", f"{len(content or {})} keys set" if content else "not there: defaults hold")


def _writable(home: Home) -> Finding:
    home.prepare()
    free = shutil.disk_usage(home.root).free
    if free < ENOUGH_BYTES:
        return Finding("warning", "space", f"{free / 2**30:.1f} GiB free", "Free some: a refresh keeps two versions.")
    return Finding("ok", "home", f"{home.root}, {free / 2**30:.0f} GiB free")


def _landing(home: Home) -> Finding:
    files = [path for path in landed_paths(home.landing) if not path.name.startswith("_")]
    if not files:
        return Finding(
            "warning",
            "landing zone",
            f"no files in {home.landing}",
            "Put one at <source_system>/order_lines.csv.",
        )
    return Finding("ok", "landing zone", f"{len(files)} files in {home.landing}")


def _databases(home: Home) -> Finding:
    unset = [settings.connection for settings in home.databases.values() if not os.environ.get(settings.connection)]
    if unset:
        return Finding("wrong", "databases", f"not set: {', '.join(unset)}", "Set these environment variables.")
    tables = sum(len(settings.tables) for settings in home.databases.values())
    return Finding("ok", "databases", f"{tables} tables in sources.yml" if tables else "none")


def _lock(home: Home) -> Finding:
    try:
        with home.lock("regulars doctor"):
            return Finding("ok", "lock", "free")
    except UserError as error:
        return Finding("warning", "lock", error.what, error.remedy)


def _key(_: Home) -> Finding:
    if os.environ.get("REGULARS_KEY"):
        return Finding("ok", "REGULARS_KEY", "set: pseudonyms are keyed")
    return Finding(
        "warning",
        "REGULARS_KEY",
        "not set: customer ids are unkeyed hashes, which anyone with the customer numbers can recompute",
        "Set REGULARS_KEY to a long random text, and keep it: another key gives other ids.",
    )


def _published(home: Home) -> Finding:
    if (home.published / WAREHOUSE).exists():
        return Finding("ok", "published", str(home.published))
    return Finding("warning", "published", "nothing yet", "Run `regulars refresh`.")
