"""regulars.yml of a home and _source.yml of a landed source system, validated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, field_validator

from regulars.errors import UserError


def _known_zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name).utcoffset(None)
        except Exception as error:
            raise ValueError(f"'{name}' is no time zone; write one like America/New_York") from error
    return name


def _sound_date_format(form: str | None) -> str | None:
    if form is not None:
        import duckdb

        try:
            told = duckdb.execute("select strftime(timestamp '2024-12-31 13:05:00', $1)", [form]).fetchone()[0]
        except duckdb.Error as error:
            raise ValueError(f"'{form}' is no date format; write one like %d.%m.%Y or %m/%d/%Y %H:%M") from error
        if "%" not in form or told == form:
            raise ValueError(f"'{form}' is no date format; write one like %d.%m.%Y or %m/%d/%Y %H:%M")
    return form


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NotifySettings(_Settings):
    """Whom to tell when a refresh fails: a command that gets the message on its standard input, a web address, or both.

    A web address that is a secret stands in an environment variable, whose name is given.
    """

    command: str | None = Field(None, min_length=1)
    webhook: str | None = Field(None, pattern=r"^(https?://\S+|[A-Z][A-Z0-9_]*)$")


class HomeSettings(_Settings):
    """What regulars.yml of a home may say; every key may be left out."""

    reporting_currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    time_zone: str = "UTC"
    quarantine_limit_rate: float = Field(0.01, ge=0, le=1)
    publish_source_customer_ids: bool = False
    keep_versions: int = Field(2, ge=1)
    memory_limit: str | None = Field(None, pattern=r"^\d+(\.\d+)? ?[MG]i?B$")
    threads: int | None = Field(None, ge=1)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    nightly_at: str = Field("03:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    vars: dict[str, Any] = Field(default_factory=dict)

    _zone = field_validator("time_zone")(_known_zone)

    def dbt_vars(self) -> dict[str, Any]:
        """Vars this home sets, over those of dbt_project.yml."""
        return {
            **self.vars,
            "quarantine_limit_rate": self.quarantine_limit_rate,
            "publish_source_customer_ids": self.publish_source_customer_ids,
        }

    def all_vars(self) -> dict[str, Any]:
        """Every var of the project, as this home has it."""
        return {**project_vars(), **self.dbt_vars()}


class SourceSettings(_Settings):
    """What _source.yml of a source system may say; every key may be left out."""

    time_zone: str | None = None
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    encoding: str | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    date_format: str | None = None
    decimal_separator: Literal[".", ","] = "."
    null_values: list[str] = Field(default_factory=list)
    cancelled_statuses: list[str] = Field(default_factory=list)
    id_scope: str | None = Field(None, pattern=r"^[A-Za-z0-9_]+$")
    customer_scope: str | None = Field(None, pattern=r"^[A-Za-z0-9_]+$")
    lines_without_number: Literal["append"] = "append"

    _zone = field_validator("time_zone")(_known_zone)
    _date = field_validator("date_format")(_sound_date_format)


class DatabaseTable(_Settings):
    """One table of a database: which table of the landing zone it feeds, and the column that tells what is new."""

    cursor: str
    entity: str | None = None
    table: str | None = None
    settle_seconds: int = Field(0, ge=0)


class DatabaseSettings(_Settings):
    """One source system in sources.yml: a database, whose address stands in an environment variable."""

    connection: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    schema_name: str | None = Field(None, alias="schema")
    tables: dict[str, DatabaseTable]


class Databases(RootModel[dict[str, DatabaseSettings]]):
    """sources.yml of a home: source system -> its database."""


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def read_settings(path: Path, model: type[SettingsT]) -> SettingsT:
    """Read a YAML file into its model; a missing file means defaults.

    Raises:
        UserError: naming the key, when the file is no YAML or does not fit the model.
    """
    if not path.exists():
        return model.model_validate({})
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(
            "this is not YAML",
            file=str(path),
            line=mark.line + 1 if mark else None,
            remedy="Check indentation and colons there.",
        ) from error
    if content is not None and not isinstance(content, dict):
        raise UserError("this is no list of keys", file=str(path), remedy="Write `key: value` lines.")
    try:
        return model.model_validate(content or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(_known_keys(model, first["loc"]))
        what = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        raise UserError(
            what,
            file=str(path),
            column=key,
            remedy=f"Known keys: {known}.",
        ) from error


def _known_keys(model: type[BaseModel], place: tuple) -> list[str]:
    """Keys that may stand where a key was refused."""
    if not issubclass(model, RootModel):
        return list(model.model_fields)
    inner = DatabaseTable if "tables" in place else DatabaseSettings
    return [field.alias or name for name, field in inner.model_fields.items()]


@cache
def project_root() -> Path:
    """The checkout: where dbt_project.yml is."""
    return Path(__file__).resolve().parent.parent


def project_vars() -> Mapping[str, Any]:
    """Vars of dbt_project.yml; parsed again only where the file has changed, for a refresh asks a dozen times."""
    path = project_root() / "dbt_project.yml"
    return _vars_of(path, path.stat().st_mtime_ns)


@cache
def _vars_of(path: Path, _mtime_ns: int) -> Mapping[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]


# Vars that choose between ways of computing; others are numbers, lists or free text.
CHOICES = {
    "clv_model": ("mbg", "bg"),
    "clv_segment": ("none", "acquisition_channel", "first_category"),
    "rfm_method": ("ranks", "thresholds"),
}


def check_vars(settings: HomeSettings, path: Path) -> None:
    """Refuse what no model knows, which would have no effect, and choices that nobody offers.

    Raises:
        UserError: naming the var.
    """
    known = project_vars()
    for name in settings.vars:
        if name not in known:
            raise UserError(
                "no model asks for this var",
                file=str(path),
                column=f"vars.{name}",
                remedy=f"Known vars: {', '.join(known)}.",
            )
        value, offered = settings.vars[name], CHOICES.get(name)
        if offered and value not in offered:
            raise UserError(
                f"there is no {name} {value!r}",
                file=str(path),
                column=f"vars.{name}",
                remedy=f"Choose one of: {', '.join(offered)}.",
            )
        if name == "clv_annual_discount_rate" and not (isinstance(value, int | float) and value >= 0):
            raise UserError(
                f"{value!r} is no discount rate",
                file=str(path),
                column=f"vars.{name}",
                remedy="Write a share per year, such as 0.10; 0 for none.",
            )
